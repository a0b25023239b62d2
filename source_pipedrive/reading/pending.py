"""Parents whose children are still to be requested, and what counts as read once they have been.

The invariant: what `through` returns was covered by parents whose children are all written, and so
are those of every parent before them. Not thread-safe: the reader holds its lock.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from source_pipedrive.reading.batch import Covered
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.progress import Interval, without
from source_pipedrive.reading.records import Record, as_rfc3339, inner
from source_pipedrive.stream import Child

# Parents that may wait; this many take a few megabytes.
ENOUGH = 20_000


@dataclass
class Group:
    """Parents that arrived together. open: those whose children are not written; covered: what has
    been read of the stream once they are, and those of all earlier groups."""

    covered: Covered
    open: int

    def close_one(self) -> None:
        """The children of one parent are written, or not needed."""
        self.open -= 1

    def take_back(self, source: str, remaining: Mapping[str, Sequence[Interval]]) -> None:
        """What remains of that source, by root list, is not covered after all."""
        self.covered = _except(self.covered, source, remaining)


Pending = tuple[Record, Group]


class PendingParents:
    """The parents of one stream, in the order of their arrival."""

    def __init__(self) -> None:
        self._queue: deque[Pending] = deque()
        self._groups: deque[Group] = deque()
        self._held: dict[str, list[Record]] = {}
        self._through: Covered = []
        self.holes: list[Interval] = []
        self._closed = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether the list of the parents should pause."""
        return len(self._queue) >= ENOUGH

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and nothing is under way."""
        return not self._groups and not any(self._held.values())

    @property
    def closed(self) -> int:
        """Groups that have closed since the last state."""
        return self._closed

    def add(self, parents: Sequence[Record], covered: Covered) -> None:
        """Parents that arrived together, and what has been read of the stream once their children
        are written."""
        for members, part in slices_of(parents, covered):
            group = Group(part, len(members))
            self._groups.append(group)
            self._queue.extend((parent, group) for parent in members)

    def add_unsorted(self, source: str, parents: Sequence[Record], covered: Covered) -> None:
        """As `add`, for an unsorted list: its parents are held until the whole list has arrived, so
        that they can be requested in order of time, and a state can record how far."""
        held = self._held.setdefault(source, [])
        held.extend(parents)
        if covered:
            del self._held[source]
            self.add(sorted(held, key=_time_of), covered)

    def take(self, most: int, more: bool) -> list[Pending]:
        """Up to `most` parents; none while `more` may come to fill a request."""
        if not self._queue or (more and len(self._queue) < most):
            return []
        return [self._queue.popleft() for _ in range(min(most, len(self._queue)))]

    def drop(self, is_hopeless: Callable[[Record], bool]) -> None:
        """These parents need not be requested any more."""
        kept: deque[Pending] = deque()
        for parent, group in self._queue:
            if is_hopeless(parent):
                group.close_one()
            else:
                kept.append((parent, group))
        self._queue = kept

    def take_back(self, source: str, remaining: Mapping[str, Sequence[Interval]]) -> None:
        """What remains of that source, by root list, is not covered after all. Another reader of
        the same source may have covered the rest."""
        for group in self._groups:
            group.take_back(source, remaining)
        self._through = _except(self._through, source, remaining)

    def reverse(self) -> None:
        """Puts the newest parents first."""
        self._queue.reverse()

    def park(self, time: int) -> None:
        """A parent of this time could not be read: no state may include that second."""
        self.holes.append((time, time + 1))

    def close(self, groups: Sequence[Group]) -> None:
        """The children of one parent of each group are written, or cannot be read."""
        for group in groups:
            group.close_one()
        while self._groups and not self._groups[0].open:
            self._through += self._groups.popleft().covered
            self._closed += 1

    @property
    def through(self) -> Covered:
        """What has been read but no state includes yet."""
        return [
            (source, root, part)
            for source, root, interval in self._through
            for part in without([interval], self.holes)
        ]

    def saved(self) -> None:
        """A state includes what was `through`."""
        self._through, self._closed = [], 0

    def is_only_holes(self, remaining: Sequence[Interval]) -> bool:
        """Whether only parked parents remain."""
        return bool(self.holes) and bool(remaining) and not without(remaining, self.holes)


def time_of_parent(record: Record, child: Child) -> int | None:
    """When its children may have changed last, in seconds since 1970."""
    times = [instant_or_none(record.get(name)) for name in child.changed_fields]
    return max((time for time in times if time is not None), default=None)


def parent_of(record: Record, child: Child) -> Record:
    """What is kept of a parent: its id, its time, whether it is deleted, how many children
    Pipedrive counts, and the fields that the child stream needs."""
    found = [record.get(name) for name in child.changed_fields]
    texts = [text for text in found if isinstance(text, str) and instant_or_none(text)]
    time = max(texts, key=lambda text: instant_or_none(text) or 0, default=None)
    counted = record.get(child.counter or "")
    return {
        **{name: inner(record, name) for name in (*child.lifetime_fields, *child.extra_fields)},
        "id": record[child.parents[0].key[-1]],
        "time": as_rfc3339(time),
        "deleted": bool(record.get("is_deleted")),
        "children": counted if isinstance(counted, int) else 0,
    }


def slices_of(
    parents: Sequence[Record], covered: Covered
) -> list[tuple[Sequence[Record], Covered]]:
    """The parents grouped by time, in order, each group with what has been read with it, so that a
    state need not wait for a whole page of parents."""
    times = [_time_of(parent) for parent in parents]
    found: list[tuple[Sequence[Record], Covered]] = []
    at, since = 0, 0
    if times == sorted(times):
        for n in range(1, len(parents)):
            if times[n - 1] < times[n]:
                found.append((parents[at:n], between(covered, since, times[n])))
                at, since = n, times[n]
    return [*found, (parents[at:], between(covered, since, sys.maxsize))]


def between(covered: Covered, start: int, end: int) -> Covered:
    """The part of it in [start, end)."""
    return [
        (source, root, (max(begins, start), min(ends, end)))
        for source, root, (begins, ends) in covered
        if begins < end and ends > start
    ]


def _except(covered: Covered, source: str, remaining: Mapping[str, Sequence[Interval]]) -> Covered:
    return [
        (name, root, part)
        for name, root, interval in covered
        for part in without([interval], remaining.get(root, ()) if name == source else ())
    ]


def _time_of(parent: Record) -> int:
    return instant_or_none(parent["time"]) or 0
