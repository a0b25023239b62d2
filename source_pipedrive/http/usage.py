"""What a run has spent: requests and API tokens by stream, and the company's daily budget."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from source_pipedrive.http.pacing import whole_number


@dataclass
class Spent:
    """Requests answered and API tokens they cost."""

    requests: int = 0
    tokens: int = 0


class Usage:
    """Counts by stream; `daily_limit` and `daily_left` are the last that an answer told, if any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_stream: dict[str, Spent] = {}
        self.daily_limit: int | None = None
        self.daily_left: int | None = None

    def charge(self, stream: str, tokens: int, headers: Mapping[str, str]) -> None:
        """One answered request of `stream` that cost `tokens`."""
        with self._lock:
            spent = self._by_stream.setdefault(stream, Spent())
            spent.requests += 1
            spent.tokens += tokens
            limit = whole_number(headers.get("x-daily-ratelimit-token-limit"))
            left = whole_number(headers.get("x-daily-ratelimit-token-remaining"))
            self.daily_limit = limit if limit is not None else self.daily_limit
            self.daily_left = left if left is not None else self.daily_left

    def of(self, stream: str) -> Spent:
        """What one stream has spent so far."""
        with self._lock:
            spent = self._by_stream.get(stream, Spent())
            return Spent(spent.requests, spent.tokens)

    @property
    def tokens(self) -> int:
        """API tokens of the whole run."""
        with self._lock:
            return sum(spent.tokens for spent in self._by_stream.values())
