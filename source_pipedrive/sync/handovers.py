"""What a stream hands to its dependents, in the order in which it was read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from source_pipedrive.reading.batch import Handover

Addressed = tuple[Handover, Sequence[Any]]  # with the runs that receive it


class Handovers:
    """A queue that one worker at a time empties: a page that overtook the previous one would count
    as read while the other's parents have not been requested. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Addressed] = deque()
        self._held: list[Addressed] = []
        self._busy = False

    def add(self, handover: Handover, to: Sequence[Any]) -> None:
        """Appends the next handover."""
        if handover.records or handover.covered or handover.parents:
            with self._lock:
                self._queue.append((handover, to))

    def hold(self, handover: Handover, to: Sequence[Any]) -> None:
        """Keeps the next handover back until `release`."""
        self._held.append((handover, to))

    def release(self) -> None:
        """Appends whatever was held."""
        held, self._held = self._held, []
        for handover, to in held:
            self.add(handover, to)

    def drop_held(self) -> None:
        """Discards whatever was held."""
        self._held = []

    def next(self) -> Addressed | None:
        """The next handover; None if nothing waits, or if another worker is delivering one: that
        worker delivers the rest as well. The caller has to call `delivered`."""
        with self._lock:
            if self._busy or not self._queue:
                return None
            self._busy = True
            return self._queue.popleft()

    def delivered(self) -> None:
        """The handover that `next` returned has been received."""
        self._busy = False
