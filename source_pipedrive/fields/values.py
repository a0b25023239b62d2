"""Converts custom field values to columns: compiled once per stream, run page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from source_pipedrive.fields.columns import (
    BOOLEAN,
    DATE,
    INTEGER,
    LIST,
    NUMBER,
    PARTS,
    TIME,
    TYPES,
    Column,
)
from source_pipedrive.fields.definitions import Field
from source_pipedrive.http.decoding import encode

Values = Sequence[Any]  # of one field in each record of a page; None where it has none
Warn = Callable[[str], object]  # logs a sentence once for all streams
CACHED = 10_000  # values in one ConversionCache

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_EXACT = 15  # digits that a float always preserves
_WHOLE = re.compile(r"[0-9]{1,18}")  # always fits into 64 bits
_INTEGERS = frozenset({int})


class Labels(dict[Any, str | None]):
    """The options of one field: labels by id, as a number or as text. An unknown id stays as text,
    and `warn` is called once."""

    def __init__(self, warn: Warn, name: str, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self.update({int(id_): label for id_, label in options.items() if _WHOLE.fullmatch(id_)})
        self[None] = None
        self._warn = warn
        self._name = name
        self._warned = False

    def __missing__(self, value: Any) -> str | None:
        if value == "":
            return None
        if not self._warned:
            self._warned = True
            self._warn(
                f'"{self._name}" contains options that have been deleted in Pipedrive; '
                "their ids replace the labels."
            )
        return str(value)

    def of(self, value: Any) -> str | None:
        """The label of an id or of an object with an id; None if there is none."""
        if isinstance(value, dict):
            value = value.get("id")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool):
            value = str(value)  # as in the definitions
        return self[value] if isinstance(value, int | str) else None

    def all(self, value: Any) -> list[Any]:
        """The labels of a list of ids, or of ids in v1's comma-separated text."""
        ids = [id_.strip() for id_ in value.split(",")] if isinstance(value, str) else value
        items = ids if isinstance(ids, list) else [ids]
        if _INTEGERS.issuperset(map(type, items)):
            return list(map(self.__getitem__, items))  # never null for these
        return [label for item in items if (label := self.of(item)) is not None]


class Ids(Labels):
    """No labels: each id stays as text."""

    def __init__(self) -> None:
        super().__init__(lambda sentence: None, "", {})

    def __missing__(self, value: Any) -> str | None:
        return str(value) if value != "" else None


class ConversionCache(dict[Any, Any]):
    """Caches a conversion, because dates repeat."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, value: Any) -> Any:
        found = self._convert(value)
        if len(self) < CACHED:
            self[value] = found
        return found


@dataclass(frozen=True)
class Conversion:
    """How one custom field fills one column, for a page at a time.

    column: the name of the column
    convert: the column's value for a field's value; None if it does not fit
    kinds: classes of values that need only the table; NoneType is one of them
    table: what `convert` finds for these values; None if it changes none of them
    part: takes the part that the column contains from the field's values; None for all of it
    """

    column: str
    convert: Callable[[Any], Any]
    kinds: frozenset[type] = frozenset({type(None)})
    table: Mapping[Any, Any] | None = None
    part: Callable[[Values], Values] | None = None

    def run(self, values: Values) -> Values:
        """The column's values for a field's values."""
        if self.part is not None:
            values = self.part(values)
        if not self.kinds.issuperset(map(type, values)):
            convert = self.convert
            return [None if value is None else convert(value) for value in values]
        return values if self.table is None else list(map(self.table.__getitem__, values))


def compiled(
    warn: Warn, columns: Sequence[Column], fields: Mapping[str, Field] | None, labels: bool
) -> dict[str, list[Conversion]]:
    """How each field, by its key, fills its columns.

    fields: the definitions, or None if the credentials may not see them; then options are unknown.
    """
    found: dict[str, list[Conversion]] = {}
    for column in columns:
        conversion = _conversion(warn, column, fields, labels)
        if conversion is not None:
            found.setdefault(column.key, []).append(conversion)
    return found


def labels_of(column: str, labels: Labels) -> Conversion:
    """Fills a column with the labels of a standard field's ids: a list of them for a list."""

    def convert(value: Any) -> Any:
        return labels.all(value) if value.__class__ is list else labels.of(value)

    return Conversion(column, convert, _kinds(int, str), labels)


def _conversion(
    warn: Warn, column: Column, fields: Mapping[str, Field] | None, labels: bool
) -> Conversion | None:
    """None if the values stay in the raw object only."""
    name, kind = column.name, column.type
    if column.part:
        # v1, and therefore leads, has only a time zone's number.
        keys = ("timezone_name", "timezone_id") if column.part == "timezone" else (column.part,)
        return _plain(name, PARTS.get(kind, {}).get(column.part), _part(*keys))
    if kind in ("enum", "set"):
        if labels and fields is None:
            return None
        # A deleted field has no options; a log line elsewhere reports the deletion.
        field = fields.get(column.key) if fields else None
        known = Labels(warn, column.title, field.options) if labels and field else Ids()
        if TYPES.get(kind) is LIST:
            return Conversion(name, known.all)
        return Conversion(name, known.of, _kinds(int, str), known)
    if kind == "address":
        return _plain(name, None, _addresses)
    return _plain(name, TYPES.get(kind), _values if kind in PARTS else None)


def _plain(
    name: str, schema: Mapping[str, Any] | None, part: Callable[[Values], Values] | None
) -> Conversion:
    """To the type of a schema. None: text. A value that does not fit becomes null; the raw object
    keeps it."""
    if schema is NUMBER:
        return Conversion(name, number, _kinds(int, float), part=part)
    if schema is INTEGER:
        return Conversion(name, integer, _kinds(int), part=part)
    if schema is BOOLEAN:
        return Conversion(name, boolean, _kinds(bool), part=part)
    if schema is DATE or schema is TIME:
        convert = day if schema is DATE else time
        return Conversion(name, convert, _kinds(str), ConversionCache(convert), part)
    return Conversion(name, text, _kinds(str), part=part)


def _kinds(*kinds: type) -> frozenset[type]:
    return frozenset({*kinds, type(None)})


def _values(values: Values) -> Values:
    """The value itself of each field whose value has parts."""
    return [value.get("value") if value.__class__ is dict else value for value in values]


def _addresses(values: Values) -> Values:
    return [
        value.get("formatted_address") or value.get("value") if value.__class__ is dict else value
        for value in values
    ]


def _part(key: str, other: str = "") -> Callable[[Values], Values]:
    def part(values: Values) -> Values:
        found = [value.get(key) if value.__class__ is dict else None for value in values]
        if not other:
            return found
        return [
            value.get(other) if part is None and value.__class__ is dict else part
            for part, value in zip(found, values, strict=True)
        ]

    return part


def number(value: Any) -> float | int | None:
    """A number; text is parsed."""
    if value.__class__ is int or value.__class__ is float:
        return value
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    return int(value) if len(value) > _EXACT and "." not in value else float(value)


def integer(value: Any) -> int | None:
    """An id, parsed from text or taken from the object that v1 sends for a linked record."""
    if isinstance(value, dict):
        value = value.get("id") if value.get("id") is not None else value.get("value")
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def boolean(value: Any) -> bool | None:
    """True or false; nothing else is taken for one of them."""
    return value if isinstance(value, bool) else None


def day(value: Any) -> str | None:
    """A date that exists in the calendar."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        return None


def time(value: Any) -> str | None:
    """A time of day, HH:MM:SS."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    return f"{match[1]:0>2}:{match[2]}:{match[3] or '00'}" if match else None


def text(value: Any) -> str | None:
    """Text; anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return encode(value).decode()
