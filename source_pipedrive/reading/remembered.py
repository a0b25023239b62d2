"""What the state of a child stream says besides the times that are read.

    "recent":  {"deals": [[7, "2026-11-23T09:59:50Z"]]}   parents of the sync's last minute
    "refused": {"deal_changelog": {"ids": [9], "times": [["2026-...", "2026-..."]]}}
    "partial": {"deals": [[7, "2026-11-20T08:00:00Z"]]}   parents read of a second that is not done;
                                                          "deal_changelog:deals", where made of that
    "months":  {"3": [["2025-11", "2026-10"]]}            of each parent, first and last month

`recent`: the next sync reads that minute again; parents that have not changed since are not asked
for their children twice. `refused`: parents that the token's user may not see; a few are asked for
in each sync, and once one can be read, all of those times are read again. `partial`: a bulk import
may put more parents into one second than a day's budget pays for. `months`: the calendar
months that have been read after they were over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.progress import Interval, lies_in, union

MOST_PARENTS = 10_000  # of a stream; of more, some are asked for again
MOST_TIMES = 50  # intervals; of more, the closest are joined
PROBES = 3  # refused parents that a sync asks for
MOST_REFUSED = 100  # that take turns in being asked for: some may never be shown, or have gone

Months = tuple[str, str]  # first and last, as YYYY-MM


@dataclass
class Refused:
    """ids: of the newest of these parents; times: when they changed."""

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
        """Those that this sync asks for; the next sync asks for others."""
        asked, others = self.ids[:PROBES], self.ids[PROBES:]
        self.ids = [*others, *asked]
        return asked


@dataclass
class Remembered:
    """recent: time of change by id, by the stream that the parent is of, as the last complete sync
    saw them; fresh: the same of this sync; partial: the same of times that are left; refused: by
    the stream that refused them; months: by the parent's id."""

    recent: dict[str, dict[Any, int]] = field(default_factory=dict)
    fresh: dict[str, dict[Any, int]] = field(default_factory=dict)
    partial: dict[str, dict[Any, int]] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)
    months: dict[str, list[Months]] = field(default_factory=dict)

    def refuse(self, stream: str, id_: Any, time: int) -> None:
        """The user may not see what `stream` holds of this parent."""
        self.refused.setdefault(stream, Refused()).add(id_, time)

    def note(self, source: str, id_: Any, time: int, last_minute: bool) -> None:
        """The rows of a parent have left, and no state vouches for its time yet."""
        self.partial.setdefault(source, {})[id_] = time
        if last_minute:
            self.fresh.setdefault(source, {})[id_] = time

    def settle(self, left: Iterable[Interval]) -> None:
        """Forgets the parents of times that a state vouches for."""
        open_ = list(left)
        for source, ids in self.partial.items():
            self.partial[source] = {id_: at for id_, at in ids.items() if lies_in(at, open_)}

    def has(self, parent: Any, month: str) -> bool:
        """Whether the parent's month, as YYYY-MM, has been read."""
        return any(first <= month <= last for first, last in self.months.get(str(parent), ()))

    def add_month(self, parent: Any, month: str) -> None:
        """The parent's month has been read."""
        known = self.months.get(str(parent), [])
        self.months[str(parent)] = _joined([*known, (month, month)])

    def dump(self, complete: bool) -> dict[str, Any]:
        """The part of a state that says it; empty where there is nothing to say.

        complete: whether the sync has read everything. Before that, streams made of this one may
        still lack what it has read.
        """
        recent = _dumped(self.fresh if complete else self.recent)
        partial = {} if complete else _dumped(self.partial)
        refused = {
            stream: {"ids": each.ids, "times": [[rfc3339(a), rfc3339(b)] for a, b in each.times]}
            for stream, each in self.refused.items()
        }
        months = {parent: [list(part) for part in parts] for parent, parts in self.months.items()}
        parts = {"recent": recent, "partial": partial, "refused": refused, "months": months}
        return {name: part for name, part in parts.items() if part}


def load(state: Mapping[str, Any]) -> Remembered:
    """What a state says. Raises KeyError, TypeError, ValueError or AttributeError where it cannot
    be read."""
    return Remembered(
        recent=_loaded(state.get("recent", {})),
        partial=_loaded(state.get("partial", {})),
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


def _loaded(parents: Mapping[str, Iterable[tuple[Any, str]]]) -> dict[str, dict[Any, int]]:
    return {source: {id_: instant(time) for id_, time in ids} for source, ids in parents.items()}


def _joined(parts: Iterable[Months]) -> list[Months]:
    """The same months in as few parts as can be."""
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
