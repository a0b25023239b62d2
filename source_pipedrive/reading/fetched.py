"""What one reader hands to another that lives on it: parents to their children."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import PipedriveError
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.spans import Interval
from source_pipedrive.stream import Stream


@dataclass(frozen=True)
class Fetched:
    """rows: unshaped; parents: those that were asked for the rows, if any were; covered: what has
    been read with them, by the list that it is a part of; to: who gets it."""

    rows: Sequence[Row]
    covered: Sequence[tuple[str, Interval]] = ()
    parents: Sequence[Row] = ()
    to: Sequence[Living] = ()


class Living(Protocol):
    """One that lives on what a reader reads."""

    row: Stream
    error: AirbyteTracedException | None
    fed: list[Living]
    trial: Any

    def feed(self, source: Any, fetched: Fetched) -> None:
        """Takes what the reader `source` has read. May be called by several workers at once."""

    def fail(self, error: AirbyteTracedException) -> None:
        """Ends this stream, and all that live on it, where they are."""

    def refuse(self, stream: str, parent: Row, time: int) -> None:
        """The user may not see what `stream` holds of a parent that changed at `time`."""

    def knows_as_much(self, known: int) -> bool:
        """Whether it was complete when its source was, at `known`."""

    def has_done(self, source: str, parent: Any, time: int) -> bool:
        """Whether it has what it needs of a parent of `source` that changed at `time`."""

    def lose(self, source: Stream, answer: PipedriveError) -> None:
        """Learns that the account does not have one of the streams that it lives on."""

    def take_back(self, source: Any) -> None:
        """What the reader `source` said was covered is not: it reads all of it again."""

    @property
    def flooded(self) -> bool:
        """Whether it has so much before it that the source should wait."""

    @property
    def exhausted(self) -> bool:
        """Whether nothing of it is left."""


class Outbox:
    """What a reader hands on, in the order in which it was read, whichever worker does it: a page
    that overtook the one before would be called read while that one's parents have not been asked
    for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Fetched] = deque()
        self._busy = False

    def add(self, fetched: Iterable[Fetched]) -> None:
        """The next in order."""
        with self._lock:
            self._waiting.extend(f for f in fetched if f.rows or f.covered or f.parents)

    def hand_on(self, source: Any) -> None:
        """Hands on what waits, unless another worker does so already: that one does it all."""
        while (fetched := self._next()) is not None:
            try:
                for each in fetched.to:
                    each.feed(source, fetched)
            finally:
                self._busy = False

    def _next(self) -> Fetched | None:
        with self._lock:
            if self._busy or not self._waiting:
                return None
            self._busy = True
            return self._waiting.popleft()
