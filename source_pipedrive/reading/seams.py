"""Where two pages, or two requests, of a sorted list meet: the records in both, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from source_pipedrive.http.shapes import values
from source_pipedrive.reading.records import Record, keys_of
from source_pipedrive.stream import Stream

_NEVER = object()


@dataclass
class Seam:
    """The records written last: those of the newest page, and all others of its last second.

    A request that resumes at that second returns them again. A destination that appends would keep
    the repeats, so each record is written once for each `update_time`. A bulk import may
    put thousands of records into one second; no more than these are remembered.
    """

    _second: int | None = None
    _written: dict[object, object] = field(default_factory=dict)

    def fresh(self, stream: Stream, records: Sequence[Record]) -> list[Record]:
        """The records that have not been written with the same time."""
        keys = keys_of(stream, records)
        if self._written.keys().isdisjoint(keys):
            return list(records)
        times = values(records, stream.cursor_field or "")
        return [
            item
            for item, key, time in zip(records, keys, times, strict=True)
            if self._written.get(key, _NEVER) != time
        ]

    def add(self, stream: Stream, records: Sequence[Record], second: int | None) -> None:
        """Notes that these records are being written. second: the time of the last one, where the
        next page begins."""
        times = values(records, stream.cursor_field or "")
        new = dict(zip(keys_of(stream, records), times, strict=True))
        if second == self._second:
            self._written.update(new)
        else:
            self._second, self._written = second, new


def in_order(
    times: Sequence[int | None], after: int | None = None, descending: bool = False
) -> bool:
    """Whether times ascend (or descend) from `after` on, with the nulls at one end."""
    known = [time for time in times if time is not None]
    if known != sorted(known, reverse=descending):
        return False
    if known and after is not None and (known[0] > after if descending else known[0] < after):
        return False
    if not known or len(known) == len(times):
        return True
    return times[: len(known)] == known or times[-len(known) :] == known
