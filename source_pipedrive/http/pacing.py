"""How fast requests leave: one object for the whole process, fed by the answers' headers.

Pipedrive counts requests of a token in a rolling window of two seconds and says in each answer how
many the account may send (`x-ratelimit-limit`), how many are left (`-remaining`) and in how many
seconds the window empties (`-reset`); API.md B. Other integrations spend from the same window.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

LOWEST_BURST = 20  # requests in a window on the smallest plan, with an API token
WINDOW = 2.0  # seconds
# Requests that left in one window can arrive in another: keep a little more than two seconds.
MARGIN = 0.1


def whole_number(text: str | None) -> int | None:
    """The number a header holds, or None where it is missing or not a number."""
    return int(text) if text and text.isdigit() else None


class Pacing:
    """Lets a request go when the account's burst limit allows it.

    clock, sleep: seconds; replaced in tests.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._limit = LOWEST_BURST
        self._others = 0
        self._closed_until = 0.0

    def acquire(self) -> None:
        """Waits until one more request may leave."""
        while (wait := self._wait()) > 0:
            self._sleep(wait)

    def _wait(self) -> float:
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return self._closed_until - now
            self._forget(now)
            if len(self._sent) < max(1, self._limit - self._others):
                self._sent.append(now)
                return 0.0
            # Never 0, which would let a request through that was not counted.
            return max(0.001, self._sent[0] + WINDOW + MARGIN - now)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0] <= now - WINDOW - MARGIN:
            self._sent.popleft()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Takes the account's limit, and what others have used of it, from an answer's headers."""
        limit = whole_number(headers.get("x-ratelimit-limit"))
        left = whole_number(headers.get("x-ratelimit-remaining"))
        reset = whole_number(headers.get("x-ratelimit-reset"))
        with self._lock:
            now = self._clock()
            self._forget(now)
            if limit:
                self._limit = limit
            if left is not None:
                self._others = max(0, self._limit - left - len(self._sent))
                if left == 0 and reset:
                    self._closed_until = max(self._closed_until, now + min(reset, WINDOW))

    def close(self, seconds: float) -> None:
        """Holds every request back for `seconds`, after a 429."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + seconds)
