"""Query parameters: how each is parsed, and which field of a record it filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from .clock import moment
from .record import Test

MAX_IDS = 100
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_INTEGER = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True)
class Filter:
    """A parameter that filters a list.

    `read` parses its text, or raises ValueError with the reason for a 400.
    `always`: the filter applies even with `filter_id`, which makes the vendor ignore most filters.
    An empty `field` filters nothing: the route's answer function uses the value itself.
    """

    name: str
    read: Callable[[str], Hashable]
    field: str
    test: Test = "is"
    required: bool = False
    always: bool = False


def parse_integer(text: str) -> int:
    """Parse a whole number."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("must be an integer")
    return int(text)


def integer_between(low: int, high: int) -> Callable[[str], int]:
    """A parser of integers from `low` to `high`, inclusive."""

    def read(text: str) -> int:
        value = parse_integer(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")
        return value

    return read


def parse_boolean(text: str) -> bool:
    """Parse `true` or `false`."""
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def one_of(*allowed: str) -> Callable[[str], str]:
    """A parser of one of the `allowed` names."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return read


def some_of(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    """A parser of comma-separated names from `allowed`, without duplicates."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        for name in names:
            if name not in allowed:
                raise ValueError(f"{name!r} is not one of {', '.join(allowed)}")
        if len(set(names)) != len(names):
            raise ValueError("a name is given twice")
        return names

    return read


def parse_time(text: str) -> float:
    """Parse RFC 3339 with whole seconds and Z, which is all that the vendor's v2 accepts."""
    return moment(text)


def parse_date(text: str) -> str:
    """Check a date (YYYY-MM-DD) and return it as text."""
    if not _DATE.fullmatch(text):
        raise ValueError("must be a date (YYYY-MM-DD)")
    return text


def parse_end_of_day(text: str) -> str:
    """A text that sorts after every second of that day."""
    return f"{parse_date(text)} 24"


def parse_text(given: str) -> str:
    """Check that a text is not empty."""
    if not given:
        raise ValueError("must not be empty")
    return given


def _ids(text: str) -> frozenset[int]:
    ids = frozenset(parse_integer(part) for part in text.split(","))
    if len(ids) > MAX_IDS:
        raise ValueError(f"at most {MAX_IDS} ids")
    return ids


def integer(name: str, field: str = "") -> Filter:
    """A filter by the integer in `field` (default: the field called `name`)."""
    return Filter(name, parse_integer, field or name)


def exact(name: str, field: str = "") -> Filter:
    """A filter by the text in `field` (default: the field called `name`)."""
    return Filter(name, parse_text, field or name)


def boolean(name: str, field: str = "") -> Filter:
    """A filter by the boolean in `field` (default: the field called `name`)."""
    return Filter(name, parse_boolean, field or name, always=True)


def parse_flag(text: str) -> bool:
    """Parse v1's 0 or 1 for a boolean."""
    return integer_between(0, 1)(text) == 1


def flag(name: str) -> Filter:
    """A filter by v1's 0 or 1 for the boolean `name`."""
    return Filter(name, parse_flag, name)


def choice(
    name: str, *allowed: str, field: str = "", test: Test = "is", required: bool = False
) -> Filter:
    """A filter by one of the `allowed` texts in `field` (default: the field called `name`)."""
    return Filter(name, one_of(*allowed), field or name, test, required, always=True)


IDS = Filter("ids", _ids, "id", test="in")
