"""Converts custom field values to columns: compiled once per stream, run for each record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from source_pipedrive.fields.columns import DATE, INTEGER, LIST, NUMBER, PARTS, TIME, TYPES, Column
from source_pipedrive.fields.definitions import Field
from source_pipedrive.http.decoding import encode

Record = dict[str, Any]
Put = Callable[[Record, Any], None]
Warn = Callable[[str], object]  # logs a sentence once for all streams
# What to do with a field's value. A value of exactly this class goes into this column, unchanged or
# looked up in the table; any other value goes to the function. Most values take the fast path.
Entry = tuple[type | None, str, Mapping[Any, Any] | None, Put]
CACHED = 10_000  # values in one ConversionCache

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_EXACT = 15  # digits that a float always preserves
_WHOLE = re.compile(r"[0-9]{1,18}")  # always fits into 64 bits


class Labels(dict[Any, str | None]):
    """The options of one field: labels by id, as a number or as text. An unknown id stays as text,
    and `warn` is called once."""

    def __init__(self, warn: Warn, name: str, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self.update({int(id_): label for id_, label in options.items() if _WHOLE.fullmatch(id_)})
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

    def all(self, value: Any) -> list[str]:
        """The labels of a list of ids, or of ids in v1's comma-separated text."""
        ids = [id_.strip() for id_ in value.split(",")] if isinstance(value, str) else value
        items = ids if isinstance(ids, list) else [ids]
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


def compiled(
    warn: Warn, columns: Sequence[Column], fields: Mapping[str, Field] | None, labels: bool
) -> dict[str, Entry]:
    """What to do with the value of each field, by its key.

    fields: the definitions, or None if the credentials may not see them; then options are unknown.
    """
    by_key: dict[str, list[Column]] = {}
    for column in columns:
        by_key.setdefault(column.key, []).append(column)
    return {key: _entry(warn, own, fields, labels) for key, own in by_key.items()}


def fill(record: Record, values: Mapping[str, Any], entries: Mapping[str, Entry]) -> None:
    """Copies the values of a record's custom fields into its columns."""
    get = entries.get
    for key, value in values.items():
        if value is not None and (entry := get(key)) is not None:
            kind, name, table, put = entry
            if value.__class__ is not kind:
                put(record, value)
            elif table is None:
                record[name] = value
            elif (found := table[value]) is not None:
                record[name] = found


def _entry(
    warn: Warn, columns: Sequence[Column], fields: Mapping[str, Field] | None, labels: bool
) -> Entry:
    own = next((column for column in columns if not column.part), None)
    name, kind = (own.name, own.type) if own else ("", columns[0].type)
    schema = TYPES.get(kind)
    if own is not None and kind in ("enum", "set"):
        if labels and fields is None:
            return None, name, None, _keep_raw
        # A deleted field has no options; a log line elsewhere reports the deletion.
        found = fields.get(own.key) if fields else None
        known = Labels(warn, own.title, found.options) if labels and found else Ids()
        if schema is LIST:
            return None, name, None, _put_labels(name, known)
        return int, name, known, _put(name, known.of)
    if kind in PARTS or kind == "address":
        parts = [_put_part(column) for column in columns if column.part]
        return None, name, None, _put_all(([_put_value(name, kind)] if own else []) + parts)
    convert = _converter(schema)
    if schema in (DATE, TIME):
        return str, name, ConversionCache(convert), _put(name, convert)
    plain = float if schema is NUMBER else int if schema is INTEGER else str
    return plain, name, None, _put(name, convert)


def _keep_raw(record: Record, value: Any) -> None:
    """The value stays in the raw object only."""


def _put(name: str, convert: Callable[[Any], Any]) -> Put:
    def put(record: Record, value: Any) -> None:
        if (fit := convert(value)) is not None:
            record[name] = fit

    return put


def _put_labels(name: str, labels: Labels) -> Put:
    def put(record: Record, value: Any) -> None:
        if value.__class__ is list and all(id_.__class__ is int for id_ in value):
            record[name] = [labels[id_] for id_ in value]
        else:
            record[name] = labels.all(value)

    return put


def _put_value(name: str, kind: str) -> Put:
    """Puts the value itself, for a field whose value has parts."""
    convert = _converter(TYPES.get(kind))
    if kind == "address":
        return _put(name, lambda value: convert(_address(value)))

    def put(record: Record, value: Any) -> None:
        if value.__class__ is dict:
            value = value.get("value")
        if value is not None and (fit := convert(value)) is not None:
            record[name] = fit

    return put


def _address(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return value.get("formatted_address") or value.get("value")


def _put_part(column: Column) -> Put:
    name = column.name
    # v1, and therefore leads, has only a time zone's number.
    key, other = (
        ("timezone_name", "timezone_id") if column.part == "timezone" else (column.part, "")
    )
    convert = _converter(PARTS.get(column.type, {}).get(column.part))

    def put(record: Record, value: Any) -> None:
        if value.__class__ is not dict:
            return
        part = value.get(key)
        if part is None:
            part = value.get(other)
        if part is not None and (fit := convert(part)) is not None:
            record[name] = fit

    return put


def _put_all(puts: Sequence[Put]) -> Put:
    if len(puts) == 2:
        first, second = puts

        def both(record: Record, value: Any) -> None:
            first(record, value)
            second(record, value)

        return both

    def put_all(record: Record, value: Any) -> None:
        for put in puts:
            put(record, value)

    return put_all


def _converter(schema: Mapping[str, Any] | None) -> Callable[[Any], Any]:
    """Converts a value to its column's type. A value that does not fit becomes null; the raw object
    keeps it."""
    if schema is NUMBER:
        return number
    if schema is INTEGER:
        return integer
    if schema is DATE:
        return day
    if schema is TIME:
        return time
    if schema is not None and "boolean" in schema["type"]:
        return lambda value: value if isinstance(value, bool) else None
    return text


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
