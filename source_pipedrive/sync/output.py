"""What leaves the sync: rendered messages in one queue, with a limit on how many pages wait."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic

from airbyte_cdk.models import AirbyteMessage, AirbyteStreamStatus
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import BudgetError, SyncError
from source_pipedrive.reading.records import Record
from source_pipedrive.reading.shaped import ShapedRecords
from source_pipedrive.sync.messages import (
    Encoder,
    T,
    error_message,
    estimate_message,
    state_message,
    status_message,
)


@dataclass(frozen=True)
class OutputChunk(Generic[T]):
    """Rendered messages that stay together. page: they took a place in the buffer."""

    pieces: Sequence[T]
    page: bool = False


class WriteBuffer(Generic[T]):
    """The chunks that wait for the writer. No more than `pages` pages may wait, so that memory
    stays bounded. budget_succeeds: whether a stream that a budget stops writes no error of its own;
    if the sync fails after all, the sync's error names it.

    Workers take a slot before they render a page, while they hold no lock; the main thread frees it
    after it has written the page.
    """

    def __init__(self, pages: int, budget_succeeds: bool = False) -> None:
        self.budget_succeeds = budget_succeeds
        self._queue: SimpleQueue[OutputChunk[T]] = SimpleQueue()
        self._free = threading.Semaphore(pages)
        self._open = False
        self._lock = threading.Lock()
        self._written: set[str] = set()

    def is_news(self, sentence: str) -> bool:
        """Whether this is the first stream that ends with this sentence."""
        with self._lock:
            is_known = sentence in self._written
            self._written.add(sentence)
            return not is_known

    def take_slot(self) -> None:
        """Blocks while the writer is behind."""
        self._free.acquire()
        if self._open:
            self._free.release()  # lets the next one in

    def free_slot(self) -> None:
        """A page has been written, or will not be."""
        self._free.release()

    def open(self) -> None:
        """No more limit, because nobody reads the queue."""
        self._open = True
        self._free.release()

    def put(self, chunk: OutputChunk[T]) -> None:
        """The next chunk to write."""
        self._queue.put(chunk)

    def get(self, timeout: float) -> OutputChunk[T] | None:
        """The next chunk, or None if there is none within `timeout` seconds."""
        try:
            return self._queue.get(timeout=timeout)
        except Empty:
            return None

    def drain(self) -> list[T]:
        """Everything that waits, in order."""
        found: list[T] = []
        while (chunk := self.get(timeout=0)) is not None:
            found.extend(chunk.pieces)
        return found


class StreamOutput(Generic[T]):
    """The messages of one stream, in the order that the protocol asks for.

    STARTED, RUNNING with the first record, then pages, each followed by the STATE that includes
    it, then COMPLETE or INCOMPLETE, after which nothing is sent. saved: the last STATE, at first
    that of the last sync. Not thread-safe: the stream's reader has the lock.
    """

    selected = True

    def __init__(
        self,
        stream: str,
        encoder: Encoder[T],
        buffer: WriteBuffer[T],
        saved: Mapping[str, Any] | None = None,
    ) -> None:
        self.stream = stream
        self.saved: Mapping[str, Any] = saved or {}
        self.records = 0
        self.pages = 0
        self.over = False
        self._since_state = 0
        self._begun: set[AirbyteStreamStatus] = set()  # the statuses that were sent
        self._encoder = encoder
        self._buffer = buffer

    def take_slot(self) -> None:
        """Waits until there is room for a page."""
        self._buffer.take_slot()

    def free_slot(self) -> None:
        """Gives the room back: the page will not be written."""
        self._buffer.free_slot()

    def render(self, records: Sequence[Record] | ShapedRecords) -> Sequence[T]:
        """The records of a page; may be called without the lock."""
        return self._encoder.records(self.stream, records) if records else []

    def started(self) -> None:
        """The stream's first message, once."""
        self._put_pieces(self._status(AirbyteStreamStatus.STARTED))

    def page(self, rendered: Sequence[T], count: int, state: dict[str, Any] | None) -> None:
        """A rendered page of `count` records and, if given, the state after it."""
        if self.over:  # a page that came too late for a sync that was asked to stop
            return
        pieces = [*self._status(AirbyteStreamStatus.RUNNING)] if count else []
        pieces.extend(rendered)
        self.count(count)
        self._since_state += count
        if state is not None:
            pieces.extend(self._state_pieces(state))
        self._buffer.put(OutputChunk(pieces, page=True))

    def count(self, records: int) -> None:
        """One more page, of so many records."""
        self.records += records
        self.pages += 1

    def state(self, state: dict[str, Any]) -> None:
        """A state on its own; none after the stream's end."""
        if self.over:
            return
        self._put_pieces(self._state_pieces(state))

    def estimate(self, records: int) -> None:
        """About how many records are expected in all."""
        if not self.over:
            self._put(estimate_message(self.stream, records))

    def ended(self, error: AirbyteTracedException | None) -> None:
        """The stream's last message, after the error that cut it short, if any. What ended the
        whole sync is written in full once, and in two words for each other stream."""
        is_quiet = isinstance(error, BudgetError) and self._buffer.budget_succeeds
        if error is not None and self.selected and not is_quiet:
            if isinstance(error, SyncError) and not self._buffer.is_news(str(error)):
                error = SyncError(error.brief, error.failure_type)
            self._put(error_message(error, self.stream))
        self.over = True
        complete = AirbyteStreamStatus.COMPLETE if error is None else AirbyteStreamStatus.INCOMPLETE
        self._put(status_message(self.stream, complete))

    def _status(self, status: AirbyteStreamStatus) -> Sequence[T]:
        """The message for one status; nothing the second time."""
        if status in self._begun:
            return []
        self._begun.add(status)
        return self._encoder.message(status_message(self.stream, status))

    def _state_pieces(self, state: dict[str, Any]) -> Sequence[T]:
        message = state_message(self.stream, state, self._since_state)
        self._since_state, self.saved = 0, state
        return self._encoder.message(message)

    def _put(self, message: AirbyteMessage) -> None:
        self._put_pieces(self._encoder.message(message))

    def _put_pieces(self, pieces: Sequence[T]) -> None:
        if pieces:
            self._buffer.put(OutputChunk(pieces))


class NullOutput(StreamOutput[T]):
    """The output of a stream that is read only for its dependents: nothing leaves."""

    selected = False

    def take_slot(self) -> None:
        """No page has to be written."""

    def free_slot(self) -> None:
        """No room was taken."""

    def page(self, rendered: Sequence[T], count: int, state: dict[str, Any] | None) -> None:
        """Counts the records."""
        self.count(count)

    def _put_pieces(self, pieces: Sequence[T]) -> None:
        """Nothing leaves."""
