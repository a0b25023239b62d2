"""The definitions of the account's fields: key, name, type and options.

v2 lists neither ids nor creation times. v1's ids are in order of creation.
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

HIDDEN = 403  # the credentials may not see a list
GONE = (404, 410)


@dataclass(frozen=True)
class Field:
    """One field. options: labels by option id, as text; order: increases with creation."""

    key: str
    name: str
    type: str
    custom: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    order: int | None = None


def from_v2(row: Row) -> Field:
    """A field from a v2 list."""
    return Field(
        key=str(row.get("field_code") or ""),
        name=str(row.get("field_name") or ""),
        type=str(row.get("field_type") or ""),
        custom=row.get("is_custom_field") is True,
        options=_options(row.get("options")),
    )


def from_v1(row: Row, renamed: Mapping[str, str]) -> Field:
    """A field from a v1 list. renamed: v2's names for keys that differ."""
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
    """The rows of a v1 list in v2's shape, with each subfield inside its field. renamed: v2's names
    for keys that differ."""
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
    """Whether a row of v1 is a subfield."""
    return bool(row.get("is_subfield")) or ("id" in row and row["id"] is None)


def _options(listed: object) -> dict[str, str]:
    entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    return {
        str(entry["id"]): str(entry["label"])
        for entry in entries
        if entry.get("id") is not None and entry.get("label") is not None
    }


class Definitions:
    """The fields of each kind of object, requested once, when first needed. Thread-safe.

    listed: returns all rows of a list. strict: a list that Pipedrive no longer has is an error,
    not merely a list that the credentials may not see.
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
        """The fields by key, from the first of `lists` that the credentials may read; None, with a
        warning, if they may read none. Raises StreamError if the answer is inconclusive."""
        with self._lock:
            found = [self._once(stream) for stream in lists[:1]]
            while isinstance(found[-1], StreamError) and len(found) < len(lists):
                found.append(self._once(lists[len(found)]))
        if isinstance(found[-1], StreamError):
            self.say_once(
                logging.WARNING,
                f"{found[0]} Until then ids have no labels and new custom fields have no columns; "
                "the raw object holds everything.",
            )
            return None
        return found[-1]

    def named(self, stream: Stream) -> Mapping[str, str] | None:
        """The names of a list's records, by id; None, with a warning, if the credentials may not
        see the list. Raises StreamError if the answer is inconclusive."""
        with self._lock:
            if stream.name not in self._named:
                try:
                    rows = self._listed(stream)
                except StreamError as error:
                    if error.status not in (HIDDEN, *GONE):
                        raise
                    self.say_once(
                        logging.WARNING, f"{error} Until then {stream.name} appear only as ids."
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
        """The custom fields in order of creation; None if Pipedrive does not report the order."""
        custom = [one for one in (self.of(lists) or {}).values() if one.custom]
        if any(one.order is None for one in custom):
            orders: dict[str, int] = {}
            with self._lock:
                for older in filter(None, (stream.v1_fallback for stream in lists)):
                    orders = orders or self._order(older)
            custom = [replace(one, order=orders.get(one.key, one.order)) for one in custom]
        if custom and all(one.order is None for one in custom):
            return None
        # A field that v1 does not list yet is newer than all that it lists.
        return sorted(custom, key=lambda one: (one.order is None, one.order or 0, one.key))

    def say_once(self, level: int, sentence: str) -> None:
        """Logs a sentence once, even if it concerns several streams."""
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
                    return {}  # the account has no record with such fields either
                if error.status not in (HIDDEN, *GONE):
                    raise
                failure = failure or error
                continue
            own = [item for item in rows if not _is_part(item)]
            v2, renamed = source.endpoint.version == 2, source.columns.renamed
            fields = [from_v2(item) if v2 else from_v1(item, renamed) for item in own]
            if not fields:
                if source.access.means_unavailable:
                    return {}  # the company does not use the add-on
                # Every other kind of object has standard fields.
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
