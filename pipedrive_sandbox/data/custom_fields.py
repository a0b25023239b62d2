"""An account's custom fields: names, types and order of creation.

Source: https://pipedrive.readme.io/docs/core-api-concepts-custom-fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha1
from typing import Any

from ..clock import DAY
from .plans import LABELS, TYPES, Company, plans

CHOICES = ("enum", "set")
FIRST_IDS = {
    "deals": 12_550,
    "persons": 9_130,
    "organizations": 4_100,
    "products": 120,
    "projects": 40,
}
_FIRST_OPTION = 100
_FILLED = 0.5  # the share for fields added later


@dataclass(frozen=True)
class CustomField:
    """A custom field. Its `id` is v1's; ids rise in order of creation.

    `options`: the (id, label) pairs of an enum or set. `deleted`: former options, whose ids remain
    in records. `filled`: the share of records with a value. `added` and `updated` are seconds
    since 1970.
    """

    id: int
    key: str
    name: str
    type: str
    filled: float
    added: float
    updated: float
    options: tuple[tuple[int, str], ...] = ()
    deleted: tuple[tuple[int, str], ...] = ()

    def label(self, option: int) -> str | None:
        """The label of an option; None if it was deleted (a guess)."""
        return dict(self.options).get(option)

    def as_dict(self) -> dict[str, Any]:
        """{"key", "name", "type", "id", "options": [{"id", "label"}]}."""
        options = [{"id": id_, "label": label} for id_, label in self.options]
        shown = {"key": self.key, "name": self.name, "type": self.type, "id": self.id}
        return {**shown, "options": options}


class CustomFields:
    """The custom fields of one kind of record, in order of creation. Shared and mutable.

    `mixed`: records differ in how they store their values; see `Pool`.
    """

    def __init__(self, kind: str, fields: Iterable[CustomField], mixed: bool = False) -> None:
        self.kind = kind
        self.mixed = mixed
        self._fields = {field.key: field for field in fields}
        self._next_id = max((f.id for f in self), default=FIRST_IDS[kind] - 1) + 1
        options = (at for field in self for at, _ in field.options)
        self._next_option = max(options, default=_FIRST_OPTION - 1) + 1

    def __iter__(self) -> Iterator[CustomField]:
        return iter(self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, key: object) -> bool:
        return key in self._fields

    def __getitem__(self, key: str) -> CustomField:
        return self._fields[key]

    def rename(self, key: str, name: str, now: float) -> None:
        self._fields[key] = replace(self[key], name=name, updated=now)

    def delete(self, key: str) -> None:
        del self._fields[key]

    def delete_option(self, key: str, option: int, now: float) -> None:
        field = self[key]
        removed = tuple(each for each in field.options if each[0] == option)
        if not removed:
            raise ValueError(f"{field.name!r} has no option {option}, only {field.options}")
        remaining = tuple(each for each in field.options if each[0] != option)
        deleted = (*field.deleted, *removed)
        self._fields[key] = replace(field, options=remaining, deleted=deleted, updated=now)

    def add(self, name: str, type_: str, labels: Sequence[str], now: float) -> CustomField:
        """Add a field. The ids of fields and options, and keys, are never reused."""
        if type_ not in TYPES or (type_ in CHOICES) != bool(labels):
            raise ValueError(f"{type_!r} is not one of {TYPES}, or its options are wrong")
        key = sha1(f"{self.kind}:{self._next_id}:{name}".encode()).hexdigest()
        options = tuple(enumerate(labels, start=self._next_option))
        field = CustomField(self._next_id, key, name, type_, _FILLED, now, now, options)
        self._fields[key] = field
        self._next_id += 1
        self._next_option += len(options)
        return field


def defined(seed: int, kind: str, now: float = 0, company: Company = "small") -> CustomFields:
    """The custom fields of a kind of record (see `FIRST_IDS`) at creation."""
    fields: list[CustomField] = []
    names: list[str] = []
    for number, (name, type_, filled) in enumerate(plans(company, kind)):
        again = f":{number}" if name in names else ""
        names.append(name)
        key = sha1(f"{seed}:{kind}:{name}{again}".encode()).hexdigest()
        options: tuple[tuple[int, str], ...] = ()
        if type_ in CHOICES:
            labels = LABELS.get(name) or [f"{name} {at + 1}" for at in range(4)]
            options = tuple(enumerate(labels, start=_FIRST_OPTION + 10 * number))
        made = now - 900 * DAY + 2 * number * DAY
        id_ = FIRST_IDS[kind] + number
        fields.append(CustomField(id_, key, name, type_, filled, made, made, options))
    return CustomFields(kind, fields, mixed=company == "test")
