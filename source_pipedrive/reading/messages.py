"""Messages of the Airbyte protocol, as objects for callers in Python and as bytes for a program.

Both say the same: a record's line is put together from its rendered data, everything else goes
through the protocol's own serializer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

import orjson
from airbyte_cdk.models import (
    AirbyteErrorTraceMessage,
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteRecordMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateStats,
    AirbyteStateType,
    AirbyteStreamState,
    AirbyteStreamStatus,
    AirbyteStreamStatusTraceMessage,
    AirbyteTraceMessage,
    EstimateType,
    StreamDescriptor,
    TraceType,
    Type,
)
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.decoding import encode
from source_pipedrive.http.errors import without_addresses
from source_pipedrive.reading.records import Row

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Encoder(Protocol[T_co]):
    """Renders what leaves the connector."""

    def records(self, stream: str, rows: Sequence[Row]) -> Sequence[T_co]:
        """RECORD messages, in order."""

    def message(self, message: AirbyteMessage) -> Sequence[T_co]:
        """Any other message."""


class AsMessages:
    """Message objects, for SourcePipedrive().read()."""

    def records(self, stream: str, rows: Sequence[Row]) -> Sequence[AirbyteMessage]:
        """One message a row."""
        now = _milliseconds()
        return [
            AirbyteMessage(
                type=Type.RECORD,
                record=AirbyteRecordMessage(stream=stream, data=row, emitted_at=now),
            )
            for row in rows
        ]

    def message(self, message: AirbyteMessage) -> Sequence[AirbyteMessage]:
        """The message itself."""
        return [message]


class AsLines:
    """Whole lines of JSON, a page at a time, for a program's standard output."""

    def records(self, stream: str, rows: Sequence[Row]) -> Sequence[bytes]:
        """One piece for all rows: each a line."""
        head = b'{"type":"RECORD","record":{"stream":' + orjson.dumps(stream) + b',"data":'
        tail = b',"emitted_at":%d}}\n' % _milliseconds()
        try:
            dumps = orjson.dumps
            return [b"".join([head + dumps(row) + tail for row in rows])]
        except TypeError:  # an integer past 64 bits
            return [b"".join([head + encode(row) + tail for row in rows])]

    def message(self, message: AirbyteMessage) -> Sequence[bytes]:
        """One line."""
        return [orjson.dumps(AirbyteMessageSerializer.dump(message)) + b"\n"]


def state_message(stream: str, state: dict[str, Any], records: int) -> AirbyteMessage:
    """A STATE that vouches for `records` records since the stream's last one."""
    return AirbyteMessage(
        type=Type.STATE,
        state=AirbyteStateMessage(
            type=AirbyteStateType.STREAM,
            stream=AirbyteStreamState(
                stream_descriptor=StreamDescriptor(name=stream),
                stream_state=AirbyteStateBlob(state),
            ),
            sourceStats=AirbyteStateStats(recordCount=float(records)),
        ),
    )


def status_message(stream: str, status: AirbyteStreamStatus) -> AirbyteMessage:
    """STARTED, RUNNING, COMPLETE or INCOMPLETE of a stream."""
    return _trace(
        TraceType.STREAM_STATUS,
        stream_status=AirbyteStreamStatusTraceMessage(
            stream_descriptor=StreamDescriptor(name=stream), status=status
        ),
    )


def estimate_message(stream: str, records: int) -> AirbyteMessage:
    """How many records a stream will bring in this sync, about."""
    return _trace(
        TraceType.ESTIMATE,
        estimate=AirbyteEstimateTraceMessage(
            name=stream, type=EstimateType.STREAM, row_estimate=records
        ),
    )


def error_message(error: AirbyteTracedException, stream: str | None = None) -> AirbyteMessage:
    """Why a stream, or the sync, did not reach its end: a sentence, and no stack for a person to
    wade through where the sentence is ours."""
    return _trace(
        TraceType.ERROR,
        error=AirbyteErrorTraceMessage(
            message=public(str(error)),
            internal_message=public(error.internal_message or str(error)),
            failure_type=error.failure_type,
            stream_descriptor=StreamDescriptor(name=stream) if stream else None,
        ),
    )


def public(text: str) -> str:
    """What of a text may leave: no secret, and no e-mail address, which may be a customer's."""
    return filter_secrets(without_addresses(text))


def _trace(kind: TraceType, **body: Any) -> AirbyteMessage:
    trace = AirbyteTraceMessage(type=kind, emitted_at=float(_milliseconds()), **body)
    return AirbyteMessage(type=Type.TRACE, trace=trace)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class Backlog:
    """How many pages may wait for the writer, so that memory stays bounded.

    A worker enters before it renders a page and while it holds no lock; the writer leaves after it
    has written one.
    """

    def __init__(self, pages: int) -> None:
        self._free = threading.Semaphore(pages)
        self._lifted = False

    def enter(self) -> None:
        """Blocks while the writer is behind."""
        self._free.acquire()
        if self._lifted:
            self._free.release()  # lets the next one in

    def leave(self) -> None:
        """A page has been written."""
        self._free.release()

    def lift(self) -> None:
        """Nobody writes any more: lets everyone in."""
        self._lifted = True
        self._free.release()


@dataclass(frozen=True)
class Parcel(Generic[T]):
    """Rendered messages that stay together; page: they are one that entered the backlog."""

    pieces: Sequence[T]
    page: bool = False


class Lane(Generic[T]):
    """The messages of one stream, in the order that the protocol asks for.

    STARTED, RUNNING with the first record, then pages, each followed by the STATE that vouches for
    it, then COMPLETE or INCOMPLETE, after which nothing comes any more. Not thread-safe: its reader
    holds a lock.
    """

    def __init__(self, stream: str, encoder: Encoder[T], queue: SimpleQueue[Parcel[T]]) -> None:
        self.stream = stream
        self.records = 0
        self.pages = 0
        self._since_state = 0
        self.over = False
        self._encoder = encoder
        self._queue = queue

    silent = False

    def enter(self, backlog: Backlog) -> None:
        """Waits until there is room for a page."""
        backlog.enter()

    def leave(self, backlog: Backlog) -> None:
        """Gives the room back: the page does not come."""
        backlog.leave()

    def render(self, rows: Sequence[Row]) -> Sequence[T]:
        """The records of a page; may be called without the lock."""
        return self._encoder.records(self.stream, rows) if rows else []

    def started(self) -> None:
        """The stream's first message."""
        self._put(status_message(self.stream, AirbyteStreamStatus.STARTED))

    def page(self, rendered: Sequence[T], count: int, state: dict[str, Any] | None) -> None:
        """A rendered page of `count` records and, if given, the state after it."""
        if self.over:  # a page that came too late for a sync that was asked to stop
            return
        pieces: list[T] = []
        if count and not self.records:
            running = status_message(self.stream, AirbyteStreamStatus.RUNNING)
            pieces.extend(self._encoder.message(running))
        pieces.extend(rendered)
        self.records += count
        self.pages += 1
        self._since_state += count
        if state is not None:
            message = state_message(self.stream, state, self._since_state)
            pieces.extend(self._encoder.message(message))
            self._since_state = 0
        self._queue.put(Parcel(pieces, page=True))

    def state(self, state: dict[str, Any]) -> None:
        """A state on its own; none after the stream's end."""
        if self.over:
            return
        message = state_message(self.stream, state, self._since_state)
        self._since_state = 0
        self._put(message)

    def estimate(self, records: int) -> None:
        """So many records are expected in all."""
        if not self.over:
            self._put(estimate_message(self.stream, records))

    def ended(self, error: AirbyteTracedException | None) -> None:
        """The stream's last message, after the error that cut it short, if one did."""
        if error is not None:
            self._put(error_message(error, self.stream))
        self.over = True
        complete = AirbyteStreamStatus.COMPLETE if error is None else AirbyteStreamStatus.INCOMPLETE
        self._put(status_message(self.stream, complete))

    def _put(self, message: AirbyteMessage) -> None:
        self._queue.put(Parcel(self._encoder.message(message)))


class Silent(Lane[T]):
    """The lane of a stream that is read for others only: nothing leaves."""

    silent = True

    def enter(self, backlog: Backlog) -> None:
        """Nobody has to write the page."""

    def leave(self, backlog: Backlog) -> None:
        """Nothing was taken."""

    def page(self, rendered: Sequence[T], count: int, state: dict[str, Any] | None) -> None:
        """Counts the records."""
        self.records += count
        self.pages += 1

    def _put(self, message: AirbyteMessage) -> None:
        """Nothing leaves."""
