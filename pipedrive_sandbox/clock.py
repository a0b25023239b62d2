"""The sandbox's clock, and the formats in which Pipedrive writes dates and times."""

from __future__ import annotations

import re
import time
from calendar import timegm
from email.utils import formatdate
from functools import lru_cache

DAY = 86_400
_ANY_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|([+-])(\d\d):(\d\d))")
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z")


class Clock:
    """The sandbox's time in seconds since 1970: real, real plus an offset, or frozen.

    Every date that the sandbox writes or compares comes from `now()`, including the `Date` header.
    """

    def __init__(self, frozen_at: str | float | None = None) -> None:
        self._frozen: float | None = None if frozen_at is None else moment(frozen_at)
        self._offset = 0.0
        self._advanced = 0.0

    def now(self) -> float:
        return self._frozen if self._frozen is not None else time.time() + self._offset

    def set(self, at: str | float) -> None:
        """Freeze the clock at `at` (RFC 3339 with Z, or seconds since 1970)."""
        self._frozen = moment(at)

    def advance(self, seconds: float) -> None:
        """Move the clock forward. A frozen clock stays frozen, a running one keeps running."""
        if seconds < 0:
            raise ValueError("the clock can only move forward")
        self._advanced += seconds
        if self._frozen is not None:
            self._frozen += seconds
        else:
            self._offset += seconds

    def run(self) -> None:
        """Return to real time."""
        self._frozen, self._offset = None, 0.0

    def elapsed(self) -> float:
        """Seconds that always advance, for the 2-second burst window.

        Otherwise a frozen clock would never let that window pass.
        """
        return time.monotonic() + self._advanced

    def date_header(self) -> bytes:
        """The clock as an HTTP `Date` header."""
        return _date_header(int(self.now()))


@lru_cache(maxsize=4)
def _date_header(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def moment(at: str | float) -> float:
    """Seconds since 1970. Text must be `YYYY-MM-DDTHH:MM:SSZ`, or it raises ValueError."""
    if not isinstance(at, str):
        return float(at)
    match = _RFC3339.fullmatch(at)
    if not match:
        raise ValueError(f"{at!r} is not a valid datetime (YYYY-MM-DDTHH:MM:SSZ)")
    parts = tuple(int(part) for part in match.groups())
    seconds = timegm((*parts, 0, 0, 0))
    if zulu(seconds) != at:
        raise ValueError(f"{at!r} is not a valid datetime")
    return float(seconds)


def rfc3339(text: str) -> float:
    """Seconds since 1970 of any RFC 3339 time, as v1 documents it; v2 is stricter."""
    match = _ANY_RFC3339.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a valid datetime")
    whole, fraction, sign, hours, minutes = match.groups()
    offset = 60 * (60 * int(hours) + int(minutes)) if sign else 0
    seconds = moment(f"{whole}Z") + float(f"0{fraction or ''}")
    return seconds - offset if sign == "+" else seconds + offset


@lru_cache(maxsize=20_000)
def _date(days: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(days * DAY))


def date(seconds: float) -> str:
    """`YYYY-MM-DD`."""
    return _date(int(seconds) // DAY)


def _time_of_day(seconds: int) -> str:
    minutes, second = divmod(seconds % DAY, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"


def zulu(seconds: float) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`: the times of v2 records."""
    whole = int(seconds)
    return f"{_date(whole // DAY)}T{_time_of_day(whole)}Z"


def plain(seconds: float) -> str:
    """`YYYY-MM-DD HH:MM:SS`: the times of most v1 records, UTC."""
    whole = int(seconds)
    return f"{_date(whole // DAY)} {_time_of_day(whole)}"


def millis(seconds: float) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`: the times of leads, mail and call logs."""
    thousandths = round(seconds * 1000)
    whole = thousandths // 1000
    return f"{_date(whole // DAY)}T{_time_of_day(whole)}.{thousandths % 1000:03}Z"
