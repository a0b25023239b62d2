"""What the state of a child stream contains besides the times that have been read.

    "recent":  {"deals": [[7, "2026-11-23T09:59:50Z"]]}   parents of the sync's last minute
    "refused": {"deal_changelog": {"ids": [9], "times": [["2026-...", "2026-..."]]}}
    "partial": {"deals": [[7, "2026-11-20T08:00:00Z"]]}   parents read of an unfinished second;
                                                          "deal_changelog:deals" if derived from it
    "months":  {"3": [["2025-11", "2026-10"]]}            of each parent, first and last month

`recent`: the next sync reads that minute again, but does not request the children of parents that
have not changed since. `refused`: parents that are hidden from the token's user; each sync tries a
few of them, and once one can be read, all of those times are read again. `partial`: a
bulk import may put more parents into one second than a day's budget pays for. `months`: the
calendar months that were read after they had ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.progress import Interval, lies_in, union

MOST_PARENTS = 10_000  # of a stream; beyond that, some are requested again
MOST_TIMES = 50  # intervals; beyond that, the closest are joined
PROBES = 3  # refused parents that each sync tries
MOST_REFUSED = 100  # ids that are tried in turn: some may stay hidden, or have vanished

Months = tuple[str, str]  # first and last, as YYYY-MM


@dataclass
class Refused:
    """ids: the newest of these parents; times: when all of them changed; new: how many this sync
    has added."""

    ids: list[Any] = field(default_factory=list)
    times: list[Interval] = field(default_factory=list)
    new: int = field(default=0, compare=False)

    def add(self, id_: Any, time: int) -> None:
        """Adds a parent."""
        self.new += id_ not in self.ids
        self.ids = [*(known for known in self.ids if known != id_), id_][-MOST_REFUSED:]
        self.times = union([self.times, [(time, time + 1)]])
        while len(self.times) > MOST_TIMES:
            gaps = [after[0] - before[1] for before, after in pairwise(self.times)]
            at = gaps.index(min(gaps))
            self.times[at : at + 2] = [(self.times[at][0], self.times[at + 1][1])]

    def probes(self) -> list[Any]:
        """The ids that this sync tries; the next sync tries others."""
        asked, others = self.ids[:PROBES], self.ids[PROBES:]
        self.ids = [*others, *asked]
        return asked


@dataclass
class Remembered:
    """recent: each parent's time of change by its id, by source stream, in the last complete sync;
    fresh: the same for this sync; partial: the same for times that remain; refused: by the
    stream that refused them; months: by the parent's id."""

    recent: dict[str, dict[Any, int]] = field(default_factory=dict)
    fresh: dict[str, dict[Any, int]] = field(default_factory=dict)
    partial: dict[str, dict[Any, int]] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)
    months: dict[str, list[Months]] = field(default_factory=dict)

    def refuse(self, stream: str, id_: Any, time: int) -> None:
        """`stream`'s records of this parent are hidden from the user."""
        self.refused.setdefault(stream, Refused()).add(id_, time)

    def hidden_before(self, stream: str) -> int:
        """How many of its parents were refused before this sync; more, if there were many."""
        refused = self.refused.get(stream, Refused())
        return max(0, len(refused.ids) - refused.new)

    def note(self, source: str, id_: Any, time: int, last_minute: bool) -> None:
        """The children of a parent are written, but no state includes its time yet."""
        self.partial.setdefault(source, {})[id_] = time
        if last_minute:
            self.fresh.setdefault(source, {})[id_] = time

    def settle(self, remaining_from: Callable[[str], Sequence[Interval]]) -> None:
        """Forgets the parents of times that a state includes. remaining_from: what a source has
        still to deliver, by the name under which its parents are noted."""
        for source, ids in self.partial.items():
            open_ = remaining_from(source)
            self.partial[source] = {id_: at for id_, at in ids.items() if lies_in(at, open_)}

    def has(self, parent: Any, month: str) -> bool:
        """Whether the parent's month, as YYYY-MM, has been read."""
        return any(first <= month <= last for first, last in self.months.get(str(parent), ()))

    def add_month(self, parent: Any, month: str) -> None:
        """The parent's month has been read."""
        known = self.months.get(str(parent), [])
        self.months[str(parent)] = _joined([*known, (month, month)])

    def dump(self, complete: bool) -> dict[str, Any]:
        """Its part of a state; empty if there is nothing to remember.

        complete: whether the sync has read everything. Until then, streams derived from this one
        may lack what it has read.
        """
        recent = _dumped(self.fresh if complete else self.recent)
        partial = {} if complete else _dumped(self.partial)
        refused = {
            stream: {"ids": known.ids, "times": [[rfc3339(a), rfc3339(b)] for a, b in known.times]}
            for stream, known in self.refused.items()
        }
        months = {parent: [list(part) for part in parts] for parent, parts in self.months.items()}
        parts = {"recent": recent, "partial": partial, "refused": refused, "months": months}
        return {name: part for name, part in parts.items() if part}


def load(state: Mapping[str, Any]) -> Remembered:
    """What a state contains. Raises KeyError, TypeError, ValueError or AttributeError if it is
    unreadable."""
    return Remembered(
        recent=_loaded(state.get("recent", {})),
        partial=_loaded(state.get("partial", {})),
        refused={
            stream: Refused(list(part["ids"]), [(instant(a), instant(b)) for a, b in part["times"]])
            for stream, part in state.get("refused", {}).items()
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
