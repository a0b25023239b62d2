"""Calendar months, for what Pipedrive only tells of a period."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime
from typing import Any

from source_pipedrive.reading.instants import instant_or_none

# First and last day of a month, as `YYYY-MM-DD`, and those of it that lie in a life.
Month = tuple[str, str, tuple[str, str]]


def months_of(since: int, until: int, begun: Any = None, ended: Any = None) -> list[Month]:
    """The months in which [since, until) and a life from `begun` to `ended` meet.

    since, until: seconds since 1970; begun, ended: dates or times as Pipedrive writes them, or
    None.
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
