"""Parents whose children are still to be asked for, and what counts as read once they have been.

The invariant: what comes out of `through` was covered by parents whose rows have all left, as have
those of every parent before them. Not thread-safe: the reader holds its lock.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from source_pipedrive.reading.fed import Covered
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.records import Row, as_rfc3339, inner
from source_pipedrive.reading.spans import Interval, without
from source_pipedrive.stream import Child

# Parents that may wait: so many are a few megabytes.
ENOUGH = 20_000


@dataclass
class Ticket:
    """Parents that came together. open: those whose rows have not left; covered: what is read of
    the stream when they have, and those of all tickets before."""

    covered: Covered
    open: int


Waiting = tuple[Row, Ticket]


class PendingParents:
    """The parents of one stream, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._tickets: deque[Ticket] = deque()
        self._held: dict[str, list[Row]] = {}
        self._through: Covered = []
        self.holes: list[Interval] = []
        self._closed = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether the list that the parents come from should wait."""
        return len(self._waiting) >= ENOUGH

    @property
    def idle(self) -> bool:
        """Nothing waits, and nothing is under way."""
        return not self._tickets and not any(self._held.values())

    @property
    def closed(self) -> int:
        """Tickets that have closed since `through` was last taken."""
        return self._closed

    def add(self, parents: Sequence[Row], covered: Covered) -> None:
        """Parents that came together, and what is read of the stream once their rows have left."""
        for some, part in slices_of(parents, covered):
            ticket = Ticket(part, len(some))
            self._tickets.append(ticket)
            self._waiting.extend((parent, ticket) for parent in some)

    def add_unsorted(self, source: str, parents: Sequence[Row], covered: Covered) -> None:
        """As `add`, for a list in no order: its parents are held until the whole list has come, so
        that they can be asked for in the order of their times, and a state can say how far."""
        held = self._held.setdefault(source, [])
        held.extend(parents)
        if covered:
            del self._held[source]
            self.add(sorted(held, key=_time_of), covered)

    def take(self, most: int, more: bool) -> list[Waiting]:
        """Up to `most` parents; none while `more` may come to fill a request."""
        if not self._waiting or (more and len(self._waiting) < most):
            return []
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def drop(self, is_hopeless: Callable[[Row], bool]) -> None:
        """Parents that need not be asked for any more."""
        kept: deque[Waiting] = deque()
        for parent, ticket in self._waiting:
            if is_hopeless(parent):
                ticket.open -= 1
            else:
                kept.append((parent, ticket))
        self._waiting = kept

    def take_back(self, source: str, left: Mapping[str, Sequence[Interval]]) -> None:
        """What that source has `left`, by list, is not covered, whatever was said before. Another
        reader of the same source may have covered the rest."""
        for ticket in self._tickets:
            ticket.covered = _but_for(ticket.covered, source, left)
        self._through = _but_for(self._through, source, left)

    def turn_round(self) -> None:
        """From now on the newest come first."""
        self._waiting.reverse()

    def park(self, time: int) -> None:
        """A parent of this time could not be read: nothing vouches for that second."""
        self.holes.append((time, time + 1))

    def close(self, tickets: Sequence[Ticket]) -> None:
        """The rows of one parent of each ticket have left, or cannot be had."""
        for ticket in tickets:
            ticket.open -= 1
        while self._tickets and not self._tickets[0].open:
            self._through += self._tickets.popleft().covered
            self._closed += 1

    @property
    def through(self) -> Covered:
        """What has been read, and no state vouches for yet."""
        return [
            (source, axis, part)
            for source, axis, interval in self._through
            for part in without([interval], self.holes)
        ]

    def vouched(self) -> None:
        """A state vouches for what was `through`."""
        self._through, self._closed = [], 0

    def is_only_holes(self, left: Sequence[Interval]) -> bool:
        """Whether parked parents are all that is left."""
        return bool(self.holes) and not without(left, self.holes)


def time_of_parent(row: Row, child: Child) -> int | None:
    """When its rows may have changed last, in seconds since 1970."""
    times = [instant_or_none(row.get(name)) for name in child.changed_fields]
    return max((time for time in times if time is not None), default=None)


def parent_of(row: Row, child: Child) -> Row:
    """What is kept of a parent: its id, its time, whether it is deleted, whether Pipedrive counts
    rows of it, and what is asked for."""
    found = [row.get(name) for name in child.changed_fields]
    texts = [text for text in found if isinstance(text, str) and instant_or_none(text)]
    time = max(texts, key=lambda text: instant_or_none(text) or 0, default=None)
    kept = {name: inner(row, name) for name in (*child.lifetime_fields, *child.extra_fields)}
    mine = {"id": row[child.parents[0].key[-1]], "time": as_rfc3339(time)}
    facts = {"deleted": bool(row.get("is_deleted")), "has_rows": bool(row.get(child.counter or ""))}
    return {**kept, **mine, **facts}


def slices_of(parents: Sequence[Row], covered: Covered) -> list[tuple[Sequence[Row], Covered]]:
    """Parents that come in the order of their times, those of one time together, each with what is
    read with them; so a state need not wait for a whole page of parents."""
    times = [_time_of(parent) for parent in parents]
    found: list[tuple[Sequence[Row], Covered]] = []
    at, since = 0, 0
    if times == sorted(times):
        for n in range(1, len(parents)):
            if times[n - 1] < times[n]:
                found.append((parents[at:n], between(covered, since, times[n])))
                at, since = n, times[n]
    return [*found, (parents[at:], between(covered, since, sys.maxsize))]


def between(covered: Covered, start: int, end: int) -> Covered:
    """What of it lies in [start, end)."""
    return [
        (source, axis, (max(begins, start), min(ends, end)))
        for source, axis, (begins, ends) in covered
        if begins < end and ends > start
    ]


def _but_for(covered: Covered, source: str, left: Mapping[str, Sequence[Interval]]) -> Covered:
    return [
        (name, axis, part)
        for name, axis, interval in covered
        for part in without([interval], left.get(axis, ()) if name == source else ())
    ]


def _time_of(parent: Row) -> int:
    return instant_or_none(parent["time"]) or 0
