"""How many parents a child stream has met, and what a reader has found out about its stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Parents read before the first estimate.
FIRST_ESTIMATE = 10


@dataclass(frozen=True)
class LastAudit:
    """The last complete audit of a stream. time: its beginning, in seconds since 1970; records: how
    many existed, archived ones included."""

    time: int
    records: int


@dataclass(frozen=True)
class Findings:
    """What a reader knows about its stream besides its progress.

    expected: records of this sync, by the counters of the parents; None if nothing counts them.
    unread: parents that it knows and has not read; refused: sentences; audits: by stream;
    unaudited: streams whose audit is under way or waits, and from when until when it looks for
    deletions.
    """

    expected: int | None = None
    unread: int | None = None
    refused: Sequence[str] = ()
    audits: Mapping[str, LastAudit] = field(default_factory=dict)
    unaudited: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Counts:
    """seen: parents in the sources; wanted: those to request; children: how many records those
    have, as Pipedrive counts them; read: parents requested; unsaved: those written since the last
    state. Not thread-safe: the reader holds its lock."""

    def __init__(self) -> None:
        self.seen = self.wanted = self.children = self.read = self.unsaved = 0
        self._next_estimate = FIRST_ESTIMATE

    def add(self, seen: int, wanted: int, children: int) -> None:
        """A source has delivered more records; some are wanted, which have so many children, not
        counting those of deleted parents."""
        self.seen += seen
        self.wanted += wanted
        self.children += children

    def add_read(self, parents: int) -> None:
        """More parents have been read."""
        self.read += parents

    def estimate_is_due(self) -> bool:
        """Whether it is time for another estimate: after ten parents, a hundred, a thousand, ..."""
        due = self.read >= self._next_estimate
        self._next_estimate = 10 * self.read if due else self._next_estimate
        return due

    def add_written(self) -> None:
        """All records of one parent have been written."""
        self.unsaved += 1

    def saved(self) -> None:
        """A state includes them."""
        self.unsaved = 0
