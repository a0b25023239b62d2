"""Readers that live on what others read: a time is read when all lists have brought it.

The invariant: the state of such a stream vouches for a time of a list only when the rows of every
record that changed then have been handed to the output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from source_pipedrive.reading.fetched import Fetched
from source_pipedrive.reading.made import MAKERS
from source_pipedrive.reading.messages import Lane
from source_pipedrive.reading.reader import Reader, Sync, T, Task, lower_bound
from source_pipedrive.reading.spans import Interval, Progress, Progresses, union, without
from source_pipedrive.stream import Stream

Covered = list[tuple[str, str, Interval]]  # source, list, time


class Fed(Reader[T]):
    """What is common to them. `progress` is None where there is no state to keep."""

    def __init__(
        self,
        row: Stream,
        sync: Sync,
        lane: Lane[T],
        progress: Progress | None,
        full_refresh: bool = False,
        schema: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(row, sync, lane, progress, full_refresh, schema)
        assert progress is None or isinstance(progress, Progresses)
        self.progresses = progress or whole(row, sync)
        self.progress = self.progresses
        self.sources: list[Reader[Any]] = []
        # By source and list: two sources may each bring a part of one list's time.
        self._lefts = {
            source.name: {axis: self.progresses.axes[axis].left for axis in source.roots}
            for source in row.sources
        }
        self._before = {name: dict(lefts) for name, lefts in self._lefts.items()}

    def feed(self, source: Reader[Any], fetched: Fetched) -> None:
        """Takes what `source` has read."""
        if self.exhausted:
            return
        self.start()
        self.take_in(source, fetched)

    def take_back(self, source: Reader[Any]) -> None:
        """`source` reads its list again from the beginning, so what it covered is left again."""
        with self.lock:
            if self.error is not None:
                return
            before, lefts = self._before[source.row.name], self._lefts[source.row.name]
            again = source.left()
            for axis in before.keys() & again.keys():
                kept = without(before[axis], again[axis])
                lefts[axis] = union([lefts[axis], without(before[axis], kept)])
                self.progresses.leave_of(
                    axis, union([self.progresses.axes[axis].left, lefts[axis]])
                )
            if (now := self._state()) is not None:
                self.lane.state(now)
        for each in self.fed:
            each.take_back(self)

    def take_in(self, source: Reader[Any], fetched: Fetched) -> None:
        """What is done with it."""
        raise NotImplementedError

    def left(self) -> dict[str, list[Interval]]:
        return {axis: each.left for axis, each in self.progresses.axes.items()}

    def left_by(self, source: Stream) -> dict[str, list[Interval]]:
        """What is still to come from one source."""
        return self._lefts[source.name]

    def cover(self, covered: Covered) -> None:
        """Notes what has been read. The reader's lock is held."""
        if self.progress.complete:  # the account turned out not to have it
            return
        for source, axis, interval in covered:
            left = self._lefts[source]
            left[axis] = without(left[axis], [interval])
        for axis in {axis for _, axis, _ in covered}:
            lefts = (left[axis] for left in self._lefts.values() if axis in left)
            self.progresses.leave_of(axis, union(lefts))

    def ends_with(self, covered: Covered) -> bool:
        """Whether nothing is left once this has been read, too."""
        return not any(
            without(left, [part for s, a, part in covered if (s, a) == (source, axis)])
            for source, lefts in self._lefts.items()
            for axis, left in lefts.items()
        )

    def covered_by(self, source: Reader[Any], fetched: Fetched) -> Covered:
        """What is read of this stream together with `fetched`."""
        known = self._lefts[source.row.name]
        return [(source.row.name, axis, part) for axis, part in fetched.covered if axis in known]


class Made(Fed[T]):
    """A stream without an endpoint: its records are made of what is read for other streams."""

    def take(self) -> Task | None:
        return None

    def take_in(self, source: Reader[Any], fetched: Fetched) -> None:
        rows = MAKERS[self.row.name](source.row.name, fetched.rows, fetched.parents)
        covered = self.covered_by(source, fetched)
        self.emit(rows, (lambda _: self.cover(covered)) if covered else None)


def whole(row: Stream, sync: Sync, known: int = 0) -> Progresses:
    """All of the history is left."""
    roots = row.roots.items()
    axes = {name: Progress(lower_bound(root, sync.lower), sync.until) for name, root in roots}
    return Progresses(axes, known)


def lies_in(time: int, intervals: Iterable[Interval]) -> bool:
    """Whether a time is in one of them."""
    return any(start <= time < end for start, end in intervals)
