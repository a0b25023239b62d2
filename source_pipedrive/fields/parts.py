"""Columns with a part of a standard field's value, such as a person's primary email address."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from source_pipedrive.fields.columns import KEY
from source_pipedrive.fields.values import Conversion, Values, number, text
from source_pipedrive.http.shapes import ShapedRecord, values
from source_pipedrive.stream import Part, Stream

Record = dict[str, Any]


class Parts:
    """The part columns of a stream that a sync fills.

    schema: as in the catalog. A column that it does not list is left out, and so is one whose name
    belonged to a custom field when the schema was discovered. Without properties, all are filled.
    """

    def __init__(self, stream: Stream, schema: Mapping[str, Any]) -> None:
        listed = schema.get("properties")
        self._columns = [
            (part.field, _conversion(stream, name, part))
            for name, part in stream.columns.parts.items()
            if not listed or KEY not in listed.get(name, {KEY: ""})
        ]
        self.names = frozenset(conversion.column for _, conversion in self._columns)

    def columns(self, records: Sequence[Record] | Sequence[ShapedRecord]) -> dict[str, Values]:
        """The columns, by name, each with a value for every record."""
        return {
            conversion.column: conversion.run(values(records, field))
            for field, conversion in self._columns
        }


def _conversion(stream: Stream, name: str, part: Part) -> Conversion:
    """Fills the column `name` of the type that the schema gives it."""
    is_number = "number" in stream.schema["properties"][name]["type"]
    find = _primary if part.primary else _inside
    return Conversion(name, number if is_number else text, part=partial(find, part.key))


def _inside(key: str, values: Values) -> Values:
    return [value.get(key) if value.__class__ is dict else None for value in values]


def _primary(key: str, values: Values) -> Values:
    return [_first(key, value) if value.__class__ is list else None for value in values]


def _first(key: str, entries: Collection[Any]) -> Any:
    """The value of the primary entry; of the first one, if none is primary. Entries without a
    value do not count."""
    found = [each for each in entries if each.__class__ is dict and each.get(key)]
    chosen = next((each for each in found if each.get("primary") is True), None)
    return (chosen or found[0])[key] if found else None
