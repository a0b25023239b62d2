"""A stored record with its internal values, and the conditions and sort keys applied to it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal, NamedTuple

Record = dict[str, Any]
Key = tuple[int, Any, Any]  # rank of null or not, value, id
Test = Literal["is", "in", "has", "from", "before"]

FIRST_NULL, VALUE, LAST_NULL = 0, 1, 2  # ranks in a Key
_NOTHING: Mapping[str, Any] = {}


class Variant(NamedTuple):
    """What a request adds to the plain record: v2's opt-in parameters."""

    include: tuple[str, ...] = ()
    custom_fields: tuple[str, ...] | None = None  # None: all of them
    option_labels: bool = False
    labels: bool = False


PLAIN = Variant()


class Row:
    """A record, its values that the API does not show, and its rendered JSON."""

    __slots__ = ("deleted_at", "hidden", "id", "json", "record")

    def __init__(
        self,
        record: Record,
        hidden: Mapping[str, Any] = _NOTHING,
        deleted_at: float | None = None,
        id_field: str = "id",
    ) -> None:
        self.id = record[id_field]
        self.record = record
        self.hidden = hidden
        self.deleted_at = deleted_at
        self.json: bytes | None = None

    def value(self, field: str) -> Any:
        """The hidden value `field`, or else the record's; `state` is its status or "deleted"."""
        if field == "state":
            return "deleted" if self.deleted_at is not None else self.record.get("status")
        return self.hidden[field] if field in self.hidden else self.record.get(field)


class Condition(NamedTuple):
    """One filter condition of a list."""

    field: str
    test: Test
    value: Hashable

    def holds(self, row: Row) -> bool:
        found, wanted = row.value(self.field), self.value
        if self.test == "is":
            return bool(found == wanted)
        if self.test == "in":
            return found in wanted  # type: ignore[operator]
        if found is None:
            return False
        if self.test == "has":
            return wanted in found
        return bool(found >= wanted) if self.test == "from" else bool(found < wanted)


class SortKey(NamedTuple):
    """A field to sort by, and the direction."""

    field: str
    descending: bool = False


class Window(NamedTuple):
    """`since` <= update time < `until`, both in the record's own time format."""

    since: str | None = None
    until: str | None = None
    with_nulls: bool = False


def as_key(value: Any, id_: Any, nulls: str) -> Key:
    """The ascending sort key of a value, with nulls first (0) or last (2) around values (1)."""
    if value is None:
        return (FIRST_NULL if nulls == "first" else LAST_NULL, 0, id_)
    return (VALUE, value, id_)
