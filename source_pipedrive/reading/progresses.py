"""The progress of a stream whose parents come from several lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from source_pipedrive.reading.remembered import Remembered
from source_pipedrive.reading.spans import Interval, Progress, union


class Progresses(Progress):
    """The progress of a stream that hangs on several lists, by their names; the spans are those
    that are left of any.

    known: all that a list has seen before this time was read by a sync that reached its end.
    sources: what is done by source and list, where the sources of one list differ. remembered: what
    the state says besides.
    """

    def __init__(
        self,
        axes: Mapping[str, Progress],
        known: int = 0,
        remembered: Remembered | None = None,
    ) -> None:
        first = next(iter(axes.values()))
        super().__init__(min(each.since for each in axes.values()), first.until)
        self.axes = dict(axes)
        self.known = known
        self.sources: Mapping[str, Mapping[str, list[Interval]]] = {}
        self.remembered = remembered or Remembered()
        self._merge()

    def left_by(self, source: str, axis: str) -> list[Interval]:
        """What a source has not yet brought of a list."""
        each, done = self.axes[axis], self.sources.get(source)
        return each.left if done is None else Progress(each.since, each.until, done[axis]).left

    def leave_of(self, axis: str, left: Iterable[Interval]) -> None:
        """From now on this is left of one list."""
        self.axes[axis].leave(left)
        self._merge()

    def finish(self) -> None:
        for each in self.axes.values():
            each.finish()
        self._merge()

    def _merge(self) -> None:
        self.leave(union(each.left for each in self.axes.values()))
