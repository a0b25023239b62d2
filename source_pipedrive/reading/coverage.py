"""What a dependent stream has yet to receive: an interval of a root list counts as read once every
source stream has delivered it.

Not thread-safe: the reader holds its lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from source_pipedrive.reading import state
from source_pipedrive.reading.batch import Covered, Handover
from source_pipedrive.reading.multi_progress import MultiProgress
from source_pipedrive.reading.progress import OVERLAP, Interval, union, without
from source_pipedrive.stream import Stream

Remaining = Mapping[str, list[Interval]]  # by root list


class Coverage:
    """Keeps `progress` up to date with what the source streams deliver."""

    def __init__(self, stream: Stream, progress: MultiProgress) -> None:
        self._progress = progress
        # By source and root list: two sources may each deliver a part of one list's time.
        self._remaining = {
            source.name: {root: progress.remaining_from(source.name, root) for root in source.roots}
            for source in stream.sources
        }
        self._at_start = {name: dict(remaining) for name, remaining in self._remaining.items()}
        self._unavailable: set[str] = set()

    def remaining_from(self, source: str) -> dict[str, list[Interval]]:
        """What one source has yet to deliver, by root list."""
        return self._remaining[source]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every source with each of its root lists."""
        return [(source, root) for source, roots in self._remaining.items() for root in roots]

    @property
    def all_remaining(self) -> list[Interval]:
        """What any source that the account has is yet to deliver."""
        return union(
            remaining
            for source, roots in self._remaining.items()
            if source not in self._unavailable
            for remaining in roots.values()
        )

    @property
    def lacks_a_source(self) -> bool:
        """Whether the account does not have one of the sources."""
        return bool(self._unavailable)

    def lose(self, source: str) -> bool:
        """The account does not have that source. Returns whether any others remain."""
        others = self._remaining.keys() - {*self._unavailable, source}
        if others:
            self._unavailable.add(source)
        return bool(others)

    def cover(self, covered: Covered) -> None:
        """Notes that this has been read."""
        if self._progress.complete:  # the account turned out not to have the stream
            return
        for source, root, interval in covered:
            remaining = self._remaining[source]
            remaining[root] = without(remaining[root], [interval])
        for root in {root for _, root, _ in covered}:
            self._progress.set_remaining_of(root, union(self._of_root(root)))
        self._progress.remembered.settle(self._remaining_for)

    def ends_with(self, covered: Covered) -> bool:
        """Whether nothing that the account has remains once this has been read too."""
        return not any(
            without(remaining, [part for s, r, part in covered if (s, r) == (source, root)])
            for source, roots in self._remaining.items()
            for root, remaining in roots.items()
            if source not in self._unavailable
        )

    def covered_by(self, source: str, handover: Handover, now: Remaining) -> Covered:
        """What a handover from `source` covers of this stream. now: what the source has yet to
        read, in case it has taken something back."""
        known = self._remaining[source]
        return [
            (source, root, part)
            for root, interval in handover.covered
            for part in (without([interval], now[root]) if root in known else ())
        ]

    def take_back(self, source: str, again: Remaining) -> None:
        """`source` reads its list from the beginning again, so what it covered remains again."""
        before, remaining = self._at_start[source], self._remaining[source]
        for root in before.keys() & again.keys():
            kept = without(before[root], again[root])
            remaining[root] = union([remaining[root], without(before[root], kept)])
            self._reopen(root, remaining[root])

    def read_again(self, times: Sequence[Interval]) -> None:
        """Whatever changed at these times is read again. Called before anything is read."""
        for remaining in (*self._remaining.values(), *self._at_start.values()):
            for root in remaining:
                remaining[root] = union([remaining[root], times])
        for root in self._progress.by_root:
            self._reopen(root, times)

    def dump(self) -> dict[str, Any]:
        """What a state contains about individual sources."""
        return state.by_source(self._progress, self._remaining)

    def _remaining_for(self, noted_as: str) -> list[Interval]:
        """What remains to be read for parents noted under this name: `deals`, or, if a child stream
        delivers them, `deal_changelog:deals`. A list's parents are forgotten before the other lists
        are read; otherwise each state would contain thousands of them."""
        source, _, root = noted_as.partition(":")
        roots = self._remaining.get(source, {})
        found = self._progress.remaining  # if the state knows a source that no longer is one
        if roots:
            found = roots[root] if root in roots else union(roots.values())
        # No state includes the last minute, so the next sync reads it again.
        return union([found, [(self._progress.until - OVERLAP, self._progress.until)]])

    def _of_root(self, root: str) -> list[list[Interval]]:
        return [roots[root] for roots in self._remaining.values() if root in roots]

    def _reopen(self, root: str, times: Sequence[Interval]) -> None:
        known = self._progress.by_root[root].remaining
        self._progress.set_remaining_of(root, union([known, times]))
