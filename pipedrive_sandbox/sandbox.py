"""A sandbox within this process: uvicorn in a daemon thread on a loopback port."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import Any, Self

import uvicorn

from .auth import API_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from .clock import Clock
from .deletions import Action
from .ledger import Request
from .mutations import Changes
from .options import Options
from .server import app
from .service import Service
from .switches import Switches, Value

STARTED_WITHIN = 10.0  # seconds


class Sandbox:
    """A small Pipedrive to read from, for use in a `with` statement.

    `port` 0 picks a free one. All methods may be called while it serves requests.
    """

    api_token = API_TOKEN
    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET
    refresh_token = REFRESH_TOKEN

    def __init__(self, options: Options | None = None, port: int = 0) -> None:
        self.service = Service(options)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError:
            self._socket.close()
            raise
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app(self.service, lambda: self.url),
            access_log=False,
            log_config=None,
            log_level="critical",
            date_header=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start serving; returns once requests are accepted."""
        self._thread.start()
        give_up = time.monotonic() + STARTED_WITHIN
        while not self._server.started:
            if time.monotonic() > give_up or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Close all connections and the port."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    @property
    def clock(self) -> Clock:
        """The clock: `box.clock.set("2026-11-23T10:00:00Z")`, `box.clock.advance(60)`."""
        return self.service.clock

    @property
    def switches(self) -> Switches:
        return self.service.switches

    def set(self, **values: Value) -> None:
        """Set switches for the requests that follow."""
        self.service.set(**values)

    def mutate(
        self,
        seed: int = 0,
        *,
        edits: int = 0,
        adds: int = 0,
        deletes: int = 0,
        archives: int = 0,
        **more: Any,
    ) -> Changes:
        """Change records now: {object: {"edited" | "added" | "deleted" | "archived": [ids]}}.

        `more`: `objects` and `edit_kinds`, as in `mutations.mutate`.
        """
        wanted = {"edits": edits, "adds": adds, "deletes": deletes, "archives": archives}
        return self.service.mutate(seed, **wanted, **more)

    def change_records(self, action: Action, object_: str, ids: Sequence[Any]) -> list[Any]:
        """Delete, merge, restore, ... records; see `deletions.change_records`."""
        return self.service.change_records(action, object_, ids)

    def change_fields(self, object_: str, **wanted: Any) -> dict[str, list[str]]:
        """Change the account's custom fields now: `rename`, `delete`, `add`, `delete_option`.

        Returns {"added": [keys]}; see `field_changes.change_fields`.
        """
        return self.service.change_fields(object_, **wanted)

    def custom_fields(self, object_: str) -> list[dict[str, Any]]:
        """[{"key", "name", "type", "id", "options": [{"id", "label"}]}] in order of creation."""
        return self.service.custom_fields(object_)

    def records(self, object_: str, **params: str) -> list[dict[str, Any]]:
        """All current records of an object as the API would list them; costs nothing."""
        return self.service.records(object_, **params)

    def records_by_parent(self, object_: str) -> dict[int, list[dict[str, Any]]]:
        """The child records of an object, by the id of their parent; costs nothing."""
        return self.service.records_by_parent(object_)

    def ledger(self) -> dict[str, dict[str, int]]:
        """{object: {"requests", "tokens", "refused"}} since the start or the last reset."""
        return self.service.ledger.by_object()

    def reset_ledger(self) -> None:
        self.service.ledger.reset()

    @property
    def requests(self) -> list[Request]:
        """The recorded requests, oldest first."""
        return list(self.service.ledger.requests)

    def fail_next(self, *faults: Mapping[str, Any]) -> None:
        """Make the next matching responses fail; see `Fault` for the keys."""
        self.service.faults.order(faults)

    def clear_faults(self) -> None:
        self.service.faults.clear()

    def expire_tokens(self) -> None:
        """Expire every OAuth access token now."""
        self.service.auth.expire()
