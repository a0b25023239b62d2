"""Readers that live on what others read: a time is read when all lists have brought it.

The invariant: the state of such a stream vouches for a time of a list only when the rows of every
record that changed then have been handed to the output.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.absences import absence_of
from source_pipedrive.http.client import Api
from source_pipedrive.http.errors import PipedriveError, StreamError
from source_pipedrive.reading import state
from source_pipedrive.reading.fetched import Fetched
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.messages import Lane
from source_pipedrive.reading.pages import pages, request_for
from source_pipedrive.reading.progresses import Progresses
from source_pipedrive.reading.reader import Reader, Sync, T, lower_bound
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.remembered import Remembered
from source_pipedrive.reading.spans import OVERLAP, Interval, Progress, union, without
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

# An id that no record has, so that no answer is about a record: the largest of 32 bits.
NO_RECORD = 2**31 - 1

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
            source.name: {axis: self.progresses.left_by(source.name, axis) for axis in source.roots}
            for source in row.sources
        }
        self._before = {name: dict(lefts) for name, lefts in self._lefts.items()}
        self._lost: set[str] = set()  # sources that the account does not have
        self.vouches = not row.absent  # otherwise not before an answer says that it has it

    @property
    def exhausted(self) -> bool:
        return super().exhausted or (bool(self._lost) and self.ends_with([]))

    @property
    def has_read(self) -> bool:
        """Whether the state vouches for anything."""
        return any(axis.done() for axis in self.progresses.axes.values())

    def lose(self, source: Stream, answer: PipedriveError) -> None:
        """The account does not have that source: the others are read, and the state says of which
        that is. Without others the account does not have this stream either."""
        with self.lock:
            others = self._lefts.keys() - {*self._lost, source.name}
            if others:
                self._lost.add(source.name)
        if not others:
            self.absent(answer)
        self.nudge()

    def put(
        self, rows: Sequence[Row], moved: Callable[[Progress], object] | None, fetched: Fetched
    ) -> None:
        self.answered = self.answered or bool(fetched.parents)
        self.vouches = self.vouches or self.answered
        super().put(rows, moved, fetched)

    def end(self) -> None:
        if (self._lost or not self.vouches) and self.error is None and self.absence is None:
            self.vouches = True
            self.checkpoint()
        elif self.error is not None and self.remembered.partial:
            self.checkpoint()  # what is left of a second that a budget cut need not be paid twice
        super().end()

    def _state(self) -> dict[str, Any] | None:
        if (found := super()._state()) is not None:
            found |= state.by_source(self.progresses, self._lefts)
        return found

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

    @property
    def remembered(self) -> Remembered:
        """What the stream's state says besides the times that are read."""
        return self.progresses.remembered

    def try_out(self) -> bool:
        """Asks for the rows of a record that does not exist. A good answer shows that the account
        has the stream; so does any other, less surely, that is no absence. Raises StreamError for
        an absence. Returns whether the answer was good."""
        row, child = self.row, self.row.child
        assert child is not None
        params = {**row.each[0], **({child.ids: str(NO_RECORD)} if child.ids else {})}
        self.go_on()
        try:
            self.sync.client.get(request_for(row, params, row.path.format(id=NO_RECORD)))
        except StreamError as error:
            if absence_of(row, error):
                raise
            return False
        self.answered = True
        return True

    def look_again(self) -> None:
        """Asks for a few of the parents that were refused in earlier syncs. Where one can be read
        now, all that changed at those times is left to read. Called before the readers are
        joined."""
        for stream in [self.row, *self.row.sources]:
            refused = self.remembered.refused.get(stream.name)
            if refused is None:
                continue
            every = [left for lefts in self._lefts.values() for left in lefts.values()]
            if not any(without(refused.times, left) for left in every):  # asked for anyway
                del self.remembered.refused[stream.name]
            elif _is_shown(self.sync.client, stream, refused.probes()):
                logger.info(
                    f"{self.row.name}: records that the user could not see can be read now; "
                    "reading what was missing."
                )
                del self.remembered.refused[stream.name]
                self._leave_again(refused.times)

    def _leave_again(self, times: Sequence[Interval]) -> None:
        for left in (*self._lefts.values(), *self._before.values()):
            for axis in left:
                left[axis] = union([left[axis], times])
        for axis, each in self.progresses.axes.items():
            self.progresses.leave_of(axis, union([each.left, times]))

    def refuse(self, stream: str, parent: Row, time: int) -> None:
        """The user may not see what `stream` holds of a parent; nor is what is made of it there."""
        with self.lock:
            self.remembered.refuse(stream, parent["id"], time)
        for each in self.fed:
            each.refuse(stream, parent, time)

    def fail(self, error: AirbyteTracedException) -> None:
        """Ends this stream, and all that live on it, where they are."""
        if self.exhausted:
            return
        self.error = error
        for each in self.fed:
            each.fail(error)

    def has_done(self, source: str, parent: Any, time: int) -> bool:
        """Whether the rows of a parent of this time left in an earlier sync, here and in all that
        lives on this stream, although no state vouches for the time."""
        if self.lane.silent:
            mine = bool(self.fed)
        else:
            mine = self.remembered.partial.get(source, {}).get(parent) == time
        by = f"{self.row.name}:{source}"
        return mine and all(each.has_done(by, parent, time) for each in self.fed)

    def note_done(self, parent: Row, by: str = "") -> None:
        """The rows of a parent have left. by: `<stream>:`, where they are made of that stream's.
        The lock is held."""
        time, until = instant_or_none(parent["time"]), self.progress.until
        # What changed since the sync began may change again within the same second.
        if time and time < until and "source" in parent:
            last_minute = time >= until - OVERLAP
            self.remembered.note(by + parent["source"], parent["id"], time, last_minute)

    def knows_as_much(self, known: int) -> bool:
        """Whether this stream, and all that live on it, were complete when `known` was."""
        same = self.progresses.known == known > 0
        return same and all(each.knows_as_much(known) for each in self.fed)

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
        self.remembered.settle(self.progress.left)

    def ends_with(self, covered: Covered) -> bool:
        """Whether nothing is left once this has been read, too, of what the account has."""
        return not any(
            without(left, [part for s, a, part in covered if (s, a) == (source, axis)])
            for source, lefts in self._lefts.items()
            for axis, left in lefts.items()
            if source not in self._lost
        )

    def covered_by(self, source: Reader[Any], fetched: Fetched) -> Covered:
        """What is read of this stream together with `fetched`: nothing that the source has taken
        back meanwhile. The lock is held."""
        known, left = self._lefts[source.row.name], source.left()
        return [
            (source.row.name, axis, part)
            for axis, interval in fetched.covered
            for part in (without([interval], left[axis]) if axis in known else ())
        ]


def whole(
    row: Stream, sync: Sync, known: int = 0, remembered: Remembered | None = None
) -> Progresses:
    """All of the history is left."""
    roots = row.roots.items()
    axes = {name: Progress(lower_bound(root, sync.lower), sync.until) for name, root in roots}
    return Progresses(axes, known, remembered)


def _is_shown(client: Api, row: Stream, parents: Sequence[Any]) -> bool:
    """Whether the children of any of these parents can be read now."""
    for parent in parents if row.child else ():
        assert row.child is not None
        counted = row.child.counter is not None
        path = row.path if row.child.ids else row.path.format(id=parent)
        named = {row.child.ids: str(parent)} if row.child.ids else {}
        try:
            next(pages(client, row, {**named, **row.each[0]}, path=path, known_rows=counted))
        except PipedriveError:
            continue  # whatever else is wrong shows when the stream is read
        return True
    return False
