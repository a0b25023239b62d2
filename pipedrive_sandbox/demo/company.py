"""The sandbox in its own process, restored to the end of the last run and then changed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from ..clock import zulu
from ..mutations import INCREMENTAL
from .state import START_OVER, Batch, DemoError, DemoState

# Mostly deals that move, open or close, so that each run has another answer to the demo's query.
A_DAYS_WORK: dict[str, Any] = {
    "edits": 40,
    "adds": 10,
    "deletes": 5,
    "archives": 5,
    "objects": [*INCREMENTAL, *["deals"] * 7],
    "edit_kinds": [*["status"] * 3, *["stage"] * 2, "title", "products", "followers"],
}
STOPS_WITHIN = 5.0  # seconds
Ledger = dict[str, dict[str, int]]


class Company:
    """A running sandbox, for use in a `with` statement, which stops the process on exit.

    The process starts at once and is ready after `wait`.
    """

    url = ""
    api_token = ""

    def __init__(self, state: DemoState, log: Path) -> None:
        self._state = state
        self._log = log
        command = [sys.executable, "-m", "pipedrive_sandbox", "--port", "0"]
        command += state.options.arguments()
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def wait(self) -> None:
        """Wait until the sandbox is ready. Raises DemoError if it does not start."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            said = self._log.read_text().strip().splitlines()
            raise DemoError(f"The sandbox did not start: {said[-1] if said else 'no reason given'}")
        ready = json.loads(line)
        self.url, self.api_token = ready["url"], ready["api_token"]

    def catch_up(self) -> Batch | None:
        """Replay the changes of earlier runs; if all of them were synced, make new ones.

        Sets the clock to real time and adds the new batch to the state. Returns the changes that
        the next sync must find, or None before the first sync.
        """
        batches = self._state.batches
        for number, batch in enumerate(batches, start=1):
            if self._mutate(number, batch.at) != batch.changes:
                raise DemoError(f"The sandbox differs from the one of the last run. {START_OVER}")
        if self._state.synced == len(batches):
            at = zulu(time.time())
            batches.append(Batch(at=at, changes=self._mutate(len(batches) + 1, at)))
        self._post("clock", {"run": True})
        return batches[-1] if batches else None

    def reset_ledger(self) -> None:
        self._post("reset-ledger", {})

    def ledger(self) -> Ledger:
        """{object: {"requests", "tokens", "refused"}} since the reset."""
        counts: Ledger = self._ask("GET", "ledger")
        return counts

    def daily_tokens(self) -> int:
        """The API tokens that the company may spend in a day."""
        return int(self._ask("GET", "switches")["daily_tokens"])

    def _mutate(self, number: int, at: str) -> dict[str, dict[str, list[Any]]]:
        self._post("clock", {"set": at})
        changes: dict[str, dict[str, list[Any]]] = self._post(
            "mutate", {"seed": number, **A_DAYS_WORK}
        )
        return changes

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        # Not urllib, which would send even a local request through a configured proxy.
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, f"/_sandbox/{path}", body)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except OSError as error:
            raise DemoError(f"The sandbox does not respond: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise DemoError(f"The sandbox refused {path}: {answer}")
        return answer
