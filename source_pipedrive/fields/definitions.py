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
from source_pipedrive.http.errors import StreamError
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

Row = Mapping[str, Any]

HIDDEN = (403, 404, 410)  # statuses that say that the credentials will not see a list
# v1's keys of standard fields that v2 calls otherwise.
_RENAMED = {"label": "label_ids"}


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


def from_v1(row: Row) -> Field:
    """A field of v1's lists."""
    key = str(row.get("key") or "")
    custom = bool(row.get("edit_flag")) and HASH.fullmatch(key) is not None
    number = row.get("id")
    return Field(
        key=key if custom else _RENAMED.get(key, key),
        name=str(row.get("name") or ""),
        type=str(row.get("field_type") or ""),
        custom=custom,
        options=_options(row.get("options")),
        order=number if isinstance(number, int) else None,
    )


def as_v2(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows of a v1 list with v2's keys; subfields go to the field that they belong to."""
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
    fields = [(row, from_v1(row)) for row in rows if not _is_part(row)]
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
    return {str(entry.get("id")): str(entry.get("label")) for entry in entries}


class Definitions:
    """The fields of each kind of object, asked for once and when somebody needs them.

    listed: gives all rows of a list. Thread-safe.
    """

    def __init__(self, listed: Callable[[Stream], Sequence[Row]]) -> None:
        self._listed = listed
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Field] | None] = {}

    def of(self, lists: Sequence[Stream]) -> dict[str, Field] | None:
        """The fields by key, from the first of `lists` that the credentials may read; None, and a
        warning, where they may read none. Raises StreamError where it is not known."""
        with self._lock:
            name = lists[0].name
            if name not in self._known:
                self._known[name] = self._read(lists)
            return self._known[name]

    def in_order(self, lists: Sequence[Stream]) -> list[Field] | None:
        """The custom fields in order of creation; where that is not told, in the order of their
        keys."""
        fields = self.of(lists)
        if fields is None:
            return None
        custom = [one for one in fields.values() if one.custom]
        if any(one.order is None for one in custom):
            orders = self._orders(lists)
            custom = [replace(one, order=orders.get(one.key, one.order)) for one in custom]
        return sorted(custom, key=lambda f: (f.order is None, f.order or 0, f.key))

    def _orders(self, lists: Sequence[Stream]) -> dict[str, int | None]:
        for one in filter(None, (row.older for row in lists)):
            try:
                return {f.key: f.order for f in map(from_v1, self._listed(one))}
            except StreamError as error:
                if error.status not in HIDDEN:
                    raise
        return {}

    def _read(self, lists: Sequence[Stream]) -> dict[str, Field] | None:
        failure: StreamError | None = None
        for row in lists:
            for one in filter(None, (row, row.older)):
                try:
                    rows = self._listed(one)
                except StreamError as error:
                    if error.status not in HIDDEN:
                        raise
                    failure = failure or error
                else:
                    read = from_v2 if one.version == 2 else from_v1
                    fields = [read(item) for item in rows if not _is_part(item)]
                    return {f.key: f for f in fields if f.key}
        logger.warning(
            f"{failure} Until then custom fields come only as the raw object, and no label stands "
            "beside an id."
        )
        return None
