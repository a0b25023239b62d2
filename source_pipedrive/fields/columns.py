"""Columns for custom fields, and their properties in a stream's JSON Schema.

Each property carries Pipedrive's key, so the configured catalog still maps values to columns if a
field is renamed before the schema is refreshed.
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
MARK = "pipedrive_fields"  # annotates RAW with the fields at discovery, as prefixes of their keys
SEEN = 8  # characters of such a prefix

TEXT: Schema = {"type": ["null", "string"]}
NUMBER: Schema = {"type": ["null", "number"]}
INTEGER: Schema = {"type": ["null", "integer"]}
BOOLEAN: Schema = {"type": ["null", "boolean"]}
DATE: Schema = {**TEXT, "format": "date"}
TIME: Schema = {**TEXT, "format": "time", "airbyte_type": "time_without_timezone"}
LIST: Schema = {"type": ["null", "array"], "items": TEXT}

# The schema of each field type. Any other type, known or new, is text.
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
# The additional columns of a type, by the part of the value that they contain.
PARTS: dict[str, dict[str, Schema]] = {
    "monetary": {"currency": TEXT},
    "daterange": {"until": DATE},
    "timerange": {"until": TIME, "timezone": TEXT},
    "time": {"timezone": TEXT},
}
# What Pipedrive's pages call a type, where its key says something else.
CALLED = {
    "varchar": "text",
    "text": "large text",
    "varchar_auto": "autocomplete",
    "double": "numerical",
    "enum": "single option",
    "set": "multiple options",
    "org": "organization",
    "people": "person",
    "daterange": "date range",
    "timerange": "time range",
}
# What the column of a part contains.
CONTENTS = {"currency": "Currency", "until": "End", "timezone": "Time zone"}


@dataclass(frozen=True)
class Column:
    """name: the column in the warehouse; key, type, title: the field in Pipedrive; part: which part
    of the value it contains, "" for the value itself."""

    name: str
    key: str
    type: str
    part: str = ""
    title: str = ""

    @property
    def schema(self) -> Schema:
        """The property that `discover` lists."""
        schema = PARTS[self.type][self.part] if self.part else TYPES.get(self.type, TEXT)
        what = f"{CONTENTS[self.part]} of the custom field" if self.part else "Custom field"
        annotations = {KEY: self.key, TYPE: self.type, **({PART: self.part} if self.part else {})}
        kind = CALLED.get(self.type, self.type)
        about = f'{what} "{self.title}" ({kind}); Pipedrive key {self.key}'
        return {**schema, "title": self.title, "description": about, **annotations}


def columns_of(
    fields: Sequence[Field], reserved: Iterable[str], ordered: bool = True
) -> list[Column]:
    """The columns of custom fields. ordered: `fields` are in order of creation."""
    wanted = [_wanted(field) for field in fields]
    own = set(reserved)
    names = column_names(wanted, own, () if ordered else contested(wanted, own))
    return [
        Column(name, field.key, field.type, part, field.name)
        for field in fields
        for name, part in zip(names[field.key], _parts(field), strict=True)
    ]


def discovered(stream: Stream, definitions: Definitions) -> list[Column] | None:
    """A stream's columns as the account defines them now; None if the credentials may not see the
    definitions.

    Raises StreamError if the definitions cannot be read for another reason.
    """
    fields = definitions.of(stream.columns.definitions)
    if fields is None:
        return None
    own = reserved(stream) | {f.key for f in fields.values() if not f.custom}
    custom = sorted((f for f in fields.values() if f.custom), key=lambda f: f.key)
    if not contested([_wanted(field) for field in custom], own):
        return columns_of(custom, own)
    ordered = definitions.in_order(stream.columns.definitions)
    if ordered is not None:
        return columns_of(ordered, own)
    first = stream.columns.definitions[0].name
    fixable = any(source.v1_fallback for source in stream.columns.definitions)
    definitions.log_once(
        logging.WARNING if fixable else logging.INFO,
        f"Pipedrive does not report the order in which {first} were created. So if "
        "several share a name, all of their columns end in part of their key.",
    )
    return columns_of(custom, own, ordered=False)


def reserved(stream: Stream) -> set[str]:
    """The names of a stream's standard columns."""
    return {*stream.schema["properties"], *stream.columns.labels.values(), RAW}


def with_columns(stream: Stream, columns: Sequence[Column] | None, labels: bool) -> Schema:
    """A stream's schema with its columns for custom fields and labels."""
    schema = stream.schema
    properties = dict(schema["properties"])
    if stream.columns.has_custom_fields:
        raw = properties.get(RAW) or {
            "type": ["null", "object"],
            "description": "All custom fields in one object, under Pipedrive's keys",
            "additionalProperties": True,
        }
        seen = sorted({column.key[:SEEN] for column in columns or ()})
        properties[RAW] = {**raw, MARK: seen if columns is not None else None}
    if labels and columns is not None:
        for ids, name in stream.columns.labels.items():
            several = "array" in properties[ids]["type"]
            about = f"Names of the labels in {ids}" if several else f"Name of the option in {ids}"
            properties[name] = {**(LIST if several else TEXT), "description": about}
    for column in sorted(columns or (), key=lambda column: column.name):
        properties[column.name] = column.schema
    return {**schema, "properties": properties}


def configured(schema: Mapping[str, Any]) -> list[Column] | None:
    """The columns that a configured schema requests; None if it does not list them."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return None
    columns = [
        Column(name, p[KEY], str(p.get(TYPE)), str(p.get(PART) or ""), str(p.get("title") or ""))
        for name, p in properties.items()
        if isinstance(p, Mapping) and isinstance(p.get(KEY), str)
    ]
    raw = properties.get(RAW)
    marked = isinstance(raw, Mapping) and MARK in raw
    return columns if columns or marked else None


def seen_keys(schema: Mapping[str, Any]) -> set[str]:
    """The prefixes of the keys of all fields that existed when the schema was discovered."""
    raw = (schema.get("properties") or {}).get(RAW)
    seen = raw.get(MARK) if isinstance(raw, Mapping) else None
    return {str(key) for key in seen} if isinstance(seen, list) else set()


def _parts(field: Field) -> tuple[str, ...]:
    return ("", *PARTS.get(field.type, ()))


def _wanted(field: Field) -> tuple[str, str, tuple[str, ...]]:
    suffixes = tuple(f"_{part}" if part else "" for part in _parts(field))
    return field.key, field.name, suffixes
