"""An account's burst limit in virtual time, and workers that send at the pace of `Pacing`."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from source_pipedrive.http.pacing import WINDOW, Pacing, Slot
from source_pipedrive.sync.limits import FEWEST, MOST

# Draws (seconds until a request arrives, seconds from then until its answer).
Takes = Callable[[random.Random], tuple[float, float]]


@dataclass
class Account:
    """What Pipedrive counts for one token.

    limit: requests in any two seconds; others: how many of them others have sent in the last two
    seconds, as a function of time; told: whether `remaining` is counted when a request comes "in"
    or when its answer goes "out".
    """

    limit: int
    others: Callable[[float], int] = lambda now: 0
    told: str = "in"
    headers: bool = True
    arrived: deque[float] = field(default_factory=deque)
    served: int = 0
    refused: list[float] = field(default_factory=list)

    def enter(self, now: float) -> tuple[int, dict[str, str]]:
        """The status and the headers of the answer to a request that arrives now."""
        if self.left(now) <= 0:
            self.refused.append(now)
            return 429, self.head(now)
        self.arrived.append(now)
        self.served += 1
        return 200, self.head(now)

    def left(self, now: float) -> int:
        """How many requests the limit allows now."""
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
    takes: Takes,
    workers: int | None = None,
    seed: int = 1,
) -> Pacing:
    """Lets the workers of one sync send for `seconds`; returns their pacing."""
    (sender,) = share(account, seconds, takes, (0.0,), workers, seed)
    return sender.pacing


def share(
    account: Account,
    seconds: float,
    takes: Takes,
    begins: Sequence[float],
    workers: int | None = None,
    seed: int = 1,
) -> list[Sender]:
    """Lets several syncs, each with a pacing of its own, send with one token.

    begins: when each sync starts. workers: how many each has; None for as many as its pacing needs.
    """
    random.seed(seed)  # for the jitter in the waits of the pacing
    chance, line = random.Random(seed), Line()
    senders = [Sender(Pacing(lambda: line.now), workers) for _ in begins]
    for sender, begin in zip(senders, begins, strict=True):
        line.put(begin, lambda sender=sender: sender.hire(line, account, takes, chance))
    line.run(seconds)
    return senders


class Line:
    """A queue of events in virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def put(self, after: float, what: Callable[[], None]) -> None:
        """Schedules `what` for `after` seconds from now."""
        heapq.heappush(self._events, (self.now + after, next(self._order), what))

    def run(self, until: float) -> None:
        """Runs all events before the time `until`."""
        while self._events and self._events[0][0] < until:
            self.now, _, what = heapq.heappop(self._events)
            what()


@dataclass
class Sender:
    """The workers of one sync. served: when each accepted request arrived."""

    pacing: Pacing
    workers: int | None
    busy: int = 0
    served: list[float] = field(default_factory=list)

    def hire(self, line: Line, account: Account, takes: Takes, chance: random.Random) -> None:
        """Starts workers up to the useful number."""
        while self.busy < (self.workers or max(FEWEST, min(self.pacing.parallel, MOST))):
            self.busy += 1
            line.put(0.0, lambda: self.ask(line, account, takes, chance))

    def ask(self, line: Line, account: Account, takes: Takes, chance: random.Random) -> None:
        """One worker: waits for a slot, sends, receives the answer, and repeats."""
        again = partial(self.ask, line, account, takes, chance)
        asked = self.pacing.ask()
        if not isinstance(asked, Slot):
            line.put(asked, again)
            return
        there, back = takes(chance)

        def arrive() -> None:
            status, head = account.enter(line.now)
            if status == 200:
                self.served.append(line.now)
            line.put(back, lambda: answer(status, head))

        def answer(status: int, head: dict[str, str]) -> None:
            if account.told == "out" and status == 200:
                head = account.head(line.now)
            self.pacing.answered(asked, status, head)
            self.pacing.finished(asked)
            line.put(0.0, again)
            self.hire(line, account, takes, chance)

        line.put(there, arrive)
