"""Instants as whole seconds since 1970 in UTC, which compare regardless of format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor

EPOCH, SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)


def instant(text: str) -> int:
    """Seconds since 1970, cut to the second, of `2024-05-01 10:00:00` (v1, in UTC), RFC 3339 with
    or without fractions, or a date. Raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // SECOND  # twice as fast as through a float


def instant_or_none(value: object) -> int | None:
    """As `instant`; None for null, an empty text, and anything that is not a time. What lies before
    1970, such as the zero time of some languages, `0001-01-01T00:00:00Z`, is none either."""
    if not isinstance(value, str) or not value:
        return None
    try:
        found = instant(value)
    except ValueError:
        return None
    return found if found >= 0 else None


def instants(texts: Sequence[object]) -> list[int | None]:
    """As `instant_or_none`, for each time of a page. Times with a Z, such as v2's, take half as
    long."""
    try:
        moments = list(map(datetime.fromisoformat, texts))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return list(map(instant_or_none, texts))
    if {moment.tzinfo for moment in moments} == {UTC} and min(moments) >= EPOCH:
        return list(map(floor, map(datetime.timestamp, moments)))
    return list(map(instant_or_none, texts))


@lru_cache(maxsize=4096)  # each page's state repeats the spans that have not moved
def rfc3339(seconds: int) -> str:
    """`2024-05-01T10:00:00Z`: the format of v2's filters and of the state."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(moment: datetime) -> int:
    """Seconds since 1970 of an aware datetime, cut to the second."""
    return int(moment.timestamp() // 1)
