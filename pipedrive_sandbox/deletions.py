"""Simulates how records disappear and come back, or change unnoticed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from .data.world import World
from .record import Row
from .switches import Switches
from .table import Table

Action = Literal["delete", "purge", "merge", "restore", "hide", "show", "rename"]


def change_records(
    world: World, now: float, switches: Switches, action: Action, name: str, ids: Sequence[Any]
) -> list[Any]:
    """Change these records of a table now, and return the ids that it had.

    - delete: mark them as deleted if they have a flag for it, else remove them from all lists
    - purge: remove every trace, as Pipedrive does 30 days after a deletion
    - merge: delete all but the first, which changes
    - restore: bring back records that were deleted, with a new update time if
      `restore_moves_update_time`
    - hide, show: the token's user loses, or gets, access to them
    - rename: change their title, but not their update time
    """
    if action not in get_args(Action):
        raise ValueError(f"unknown action {action!r}; choose from {', '.join(get_args(Action))}")
    table, hidden = world.tables[name], world.invisible.setdefault(name, {})
    done = []
    for id_ in ids:
        row = table.rows.get(id_) or table.dropped.get(id_) or hidden.get(id_)
        if row is None:
            continue
        if id_ in table.rows:
            world.children.keep_original(name, row)
        if action == "hide":
            hidden[id_] = table.rows.pop(id_, row)
        elif action == "show":
            table.rows[id_] = hidden.pop(id_, row)
        elif action == "merge":
            (_touch if id_ == ids[0] else _delete)(table, row, now)
            other = ids[-1] if id_ == ids[0] else ids[0]
            row.hidden = {**row.hidden, "merge_what_id": other}
        elif action == "restore":
            _restore(table, row)
            if switches.restore_moves_update_time:
                _touch(table, row, now)
        else:
            _ACTIONS[action](table, row, now)
        table.touch(row)
        done.append(id_)
    return done


def _touch(table: Table, row: Row, now: float) -> None:
    if table.updated in row.record:
        row.record = {**row.record, table.updated: table.stamp(now)}


def _delete(table: Table, row: Row, now: float) -> None:
    if table.core:
        row.record = {**row.record, "is_deleted": True}
        row.deleted_at = now
    else:
        table.drop(row, now)
    _touch(table, row, now)


def _purge(table: Table, row: Row, now: float) -> None:
    for rows in (table.rows, table.dropped):
        rows.pop(row.id, None)


def _restore(table: Table, row: Row) -> None:
    if table.core:
        row.record = {**row.record, "is_deleted": False}
    row.hidden = {name: value for name, value in row.hidden.items() if name != "merge_what_id"}
    table.dropped.pop(row.id, None)
    table.rows[row.id] = row
    row.deleted_at = None


def _rename(table: Table, row: Row, now: float) -> None:
    row.record = {**row.record, table.title: f"{row.record[table.title]} (renamed)"}


_ACTIONS = {"delete": _delete, "purge": _purge, "rename": _rename}
