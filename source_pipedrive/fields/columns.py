"""Columns for custom fields: which there are, and how they stand in a stream's JSON Schema.

A column's property carries Pipedrive's key, so that the configured catalog says which value goes
into which column for as long as nobody refreshes the schema, whatever the field is called by then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from source_pipedrive.fields.definitions import Definitions, Field
from source_pipedrive.fields.names import column_names, contested
from source_pipedrive.stream import Stream

Schema = dict[str, Any]

KEY, TYPE, PART = "pipedrive_key", "pipedrive_type", "pipedrive_part"
RAW = "custom_fields"
MARK = "pipedrive_fields"  # on RAW: the fields that there were, by the beginning of their keys
SEEN = 8  # characters of a key in it

TEXT: Schema = {"type": ["null", "string"]}
NUMBER: Schema = {"type": ["null", "number"]}
INTEGER: Schema = {"type": ["null", "integer"]}
BOOLEAN: Schema = {"type": ["null", "boolean"]}
DATE: Schema = {**TEXT, "format": "date"}
TIME: Schema = {**TEXT, "format": "time", "airbyte_type": "time_without_timezone"}
LIST: Schema = {"type": ["null", "array"], "items": TEXT}

# What a field of each type holds; every other type, also one to come, is a text.
TYPES: dict[str, Schema] = {
    "double": NUMBER,
    "monetary": NUMBER,
    "int": INTEGER,
    "boolean": BOOLEAN,
    "date": DATE,
    "daterange": DATE,
    "time": TIME,
    "timerange": TIME,
    "set": LIST,
    **dict.fromkeys(
        (
            *("user", "org", "people", "deal", "product", "project", "activity", "stage"),
            *("pipeline", "projects_board", "projects_phase"),
        ),
        INTEGER,
    ),
}
# Further columns of a type, by their part of the value.
PARTS: dict[str, dict[str, Schema]] = {
    "monetary": {"currency": TEXT},
    "daterange": {"until": DATE},
    "timerange": {"until": TIME, "timezone": TEXT},
    "time": {"timezone": TEXT},
}


@dataclass(frozen=True)
class Column:
    """name: in the warehouse; key, type, title: of the field in Pipedrive; part: of its value, ""
    for the value itself."""

    name: str
    key: str
    type: str
    part: str = ""
    title: str = ""

    @property
    def schema(self) -> Schema:
        """The property that `discover` lists."""
        holds = PARTS[self.type][self.part] if self.part else TYPES.get(self.type, TEXT)
        what = f"{self.part} of the custom field" if self.part else "Custom field"
        annotations = {KEY: self.key, TYPE: self.type, **({PART: self.part} if self.part else {})}
        about = f"{what} of type {self.type}, {self.key} in Pipedrive"
        return {**holds, "title": self.title, "description": about, **annotations}


def columns_of(
    fields: Sequence[Field], reserved: Iterable[str], ordered: bool = True
) -> list[Column]:
    """The columns of custom fields, which are given in order of creation if `ordered`."""
    wanted = [_wanted(field) for field in fields]
    own = set(reserved)
    names = column_names(wanted, own, () if ordered else contested(wanted, own))
    return [
        Column(name, field.key, field.type, part, field.name)
        for field in fields
        for name, part in zip(names[field.key], _parts(field), strict=True)
    ]


def discovered(stream: Stream, definitions: Definitions) -> list[Column] | None:
    """The columns of a stream as the account is now; None where the definitions are hidden.

    Raises StreamError where they cannot be read otherwise.
    """
    fields = definitions.of(stream.columns.definitions)
    if fields is None:
        return None
    own = reserved(stream) | {one.key for one in fields.values() if not one.custom}
    custom = sorted((f for f in fields.values() if f.custom), key=lambda f: f.key)
    if not contested([_wanted(field) for field in custom], own):
        return columns_of(custom, own)
    ordered = definitions.in_order(stream.columns.definitions)
    if ordered is not None:
        return columns_of(ordered, own)
    first = stream.columns.definitions[0].name
    mendable = any(each.v1_fallback for each in stream.columns.definitions)
    definitions.say_once(
        logging.WARNING if mendable else logging.INFO,
        f"Pipedrive does not tell in which order {first} were created, so of those "
        "that share a name none has the plain column: all carry a piece of their key.",
    )
    return columns_of(custom, own, ordered=False)


def reserved(stream: Stream) -> set[str]:
    """The names of a stream's own columns."""
    return {*stream.schema["properties"], *stream.columns.labels.values(), RAW}


def with_columns(stream: Stream, columns: Sequence[Column] | None, labels: bool) -> Schema:
    """The schema of a stream with its columns for custom fields and for labels."""
    schema = stream.schema
    properties = dict(schema["properties"])
    if stream.columns.has_custom_fields:
        raw = properties.get(RAW) or {
            "type": ["null", "object"],
            "description": "The account's own fields, keyed by field hash",
            "additionalProperties": True,
        }
        seen = sorted({column.key[:SEEN] for column in columns or ()})
        properties[RAW] = {**raw, MARK: seen if columns is not None else None}
    if labels and columns is not None:
        for ids, name in stream.columns.labels.items():
            holds = LIST if "array" in properties[ids]["type"] else TEXT
            properties[name] = {**holds, "description": f"What `{ids}` is called in Pipedrive"}
    for column in sorted(columns or (), key=lambda column: column.name):
        properties[column.name] = column.schema
    return {**schema, "properties": properties}


def configured(schema: Mapping[str, Any]) -> list[Column] | None:
    """The columns that a configured schema asks for; None where it does not say."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return None
    columns = [
        Column(name, p[KEY], str(p.get(TYPE)), str(p.get(PART) or ""), str(p.get("title") or ""))
        for name, p in properties.items()
        if isinstance(p, Mapping) and isinstance(p.get(KEY), str)
    ]
    raw = properties.get(RAW)
    told = isinstance(raw, Mapping) and MARK in raw
    return columns if columns or told else None


def seen_keys(schema: Mapping[str, Any]) -> set[str]:
    """The beginnings of the keys of the fields that there were when the schema was discovered."""
    raw = (schema.get("properties") or {}).get(RAW)
    seen = raw.get(MARK) if isinstance(raw, Mapping) else None
    return {str(key) for key in seen} if isinstance(seen, list) else set()


def _parts(field: Field) -> tuple[str, ...]:
    return ("", *PARTS.get(field.type, ()))


def _wanted(field: Field) -> tuple[str, str, tuple[str, ...]]:
    suffixes = tuple(f"_{part}" if part else "" for part in _parts(field))
    return field.key, field.name, suffixes
