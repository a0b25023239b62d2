"""Whose turn it is: lists first, then what is requested record by record.

A list costs a request for hundreds of records, what hangs on its records a request for each, or for
a few. Where a budget does not pay for everything, it has to buy the lists; then what costs little;
then what is furthest behind. What cannot resume comes after what can, unless it is small, so that
syncs that a budget cuts short always get on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.estimates import is_expensive
from source_pipedrive.reading.fed import Fed
from source_pipedrive.reading.reader import SORTED, Reader

# Of what a sync may spend, a quarter at most goes to lists that cannot resume before those that can
# have had their turn; and lists come first only where one look at each takes half of it at most.
SMALL_PART, LOOKS_PART = 1 / 4, 1 / 2
# Lists that are read for others only may take a quarter before they let these go first.
HIDDEN_PART = 1 / 4
LISTS, OTHER_LISTS, CHILDREN = 1, 2, 3

Key = tuple[int, bool, bool, float, int, int, str]


class Priority:
    """Ranks the readers of one sync by what is known of them so far."""

    def __init__(self, readers: Sequence[Reader[Any]], usage: Usage) -> None:
        self._usage = usage
        self._allowance = usage.allowance
        lists = [reader for reader in readers if is_list(reader)]
        self._silent = [r for r in readers if r.lane.silent and not r.row.depth]
        self._small = set(self._first_of([r for r in lists if not r.resumes]))
        resuming = [reader for reader in lists if reader.resumes]
        looks = sum(reader.price for reader in resuming)
        self._lists_first = self._allowance is None or looks <= LOOKS_PART * self._allowance
        self._least = min((r.progress.until - r.behind for r in resuming), default=0)
        self._open = {*self._small, *resuming}

    def _first_of(self, readers: Sequence[Reader[Any]]) -> list[Reader[Any]]:
        """The cheapest of those that no history cuts, as many as the budget has a part for."""
        small = [reader for reader in readers if not reader.row.incremental.history_field]
        small.sort(key=lambda reader: (reader.price, reader.row.name))
        if self._allowance is None:
            return small
        found, left = [], SMALL_PART * self._allowance
        for reader in small:
            left -= reader.price
            if left < 0:
                break
            found.append(reader)
        return found

    def add(self, reader: Reader[Any]) -> None:
        """A list that is read for others only has come later."""
        self._silent.append(reader)

    def key(self, reader: Reader[Any]) -> Key:
        """The smallest comes first."""
        behind, price, depth = self._behind(reader), reader.price, reader.row.depth
        last = (depth, price, reader.row.name)
        if reader in self._small:
            return (LISTS, False, False, float("-inf"), *last)
        if reader.lane.silent:
            needs = [self.key(each) for each in _dependents(reader) if not each.exhausted]
            if needs:
                kind, late, dear, since, *_ = min(needs)
                return (kind + self.yields(reader), late, dear, since, *last)
        if not self._lists_first and reader.resumes:
            far = self._is_far(reader)
            return (LISTS, not far, far and not is_list(reader), behind, *last)
        if is_list(reader) or not self._lists_first:
            return (LISTS if reader.resumes else OTHER_LISTS, False, False, behind, *last)
        dear = is_expensive(price, self._allowance)
        return (CHILDREN, dear and not reader.resumes, dear, behind, *last)

    def _is_far(self, reader: Reader[Any]) -> bool:
        """Whether a backfill is under way, and not only the changes since the last sync missing:
        then it is much further behind than others are."""
        gap = reader.progress.until - reader.behind
        return not reader.progress.done() or gap > 2 * self._least

    def _behind(self, reader: Reader[Any]) -> float:
        """A stream that another one waits for is as far behind as that. Where lists do not come
        first, so is one that feeds others."""
        others = [] if self._lists_first else _dependents(reader)
        waiting = [reader.behind, *(each.behind for each in reader.awaited_by)]
        return min([*waiting, *(self._behind(each) for each in others)])

    def yields(self, reader: Reader[Any]) -> bool:
        """Whether a list that is read for others only lets these go first after each page. It does
        once such lists have taken so much of a small budget that little is left for the others."""
        if not reader.lane.silent or reader.row.depth or self._allowance is None:
            return False
        spent = sum(each.lane.pages * each.row.endpoint.cost for each in self._silent)
        return spent > HIDDEN_PART * self._allowance

    def holds(self, reader: Reader[Any]) -> bool:
        """Whether a reader has to wait until the lists have been read. One whose parents do not fit
        in need not, where their list waits for it."""
        if not self._lists_first or is_list(reader) or not any(map(self._waits_for, self._open)):
            return False
        sources = reader.sources if isinstance(reader, Fed) else ()
        urged = reader.flooded and any(not s.exhausted and not s.lets_go for s in sources)
        return not urged

    def _waits_for(self, reader: Reader[Any]) -> bool:
        """Whether child streams wait for a list that is open. They do not where it begins anew in
        each sync and has turned out to be large: it may never end within the budget."""
        if self._allowance is None or reader.row.incremental.changes in SORTED:
            return True
        return self._usage.of(reader.row.name).tokens <= SMALL_PART * self._allowance

    def ended(self, reader: Reader[Any]) -> None:
        """Nothing of a reader is left."""
        self._open.discard(reader)


def is_list(reader: Reader[Any]) -> bool:
    """Whether it reads a selected list."""
    return not reader.row.depth and not reader.lane.silent


def _dependents(reader: Reader[Any]) -> list[Reader[Any]]:
    return [each for each in reader.fed if isinstance(each, Reader)]
