"""The audit's share of the day's tokens, and a client that keeps to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from source_pipedrive.http.errors import OF_THE_USER
from source_pipedrive.http.request import Answer, Api, Forwarding, Request
from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.stream.audited import AUDITOR

# The smallest daily budget that Pipedrive sells, where its answers do not report the company's.
LEAST_LIMIT = 30_000


class ShareSpentError(Exception):
    """The audit may not send the request today; the next sync resumes."""


class Share:
    """Counts what audits have spent today. percent: of the daily budget; now: the server's clock,
    in seconds since 1970; saved: what an earlier sync dumped. Thread-safe.

    Pipedrive does not name the time zone of its day. Days are UTC's here, so an audit may use two
    shares of one day of Pipedrive's, but never more.
    """

    def __init__(self, usage: Usage, percent: int, now: int, saved: Any = None) -> None:
        self._usage = usage
        self._percent = percent
        self._lock = threading.Lock()
        self._day = rfc3339(now)[:10]
        self._under_way = 0
        self._reserved = 0
        self._charged_before: int | None = None  # the first request of the audit
        self.spent = 0  # today
        if isinstance(saved, dict) and saved.get("day") == self._day:
            tokens = saved.get("tokens")
            self.spent = max(0, tokens) if isinstance(tokens, int) else 0
        self._before = self.spent

    @property
    def tokens(self) -> int:
        """The size of the share."""
        return (self._usage.daily_limit or LEAST_LIMIT) * self._percent // 100

    @property
    def of_this_sync(self) -> int:
        """What the audit has spent in this sync."""
        return self.spent - self._before

    @property
    def remaining(self) -> int:
        """What the audit may still spend in this sync."""
        limits = [self.tokens - self.spent, self._usage.allowance]
        return max(0, min(each for each in limits if each is not None))

    @contextmanager
    def reserve(self, cost: int) -> Iterator[None]:
        """Within it, requests leave so many tokens for an urgent one."""
        self._reserve(cost)
        try:
            yield
        finally:
            self._reserve(-cost)

    def _reserve(self, cost: int) -> None:
        with self._lock:
            self._reserved += cost

    def take(self, cost: int, urgent: bool = False) -> None:
        """Counts a request that is about to be sent. Raises ShareSpentError if it may not be.
        urgent: it may use what is reserved."""
        with self._lock:
            if self._charged_before is None:
                self._charged_before = self._charged()
            needed = cost + (0 if urgent else self._reserved)
            allowance = self._usage.allowance
            # The sync's own limits would end the sync with an error; an audit stops before that.
            if allowance is not None and allowance - self._under_way < needed:
                raise ShareSpentError
            if self.spent + needed > self.tokens:
                raise ShareSpentError
            self.spent += cost
            self._under_way += cost

    def settle(self, cost: int) -> None:
        """The request is over. It counts as often as it was sent: an answer may have failed."""
        with self._lock:
            self._under_way -= cost
            charged = self._charged() - (self._charged_before or 0)
            self.spent = max(self.spent, self._before + charged)

    def _charged(self) -> int:
        # An audit comes last, so nothing else is charged to these while it is under way.
        return sum(self._usage.of(name).tokens for name in (AUDITOR, OF_THE_USER))

    def dump(self) -> dict[str, Any]:
        """Its part of the state."""
        return {"day": self._day, "tokens": self.spent}


class SharedClient(Forwarding):
    """Sends requests while the share lasts. urgent: they may use what is reserved."""

    def __init__(self, client: Api, share: Share, urgent: bool = False) -> None:
        super().__init__(client)
        self._share = share
        self._urgent = urgent

    def get(self, request: Request) -> Answer:
        """The answer to `request`. Raises as the client does, or ShareSpentError."""
        self._share.take(request.cost, self._urgent)
        try:
            return super().get(request)
        finally:
            self._share.settle(request.cost)
