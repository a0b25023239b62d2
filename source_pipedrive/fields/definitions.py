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
from source_pipedrive.http.words import AGAIN
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

Record = Mapping[str, Any]

HIDDEN = 403  # the credentials may not see a list
UNLISTED = (HIDDEN, 404, 410)  # or Pipedrive no longer has it


@dataclass(frozen=True)
class Field:
    """One field. options: labels by option id, as text; order: ascends in order of creation."""

    key: str
    name: str
    type: str
    custom: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    order: int | None = None


def from_v2(record: Record) -> Field:
    """A field from a v2 list."""
    return Field(
        key=str(record.get("field_code") or ""),
        name=str(record.get("field_name") or ""),
        type=str(record.get("field_type") or ""),
        custom=record.get("is_custom_field") is True,
        options=_options(record.get("options")),
    )


def from_v1(record: Record, renamed: Mapping[str, str]) -> Field:
    """A field from a v1 list. renamed: v2's names for keys that differ."""
    key = str(record.get("key") or "")
    custom = bool(record.get("edit_flag")) and HASH.fullmatch(key) is not None
    number = record.get("id")
    return Field(
        key=key if custom else renamed.get(key, key),
        name=str(record.get("name") or ""),
        type=str(record.get("field_type") or ""),
        custom=custom,
        options=_options(record.get("options")),
        order=number if isinstance(number, int) else None,
    )


def as_v2(records: Iterable[Record], renamed: Mapping[str, str]) -> list[dict[str, Any]]:
    """The records of a v1 list in v2's shape, with each subfield inside its field.

    renamed: v2's names for keys that differ.
    """
    records = list(records)
    parts: dict[object, list[dict[str, Any]]] = {}
    for record in filter(_is_part, records):
        owner, _, suffix = str(record.get("key") or "").partition("_")
        part = {
            "field_code": record.get("id_suffix") or suffix,
            "field_name": record.get("name"),
            "field_type": record.get("field_type"),
        }
        parts.setdefault(record.get("parent_id") or owner, []).append(part)
    fields = [(record, from_v1(record, renamed)) for record in records if not _is_part(record)]
    return [
        {
            "field_code": field.key,
            "field_name": record.get("name"),
            "field_type": record.get("field_type"),
            "options": record.get("options"),
            "subfields": parts.get(record.get("id")) or parts.get(field.key),
            "is_custom_field": field.custom,
        }
        for record, field in fields
    ]


def _is_part(record: Record) -> bool:
    """Whether a v1 record is a subfield."""
    return bool(record.get("is_subfield")) or ("id" in record and record["id"] is None)


def _options(listed: object) -> dict[str, str]:
    entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    return {
        str(entry["id"]): str(entry["label"])
        for entry in entries
        if entry.get("id") is not None and entry.get("label") is not None
    }


class Definitions:
    """The fields of each kind of object, requested once, when first needed. Thread-safe.

    listed: returns all records of a list. strict: a list that Pipedrive no longer has is an error,
    not treated like one that the credentials may not see.
    """

    def __init__(self, listed: Callable[[Stream], Sequence[Record]], strict: bool = False) -> None:
        self._listed = listed
        self._passing = (HIDDEN,) if strict else UNLISTED
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Field] | StreamError] = {}
        self._orders: dict[str, dict[str, int]] = {}
        self._logged: set[str] = set()
        self._log_lock = threading.Lock()
        self._named: dict[str, dict[str, str] | None] = {}

    def of(self, lists: Sequence[Stream]) -> dict[str, Field] | None:
        """The fields by key, from the first of `lists` that the credentials may read; None, with a
        warning, if they may not read any. Raises StreamError if the answer is inconclusive."""
        with self._lock:
            found = [self._once(stream) for stream in lists[:1]]
            while isinstance(found[-1], StreamError) and len(found) < len(lists):
                found.append(self._once(lists[len(found)]))
        if isinstance(found[-1], StreamError):
            self.log_once(
                logging.WARNING,
                f"{found[0]} Until then ids have no labels and new custom fields have no columns; "
                "the raw object contains everything.",
            )
            return None
        return found[-1]

    def named(self, stream: Stream) -> Mapping[str, str] | None:
        """The names of a list's records, by id; None, with a warning, if the credentials may not
        see the list. Raises StreamError if the answer is inconclusive."""
        with self._lock:
            if stream.name not in self._named:
                try:
                    records = self._listed(stream)
                except StreamError as error:
                    if error.status not in UNLISTED:
                        raise
                    self.log_once(
                        logging.WARNING, f"{error} Until then {stream.name} appear only as ids."
                    )
                    self._named[stream.name] = None
                else:
                    self._named[stream.name] = {
                        str(r["id"]): str(r["name"])
                        for r in records
                        if r.get("id") is not None and r.get("name") is not None
                    }
            return self._named[stream.name]

    def in_order(self, lists: Sequence[Stream]) -> list[Field] | None:
        """The custom fields in order of creation; None if Pipedrive does not report the order."""
        custom = [f for f in (self.of(lists) or {}).values() if f.custom]
        if any(f.order is None for f in custom):
            orders: dict[str, int] = {}
            with self._lock:
                for fallback in filter(None, (stream.v1_fallback for stream in lists)):
                    orders = orders or self._order(fallback)
            custom = [replace(f, order=orders.get(f.key, f.order)) for f in custom]
        if custom and all(f.order is None for f in custom):
            return None
        # A field that v1 does not list yet is newer than all those it lists.
        return sorted(custom, key=lambda f: (f.order is None, f.order or 0, f.key))

    def log_once(self, level: int, sentence: str) -> None:
        """Logs a sentence once, even if it concerns several streams."""
        with self._log_lock:
            new = sentence not in self._logged
            self._logged.add(sentence)
        if new:
            logger.log(level, sentence)

    def _order(self, fallback: Stream) -> dict[str, int]:
        if fallback.endpoint.path not in self._orders:
            try:
                renamed = fallback.columns.renamed
                fields = [from_v1(item, renamed) for item in self._listed(fallback)]
                order = {f.key: f.order for f in fields if f.order is not None}
            except StreamError as error:
                if error.status not in UNLISTED:
                    raise
                order = {}
            self._orders[fallback.endpoint.path] = order
        return self._orders[fallback.endpoint.path]

    def _once(self, stream: Stream) -> dict[str, Field] | StreamError:
        if stream.name not in self._known:
            self._known[stream.name] = self._read(stream)
        return self._known[stream.name]

    def _read(self, stream: Stream) -> dict[str, Field] | StreamError:
        failure: StreamError | None = None
        for source in filter(None, (stream, stream.v1_fallback)):
            try:
                records = self._listed(source)
            except StreamError as error:
                if source.unavailable_answer(error.status, error.body):
                    return {}  # the account has no record with such fields either
                if error.status not in UNLISTED:
                    raise
                failure = failure or error
                continue
            own = [item for item in records if not _is_part(item)]
            v2, renamed = source.endpoint.version == 2, source.columns.renamed
            fields = [from_v2(item) if v2 else from_v1(item, renamed) for item in own]
            if not fields:
                if source.access.means_unavailable:
                    return {}  # the company does not use the add-on
                # Every other kind of object has standard fields.
                raise StreamError(
                    f'Pipedrive sent no fields at all for "{stream.name}". {AGAIN} later.',
                    TRANSIENT,
                )
            return {field.key: field for field in fields if field.key}
        assert failure is not None
        if failure.status not in self._passing:
            raise failure
        return failure
