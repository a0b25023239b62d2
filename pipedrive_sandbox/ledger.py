"""Records requests and their cost, to be compared with a client's own report."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT_REQUESTS = 100_000


@dataclass(frozen=True)
class Request:
    """One request to the API (control routes are not recorded). `note` says why it was refused."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...]  # sorted
    status: int
    tokens: int
    object: str
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "params": [list(pair) for pair in self.params]}


class Ledger:
    """Counts by object since the start or the last reset.

    `requests` reached the API, `tokens` is their cost, and `refused` requests were rejected by the
    gateway without charge (401, 402, 403 for a scope, 429).
    """

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}
        self.requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)

    def add(self, request: Request, charged: bool) -> None:
        self.requests.append(request)
        counts = self._counts.get(request.object)
        if counts is None:
            counts = {"requests": 0, "tokens": 0, "refused": 0}
            self._counts[request.object] = counts
        counts["requests" if charged else "refused"] += 1
        counts["tokens"] += request.tokens

    def by_object(self) -> dict[str, dict[str, int]]:
        return {name: dict(counts) for name, counts in sorted(self._counts.items())}

    def reset(self) -> None:
        self._counts.clear()
        self.requests.clear()
