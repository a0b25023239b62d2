"""What a run has spent, in requests and API tokens by stream, and what it still may spend.

Pipedrive gives a company so many tokens a day, shared by everything that it has connected, and says
in most answers how many are left (`x-daily-ratelimit-token-limit`, `-remaining`). Both
headers are undocumented and can be missing; then only the run's own count is known. `remaining` is
what was left before the answer's own request, whose cost still has to be subtracted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from source_pipedrive.http.errors import TRANSIENT, SyncError
from source_pipedrive.http.pacing import whole_number

logger = logging.getLogger("airbyte")

RENEWED = (
    "The budget is renewed at midnight, Pipedrive's time; the next sync goes on with what this one "
    "has left."
)


@dataclass
class Spent:
    """Requests answered and API tokens they cost."""

    requests: int = 0
    tokens: int = 0


class AnswerSizes:
    """The largest answer of each stream, in bytes. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._largest: dict[str, int] = {}

    def add(self, stream: str, size: int) -> None:
        """Counts an answer of `size` bytes."""
        with self._lock:
            self._largest[stream] = max(self._largest.get(stream, 0), size)

    def largest(self, stream: str) -> int:
        """The stream's largest answer; before its first one, the largest of any stream; or 0."""
        with self._lock:
            return self._largest.get(stream) or max(self._largest.values(), default=0)


class Usage:
    """Counts by stream, and refuses what the configuration leaves to others. Thread-safe.

    reserve: percent of the day's tokens that are not for this connector; most: tokens that one run
    may spend, or None. daily_limit, daily_left: the company's budget and what is left of it after
    the requests that were answered, as the answers say, if they do.
    """

    def __init__(self, reserve: int = 0, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._by_stream: dict[str, Spent] = {}
        self._reserve = reserve
        self._most = most
        self._under_way: dict[int, int] = {}  # tokens by turn, of what has not been charged yet
        self._tokens = 0
        self._told = False
        self._turn = self._known_at = 0
        self.daily_limit: int | None = None
        self.daily_left: int | None = None

    def admit(self, cost: int) -> int:
        """A request of `cost` tokens is about to leave; its turn. Raises SyncError where it may
        not."""
        with self._lock:
            sentence = self._objection(cost)
            if sentence is None:
                self._turn += 1
                self._under_way[self._turn] = cost
                return self._turn
            if not self._told:
                logger.warning(sentence)
                self._told = True
        raise SyncError(sentence, TRANSIENT)

    def settle(self, turn: int) -> None:
        """The request of that turn is not under way any more, answered or not."""
        with self._lock:
            self._under_way.pop(turn, None)

    def charge(
        self, stream: str, tokens: int, headers: Mapping[str, str], turn: int | None = None
    ) -> None:
        """One answered request of `stream` that cost `tokens`. turn: as `admit` gave it."""
        with self._lock:
            self._under_way.pop(turn or 0, None)
            spent = self._by_stream.setdefault(stream, Spent())
            spent.requests += 1
            spent.tokens += tokens
            self._tokens += tokens
            limit = whole_number(headers.get("x-daily-ratelimit-token-limit"))
            left = whole_number(headers.get("x-daily-ratelimit-token-remaining"))
            if limit is not None:
                self.daily_limit = limit
            self._take(left, tokens, self._turn + 1 if turn is None else turn)

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
        """API tokens of the whole run."""
        return self._tokens

    def share(self, tokens: int) -> str:
        """`tokens` as a part of the company's day, or "" where that is not known."""
        return f"{100 * tokens / self.daily_limit:.1f} %" if self.daily_limit else ""

    @property
    def allowance(self) -> int | None:
        """Tokens that this run may still spend, as far as that is known."""
        with self._lock:
            kept = (self.daily_limit or 0) * self._reserve // 100
            day = None if self.daily_left is None else self.daily_left - kept
            mine = None if self._most is None else self._most - self._tokens
            return min((max(0, n) for n in (day, mine) if n is not None), default=None)

    def explain(self) -> None:
        """Says once, after the first answer, whether the reserve can be kept."""
        if self._reserve and None in (self.daily_limit, self.daily_left):
            limit = "Set daily_token_budget to limit what a sync spends."
            if self._most is not None:
                limit = f"daily_token_budget allows this sync {self._most:,} tokens."
            logger.info(
                "Pipedrive does not say what is left of this company's daily budget, so "
                f"daily_token_reserve ({self._reserve} %) cannot be kept. {limit}"
            )

    def day_spent(self, sure: bool = True) -> SyncError:
        """The error for a 429 that lasts until midnight. sure: the answers tell that it does."""
        if not sure:
            return SyncError(
                "Pipedrive refuses all requests (429) and does not say why: this company has spent "
                f"its daily budget of API tokens, {self._tokens:,} of them in this sync, or other "
                f"integrations take the whole rate limit. {RENEWED}",
                TRANSIENT,
                429,
            )
        limit = f" of {self.daily_limit:,} API tokens" if self.daily_limit else " of API tokens"
        return SyncError(
            f"This company has spent its daily budget{limit}, {self._tokens:,} of them in this "
            f"sync. {RENEWED}",
            TRANSIENT,
            429,
        )

    def _take(self, left: int | None, cost: int, turn: int) -> None:
        """What is left after a request, of which the answer says what was left before it. An answer
        that was overtaken says more than is; only the answer to a request that left after the last
        known figure came can tell of a new day."""
        before = self.daily_left if left is None else left
        if before is None:
            return
        after = max(0, before - cost)
        if left is None:
            self.daily_left = after
        elif self.daily_left is None or after <= self.daily_left or turn > self._known_at:
            self.daily_left, self._known_at = after, self._turn

    def _objection(self, cost: int) -> str | None:
        """Why a request of `cost` tokens may not leave, after all that is under way."""
        cost += sum(self._under_way.values())
        if self._most is not None and self._tokens + cost > self._most:
            return (
                f"This sync has used {self._tokens:,} API tokens, and daily_token_budget allows "
                f"{self._most:,}. The next sync goes on with what this one has left."
            )
        if self.daily_limit is None or self.daily_left is None:
            return None
        kept = self.daily_limit * self._reserve // 100
        if self.daily_left - cost >= kept or not self._reserve:
            return None
        return (
            f"{self.daily_left:,} of this company's {self.daily_limit:,} API tokens a day are "
            f"left, and daily_token_reserve keeps {self._reserve} % ({kept:,}) for its other "
            f"integrations. This sync has used {self._tokens:,}. {RENEWED}"
        )
