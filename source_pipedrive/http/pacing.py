"""How fast requests leave: one object for all that this process sends with a token.

Pipedrive counts requests of a token in a rolling window of two seconds and says in each answer how
many the account may send (`x-ratelimit-limit`), how many are left (`-remaining`) and in how many
seconds the window moves on (`-reset`). Other integrations spend from the same window.
https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting

The invariant: as far as the answers tell, no two seconds at Pipedrive's hold more requests than the
account may send. When a request arrived there is not known, only that its answer took longer than
the quickest: by so much longer its place in the window stays taken.

Several syncs may send with one token, and know of each other only by what is left. So each leaves
one place free, in which a new one can show itself; remembers what the others took; takes less than
all of the rest, so that a larger part shrinks and a smaller one grows; and sends evenly, so that
what the others see in one second is true in the next.
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
# Seconds that a place stays taken beyond the window, by how even the answers come.
LEAST_MARGIN, MOST_MARGIN = 0.04, 0.25
QUICKEST, USUAL = 1024, 64  # answers that the quickest and the usual time are taken from
HEADROOM = 1.6  # workers beyond those that answers keep waiting: they also decode, and wait a turn
LONGEST_WAIT = 60.0  # seconds
PATIENT = 3  # refusals in a row before the waits grow beyond what Pipedrive asks for
PROBE = 10.0  # seconds that the first request after a refusal is waited for
# Seconds for which what others took is remembered in full, and over which it is then given back.
REMEMBERED, GIVEN_BACK = 4.0, 3.0
OURS = 0.9  # of the places that others leave


def whole_number(text: str | None) -> int | None:
    """The number a header holds, or None where it is missing or not a number."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,15}", text) else None


def growing(attempt: int) -> float:
    """Seconds: a half, doubling, up to a minute; jittered so that nobody comes in step."""
    return min(LONGEST_WAIT, 0.5 * 2.0 ** (min(attempt, 20) - 1)) * random.uniform(0.5, 1.0)


@dataclass
class Slot:
    """A request's place in the window. own: places that were taken then, this one included; number:
    how many requests had left then, this one included."""

    sent: float
    expires: float
    own: int
    number: int = 0


class Others:
    """The places that others may take again at any moment, because they took them lately."""

    def __init__(self) -> None:
        self._places = 0
        self._seen_at = float("-inf")

    def saw(self, places: int, now: float) -> None:
        """Others have taken so many."""
        if places >= self.places(now):
            self._places, self._seen_at = places, now

    def places(self, now: float) -> float:
        """How many are left to them."""
        given_back = (now - self._seen_at - REMEMBERED) / GIVEN_BACK
        return self._places * (1.0 - min(1.0, max(0.0, given_back)))


class Pacing:
    """Lets a request go when the account's burst limit allows it. Thread-safe.

    clock: seconds; replaced in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[Slot] = deque()
        self._departures = 0
        self._limit: int | None = None
        self._others = Others()
        self._next = float("-inf")  # when one more may leave, if others send too
        self._closed_at = self._closed_until = float("-inf")
        self._refusals = 0
        self._probe: Slot | None = None
        self._quickest: deque[float] = deque(maxlen=QUICKEST)
        self._usual: deque[float] = deque(maxlen=USUAL)

    @classmethod
    def of(cls, credentials: str) -> Pacing:
        """The one pacing of this process for these credentials, for as long as somebody uses it."""
        with _SHARING:
            return _SHARED.setdefault(hash(credentials), cls())

    def acquire(self, sleep: Callable[[float], None]) -> Slot:
        """Waits, by `sleep`, until one more request may leave."""
        while not isinstance(slot := self.ask(), Slot):
            sleep(slot)
        return slot

    def ask(self) -> Slot | float:
        """A place in the window, or the seconds after which it is worth asking again."""
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return self._closed_until - now
            if self._refusals and self._probe and now < self._probe.sent + PROBE:
                return 0.05
            self._forget(now)
            room = self._room(now)
            if now < self._next and self._others.places(now):
                return self._next - now
            if len(self._taken) >= room:
                # Never 0, which would let a request through that was not counted.
                return max(0.001, self._taken[0].expires - now)
            self._departures += 1
            self._next = max(now - WINDOW / room, self._next) + WINDOW / room
            own = len(self._taken) + 1
            slot = Slot(now, now + WINDOW + MOST_MARGIN, own, self._departures)
            self._taken.append(slot)
            self._probe = slot
            return slot

    def answered(self, slot: Slot, status: int, headers: Mapping[str, str]) -> float | None:
        """Learns from an answer's head. For a 429 it holds every request back, and returns the
        seconds, or None where they are being held back already."""
        limit = whole_number(headers.get("x-ratelimit-limit"))
        left = whole_number(headers.get("x-ratelimit-remaining"))
        reset = whole_number(headers.get("x-ratelimit-reset"))
        with self._lock:
            now = self._clock()
            self._quickest.append(now - slot.sent)
            late = now - slot.sent - min(self._quickest)
            slot.expires = slot.sent + WINDOW + min(max(late, LEAST_MARGIN), MOST_MARGIN)
            if status == 429:
                slot.expires = now  # it took no place
            self._forget(now)
            if limit:
                self._limit = limit
            if status == 429:
                return self._refused(slot, now, reset)
            if slot.sent > self._closed_at:
                self._refusals = 0
            if left is not None:
                self._leave_room(slot, now, left, reset)
            return None

    def finished(self, slot: Slot) -> None:
        """The whole answer has come."""
        with self._lock:
            self._usual.append(self._clock() - slot.sent)

    @property
    def parallel(self) -> int:
        """Requests under way at once when the account's limit is used to the full: how many leave
        in a second times the seconds that one usually takes (Little's law)."""
        with self._lock:
            usual = sorted(self._usual)[len(self._usual) // 2] if self._usual else 0.0
            rate = self._room(self._clock()) / WINDOW
            return math.ceil(rate * usual * HEADROOM) + 1

    @property
    def limit(self) -> int:
        """Requests that the account may send in a window, as far as is known."""
        return self._limit or LOWEST_BURST

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0].expires <= now:
            self._taken.popleft()

    def _room(self, now: float) -> int:
        """Places in the window that are for us, taken or not."""
        if others := self._others.places(now):
            return max(1, int((self.limit - others) * OURS))
        return max(1, self._limit - 1) if self._limit else LOWEST_BURST

    def _leave_room(self, slot: Slot, now: float, left: int, reset: int | None) -> None:
        """Whether `remaining` is counted when a request comes in or when its answer leaves is not
        documented. What none of our requests of that time explains, others have sent."""
        spent = self.limit - left
        if spent <= slot.own + self._departures - slot.number:
            return
        self._others.saw(spent - slot.own, now)
        if left == 0 and reset:
            self._closed_until = max(self._closed_until, now + min(reset, WINDOW))

    def _refused(self, slot: Slot, now: float, reset: int | None) -> float | None:
        if slot.sent <= self._closed_at:
            return None  # it left before the refusal that everybody is waiting for came
        self._refusals += 1
        wait = growing(self._refusals) if reset is None else min(float(reset), LONGEST_WAIT)
        if self._refusals > PATIENT:
            wait = max(wait, growing(self._refusals))
        self._others.saw(max(1, self.limit - slot.own + 1), now)
        self._closed_at, self._closed_until, self._probe = now, now + wait, None
        return wait


_SHARING = threading.Lock()
_SHARED: WeakValueDictionary[int, Pacing] = WeakValueDictionary()
