"""The account's fields, as Pipedrive defines them: key, name, type, options.

v2 lists neither ids nor times of creation; v1's ids are in order of creation.
https://pipedrive.readme.io/docs/core-api-concepts-custom-fields
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from source_pipedrive.fields.names import HASH
from source_pipedrive.http.errors import TRANSIENT, StreamError
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

Row = Mapping[str, Any]

HIDDEN = 403  # the credentials will not see a list
GONE = (404, 410)


@dataclass(frozen=True)
class Field:
    """One field. options: labels by the option's id, as text; order: rises with its creation."""

    key: str
    name: str
    type: str
    custom: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    order: int | None = None


def from_v2(row: Row) -> Field:
    """A field of v2's lists."""
    return Field(
        key=str(row.get("field_code") or ""),
        name=str(row.get("field_name") or ""),
        type=str(row.get("field_type") or ""),
        custom=row.get("is_custom_field") is True,
        options=_options(row.get("options")),
    )


def from_v1(row: Row, renamed: Mapping[str, str]) -> Field:
    """A field of v1's lists. renamed: their keys that v2 calls otherwise."""
    key = str(row.get("key") or "")
    custom = bool(row.get("edit_flag")) and HASH.fullmatch(key) is not None
    number = row.get("id")
    return Field(
        key=key if custom else renamed.get(key, key),
        name=str(row.get("name") or ""),
        type=str(row.get("field_type") or ""),
        custom=custom,
        options=_options(row.get("options")),
        order=number if isinstance(number, int) else None,
    )


def as_v2(rows: Iterable[Row], renamed: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of a v1 list with v2's keys; subfields go to the field that they belong to. renamed: the
    keys of fields that v2 calls otherwise."""
    rows = list(rows)
    parts: dict[object, list[dict[str, Any]]] = {}
    for row in filter(_is_part, rows):
        owner, _, suffix = str(row.get("key") or "").partition("_")
        part = {
            "field_code": row.get("id_suffix") or suffix,
            "field_name": row.get("name"),
            "field_type": row.get("field_type"),
        }
        parts.setdefault(row.get("parent_id") or owner, []).append(part)
    fields = [(row, from_v1(row, renamed)) for row in rows if not _is_part(row)]
    return [
        {
            "field_code": one.key,
            "field_name": row.get("name"),
            "field_type": row.get("field_type"),
            "options": row.get("options"),
            "subfields": parts.get(row.get("id")) or parts.get(one.key),
            "is_custom_field": one.custom,
        }
        for row, one in fields
    ]


def _is_part(row: Row) -> bool:
    """Whether v1's row is a part of another field."""
    return bool(row.get("is_subfield")) or ("id" in row and row["id"] is None)


def _options(told: object) -> dict[str, str]:
    entries = [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    return {
        str(entry["id"]): str(entry["label"])
        for entry in entries
        if entry.get("id") is not None and entry.get("label") is not None
    }


class Definitions:
    """The fields of each kind of object, asked for once and when somebody needs them.

    listed: gives all rows of a list. strict: a list that Pipedrive has no more is an error and not
    a list that may not be seen. Thread-safe.
    """

    def __init__(self, listed: Callable[[Stream], Sequence[Row]], strict: bool = False) -> None:
        self._listed = listed
        self._passing = (HIDDEN,) if strict else (HIDDEN, *GONE)
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Field] | StreamError] = {}
        self._orders: dict[str, dict[str, int]] = {}
        self._said: set[str] = set()
        self._saying = threading.Lock()
        self._named: dict[str, dict[str, str] | None] = {}

    def of(self, lists: Sequence[Stream]) -> dict[str, Field] | None:
        """The fields by key, from the first of `lists` that the credentials may read; None, and a
        warning, where they may read none. Raises StreamError where it is not known."""
        with self._lock:
            found = [self._once(stream) for stream in lists[:1]]
            while isinstance(found[-1], StreamError) and len(found) < len(lists):
                found.append(self._once(lists[len(found)]))
        if isinstance(found[-1], StreamError):
            self.say_once(
                logging.WARNING,
                f"{found[0]} Until then no label stands beside an id, and new custom fields get no "
                "column; the raw object holds everything.",
            )
            return None
        return found[-1]

    def named(self, stream: Stream) -> Mapping[str, str] | None:
        """What the records of a list are called, by id; None, and a warning, where the credentials
        may not see it. Raises StreamError where it is not known."""
        with self._lock:
            if stream.name not in self._named:
                try:
                    rows = self._listed(stream)
                except StreamError as error:
                    if error.status not in (HIDDEN, *GONE):
                        raise
                    self.say_once(
                        logging.WARNING, f"{error} Until then {stream.name} stand as ids only."
                    )
                    self._named[stream.name] = None
                else:
                    self._named[stream.name] = {
                        str(r["id"]): str(r["name"])
                        for r in rows
                        if r.get("id") is not None and r.get("name") is not None
                    }
            return self._named[stream.name]

    def in_order(self, lists: Sequence[Stream]) -> list[Field] | None:
        """The custom fields in order of creation, or None where that is not told."""
        custom = [one for one in (self.of(lists) or {}).values() if one.custom]
        if any(one.order is None for one in custom):
            orders: dict[str, int] = {}
            with self._lock:
                for older in filter(None, (stream.v1_fallback for stream in lists)):
                    orders = orders or self._order(older)
            custom = [replace(one, order=orders.get(one.key, one.order)) for one in custom]
        if custom and all(one.order is None for one in custom):
            return None
        # One that v1 does not list yet has been created since.
        return sorted(custom, key=lambda one: (one.order is None, one.order or 0, one.key))

    def say_once(self, level: int, sentence: str) -> None:
        """Logs a sentence that concerns several streams."""
        with self._saying:
            new = sentence not in self._said
            self._said.add(sentence)
        if new:
            logger.log(level, sentence)

    def _order(self, older: Stream) -> dict[str, int]:
        if older.endpoint.path not in self._orders:
            try:
                fields = [from_v1(item, older.columns.renamed) for item in self._listed(older)]
                order = {one.key: one.order for one in fields if one.order is not None}
            except StreamError as error:
                if error.status not in (HIDDEN, *GONE):
                    raise
                order = {}
            self._orders[older.endpoint.path] = order
        return self._orders[older.endpoint.path]

    def _once(self, stream: Stream) -> dict[str, Field] | StreamError:
        if stream.name not in self._known:
            self._known[stream.name] = self._read(stream)
        return self._known[stream.name]

    def _read(self, stream: Stream) -> dict[str, Field] | StreamError:
        failure: StreamError | None = None
        for source in filter(None, (stream, stream.v1_fallback)):
            try:
                rows = self._listed(source)
            except StreamError as error:
                if source.unavailable_answer(error.status, error.body):
                    return {}  # nor any record that could have such a field
                if error.status not in (HIDDEN, *GONE):
                    raise
                failure = failure or error
                continue
            own = [item for item in rows if not _is_part(item)]
            v2, renamed = source.endpoint.version == 2, source.columns.renamed
            fields = [from_v2(item) if v2 else from_v1(item, renamed) for item in own]
            if not fields:
                if source.access.means_unavailable:
                    return {}  # of an add-on that the company does not use
                # Every object has fields of Pipedrive's own.
                raise StreamError(
                    f'Pipedrive sent no field at all for "{stream.name}". '
                    "Run the sync again later.",
                    TRANSIENT,
                )
            return {field.key: field for field in fields if field.key}
        assert failure is not None
        if failure.status not in self._passing:
            raise failure
        return failure
