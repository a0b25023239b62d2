"""The progress of a stream whose parents come from several lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from source_pipedrive.reading.progress import Interval, Progress, lower_bound, union
from source_pipedrive.reading.remembered import Remembered
from source_pipedrive.stream import Stream


class MultiProgress(Progress):
    """The progress of a stream that depends on several root lists, by name. A span remains if it
    remains of any list.

    known: a sync that reached its end has read all that a list showed before this time. sources:
    what is done by source stream and list, if the sources of one list differ. remembered: the rest
    of the state.
    """

    def __init__(
        self,
        by_root: Mapping[str, Progress],
        known: int = 0,
        remembered: Remembered | None = None,
        sources: Mapping[str, Mapping[str, list[Interval]]] | None = None,
    ) -> None:
        first = next(iter(by_root.values()))
        super().__init__(min(progress.since for progress in by_root.values()), first.until)
        self.by_root = dict(by_root)
        self.known = known
        self.sources = sources or {}
        self.remembered = remembered or Remembered()
        self._merge()

    def remaining_from(self, source: str, root: str) -> list[Interval]:
        """What a source stream has not yet delivered of a list."""
        progress, done = self.by_root[root], self.sources.get(source)
        if done is None:
            return progress.remaining
        return Progress(progress.since, progress.until, done[root]).remaining

    def set_remaining_of(self, root: str, remaining: Iterable[Interval]) -> None:
        """Sets what remains of one list."""
        self.by_root[root].set_remaining(remaining)
        self._merge()

    def finish(self) -> None:
        for progress in self.by_root.values():
            progress.finish()
        self._merge()

    def _merge(self) -> None:
        self.set_remaining(union(progress.remaining for progress in self.by_root.values()))


def whole(
    stream: Stream, lower: int, until: int, known: int = 0, remembered: Remembered | None = None
) -> MultiProgress:
    """The progress of a stream whose whole history [lower, until) remains."""
    by_root = {
        name: Progress(lower_bound(root, lower), until) for name, root in stream.roots.items()
    }
    return MultiProgress(by_root, known, remembered)
