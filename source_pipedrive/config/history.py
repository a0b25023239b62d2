"""The part of the form about how far back the first sync reads."""

import calendar
import re
from abc import abstractmethod
from datetime import UTC, datetime
from typing import Literal

from pydantic import field_validator

from source_pipedrive.config.errors import MONTHS, config_error, problem, quoted
from source_pipedrive.config.form import FormModel, field, shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"


class History(FormModel):
    """How far back the first sync reads. One of the three classes below."""

    @abstractmethod
    def since(self, now: datetime) -> datetime:
        """The earliest time to read, in UTC and not before 1970.

        `now` must have a time zone. Raises a config error if the start is after `now`.
        """


class LastPeriod(History):
    """A number of calendar months back, from midnight UTC. A day that the month lacks becomes its
    last day."""

    model_config = shown("Recent period", "Read the most recent months or years.")

    mode: Literal["duration"] = field(0, "Mode", "Selects a recent period.")
    duration: Literal["1 month", "3 months", "6 months", "1 year", "2 years", "5 years"] = field(
        1,
        "Period",
        "Counted back from the day of the first sync.",
        default="1 year",
        always_show=True,
    )

    def since(self, now: datetime) -> datetime:
        today = now.astimezone(UTC)
        year, month = divmod(today.year * 12 + today.month - 1 - MONTHS[self.duration], 12)
        day = min(today.day, calendar.monthrange(year, month + 1)[1])
        return max(EPOCH, datetime(year, month + 1, day, tzinfo=UTC))


class AllTime(History):
    """Everything, which means since 1970."""

    model_config = shown("Everything", "Read all records in the account.")

    mode: Literal["all"] = field(0, "Mode", "Selects the full history.")

    def since(self, now: datetime) -> datetime:
        return EPOCH


class SinceDate(History):
    """From a date (midnight UTC) or an exact time."""

    model_config = shown("Since a date", "Read records from a date that you choose.")

    mode: Literal["start_date"] = field(0, "Mode", "Selects a start date.")
    start_date: str = field(
        1,
        "Start date",
        "The first day to read, such as 2024-01-01, or an exact time in UTC.",
        pattern=_DATE,
        pattern_descriptor="YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
        format="date-time",
        examples=["2024-01-01", "2024-01-01T00:00:00Z"],
    )

    @field_validator("start_date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        try:
            _instant(value)
        except ValueError:
            raise problem(
                f"history.start_date {quoted(value)}is not a date. Use YYYY-MM-DD."
            ) from None
        return value

    def since(self, now: datetime) -> datetime:
        start = _instant(self.start_date)
        if start > now:
            raise config_error(
                f'history.start_date "{self.start_date}" is in the future. '
                "Use a date that has passed."
            )
        return max(EPOCH, start)


def _instant(value: str) -> datetime:
    if not re.fullmatch(_DATE, value):
        raise ValueError("must be YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
    return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
