"""The two limits of https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting.

The burst limit counts requests in any 2 seconds, per token. The daily limit counts tokens per
company until midnight (the vendor does not name the time zone; here it is UTC).
"""

from __future__ import annotations

from collections import defaultdict, deque
from math import ceil
from random import Random

from .auth import API_TOKEN
from .clock import DAY, Clock
from .errors import cloudflare, over_limit
from .switches import Switches

WINDOW = 2.0


class Limits:
    """Counts requests and tokens. `enter` and `charge` raise a 429 when a limit is exhausted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._refused: defaultdict[str, int] = defaultdict(int)
        self._day = 0
        self._spent = 0
        self._over_budget = False  # whether the daily limit refused the last request
        self._cost = 0  # tokens charged for the last request

    def enter(self, token: str, switches: Switches) -> None:
        """Count a request against the burst limit of `token`; a refused one does not count."""
        self._over_budget, self._cost = False, 0
        now = self._clock.elapsed()
        recent = self._recent[token]
        while recent and recent[0] <= now - WINDOW:
            recent.popleft()
        if len(recent) + self._other_requests(switches) < switches.rate_limit:
            recent.append(now)
            self._refused[token] = 0
            return
        self._refused[token] += 1
        if token == API_TOKEN and 0 < switches.cloudflare_after < self._refused[token]:
            raise cloudflare()
        raise over_limit("burst")

    def charge(self, cost: int, switches: Switches) -> None:
        """Take `cost` from the day's budget.

        A request that exceeds the budget uses up the remainder, unless the switch keeps it.
        """
        today = int(self._clock.now()) // DAY
        if today != self._day:
            self._day, self._spent = today, 0
        if self._spent + cost > switches.daily_tokens:
            self._over_budget = True
            if switches.daily_remainder == "spent":
                self._spent = switches.daily_tokens
            raise over_limit("day")
        self._spent += cost
        self._cost = cost

    def headers(self, token: str, switches: Switches, status: int) -> list[tuple[bytes, bytes]]:
        """The rate limit headers of a response: what remains, and seconds until the window moves.

        The burst remainder includes the request itself; for the daily one a switch decides. A 429
        reports 0 remaining in the burst, unless the daily limit caused it.
        """
        recent = self._recent[token]
        burst_remaining = max(0, switches.rate_limit - len(recent) - self._other_requests(switches))
        if status == 429 and self._spent < switches.daily_tokens and not self._over_budget:
            burst_remaining = 0
        reset = ceil(recent[0] + WINDOW - self._clock.elapsed()) if recent else ceil(WINDOW)
        headers: list[tuple[bytes, bytes]] = []
        if switches.rate_headers:
            headers += [
                (b"x-ratelimit-limit", b"%d" % switches.rate_limit),
                (b"x-ratelimit-remaining", b"%d" % burst_remaining),
                (b"x-ratelimit-reset", b"%d" % max(1, reset)),
            ]
        if switches.daily_headers:
            spent = self._spent
            if switches.daily_remaining == "before":
                spent -= self._cost
            remaining = max(0, switches.daily_tokens - spent)
            headers += [
                (b"x-daily-ratelimit-token-limit", b"%d" % switches.daily_tokens),
                (b"x-daily-ratelimit-token-remaining", b"%d" % remaining),
            ]
        return headers

    def _other_requests(self, switches: Switches) -> int:
        """The number of requests in the window made by another integration.

        It changes every half second, and is the same for the same time.
        """
        if not switches.other_requests:
            return 0
        return Random(int(self._clock.elapsed() * 2)).randint(0, switches.other_requests)
