"""Streams of one object for each record and calendar month: the results of goals, the statistics of
pipelines.

The state names the months of each parent that have been read after they were over; nothing is
concluded from the time of a sync, so a longer history and a goal that begins earlier bring the
months that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_pipedrive.http.errors import Action
from source_pipedrive.reading.children import SLICE, Children
from source_pipedrive.reading.instants import instant
from source_pipedrive.reading.months import months_of
from source_pipedrive.reading.reader import Reader, T
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.spans import Progress

# Seconds after its end before a month counts as over: by then it is over in every time zone.
SETTLED = 2 * 86_400


class Monthly(Children[T]):
    """Every parent is asked for in every sync, for the months that no sync has settled."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._news = 0  # months that no state has told of
        self._parked: set[Any] = set()  # parents of which a month could not be read

    def units(self, source: Reader[Any], parent: Row) -> list[Row]:
        once = (source.row.name, parent["id"], None)
        if once in self._asked:
            return []
        self._asked.add(once)
        life = [parent.get(name) for name in self.child.lifetime_fields]
        return [
            {**parent, "month": month}
            for month in months_of(self.sync.lower, self.sync.until, *life)
            if not self.remembered.has(parent["id"], month[0][:7])
        ]

    def requests(self, parent: Row) -> list[tuple[Mapping[str, str], Row]]:
        start, end, (first, last) = parent["month"]
        names = self.child.month_params
        return [({names[0]: first, names[1]: last}, {"period_start": start, "period_end": end})]

    def have_left(self, parent: Row) -> None:
        start, end, _ = parent["month"]
        if instant(end) + 86_400 + SETTLED <= self.sync.until:
            self.remembered.add_month(parent["id"], start[:7])
            self._news += 1

    def has_news(self, enough: bool) -> bool:
        return super().has_news(enough) or self._news >= SLICE

    def _vouch(self, progress: Progress) -> None:
        super()._vouch(progress)
        self._news = 0

    def skip(self, parent: Row, action: Action) -> None:
        if action is Action.PARK and parent["id"] not in self._parked:
            self._parked.add(parent["id"])  # it may be that month alone
            return
        self.pending.drop(lambda other: bool(other["id"] == parent["id"]))

    def end(self) -> None:
        if self._news:
            self.checkpoint()
        super().end()

    @property
    def unit(self) -> str:
        return f"months of {super().unit}"
