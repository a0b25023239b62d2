"""What a sync has spent, in requests and API tokens by stream, and what it may still spend.

All integrations of a company share its daily budget of tokens. Most answers report the budget and
what remains of it (`x-daily-ratelimit-token-limit`, `-remaining`). Both headers are undocumented
and may be missing; then only the sync's own count is known. `remaining` excludes the cost of the
answer's own request, which still has to be subtracted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from source_pipedrive.http.errors import BudgetError
from source_pipedrive.http.pacing import whole_number

logger = logging.getLogger("airbyte")

CONTINUES = "The next sync continues where this one stopped."
MIDNIGHT = "Pipedrive renews the budget at midnight, server time."
RENEWED = f"{MIDNIGHT} {CONTINUES}"
LATER = f"{MIDNIGHT} Run the command again then."


@dataclass
class Spent:
    """Answered requests, and the API tokens that they cost."""

    requests: int = 0
    tokens: int = 0

    def add(self, tokens: int) -> None:
        """Counts one request that cost `tokens`."""
        self.requests += 1
        self.tokens += tokens


def counted(number: int, noun: str) -> str:
    """`1 request`, `1,200 requests`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class AnswerSizes:
    """The largest answer of each stream, in bytes of memory. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._largest: dict[str, int] = {}

    def add(self, stream: str, size: int) -> None:
        """Counts an answer that takes `size` bytes."""
        with self._lock:
            self._largest[stream] = max(self._largest.get(stream, 0), size)

    def largest(self, stream: str) -> int:
        """The stream's largest answer; before its first one, the largest of any stream; or 0."""
        with self._lock:
            return self._largest.get(stream) or max(self._largest.values(), default=0)


class Usage:
    """Counts requests and tokens by stream, and enforces the configured limits. Thread-safe.

    reserve: percent of the daily budget kept for other integrations; most: tokens that one sync may
    spend, or None. daily_limit, daily_left: the company's daily budget and what is left of it after
    the answered requests; None if the answers do not report it.
    """

    def __init__(self, reserve: int = 0, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._by_stream: dict[str, Spent] = {}
        self._reserve = reserve
        self._most = most
        self._under_way: dict[int, int] = {}  # tokens of requests not charged yet, by turn
        self._tokens = self._requests = 0
        self._objected: tuple[str, str] | None = None  # why the first request was not sent
        self._turn = self._known_at = 0
        self.daily_limit: int | None = None
        self.daily_left: int | None = None

    def admit(self, cost: int) -> int:
        """The turn of a request of `cost` tokens that is about to be sent. Raises BudgetError if
        it may not be sent."""
        with self._lock:
            sentences = self._objection(cost)
            if sentences is None:
                self._turn += 1
                self._under_way[self._turn] = cost
                return self._turn
            # The figures of later objections differ, but it is the same stop.
            self._objected = message, outside = self._objected or sentences
        raise BudgetError(message, outside=outside)

    def settle(self, turn: int) -> None:
        """The request with this turn is over, answered or not."""
        with self._lock:
            self._under_way.pop(turn, None)

    def charge(
        self, stream: str, tokens: int, headers: Mapping[str, str], turn: int | None = None
    ) -> None:
        """Counts one answered request that cost `tokens`. turn: what `admit` returned."""
        with self._lock:
            self._under_way.pop(turn or 0, None)
            self._by_stream.setdefault(stream, Spent()).add(tokens)
            self._tokens += tokens
            self._requests += 1
            limit = whole_number(headers.get("x-daily-ratelimit-token-limit"))
            remaining = whole_number(headers.get("x-daily-ratelimit-token-remaining"))
            if limit is not None:
                self.daily_limit = limit
            self._take(remaining, tokens, self._turn + 1 if turn is None else turn)

    def of(self, stream: str) -> Spent:
        """What one stream has spent so far."""
        with self._lock:
            spent = self._by_stream.get(stream, Spent())
            return Spent(spent.requests, spent.tokens)

    def by_stream(self) -> dict[str, Spent]:
        """What each stream has spent so far."""
        with self._lock:
            return {name: Spent(s.requests, s.tokens) for name, s in self._by_stream.items()}

    @property
    def tokens(self) -> int:
        """API tokens that the sync has spent so far."""
        return self._tokens

    @property
    def requests(self) -> int:
        """Answered requests of the sync so far."""
        return self._requests

    @property
    def waits(self) -> bool:
        """Whether a request waits for its answer."""
        return bool(self._under_way)

    def share(self, tokens: int) -> str:
        """`tokens` in percent of the company's daily budget, or "" if that is unknown."""
        return f"{100 * tokens / self.daily_limit:.1f} %" if self.daily_limit else ""

    @property
    def allowance(self) -> int | None:
        """Tokens that this sync may still spend; None if that is unknown."""
        with self._lock:
            kept = (self.daily_limit or 0) * self._reserve // 100
            day = None if self.daily_left is None else self.daily_left - kept
            mine = None if self._most is None else self._most - self._tokens
            return min((max(0, n) for n in (day, mine) if n is not None), default=None)

    def explain(self) -> None:
        """Logs, after the first answer, that the reserve cannot be kept, if that is so."""
        if self._reserve and None in (self.daily_limit, self.daily_left):
            limit = "Set daily_token_budget to limit what a sync spends."
            if self._most is not None:
                limit = f"daily_token_budget allows this sync {self._most:,} tokens."
            logger.info(
                "Pipedrive does not report what is left of this company's daily budget, so "
                f"daily_token_reserve ({self._reserve} %) cannot be kept. {limit}"
            )

    def day_spent(self, sure: bool = True) -> BudgetError:
        """The error for a 429 that lasts until midnight. sure: the headers show that it does."""
        if not sure:
            return BudgetError(
                "Pipedrive refuses all requests (429) and gives no reason. Either this company has "
                f"spent its daily budget of API tokens, {self._tokens:,} of them in this sync, or "
                f"other integrations use up the whole rate limit. {RENEWED}",
                429,
                "Pipedrive refuses all requests (429) and gives no reason. Either this company has "
                "spent its daily budget of API tokens, or other integrations use up the whole rate "
                f"limit. {LATER}",
            )
        limit = f" of {self.daily_limit:,} API tokens" if self.daily_limit else " of API tokens"
        return BudgetError(
            f"This company has spent its daily budget{limit}, {self._tokens:,} of them in this "
            f"sync. {RENEWED}",
            429,
            f"This company has spent its daily budget{limit}. {LATER}",
        )

    def _take(self, remaining: int | None, cost: int, turn: int) -> None:
        """Updates what is left after a request. remaining: what its answer reports.

        An answer that another one overtook reports too much, so a higher figure means a new day
        only if the request was sent after the last known figure arrived.
        """
        before = self.daily_left if remaining is None else remaining
        if before is None:
            return
        after = max(0, before - cost)
        if remaining is None:
            self.daily_left = after
        elif self.daily_left is None or after <= self.daily_left or turn > self._known_at:
            self.daily_left, self._known_at = after, self._turn

    def _objection(self, cost: int) -> tuple[str, str] | None:
        """Why a request of `cost` tokens may not join those under way, in a sync and in another
        command; None if it may."""
        cost += sum(self._under_way.values())
        if self._most is not None and self._tokens + cost > self._most:
            used = f"has used {self._tokens:,} API tokens, and daily_token_budget allows"
            return (
                f"This sync {used} {self._most:,}. {CONTINUES}",
                f"This command {used} {self._most:,}. Allow more in the configuration.",
            )
        if self.daily_limit is None or self.daily_left is None:
            return None
        kept = self.daily_limit * self._reserve // 100
        if self.daily_left - cost >= kept or not self._reserve:
            return None
        why = (
            f"{self.daily_left:,} of this company's {self.daily_limit:,} API tokens a day are "
            f"left, and daily_token_reserve keeps {self._reserve} % ({kept:,}) for its other "
            "integrations."
        )
        return f"{why} This sync has used {self._tokens:,}. {RENEWED}", f"{why} {LATER}"
