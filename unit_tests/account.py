"""An account's burst limit in virtual time, and workers that send as the pacing lets them."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from source_pipedrive.http.pacing import WINDOW, Pacing, Slot
from source_pipedrive.reading.crew import FEWEST, MOST


@dataclass
class Account:
    """What Pipedrive counts for one token.

    limit: requests in any two seconds; others: how many of them others have sent in the last two
    seconds, by the time; told: when an answer's `remaining` is counted, as it comes in or goes out.
    """

    limit: int
    others: Callable[[float], int] = lambda now: 0
    told: str = "in"
    headers: bool = True
    arrived: deque[float] = field(default_factory=deque)
    served: int = 0
    refused: list[float] = field(default_factory=list)

    def enter(self, now: float) -> tuple[int, dict[str, str]]:
        """The status of a request that arrives now, and its headers as of now."""
        if self.left(now) <= 0:
            self.refused.append(now)
            return 429, self.head(now)
        self.arrived.append(now)
        self.served += 1
        return 200, self.head(now)

    def left(self, now: float) -> int:
        """Requests that could come in now."""
        while self.arrived and self.arrived[0] <= now - WINDOW:
            self.arrived.popleft()
        return max(0, self.limit - len(self.arrived) - self.others(now))

    def head(self, now: float) -> dict[str, str]:
        """The headers of an answer."""
        if not self.headers:
            return {}
        left = str(self.left(now))
        limit = str(self.limit)
        return {
            "x-ratelimit-limit": limit,
            "x-ratelimit-remaining": left,
            "x-ratelimit-reset": "2",
        }


def work(
    account: Account,
    seconds: float,
    takes: Callable[[random.Random], tuple[float, float]],
    workers: int | None = None,
    seed: int = 1,
) -> Pacing:
    """Lets workers send for so many seconds; returns their pacing.

    takes: draws (seconds until a request arrives, seconds from there to its answer). workers: their
    number, or None for as many as the pacing says are of use.
    """
    chance, now = random.Random(seed), 0.0
    pacing = Pacing(lambda: now)
    events: list[tuple[float, int, str, Slot | None, int, dict[str, str], float]] = []
    order = busy = 0

    def put(at: float, what: str, *more: object) -> None:
        nonlocal order
        order += 1
        rest = more or (None, 0, {}, 0.0)
        heapq.heappush(events, (at, order, what, *rest))  # type: ignore[arg-type]

    def hire() -> None:
        nonlocal busy
        while busy < (workers or max(FEWEST, min(pacing.parallel, MOST))):
            busy += 1
            put(now, "ask")

    hire()
    while events and events[0][0] < seconds:
        now, _, what, slot, status, head, back = heapq.heappop(events)
        if what == "ask":
            asked = pacing.ask()
            if isinstance(asked, Slot):
                there, back = takes(chance)
                put(now + there, "arrive", asked, 0, {}, back)
            else:
                put(now + asked, "ask")
        elif what == "arrive":
            status, head = account.enter(now)
            put(now + back, "answer", slot, status, head, back)
        else:
            assert slot is not None
            if account.told == "out" and status == 200:
                head = account.head(now)
            pacing.answered(slot, status, head)
            pacing.finished(slot)
            put(now, "ask")
            hire()
    return pacing
