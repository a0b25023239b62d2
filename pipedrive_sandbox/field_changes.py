"""Changes to the account's custom fields while a client reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .data.builder import define
from .data.custom_fields import CustomField, CustomFields
from .data.field_values import Values, inlined, value
from .data.random_values import RandomValues
from .data.world import World
from .record import Row

FILLED_RECORDS = 10  # records that get a value for a newly added field


def change_fields(
    world: World,
    now: float,
    kind: str,
    *,
    rename: Mapping[str, str] = MappingProxyType({}),
    delete: Sequence[str] = (),
    add: Sequence[Mapping[str, Any]] = (),
    delete_option: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, list[str]]:
    """Change the custom fields of deals, persons, organizations or products, in this order:
    rename {key: name}, delete_option {key: option id}, delete [key], add [{"name", "type",
    "options": [labels]}]. Returns {"added": [keys]}. Raises ValueError for an unknown key, before
    it changes anything.

    Records lose the values of a deleted field and keep the ids of deleted options. A new field is
    null, except in the first 10 listed records, which get a value and the update time `now`.
    Changes to deal fields apply to leads too.
    """
    if kind not in world.fields:
        raise ValueError(f"{kind!r} has no custom fields; choose from {sorted(world.fields)}")
    fields = world.fields[kind]
    unknown = [key for key in (*rename, *delete, *delete_option) if key not in fields]
    if unknown:
        raise ValueError(f"unknown fields of {kind}: {unknown}")
    for key, name in rename.items():
        fields.rename(key, name, now)
    for key, option in delete_option.items():
        fields.delete_option(key, option, now)
    for key in delete:
        fields.delete(key)
    added = [_added(fields, now, **each) for each in add]
    editors = [_ValueEditor(world, now, kind, in_v1=False)]
    if kind == "deals":
        editors.append(_ValueEditor(world, now, "leads", in_v1=True))
    for editor in editors:
        editor.forget(delete)
        editor.fill(added)
    define(world)
    return {"added": [field.key for field in added]}


def _added(
    fields: CustomFields,
    now: float,
    name: str,
    type: str,  # noqa: A002  (a key of the body)
    options: Sequence[str] = (),
) -> CustomField:
    return fields.add(name, type, options, now)


class _ValueEditor:
    """Changes custom field values in one table, whose records share dicts of values."""

    def __init__(self, world: World, now: float, table: str, in_v1: bool) -> None:
        self._world = world
        self._table = world.tables[table]
        self._now = now
        self._in_v1 = in_v1

    def _values(self, row: Row) -> Values:
        values: Values = (row.hidden if self._in_v1 else row.record)["custom_fields"]
        return values

    def _shared(self) -> Iterable[Values]:
        """Each distinct dict of values, once."""
        return {id(each): each for each in map(self._values, self._table.rows.values())}.values()

    def forget(self, keys: Sequence[str]) -> None:
        """Remove the values of fields, including those of their subfields."""
        for values in self._shared():
            for key in [key for key in values if key[:40] in keys]:
                del values[key]
        self._table.refresh()

    def fill(self, added: Sequence[CustomField]) -> None:
        if not added:
            return
        if not self._in_v1:
            for values in self._shared():
                values.update({field.key: None for field in added})
        rng, last = RandomValues(self._world.seed, added[0].key, self._now), self._world.sizes.last
        listed = [
            row
            for row in self._table.rows.values()
            if row.deleted_at is None and not row.record.get("is_archived")
        ]
        for row in listed[:FILLED_RECORDS]:
            self._world.children.keep_original(self._table.name, row)
            new = {field.key: value(rng, field, last) for field in added}
            if self._in_v1:
                values = {**self._values(row), **inlined(new, added)}
                row.hidden = {**row.hidden, "custom_fields": values}
            else:
                row.record["custom_fields"] = {**self._values(row), **new}
            row.record[self._table.updated] = self._table.stamp(self._now)
        self._table.touch(*listed[:FILLED_RECORDS])
        self._table.refresh()
