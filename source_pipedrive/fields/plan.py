"""The plan for a stream's custom fields and labels: made once per sync, applied to each page."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from source_pipedrive.fields.columns import (
    RAW,
    SEEN,
    Column,
    configured,
    discovered,
    seen_keys,
)
from source_pipedrive.fields.definitions import Definitions, Field
from source_pipedrive.fields.leads import gathered
from source_pipedrive.fields.values import Conversion, Labels, Values, compiled, labels_of
from source_pipedrive.http.shapes import ShapedRecord, values
from source_pipedrive.stream import Stream
from source_pipedrive.version import HOME

RENAMED = f"{HOME}/blob/main/docs/renamed-fields.md"
Record = dict[str, Any]


@dataclass(frozen=True)
class FieldPlan:
    """How to fill a stream's columns.

    conversions: how each custom field fills its columns, by key
    labels: (field with ids, how its labels fill a column) of the standard fields with labels
    types: the types of inline custom fields, which must be gathered, by key; else None
    names: the columns that the plan fills
    """

    conversions: Mapping[str, Sequence[Conversion]] = field(default_factory=dict)
    labels: tuple[tuple[str, Conversion], ...] = ()
    types: Mapping[str, str] | None = None
    names: frozenset[str] = frozenset()

    @property
    def keys(self) -> dict[str, str]:
        """The key of the custom field behind each column that has one."""
        return {each.column: key for key, found in self.conversions.items() for each in found}

    def gather(self, records: Iterable[Record]) -> Iterable[Record]:
        """The records, with inline custom fields moved into one object."""
        if self.types is None:
            return records
        types = self.types
        return [gathered(record, types) for record in records]

    def fill(self, records: Sequence[Record]) -> None:
        """Adds the columns to the records."""
        set_aside(self.names, records)
        raws = [record.get(RAW) for record in records]
        objects = [raw if isinstance(raw, dict) else {} for raw in raws]
        of_fields = {key: [each.get(key) for each in objects] for key in self.conversions}
        put(self.columns(records, of_fields), records)

    def can_be_beside(self, record: ShapedRecord) -> bool:
        """Whether the columns can be kept apart from a list's structs: no key has to be moved or
        renamed."""
        return self.types is None and self.names.isdisjoint(record.__struct_fields__)

    def columns(
        self, records: Sequence[Record] | Sequence[ShapedRecord], of_fields: Mapping[str, Values]
    ) -> dict[str, Values]:
        """The columns alone, by name, each with a value for every record. of_fields: the values of
        the custom fields, by key."""
        found = {
            conversion.column: conversion.run(of_fields[key])
            for key, conversions in self.conversions.items()
            if key in of_fields
            for conversion in conversions
        }
        for ids, conversion in self.labels:
            found[conversion.column] = conversion.run(values(records, ids))
        return found


def set_aside(names: frozenset[str], records: Sequence[Record]) -> None:
    """Renames the keys of records that are names of our columns: Pipedrive has added such a key
    since."""
    for record in records if names else ():
        for name in names.intersection(record):
            record[f"pipedrive_{name}"] = record.pop(name)


def put(columns: Mapping[str, Values], records: Sequence[Record]) -> None:
    """Adds columns to the records, without their nulls."""
    for name, column in columns.items():
        for record, value in zip(records, column, strict=True):
            if value is not None:
                record[name] = value


def plan_of(
    stream: Stream, schema: Mapping[str, Any], definitions: Definitions, labels: bool
) -> FieldPlan:
    """The plan for a stream with the configured `schema`. Requests the definitions only if it needs
    them. Raises StreamError if they cannot be read."""
    columns = configured(schema) if stream.columns.has_custom_fields else []
    known = set(schema.get("properties") or ())
    taken = {column.name for column in columns or ()}
    wanted = {
        ids: name
        for ids, name in stream.columns.labels.items()
        if labels and name not in taken and (not known or name in known)
    }
    inline = stream.columns.custom_fields == "inline"
    label_lists = stream.columns.label_lists
    of_fields = wanted.keys() - label_lists.keys()
    needed = columns != [] or inline or of_fields
    fields = definitions.of(stream.columns.definitions) if needed else {}
    if columns is None:
        columns = discovered(stream, definitions) or []
        columns = [column for column in columns if not known or column.name in known]
    elif fields and stream.columns.has_custom_fields:
        _compare(stream, columns, fields, seen_keys(schema), definitions)
    types = {column.key: column.type for column in columns}
    types |= {f.key: f.type for f in (fields or {}).values() if f.custom}
    warn = partial(_warn, definitions)
    own = stream.columns.definitions[0]
    return FieldPlan(
        compiled(partial(warn, own), columns, fields, labels),
        tuple(
            (ids, labels_of(name, Labels(partial(warn, label_lists.get(ids, own)), ids, options)))
            for ids, name in wanted.items()
            if (options := _options(stream, ids, fields or {}, definitions)) is not None
        ),
        types if inline else None,
        frozenset({column.name for column in columns} | set(wanted.values())),
    )


def _warn(definitions: Definitions, origin: Stream, sentence: str) -> None:
    """Warns once for all streams whose fields or labels come from the list `origin`."""
    definitions.log_once(logging.WARNING, f"{origin.name}: {sentence}")


def _options(
    stream: Stream, ids: str, fields: Mapping[str, Field], definitions: Definitions
) -> Mapping[str, str] | None:
    """Labels by id; None if Pipedrive does not list them."""
    if ids in stream.columns.label_lists:
        return definitions.named(stream.columns.label_lists[ids])
    found = fields.get(ids)
    # Only fields of these types are guaranteed to list their options.
    if found and (found.options or found.type in ("enum", "set")):
        return found.options
    return None


def _compare(
    stream: Stream,
    columns: Iterable[Column],
    fields: Mapping[str, Field],
    seen: Collection[str],
    definitions: Definitions,
) -> None:
    """Logs what has changed in Pipedrive since the schema was discovered."""
    own = {column.key: column for column in columns if not column.part}
    renamed = [
        f'"{column.title}" is now "{fields[key].name}" (column {column.name})'
        for key, column in own.items()
        if key in fields and column.title and fields[key].name != column.title
    ]
    custom = {key: f for key, f in fields.items() if f.custom}
    seen = {*seen, *(key[:SEEN] for key in own)}
    added = [f'"{f.name}"' for key, f in custom.items() if key[:SEEN] not in seen]
    deleted = [f'"{column.title}"' for key, column in own.items() if key not in custom]
    found = [("renamed", renamed), ("new, without a column", added), ("deleted", deleted)]
    changes = [f"{what}: {', '.join(sorted(names)[:20])}" for what, names in found if names]
    if changes:
        definitions.log_once(
            logging.INFO,
            f"{stream.columns.definitions[0].name}: custom fields changed since the schema was "
            f"discovered. {RAW} contains them all; refresh the schema to update the columns. "
            f"{'; '.join(changes)}. More: {RENAMED}",
        )
