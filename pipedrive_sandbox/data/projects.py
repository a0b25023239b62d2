"""Projects with their boards, phases, templates, tasks, changelogs, plans and groups."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from ..clock import DAY, date, millis, rfc3339
from ..record import VALUE, Record, Row, Variant
from ..switches import Switches
from ..table import Table
from .company import Sizes
from .custom_fields import CustomFields
from .field_values import Pool
from .listing import Listing
from .random_values import RandomValues, RecordTimes
from .world import World

STATUSES = ("open", "completed", "canceled")
ARCHIVED = 0.2
DELETED = 0.05
_BOARDS = ("Delivery", "Onboarding")
_PHASES = ("Kick-off", "Planning", "Implementation", "Review")
_TEMPLATES = ("Rollout", "Onboarding", "Audit")
_PLANNED = ("task", "tasks"), ("activity", "activities")
_INTERNAL = ("is_archived", "is_deleted")  # stored, but never shown
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_SOURCES = (("app", _BROWSER), ("api", None), ("automation", None), (None, None))


def boards(rng: RandomValues) -> Table:
    return Table("project_boards", [Row(_ordered(rng, at, _BOARDS)) for at in (1, 2)])


def phases(rng: RandomValues) -> Table:
    """The same four phases for every board."""
    rows = []
    for at in range(len(_BOARDS) * len(_PHASES)):
        board, place = divmod(at, len(_PHASES))
        record = _ordered(rng, place + 1, _PHASES)
        rows.append(Row({**record, "id": at + 1, "board_id": board + 1}))
    return Table("project_phases", rows)


def _ordered(rng: RandomValues, place: int, names: tuple[str, ...]) -> Record:
    added = rng.before(rng.now - 700 * DAY, 200)
    return {
        "id": place,
        "name": names[place - 1],
        "order_nr": place,
        "add_time": millis(added),
        "update_time": millis(rng.between(added, rng.now)),
    }


def templates(rng: RandomValues) -> Table:
    rows = []
    for id_, title in enumerate(_TEMPLATES, start=1):
        added = rng.before(rng.now, 600)
        record: Record = {
            "id": id_,
            "title": title,
            "description": rng.pick(rng.words.sentences),
            "projects_board_id": id_ % len(_BOARDS) + 1,
            "owner_id": 1,
            "add_time": millis(added),
            "update_time": millis(rng.between(added, rng.now)),
        }
        rows.append(Row(record))
    return Table("project_templates", rows, stamp=millis, title="title")


class _Listing(Listing):
    """Omits the fields that only the sandbox needs."""

    def __call__(self, row: Row, variant: Variant, switches: Switches) -> Record:
        shown = super().__call__(row, variant, switches)
        return {name: value for name, value in shown.items() if name not in _INTERNAL}


def projects(rng: RandomValues, sizes: Sizes, custom: CustomFields) -> Table:
    """Listed, archived and deleted projects; every second deleted one had been archived."""
    values = Pool(rng, custom, 64, sizes.last)
    deleted_count = max(2, round(sizes.projects * DELETED))
    all_times = rng.record_times(sizes.projects + deleted_count)
    deleted = rng.random.sample(range(len(all_times)), deleted_count)
    was_listed, was_archived = set(deleted[1::2]), set(deleted[::2])
    rows = []
    for at, times in enumerate(all_times):
        deleted_at: int | None = None
        if at in was_listed or at in was_archived:
            deleted_at = rng.between(max(times.added, rng.now - 29 * DAY), rng.now)
            times = RecordTimes(times.added, deleted_at)
        record = _project(rng, at + 1, times, sizes)
        record["custom_fields"] = values.pick(at + 1)
        record["is_deleted"] = deleted_at is not None
        archived = at in was_archived
        if deleted_at is None:
            archived = rng.chance(ARCHIVED)
        record["is_archived"] = archived
        if archived:
            record["archive_time"] = millis(rng.between(times.added, times.updated))
        as_made = {"made": times.updated, "title": record["title"]}
        rows.append(Row(record, as_made, deleted_at))
    listed = _Listing(custom)
    return Table("projects", rows, listed=listed, stamp=millis, title="title", core=True)


def _board(phase: int) -> int:
    return (phase - 1) // len(_PHASES) + 1


def _project(rng: RandomValues, id_: int, times: RecordTimes, sizes: Sizes) -> Record:
    phase = rng.number(1, len(_BOARDS) * len(_PHASES))

    def some(last: int) -> list[int]:
        return [rng.number(1, last)] if last and rng.chance(0.7) else []

    return {
        "id": id_,
        "title": f"{rng.pick(rng.words.phrases)} {id_}",
        "description": rng.pick(rng.words.sentences),
        "status": rng.pick((*STATUSES[:1] * 3, *STATUSES)),
        "board_id": _board(phase),
        "phase_id": phase,
        "owner_id": rng.number(1, sizes.users),
        "start_date": date(times.added),
        "end_date": date(times.added + rng.number(10, 200) * DAY),
        "deal_ids": some(sizes.deals),
        "person_ids": some(sizes.persons),
        "org_ids": some(sizes.organizations),
        "label_ids": [label for label in (1, 2, 3) if rng.chance(0.2)],
        "health_status": rng.some(rng.number(0, 10) * 10, 0.6),
        "add_time": millis(times.added),
        "update_time": millis(times.updated),
        "status_change_time": millis(rng.between(times.added, times.updated)),
        "archive_time": None,
    }


def tasks(rng: RandomValues, sizes: Sizes, all_projects: Table) -> Table:
    """Up to five tasks per project; most later ones are subtasks of the first."""
    rows: list[Row] = []
    for project in all_projects.rows.values():
        first = len(rows) + 1
        for at in range(rng.number(0, 5)):
            record = _task(rng, len(rows) + 1, project, sizes)
            parent_task = first if at and rng.chance(0.6) else None
            record["parent_task_id"] = parent_task
            rows.append(Row(record, hidden={"parent_task": parent_task or "null"}))
    return Table("tasks", rows, stamp=millis, title="title")


def _task(rng: RandomValues, id_: int, project: Row, sizes: Sizes) -> Record:
    added = rng.between(rfc3339(project.record["add_time"]), rng.now)
    updated = rng.between(added, rng.now) if rng.chance(0.7) else added
    done = rng.chance(0.5)
    return {
        "id": id_,
        "title": rng.pick(rng.words.phrases),
        "creator_id": rng.number(1, sizes.users),
        "description": rng.some(rng.pick(rng.words.sentences), 0.6),
        "project_id": project.id,
        "is_done": done,
        "is_milestone": rng.chance(0.1),
        "due_date": rng.some(date(added + 20 * DAY), 0.7),
        "start_date": rng.some(date(added), 0.5),
        "parent_task_id": None,
        "assignee_ids": sorted({rng.number(1, sizes.users) for _ in range(rng.number(0, 2))}),
        "priority": rng.some(rng.number(1, 3), 0.4),
        "add_time": millis(added),
        "update_time": millis(updated),
        "marked_as_done_time": millis(updated) if done else None,
    }


# -- of one project


def changelog(rng: RandomValues, project: Row, world: World) -> list[Record]:
    """Newest first. The generated entries end at the project's original update time, and every
    third has the same time as the one before; a later change adds one entry. A project that was
    never edited has none."""
    added, made = rfc3339(project.record["add_time"]), project.hidden["made"]
    if made <= added:
        return _since(project, made)
    entries, at = [], made
    for number in range(rng.number(1, 7)):
        if number % 3 != 1:
            at = made if number == 0 else added + (at - added) * rng.random.random()
        source, agent = rng.pick(_SOURCES)
        old, new = _change(rng, project)
        entries.append(
            {
                "change_source": source,
                "change_source_user_agent": agent,
                "time": millis(at),
                "new_values": new,
                "old_values": old,
                "actor_user_id": rng.number(1, world.sizes.users),
            }
        )
    return [*_since(project, made), *entries]


def _since(project: Row, made: float) -> list[Record]:
    record, titled = project.record, project.hidden["title"]
    if record["title"] == titled or rfc3339(record["update_time"] or millis(made)) <= made:
        return []
    return [
        {
            "change_source": "app",
            "change_source_user_agent": _BROWSER,
            "time": record["update_time"],
            "new_values": {"title": record["title"]},
            "old_values": {"title": titled},
            "actor_user_id": record["owner_id"],
        }
    ]


def _change(rng: RandomValues, project: Row) -> tuple[Record, Record]:
    """Old and new values of a change; the new ones are the project's own."""
    kind, record = rng.number(0, 3), project.record
    if kind == 0:
        return {"title": rng.pick(rng.words.phrases)}, {"title": project.hidden["title"]}
    if kind == 1:
        others = [status for status in STATUSES if status != record["status"]]
        return {"status": rng.pick(others)}, {"status": record["status"]}
    if kind == 2:
        phase = record["phase_id"] % (len(_BOARDS) * len(_PHASES)) + 1
        names = ("board_id", "phase_id")
        before = (_board(phase), phase)
        return dict(zip(names, before, strict=True)), {name: record[name] for name in names}
    return {"end_date": None}, {"end_date": record["end_date"]}


def groups(rng: RandomValues, project: Row, world: World) -> list[Record]:
    """One to three groups; every fourth project has none."""
    count = rng.number(1, 3) if project.id % 4 else 0
    return [
        {"id": project.id * 10 + at, "name": rng.pick(rng.words.words), "order_nr": at}
        for at in range(1, count + 1)
    ]


def plan(rng: RandomValues, project: Row, world: World) -> list[Record]:
    """The tasks and activities of the project, each in a phase of its board."""
    own = groups(
        RandomValues(world.seed, f"project_groups:{project.id}", world.created_at), project, world
    )
    first = (project.record["board_id"] - 1) * len(_PHASES)
    return [
        {
            "item_id": row.id,
            "item_type": type_,
            "phase_id": first + rng.number(1, len(_PHASES)),
            "group_id": rng.pick(own)["id"] if own else None,
        }
        for type_, table in _PLANNED
        for row in _belonging(world.tables[table], project.id)
    ]


def _belonging(table: Table, project: Any) -> list[Row]:
    """The rows of `table` that belong to the project and are not deleted."""
    keys, rows = table.index((), "project_id", "first")
    low, high = (bisect_left(keys, (VALUE, id_)) for id_ in (project, project + 1))
    return [row for row in rows[low:high] if row.deleted_at is None]
