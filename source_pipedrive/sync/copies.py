"""Records that an audit has read, written again in their own streams.

This repairs what changed without a new update time. A copy has its record's own cursor, and was
read after the stream itself, so it is not older than any version that was written before. It only
adds: no state of the stream includes it, no dependent receives it, and it removes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol

from source_pipedrive.reading.batch import Copies
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Kind, Stream
from source_pipedrive.sync.held_output import HeldOutput
from source_pipedrive.sync.messages import Encoder, T
from source_pipedrive.sync.output import WriteBuffer
from source_pipedrive.sync.selection import Selection


class Taker(Protocol):
    """A stream that takes copies."""

    stream: Stream

    def write_copies(self, records: Sequence[Record]) -> None:
        """Writes records of this stream that an audit has read."""


class CopyWriter(Generic[T]):
    """The copies of one sync of the `selected` streams."""

    def __init__(
        self, selected: Sequence[Selection], encoder: Encoder[T], buffer: WriteBuffer[T]
    ) -> None:
        auditors = [each.stream.name for each in selected if each.stream.kind is Kind.DELETED]
        self._outputs = {
            each.stream.name: HeldOutput(each.stream.name, encoder, buffer, each.state, auditors)
            for each in selected
            if each.takes_copies
        }
        self._takers: dict[str, Taker] = {}

    def output_of(self, stream: Stream) -> HeldOutput[T] | None:
        """The output of a selected stream, if it takes copies."""
        return self._outputs.get(stream.name)

    def add(self, taker: Taker) -> None:
        """Makes a stream known to which copies may be written."""
        self._takers[taker.stream.name] = taker

    def write(self, copies: Copies) -> None:
        """Writes copies in their stream."""
        self._takers[copies.stream].write_copies(copies.records)

    def ended(self, sender: Stream) -> None:
        """A selected stream has ended."""
        for output in self._outputs.values():
            output.let_go(sender.name)
