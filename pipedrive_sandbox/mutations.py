"""Simulates the company's users while a client reads: they edit, add, delete and archive records,
convert leads, and bring records back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from . import deal_edits
from .data.world import World
from .deal_edits import CHILD_EDITS, USUAL_EDITS, DealEdit
from .record import Row
from .switches import Switches
from .table import Table

INCREMENTAL = (
    "activities",
    "deals",
    "files",
    "leads",
    "notes",
    "organizations",
    "persons",
    "products",
)
ARCHIVABLE = ("deals", "leads", "projects")
LOGGED = ("deals", "organizations", "persons")  # have a changelog
# The fields of a new deal: it is open and has never changed stage.
NEW_DEAL = {
    "status": "open",
    "lost_reason": None,
    **dict.fromkeys(("close_time", "won_time", "lost_time", "stage_change_time")),
    **dict.fromkeys(("local_won_date", "local_lost_date", "local_close_date")),
}
_LINKED_TO_ACTIVITIES = {"person_id": "persons", "lead_id": "leads"}
# {table: {kind of change: {field: table of the linked record whose update time changes too}}}
LINKED_UPDATES = {
    "notes": {"deleted": {"deal_id": "deals", "person_id": "persons", "org_id": "organizations"}},
    "activities": dict.fromkeys(("edited", "added", "deleted"), _LINKED_TO_ACTIVITIES),
}
Changes = dict[str, dict[str, list[Any]]]


def mutate(
    world: World,
    now: float,
    switches: Switches,
    seed: int,
    *,
    edits: int = 0,
    adds: int = 0,
    deletes: int = 0,
    archives: int = 0,
    restores: int = 0,
    unarchives: int = 0,
    conversions: int = 0,
    objects: Sequence[str] = INCREMENTAL,
    edit_kinds: Sequence[str] = USUAL_EDITS,
) -> Changes:
    """Change this many records, chosen by `seed` from the live records of `objects`.

    Returns {object: {"edited" | "added" | "deleted" | "archived" | "restored" | "unarchived" |
    "converted": [ids]}}. A converted lead is deleted, and a new deal is added. An edited, added or
    deleted record gets the update time `now`; switches decide whether an archived or restored one
    does. Deleted records can be restored if Pipedrive still lists them by their flag. A call
    changes each record at most once. Objects are tables: archived deals are in "deals".
    `edit_kinds`: the edits a deal may get (see `deal_edits.EditKind`). Some change only its child
    records; a switch decides whether that changes the deal's update time.
    """
    deal_edits.check_kinds(tuple(edit_kinds))
    unknown = sorted(set(objects) - set(world.tables))
    if unknown:
        raise ValueError(f"unknown tables {unknown}; choose from {sorted(world.tables)}")
    mutator = _Mutator(world, now, switches, Random(f"{seed}:mutate"), edit_kinds)
    for _ in range(edits):
        mutator.edit(objects)
    for _ in range(adds):
        mutator.add(objects)
    for _ in range(deletes):
        mutator.delete(objects)
    for _ in range(archives):
        mutator.archive([name for name in objects if name in ARCHIVABLE])
    for _ in range(unarchives):
        mutator.unarchive([name for name in objects if name in ARCHIVABLE])
    for _ in range(restores):
        mutator.restore(objects)
    for _ in range(conversions):
        mutator.convert()
    return mutator.changes()


class _Mutator:
    """Applies changes one by one and records them."""

    def __init__(
        self,
        world: World,
        now: float,
        switches: Switches,
        random: Random,
        edit_kinds: Sequence[str],
    ) -> None:
        self._world = world
        self._now = now
        self._switches = switches
        self._random = random
        self._edit_kinds = edit_kinds
        self._changes: defaultdict[str, defaultdict[str, list[Any]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._candidates: dict[str, list[Any]] = {}
        self._deleted = {
            name: [row for row in table.rows.values() if row.deleted_at is not None]
            for name, table in world.tables.items()
        }

    def changes(self) -> Changes:
        return {name: dict(kinds) for name, kinds in sorted(self._changes.items())}

    def edit(self, objects: Sequence[str]) -> None:
        for table, row in self._pick(objects):
            word = f" (edited {self._random.randrange(1000)})"
            kind = self._edit_deal(table, row)
            if kind == "title":
                self._rename(table, row, word)
            child_only = kind in CHILD_EDITS
            moved = not child_only or self._switches.children_move_update_time
            self._record_change(table, row, "edited", moved)

    def _edit_deal(self, table: Table, row: Row) -> str:
        """Pick a kind of edit, make it unless it is "title", and return it."""
        if table.name != "deals":
            return "title"
        random = Random(f"{row.id}:{self._now}:work")  # leaves the other choices as they are
        kind = random.choice(self._edit_kinds)
        if kind != "title":
            DealEdit(self._world, self._now, row, random).make(kind)
        return kind

    def _rename(self, table: Table, row: Row, word: str) -> None:
        old = row.record.get(table.title) or ""
        new = f"{old.split(' (edited')[0]}{word}"
        if table.name in LOGGED:
            change = (table.title, old, new)
            deal_edits.logged(self._world, self._now, table.name, row, change)
        self._world.children.keep_original(table.name, row)
        row.record = {**row.record, table.title: new}

    def add(self, objects: Sequence[str]) -> None:
        """Add a copy of a random record, with a new id and the current time."""
        self._add(self._world.tables[self._random.choice(objects)])

    def convert(self) -> None:
        """Turn a lead into a deal, which deletes the lead."""
        for table, lead in self._pick(["leads"]):
            table.drop(lead, self._now)
            self._record_change(table, lead, "converted")
            found, deals = lead.record, self._world.tables["deals"]
            same = {name: found[name] for name in ("title", "person_id", "owner_id")}
            self._add(deals, org_id=found["organization_id"], **same)

    def _add(self, table: Table, **fields: Any) -> None:
        template = self._random.choice(list(table.rows.values()))
        new = template.id
        if isinstance(new, int):
            new = self._world.next_id(table.name)
        else:
            new = f"{self._random.getrandbits(32):08x}{new[8:]}"
        record = {**template.record, "id": new}
        if "is_deleted" in record:
            record["is_deleted"] = False
        if "is_archived" in record:
            record["is_archived"] = False
        if "archive_time" in record:
            record["archive_time"] = None
        if "add_time" in record:
            record["add_time"] = table.stamp(self._now)
        if table.name == "deals":
            record.update(NEW_DEAL)
        row = Row({**record, **fields}, template.hidden)
        if table.name == "deals":
            deal_edits.number_products(self._world, row)
        table.rows[new] = row
        self._record_change(table, row, "added")

    def delete(self, objects: Sequence[str]) -> None:
        """Mark records as deleted if they have a flag for it; otherwise remove them."""
        for table, row in self._pick(objects):
            self._world.children.keep_original(table.name, row)
            if table.core:
                row.record = {**row.record, "is_deleted": True}
                row.deleted_at = self._now
            else:
                table.drop(row, self._now)
            self._record_change(table, row, "deleted")

    def restore(self, objects: Sequence[str]) -> None:
        """Undo the deletion of a record that was deleted before this call."""
        for name in self._random.sample(objects, len(objects)):
            deleted = self._deleted[name]
            if deleted:
                row = deleted.pop(self._random.randrange(len(deleted)))
                row.record, row.deleted_at = {**row.record, "is_deleted": False}, None
                table = self._world.tables[name]
                moved = self._switches.restore_moves_update_time
                self._record_change(table, row, "restored", moved)
                return

    def archive(self, objects: Sequence[str]) -> None:
        self._move(objects, archived=True)

    def unarchive(self, objects: Sequence[str]) -> None:
        self._move(objects, archived=False)

    def _move(self, objects: Sequence[str], archived: bool) -> None:
        for table, row in self._pick(objects, archived=not archived):
            self._world.children.keep_original(table.name, row)
            row.record = {**row.record, "is_archived": archived}
            if "archive_time" in row.record:
                row.record["archive_time"] = table.stamp(self._now) if archived else None
            kind = "archived" if archived else "unarchived"
            moved = self._switches.archive_moves_update_time
            self._record_change(table, row, kind, moved)

    def _pick(
        self, objects: Sequence[str], archived: bool | None = None
    ) -> Iterator[tuple[Table, Row]]:
        """Yield one row that was not picked before, or nothing if `objects` have no such row."""
        for name in self._random.sample(objects, len(objects)):
            table = self._world.tables[name]
            ids = self._remaining(table)
            for at in range(len(ids) - 1, -1, -1):
                row = table.rows[ids[at]]
                if archived is None or row.record["is_archived"] is archived:
                    del ids[at]
                    yield table, row
                    return

    def _remaining(self, table: Table) -> list[Any]:
        """The ids of live rows in random order, except those already picked."""
        if table.name not in self._candidates:
            ids = [id_ for id_, row in table.rows.items() if row.deleted_at is None]
            self._random.shuffle(ids)
            self._candidates[table.name] = ids
        return self._candidates[table.name]

    def _record_change(self, table: Table, row: Row, kind: str, moved: bool = True) -> None:
        if moved and table.updated in row.record:
            row.record[table.updated] = table.stamp(self._now)
        table.touch(row)
        if self._switches.notes_move_update_time and kind in LINKED_UPDATES.get(table.name, {}):
            self._touch_linked(row, LINKED_UPDATES[table.name][kind])
        self._changes[table.name][kind].append(row.id)

    def _touch_linked(self, row: Row, fields: Mapping[str, str]) -> None:
        for field, name in fields.items():
            table = self._world.tables[name]
            other = table.rows.get(row.record[field])
            if other is not None and other.deleted_at is None:
                self._world.children.keep_original(name, other)
                other.record = {**other.record, table.updated: table.stamp(self._now)}
                table.touch(other)
