"""The stages every deal has been in, which no endpoint lists; for comparisons."""

from __future__ import annotations

from typing import Any

from .data.changelogs import pipeline_of
from .data.world import World
from .record import Row


def stage_history(world: World) -> dict[int, list[dict[str, Any]]]:
    """{id of a live deal: its stays in stages while it was open, oldest first}."""
    rows = world.tables["deals"].rows.values()
    return {row.id: _of_deal(world, row) for row in rows if row.deleted_at is None}


def _of_deal(world: World, row: Row) -> list[dict[str, Any]]:
    deal, log = row.record, world.children.rows("deals", "changelog", row)

    def at_first(field: str) -> Any:
        changed = (entry["old_value"] for entry in log if entry["field_key"] == field)
        return next(changed, deal[field])

    at = {"stage_id": int(at_first("stage_id")), "status": at_first("status")}
    found: list[dict[str, Any]] = []

    def enter(time: str) -> None:
        if at["status"] == "open":
            stage = at["stage_id"]
            place = {"stage_id": stage, "pipeline_id": pipeline_of(stage)}
            found.append({**place, "entered_time": time, "left_time": None})

    enter(deal["add_time"])
    for entry in log:
        field, new = entry["field_key"], entry["new_value"]
        if field not in at:
            continue
        time = f"{entry['time'].replace(' ', 'T')}Z"
        if at["status"] == "open":
            found[-1]["left_time"] = time
        at[field] = new if field == "status" else int(new)
        enter(time)
    return found
