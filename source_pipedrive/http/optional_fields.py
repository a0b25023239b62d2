"""The fields that `include_fields` adds to a list, some of which a company may lack.

Pipedrive answers 400 to an unknown name in `include_fields`, and to names that belong to an app
that the company lacks (https://pipedrive.readme.io/docs/pipedrive-api-v2-migration-guide). A list
without some columns is better than no list, so it is requested again with fewer names.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeVar

from source_pipedrive.http.errors import REPORT, StreamError
from source_pipedrive.http.request import Request

logger = logging.getLogger("airbyte")

Answer = TypeVar("Answer")
PARAMETER = "include_fields"


class OptionalFields:
    """Which names in `include_fields` a company's lists accept. Thread-safe.

    apps: the apps that users/me lists for the token's user. Names that need another app are not
    requested.
    """

    def __init__(self, apps: Collection[str] = ()) -> None:
        self._apps = frozenset(apps)
        self._lock = threading.Lock()
        self._left_out: dict[tuple[int, str], frozenset[str]] = {}

    def use_apps(self, apps: Collection[str]) -> None:
        """Replaces the apps that the token's user has."""
        self._apps = frozenset(apps)

    def ask(self, request: Request, send: Callable[[Request], Answer]) -> Answer:
        """The answer to `request`, without the names that Pipedrive refuses.

        Raises what `send` raises; for a 400 that no removal prevents, the first error.
        """
        if PARAMETER not in request.params:
            return send(request)
        asked = _without(request, self._known(request))
        refusal: StreamError | None = None
        while True:
            try:
                answer = send(asked)
            except StreamError as error:
                # The page before the cursor was accepted with these names.
                if error.status != 400 or "cursor" in request.params:
                    raise
                refusal = refusal or error
                if not (suspects := _suspects(asked, error.body)):
                    raise refusal from None
                asked = _without(asked, suspects)
            else:
                if refusal is not None:
                    self._learn(request, asked)
                return answer

    def _known(self, request: Request) -> frozenset[str]:
        """The names that are not requested."""
        key = request.version, request.path
        lacking = frozenset(n for n, app in request.optional.items() if app not in self._apps)
        with self._lock:
            new = key not in self._left_out
            known = self._left_out.setdefault(key, lacking)
        if new and lacking:
            apps = " and ".join(sorted({request.optional[name] for name in lacking}))
            logger.info(
                f"{request.stream}: {', '.join(sorted(lacking))} stay empty, because the token's "
                f"user has no access to {apps}. If the company has it, use the credentials of a "
                "user with access."
            )
        return known

    def _learn(self, request: Request, asked: Request) -> None:
        """Records that Pipedrive refused `request` and accepted it with the names in `asked`."""
        names = frozenset(_names(request)) - set(_names(asked))
        key = request.version, request.path
        with self._lock:
            refused = names - self._left_out[key]
            self._left_out[key] |= names
        if refused:  # otherwise another worker has logged it
            logger.warning(
                f"{request.stream}: Pipedrive refused {PARAMETER} (400). The stream is read "
                f"without {', '.join(sorted(refused))}, which stay empty in this sync. Does your "
                f"company use them? {REPORT}"
            )


def _names(request: Request) -> list[str]:
    return [name for name in request.params.get(PARAMETER, "").split(",") if name]


def _without(request: Request, names: frozenset[str]) -> Request:
    """The same request without `names`."""
    kept = [name for name in _names(request) if name not in names]
    params = {k: v for k, v in request.params.items() if k != PARAMETER}
    return replace(request, params={**params, PARAMETER: ",".join(kept)} if kept else params)


def _suspects(request: Request, body: str) -> frozenset[str]:
    """The names to leave out: those that the refusal mentions, else those that require an app,
    else all. A refusal that mentions more than half of them lists the allowed ones."""
    names = frozenset(_names(request))
    named = names & set(re.findall(r"\w+", body))
    if named and 2 * len(named) <= len(names):
        return named
    return names & request.optional.keys() or names
