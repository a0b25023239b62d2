"""Messages of the Airbyte protocol, as objects for Python callers and as bytes for a program.

Both hold the same: a record's line is assembled from its rendered data, everything else goes
through the protocol's own serializer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

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
from source_pipedrive.http.words import without_addresses
from source_pipedrive.reading.records import Record
from source_pipedrive.reading.shaped import ShapedRecords

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Encoder(Protocol[T_co]):
    """Renders what leaves the connector."""

    def records(self, stream: str, records: Sequence[Record] | ShapedRecords) -> Sequence[T_co]:
        """RECORD messages, in order."""

    def message(self, message: AirbyteMessage) -> Sequence[T_co]:
        """Any other message."""


class AsMessages:
    """Message objects, for SourcePipedrive().read()."""

    def records(
        self, stream: str, records: Sequence[Record] | ShapedRecords
    ) -> Sequence[AirbyteMessage]:
        """One message for each record."""
        now = _milliseconds()
        if isinstance(records, ShapedRecords):
            records = records.plain()
        return [
            AirbyteMessage(
                type=Type.RECORD,
                record=AirbyteRecordMessage(stream=stream, data=record, emitted_at=now),
            )
            for record in records
        ]

    def message(self, message: AirbyteMessage) -> Sequence[AirbyteMessage]:
        """The message itself."""
        return [message]


class AsLines:
    """Whole lines of JSON, a page at a time, for a program's standard output."""

    def records(self, stream: str, records: Sequence[Record] | ShapedRecords) -> Sequence[bytes]:
        """One piece for all records, a line each."""
        head = b'{"type":"RECORD","record":{"stream":' + orjson.dumps(stream) + b',"data":'
        tail = b',"emitted_at":%d}}\n' % _milliseconds()
        if isinstance(records, ShapedRecords):
            try:
                return [records.lines(head, tail)]
            except RecursionError:  # for the encoder of structs alone
                records = records.plain()
        try:
            dumps = orjson.dumps
            return [b"".join([head + dumps(record) + tail for record in records])]
        except TypeError:  # an integer past 64 bits
            return [b"".join([head + encode(record) + tail for record in records])]

    def message(self, message: AirbyteMessage) -> Sequence[bytes]:
        """One line."""
        return [orjson.dumps(AirbyteMessageSerializer.dump(message)) + b"\n"]


def state_message(stream: str, state: dict[str, Any], records: int) -> AirbyteMessage:
    """A STATE that includes `records` more records than the stream's last one."""
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
    """About how many records a stream will deliver in this sync."""
    return _trace(
        TraceType.ESTIMATE,
        estimate=AirbyteEstimateTraceMessage(
            name=stream, type=EstimateType.STREAM, row_estimate=records
        ),
    )


def error_message(error: AirbyteTracedException, stream: str | None = None) -> AirbyteMessage:
    """Why a stream, or the sync, did not reach its end: one sentence, without a stack trace to wade
    through."""
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
    """The text without secrets and without email addresses, which may be a customer's."""
    return filter_secrets(without_addresses(text))


def _trace(kind: TraceType, **body: Any) -> AirbyteMessage:
    trace = AirbyteTraceMessage(type=kind, emitted_at=float(_milliseconds()), **body)
    return AirbyteMessage(type=Type.TRACE, trace=trace)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
