"""The rule for pacing: when a request may leave. One object paces all requests of a token.

Pipedrive counts the requests of a token in a rolling window of two seconds. Each answer reports how
many the account may send in it (`x-ratelimit-limit`), how many are left (`-remaining`) and in how
many seconds the window advances (`-reset`). Other integrations share the window.
https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting

The invariant: as far as the answers show, no two seconds at Pipedrive contain more requests than
the account may send. The connector cannot know when a request arrived there, only how much longer
its answer took than the quickest one. The request's slot in the window stays taken for that much
longer.

Several syncs may use one token, and each sees the others only in what remains. So each keeps one
slot free, which shows it a new sync; remembers what the others took; takes less than everything
that remains, so that a larger share shrinks and a smaller one grows; and spreads its requests
evenly, so that what the others see in one second is still true in the next.
"""

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

LOWEST_BURST = 20  # requests in a window on the smallest plan, with an API token
WINDOW = 2.0  # seconds
# Seconds for which a slot stays taken beyond the window. Uneven answer times lengthen the margin.
LEAST_MARGIN, MOST_MARGIN = 0.04, 0.25
QUICKEST, USUAL = 1024, 64  # answers that the quickest and the usual time are taken from
HEADROOM = 1.6  # workers beyond those that wait for answers: they also decode, and queue for a slot
LONGEST_WAIT = 60.0  # seconds
PATIENT = 3  # refusals in a row before the waits exceed what Pipedrive asks for
PROBE = 10.0  # seconds for which all wait for the first request after a refusal
# Seconds for which the slots of others count in full, and over which they then fade to none.
REMEMBERED, GIVEN_BACK = 4.0, 3.0
OURS = 0.9  # of the slots that others leave free


def whole_number(text: str | None) -> int | None:
    """The number in a header, or None if the header is missing or not a number."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,15}", text) else None


def growing(attempt: int) -> float:
    """Seconds to wait: half a second, doubled with each attempt, at most a minute. The jitter keeps
    workers out of step."""
    return min(LONGEST_WAIT, 0.5 * 2.0 ** (min(attempt, 20) - 1)) * random.uniform(0.5, 1.0)


@dataclass
class Slot:
    """A request's slot in the window.

    own: slots taken when it was sent, including this one; number: requests sent by then, including
    this one.
    """

    sent: float
    expires: float
    own: int
    number: int = 0

    def keep(self, margin: float) -> None:
        """The slot stays taken for `margin` seconds beyond the window."""
        self.expires = self.sent + WINDOW + margin

    def release(self, now: float) -> None:
        """The request took no slot after all."""
        self.expires = now


class Others:
    """The slots that other integrations took recently, and so may take again at any moment."""

    def __init__(self) -> None:
        self._slots = 0
        self._seen_at = float("-inf")

    def saw(self, slots: int, now: float) -> None:
        """Others have taken this many slots."""
        if slots >= self.slots(now):
            self._slots, self._seen_at = slots, now

    def slots(self, now: float) -> float:
        """How many slots to leave to them."""
        given_back = (now - self._seen_at - REMEMBERED) / GIVEN_BACK
        return self._slots * (1.0 - min(1.0, max(0.0, given_back)))


class Hold:
    """Holds all requests back after a refusal, then lets one go ahead of the others as a probe."""

    def __init__(self) -> None:
        self._since = self._until = float("-inf")
        self._refusals = 0  # in a row
        self._probe: Slot | None = None

    def seconds(self, now: float) -> float:
        """Seconds to wait before asking again; 0 if a request may leave."""
        if now < self._until:
            return self._until - now
        if self._refusals and self._probe and now < self._probe.sent + PROBE:
            return 0.05
        return 0.0

    def extend(self, until: float) -> None:
        """Lets no request leave before `until`."""
        self._until = max(self._until, until)

    def sent(self, slot: Slot) -> None:
        """A request has been sent."""
        self._probe = slot

    def accepted(self, slot: Slot) -> None:
        """Pipedrive did not refuse a request. It proves nothing if sent before the refusal."""
        if slot.sent > self._since:
            self._refusals = 0

    def refused(self, slot: Slot, now: float, reset: int | None) -> float | None:
        """The seconds for which a 429 holds all requests back; None if the request was sent before
        the refusal that already does. reset: what Pipedrive asks for."""
        if slot.sent <= self._since:
            return None
        self._refusals += 1
        wait = growing(self._refusals) if reset is None else min(float(reset), LONGEST_WAIT)
        if self._refusals > PATIENT:
            wait = max(wait, growing(self._refusals))
        self._since, self._until, self._probe = now, now + wait, None
        return wait


class Latency:
    """How long answers take, in seconds."""

    def __init__(self) -> None:
        self._answers = 0
        # The quickest of the latest answers, with its number, and each that is quicker than all
        # after it: the first is always the quickest.
        self._quickest: deque[tuple[int, float]] = deque()
        self._whole: deque[float] = deque(maxlen=USUAL)

    def answered(self, seconds: float) -> float:
        """Records the time until the head of an answer; returns its excess over the quickest."""
        self._answers += 1
        while self._quickest and self._quickest[-1][1] >= seconds:
            self._quickest.pop()
        self._quickest.append((self._answers, seconds))
        if self._quickest[0][0] <= self._answers - QUICKEST:
            self._quickest.popleft()
        return seconds - self._quickest[0][1]

    def finished(self, seconds: float) -> None:
        """Records the time until the end of an answer."""
        self._whole.append(seconds)

    @property
    def usual(self) -> float:
        """The median time until the end of an answer; 0 before the first one."""
        return sorted(self._whole)[len(self._whole) // 2] if self._whole else 0.0


class Pacing:
    """Lets a request leave when the account's burst limit allows it. Thread-safe.

    clock: the time in seconds; tests replace it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[Slot] = deque()
        self._departures = 0
        self._limit: int | None = None
        self._next = float("-inf")  # when the next request may leave while others send too
        self._others = Others()
        self._hold = Hold()
        self._latency = Latency()

    @classmethod
    def of(cls, credentials: str) -> Pacing:
        """The pacing that all users of these credentials in this process share, while any exist."""
        with _SHARING:
            return _SHARED.setdefault(hash(credentials), cls())

    def acquire(self, sleep: Callable[[float], None]) -> Slot:
        """Waits, with `sleep`, until a request may leave."""
        while not isinstance(slot := self.ask(), Slot):
            sleep(slot)
        return slot

    def ask(self) -> Slot | float:
        """A slot in the window, or the seconds to wait before asking again."""
        with self._lock:
            now = self._clock()
            if (held := self._hold.seconds(now)) > 0:
                return held
            self._forget(now)
            ours = self._ours(now)
            if now < self._next and self._others.slots(now):
                return self._next - now
            if len(self._taken) >= ours:
                # At least a millisecond: a wait of nearly 0 would be a busy loop.
                return max(0.001, self._taken[0].expires - now)
            self._departures += 1
            self._next = max(now - WINDOW / ours, self._next) + WINDOW / ours
            own = len(self._taken) + 1
            slot = Slot(now, now + WINDOW + MOST_MARGIN, own, self._departures)
            self._taken.append(slot)
            self._hold.sent(slot)
            return slot

    def answered(self, slot: Slot, status: int, headers: Mapping[str, str]) -> float | None:
        """Learns from the head of an answer. A 429 holds all requests back: returns for how many
        seconds, or None if they already are."""
        limit = whole_number(headers.get("x-ratelimit-limit"))
        remaining = whole_number(headers.get("x-ratelimit-remaining"))
        reset = whole_number(headers.get("x-ratelimit-reset"))
        with self._lock:
            now = self._clock()
            late = self._latency.answered(now - slot.sent)
            slot.keep(min(max(late, LEAST_MARGIN), MOST_MARGIN))
            if status == 429:
                slot.release(now)
            self._forget(now)
            if limit:
                self._limit = limit
            if status == 429:
                wait = self._hold.refused(slot, now, reset)
                if wait is not None:
                    self._others.saw(max(1, self.limit - slot.own + 1), now)
                return wait
            self._hold.accepted(slot)
            if remaining is not None:
                self._notice_others(slot, now, remaining, reset)
            return None

    def finished(self, slot: Slot) -> None:
        """The end of the answer has arrived."""
        with self._lock:
            self._latency.finished(self._clock() - slot.sent)

    @property
    def parallel(self) -> int:
        """Requests under way at once when the limit is fully used: requests sent per second times
        the seconds that a request usually takes (Little's law)."""
        with self._lock:
            rate = self._ours(self._clock()) / WINDOW
            return math.ceil(rate * self._latency.usual * HEADROOM) + 1

    @property
    def limit(self) -> int:
        """Requests that the account may send in a window; the lowest limit until it is known."""
        return self._limit or LOWEST_BURST

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0].expires <= now:
            self._taken.popleft()

    def _ours(self, now: float) -> int:
        """Slots in the window that are ours, whether taken or free."""
        if others := self._others.slots(now):
            return max(1, int((self.limit - others) * OURS))
        return max(1, self._limit - 1) if self._limit else LOWEST_BURST

    def _notice_others(self, slot: Slot, now: float, remaining: int, reset: int | None) -> None:
        """Attributes to others whatever none of our own requests explains. Whether `remaining` is
        counted when a request arrives or when its answer is sent is not documented."""
        spent = self.limit - remaining
        if spent <= slot.own + self._departures - slot.number:
            return
        self._others.saw(spent - slot.own, now)
        if remaining == 0 and reset:
            self._hold.extend(now + min(reset, WINDOW))


_SHARING = threading.Lock()
_SHARED: WeakValueDictionary[int, Pacing] = WeakValueDictionary()
