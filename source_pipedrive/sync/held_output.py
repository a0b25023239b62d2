"""The output of a stream that other streams add to."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airbyte_cdk.models import AirbyteStreamStatus
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.sync.failures import logger
from source_pipedrive.sync.messages import Encoder, T
from source_pipedrive.sync.output import OutputChunk, StreamOutput, WriteBuffer


class HeldOutput(StreamOutput[T]):
    """Stays open until its senders have ended, however early the stream's own records have been
    read. What is added does not count as records that the stream has read. Thread-safe, because
    additions come from the workers of other streams.

    senders: the streams for which it stays open.
    """

    def __init__(
        self,
        stream: str,
        encoder: Encoder[T],
        buffer: WriteBuffer[T],
        saved: Mapping[str, Any],
        senders: Iterable[str],
    ) -> None:
        super().__init__(stream, encoder, buffer, saved)
        self._senders = set(senders)
        self._copied = 0  # records
        self._lock = threading.RLock()
        self._last: dict[str, Any] | None = None  # the last state
        self._is_outdated = False  # whether anything was added since
        self._end: tuple[AirbyteTracedException | None] | None = None  # of its own reading

    def started(self) -> None:
        with self._lock:
            super().started()

    def page(self, rendered: Sequence[T], count: int, state: dict[str, Any] | None) -> None:
        with self._lock:
            super().page(rendered, count, state)

    def state(self, state: dict[str, Any]) -> None:
        with self._lock:
            super().state(state)

    def copies(self, rendered: Sequence[T], count: int) -> bool:
        """A rendered page of records that were read again. Returns whether it was written; if so,
        it takes the slot of a page."""
        with self._lock:
            if not count or self._has_closed:
                return False
            self._copied += count
            self._add(rendered, count, page=True)
            return True

    @property
    def _has_closed(self) -> bool:
        """Whether nothing may follow. Workers that nobody waits for any more may still come."""
        return self._end is not None and not self._senders

    def _add(self, rendered: Sequence[T], count: int, page: bool = False) -> None:
        self.started()
        self._since_state += count
        self._is_outdated = True
        pieces = [*self._status(AirbyteStreamStatus.RUNNING), *rendered]
        self._buffer.put(OutputChunk(pieces, page=page))

    def ended(self, error: AirbyteTracedException | None) -> None:
        with self._lock:
            self.over, self._end = True, (error,)
            self._close()

    def let_go(self, sender: str) -> None:
        """Nothing more comes from this stream."""
        with self._lock:
            self._senders.discard(sender)
            self._close()

    def _close(self) -> None:
        if self._end is None or self._senders:
            return
        if self._is_outdated and self._last is not None:
            self._put_pieces(self._state_pieces(self._last))
        super().ended(self._end[0])
        if self._copied:
            logger.info(f"{self.stream}: rewrote {self._copied:,} records that an audit had read.")

    def _state_pieces(self, state: dict[str, Any]) -> Sequence[T]:
        self._last, self._is_outdated = state, False
        return super()._state_pieces(state)
