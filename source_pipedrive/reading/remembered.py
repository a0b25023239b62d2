"""What the state of a child stream holds besides the times that have been read.

    "recent":  {"deals": [[7, "2026-11-23T09:59:50Z"]]}   parents of the sync's last minute
    "refused": {"deal_changelog": {"ids": [9], "times": [["2026-...", "2026-..."]]}}
    "partial": {"deals": [[7, "2026-11-20T08:00:00Z"]]}   parents read of an unfinished second;
                                                          "deal_changelog:deals" if derived from it
    "months":  {"3": [["2025-11", "2026-10"]]}            of each parent, first and last month

`recent`: the next sync reads that minute again, but does not ask twice for the children of parents
that have not changed since. `refused`: parents that are hidden from the token's user; each sync
asks for a few of them, and once one can be read, all of those times are read again. `partial`: a
bulk import may put more parents into one second than a day's budget pays for. `months`: the
calendar months that were read after they had ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.progress import Interval, lies_in, union

MOST_PARENTS = 10_000  # of a stream; beyond that, some are asked for again
MOST_TIMES = 50  # intervals; beyond that, the closest are joined
PROBES = 3  # refused parents that each sync asks for
MOST_REFUSED = 100  # ids that are asked for in turn: some may stay hidden, or have vanished

Months = tuple[str, str]  # first and last, as YYYY-MM
# A parent's time of change, and the parent in a state: its id and that time. Each of the thousands
# of states of a large sync may hold thousands of parents, so each parent is rendered only once.
Noted = tuple[int, list[Any]]


@dataclass
class Refused:
    """ids: the newest of these parents; times: when all of them changed."""

    ids: list[Any] = field(default_factory=list)
    times: list[Interval] = field(default_factory=list)

    def add(self, id_: Any, time: int) -> None:
        """One more parent."""
        self.ids = [*(known for known in self.ids if known != id_), id_][-MOST_REFUSED:]
        self.times = union([self.times, [(time, time + 1)]])
        while len(self.times) > MOST_TIMES:
            gaps = [after[0] - before[1] for before, after in pairwise(self.times)]
            at = gaps.index(min(gaps))
            self.times[at : at + 2] = [(self.times[at][0], self.times[at + 1][1])]

    def probes(self) -> list[Any]:
        """The ids that this sync asks for; the next sync asks for others."""
        asked, others = self.ids[:PROBES], self.ids[PROBES:]
        self.ids = [*others, *asked]
        return asked


@dataclass
class Remembered:
    """recent: each parent's time of change by its id, by source stream, in the last complete sync;
    fresh: the same for this sync; partial: these parents too, for times that are still left;
    refused: by the stream that refused them; months: by the parent's id."""

    recent: dict[str, dict[Any, int]] = field(default_factory=dict)
    fresh: dict[str, dict[Any, int]] = field(default_factory=dict)
    partial: dict[str, dict[Any, Noted]] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)
    months: dict[str, list[Months]] = field(default_factory=dict)
    # The times that were left at the last `settle`, and the parents noted since then.
    _left: list[Interval] | None = field(default=None, init=False, compare=False)
    _new: list[tuple[str, Any]] = field(default_factory=list, init=False, compare=False)

    def refuse(self, stream: str, id_: Any, time: int) -> None:
        """The user may not see what `stream` holds for this parent."""
        self.refused.setdefault(stream, Refused()).add(id_, time)

    def note(self, source: str, id_: Any, time: int, last_minute: bool) -> None:
        """The children of a parent have left, and no state includes its time yet."""
        self.partial.setdefault(source, {})[id_] = _noted(id_, time)
        self._new.append((source, id_))
        if last_minute:
            self.fresh.setdefault(source, {})[id_] = time

    def settle(self, left: Iterable[Interval]) -> None:
        """Forgets the parents of times that a state includes. If `left` has not changed, only the
        new parents are checked."""
        open_ = list(left)
        if open_ == self._left:
            for source, id_ in self._new:
                noted = self.partial[source].get(id_)
                if noted and not lies_in(noted[0], open_):
                    del self.partial[source][id_]
        else:
            for source, ids in self.partial.items():
                self.partial[source] = {
                    i: each for i, each in ids.items() if lies_in(each[0], open_)
                }
        self._left, self._new = open_, []

    def has_left(self, source: str, id_: Any, time: int) -> bool:
        """Whether the children of a parent have left, although no state includes its time."""
        noted = self.partial.get(source, {}).get(id_)
        return noted is not None and noted[0] == time

    def has(self, parent: Any, month: str) -> bool:
        """Whether the parent's month, as YYYY-MM, has been read."""
        return any(first <= month <= last for first, last in self.months.get(str(parent), ()))

    def add_month(self, parent: Any, month: str) -> None:
        """The parent's month has been read."""
        known = self.months.get(str(parent), [])
        self.months[str(parent)] = _joined([*known, (month, month)])

    def dump(self, complete: bool) -> dict[str, Any]:
        """The part of a state that holds it; empty if there is nothing to remember.

        complete: whether the sync has read everything. Before that, streams derived from this one
        may still lack what it has read.
        """
        recent = _dumped(self.fresh if complete else self.recent)
        partial = {} if complete else {s: _newest(ids) for s, ids in self.partial.items() if ids}
        refused = {
            stream: {"ids": each.ids, "times": [[rfc3339(a), rfc3339(b)] for a, b in each.times]}
            for stream, each in self.refused.items()
        }
        months = {parent: [list(part) for part in parts] for parent, parts in self.months.items()}
        parts = {"recent": recent, "partial": partial, "refused": refused, "months": months}
        return {name: part for name, part in parts.items() if part}


def load(state: Mapping[str, Any]) -> Remembered:
    """What a state holds. Raises KeyError, TypeError, ValueError or AttributeError if it cannot be
    read."""
    return Remembered(
        recent=_loaded(state.get("recent", {})),
        partial={
            source: {id_: _noted(id_, instant(time)) for id_, time in ids}
            for source, ids in state.get("partial", {}).items()
        },
        refused={
            stream: Refused(list(each["ids"]), [(instant(a), instant(b)) for a, b in each["times"]])
            for stream, each in state.get("refused", {}).items()
        },
        months={
            parent: [(str(first), str(last)) for first, last in parts]
            for parent, parts in state.get("months", {}).items()
        },
    )


def _dumped(parents: Mapping[str, Mapping[Any, int]]) -> dict[str, list[list[Any]]]:
    return {
        source: [[id_, rfc3339(time)] for id_, time in list(ids.items())[-MOST_PARENTS:]]
        for source, ids in parents.items()
        if ids
    }


def _newest(parents: Mapping[Any, Noted]) -> list[list[Any]]:
    return [pair for _, pair in list(parents.values())[-MOST_PARENTS:]]


def _noted(id_: Any, time: int) -> Noted:
    return time, [id_, rfc3339(time)]


def _loaded(parents: Mapping[str, Iterable[tuple[Any, str]]]) -> dict[str, dict[Any, int]]:
    return {source: {id_: instant(time) for id_, time in ids} for source, ids in parents.items()}


def _joined(parts: Iterable[Months]) -> list[Months]:
    """The same months in as few parts as possible."""
    found: list[Months] = []
    for first, last in sorted(parts):
        if found and first <= _following(found[-1][1]):
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _following(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"
