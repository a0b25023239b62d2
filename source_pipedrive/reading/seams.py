"""Where two pages, or two requests, of a sorted list meet: rows that both hold, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from source_pipedrive.reading.pages import key_of
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Stream

_NEVER = object()


@dataclass
class Seam:
    """The rows that left last: those of the newest page, and all others of its last second.

    A request that goes on from that second brings them again. Destinations that append would keep
    the repeats for ever, so each row leaves once for each `update_time`. A bulk import may put
    thousands of rows into one second; no more than these are remembered.
    """

    _second: int | None = None
    _left: dict[object, object] = field(default_factory=dict)

    def fresh(self, row: Stream, rows: Sequence[Record]) -> list[Record]:
        """The rows that have not left with the same time."""
        time = row.cursor_field or ""
        return [
            item for item in rows if self._left.get(key_of(row, item), _NEVER) != item.get(time)
        ]

    def add(self, row: Stream, rows: Sequence[Record], second: int | None) -> None:
        """These rows leave now. second: the time of the last one, where the next page begins."""
        time = row.cursor_field or ""
        new = {key_of(row, item): item.get(time) for item in rows}
        if second == self._second:
            self._left.update(new)
        else:
            self._second, self._left = second, new


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
