"""Streams of one object for each record and calendar month: the results of goals, the statistics of
pipelines.

The state lists the months of each parent that were read after they had ended. Nothing is inferred
from the time of a sync, so a longer history, or a goal that begins earlier, adds the missing
months.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from source_pipedrive.http.errors import Action
from source_pipedrive.reading.children import SLICE, Children
from source_pipedrive.reading.instants import instant, instant_or_none
from source_pipedrive.reading.progress import Progress
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.records import Record

# Seconds from its end until a month counts as over: by then it is over in every time zone.
SETTLED = 2 * 86_400

# First and last day of a month, as `YYYY-MM-DD`, and the first and last day in it on which the
# parent existed.
Month = tuple[str, str, tuple[str, str]]


class Monthly(Children):
    """Each sync requests the months of each parent that no earlier sync read after their end."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._unsaved_months = 0
        self._parked: set[Any] = set()  # parents with a month that could not be read

    @property
    def requests_per_parent(self) -> int:
        return 1

    @property
    def unit(self) -> str:
        return f"months of {super().unit}"

    def units(self, source: Reader, parent: Record) -> list[Record]:
        unit = (source.stream.name, parent["id"], None)
        if unit in self._asked:
            return []
        self._asked.add(unit)
        life = [parent.get(name) for name in self.child.lifetime_fields]
        return [
            {**parent, "month": month}
            for month in months_of(self.context.lower, self.context.until, *life)
            if not self.remembered.has(parent["id"], month[0][:7])
        ]

    def requests(self, parent: Record) -> list[tuple[Mapping[str, str], Record]]:
        start, end, (first, last) = parent["month"]
        names = self.child.month_params
        return [({names[0]: first, names[1]: last}, {"period_start": start, "period_end": end})]

    def note_written(self, parent: Record) -> None:
        start, end, _ = parent["month"]
        if instant(end) + 86_400 + SETTLED <= self.context.until:
            self.remembered.add_month(parent["id"], start[:7])
            self._unsaved_months += 1

    def has_news(self, enough: bool) -> bool:
        return super().has_news(enough) or self._unsaved_months >= SLICE

    def _save(self, progress: Progress) -> None:
        super()._save(progress)
        self._unsaved_months = 0

    def skip(self, parent: Record, action: Action) -> None:
        if action is Action.PARK and parent["id"] not in self._parked:
            self._parked.add(parent["id"])  # maybe only that month fails
            return
        self.pending.drop(lambda other: bool(other["id"] == parent["id"]))

    def close(self, failed: bool, unavailable: bool) -> bool:
        news = bool(self._unsaved_months)
        return super().close(failed, unavailable) or news


def months_of(since: int, until: int, begun: Any = None, ended: Any = None) -> list[Month]:
    """The months of [since, until) in which a parent existed.

    since, until: seconds since 1970; begun, ended: when the parent began and ended, as dates or
    times in Pipedrive's format, or None.
    """
    first = max(_day(since), _date(begun) or date.min)
    last = min(_day(until), _date(ended) or date.max)
    found = []
    month = first.replace(day=1)
    while month <= last:
        end = month.replace(day=calendar.monthrange(month.year, month.month)[1])
        within = max(month, _date(begun) or month), min(end, _date(ended) or end)
        found.append((month.isoformat(), end.isoformat(), _texts(within)))
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return found


def _texts(days: tuple[date, date]) -> tuple[str, str]:
    return days[0].isoformat(), days[1].isoformat()


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def _date(value: Any) -> date | None:
    if isinstance(value, str) and (seconds := instant_or_none(value[:10] + " 00:00:00")):
        return _day(seconds)
    return None
