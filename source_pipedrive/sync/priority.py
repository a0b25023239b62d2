"""Whose turn it is: lists first, then what is requested record by record.

A list costs a request per hundreds of records, its child streams one per record, or per few. If a
budget does not pay for everything, it pays for the lists first; then for what costs little; then
for what is furthest behind. Streams that cannot resume go after those that can, unless they are
small, so that syncs that a budget cuts short always make progress. If a sync may succeed
although a budget stops it, streams that it has to read as a whole come first of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.cost import is_expensive
from source_pipedrive.stream import SORTED
from source_pipedrive.sync.budget_stop import must_be_whole
from source_pipedrive.sync.stream_run import StreamRun

# Lists that cannot resume go before those that can for at most a quarter of what a sync may spend,
# and lists go before child streams only if one look at each takes at most half of it.
SMALL_PART, LOOKS_PART = 1 / 4, 1 / 2
# Unselected lists may take a quarter before their dependents go first.
UNSELECTED_PART = 1 / 4
LISTS, OTHER_LISTS, CHILDREN = 1, 2, 3

Key = tuple[int, bool, bool, float, int, int, str]


class Priority:
    """Ranks the runs of one sync by what is known about them so far. whole_first: whether streams
    that a sync has to read as a whole, and what they need, come first."""

    def __init__(
        self, runs: Sequence[StreamRun[Any]], usage: Usage, whole_first: bool = False
    ) -> None:
        self._whole_first = whole_first
        self._usage = usage
        self._allowance = usage.allowance
        lists = [run for run in runs if is_list(run)]
        self._unselected = [r for r in runs if not r.selected and not r.stream.depth]
        self._small = set(self._first_of([r for r in lists if not r.reader.resumes]))
        resuming = [run for run in lists if run.reader.resumes]
        looks = sum(run.forecast.price for run in resuming)
        self._lists_first = self._allowance is None or looks <= LOOKS_PART * self._allowance
        self._least = min((r.reader.progress.until - r.reader.behind for r in resuming), default=0)
        self._open = {*self._small, *resuming}

    def _first_of(self, runs: Sequence[StreamRun[Any]]) -> list[StreamRun[Any]]:
        """The cheapest runs without a history, as many as their part of the budget pays for."""
        small = [run for run in runs if not run.stream.incremental.history_field]
        small.sort(key=lambda run: (run.forecast.price, run.stream.name))
        if self._allowance is None:
            return small
        found, remaining = [], SMALL_PART * self._allowance
        for run in small:
            remaining -= run.forecast.price
            if remaining < 0:
                break
            found.append(run)
        return found

    def add(self, run: StreamRun[Any]) -> None:
        """Adds a list that is read only for its dependents."""
        self._unselected.append(run)

    def key(self, run: StreamRun[Any]) -> Key:
        """The smallest comes first."""
        behind, price, depth = self._behind(run), run.forecast.price, run.stream.depth
        last = (depth, price, run.stream.name)
        if run in self._small or self._goes_first(run):
            return (LISTS, False, False, float("-inf"), *last)
        if not run.selected:
            needs = [self.key(other) for other in run.dependents if not other.exhausted]
            if needs:
                kind, late, costly, since, *_ = min(needs)
                return (kind + self.yields(run), late, costly, since, *last)
        if not self._lists_first and run.reader.resumes:
            far = self._is_far(run)
            return (LISTS, not far, far and not is_list(run), behind, *last)
        if is_list(run) or not self._lists_first:
            return (LISTS if run.reader.resumes else OTHER_LISTS, False, False, behind, *last)
        costly = is_expensive(price, self._allowance)
        return (CHILDREN, costly and not run.reader.resumes, costly, behind, *last)

    def _goes_first(self, run: StreamRun[Any]) -> bool:
        """Whether it has to be read as a whole, or one that has to waits for it."""
        if not self._whole_first or run.exhausted:
            return False
        is_whole = run.selected and must_be_whole(run)
        return is_whole or any(map(self._goes_first, (*run.dependents, *run.later)))

    def _is_far(self, run: StreamRun[Any]) -> bool:
        """Whether a backfill is under way, so that more is missing than the changes since the last
        sync. It is then much further behind than other runs."""
        gap = run.reader.progress.until - run.reader.behind
        return not run.reader.progress.done() or gap > 2 * self._least

    def _behind(self, run: StreamRun[Any]) -> float:
        """A stream that another waits for is as far behind as that one. If lists do not come first,
        so is a stream with dependents."""
        others = [] if self._lists_first else run.dependents
        waiting = [run.reader.behind, *(float(other.reader.behind) for other in run.later)]
        return min([*waiting, *(self._behind(other) for other in others)])

    def yields(self, run: StreamRun[Any]) -> bool:
        """Whether an unselected list lets its dependents go first after each page. It does once
        such lists have spent so much of a small budget that little remains."""
        if run.selected or run.stream.depth or self._allowance is None:
            return False
        spent = sum(other.output.pages * other.stream.endpoint.cost for other in self._unselected)
        return spent > UNSELECTED_PART * self._allowance

    def holds(self, run: StreamRun[Any]) -> bool:
        """Whether a run has to wait until the lists have been read. It does not if its queue of
        parents is full and their list waits for it."""
        if self._goes_first(run):
            return False
        if not self._lists_first or is_list(run) or not any(map(self._waits_for, self._open)):
            return False
        pressed = any(not s.exhausted and not s.reader.can_release for s in run.sources)
        return not (run.is_full and pressed)

    def _waits_for(self, run: StreamRun[Any]) -> bool:
        """Whether child streams wait for an open list. They do not if it starts over in each sync
        and has turned out to be large: it may never end within the budget. Nor do they if it waits
        for them."""
        if run.reader.is_last:
            return False
        if self._allowance is None or run.stream.incremental.changes in SORTED:
            return True
        return self._usage.of(run.stream.name).tokens <= SMALL_PART * self._allowance

    def ended(self, run: StreamRun[Any]) -> None:
        """Notes that a run has ended."""
        self._open.discard(run)


def is_list(run: StreamRun[Any]) -> bool:
    """Whether it reads a selected list."""
    return not run.stream.depth and run.selected
