"""The plan for a stream's custom fields and labels: made once per sync, applied to each record."""

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
from source_pipedrive.fields.values import Entry, Labels, compiled, fill
from source_pipedrive.http.shapes import ShapedRecord
from source_pipedrive.stream import Stream

Record = dict[str, Any]


@dataclass(frozen=True)
class FieldPlan:
    """How to fill a stream's columns.

    entries: what to do with each custom field's value, by key
    labels: (field with ids, column, options) of the standard fields with labels
    types: the types of inline custom fields, which must be gathered, by key; else None
    names: the columns that the plan fills
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    labels: tuple[tuple[str, str, Labels], ...] = ()
    types: Mapping[str, str] | None = None
    names: frozenset[str] = frozenset()

    def gather(self, records: Iterable[Record]) -> Iterable[Record]:
        """The records, with inline custom fields moved into one object."""
        if self.types is None:
            return records
        types = self.types
        return [gathered(record, types) for record in records]

    def fill(self, records: Iterable[Record]) -> None:
        """Adds the columns to the records."""
        names = self.names
        for record in records:
            if not names.isdisjoint(record):
                # Pipedrive added this key after discovery; the column belongs to the custom field.
                for name in names.intersection(record):
                    record[f"pipedrive_{name}"] = record.pop(name)
            self._fill(record, record)

    def columns_of(self, records: Sequence[ShapedRecord]) -> list[Record] | None:
        """The columns alone, record by record; empty if there are none. None if they cannot be kept
        apart from the records, which have keys to move or to rename."""
        if self.types is None and not self.names:
            return []
        if self.types is not None or not self.names.isdisjoint(records[0].__struct_fields__):
            return None
        columns: list[Record] = [{} for _ in records]
        for record, into in zip(records, columns, strict=True):
            self._fill(record, into)
        return columns

    def _fill(self, record: Record | ShapedRecord, into: Record) -> None:
        values = record.get(RAW)
        if values.__class__ is dict:
            fill(into, values, self.entries)
        for ids, name, options in self.labels:
            value = record.get(ids)
            if value is None:
                continue
            label = options.all(value) if value.__class__ is list else options.of(value)
            if label is not None:
                into[name] = label


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
            (ids, name, Labels(partial(warn, label_lists.get(ids, own)), ids, options))
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
            f"{'; '.join(changes)}.",
        )
