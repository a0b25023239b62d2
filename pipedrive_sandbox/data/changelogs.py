"""The changelogs of deals, persons and organizations, oldest entry first.

Undoing the changes of a record, from the newest to the oldest, yields its original values.
"""

from __future__ import annotations

from typing import NamedTuple

from ..clock import moment, plain
from ..record import Record
from .children import Parent
from .draw import Draw
from .settings import PIPELINES, STAGES

_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_SOURCES = ("app", "app", "app", "mobile", "api", "import", None)


class Change(NamedTuple):
    """A change of one field, in one second, from one value to another."""

    time: float
    field: str
    old: object
    new: object


def entry(draw: Draw, users: int, change: Change) -> Record:
    """`change` in the vendor's format, where values are text."""
    source = draw.pick(_SOURCES)
    return {
        "field_key": change.field,
        "old_value": _text(change.old),
        "new_value": _text(change.new),
        "actor_user_id": draw.number(1, users),
        "time": plain(change.time),
        "change_source": source,
        "change_source_user_agent": _AGENT if source == "app" else None,
        "is_bulk_update_flag": source == "import" or draw.chance(0.05),
    }


def _text(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def pipeline_of(stage: int) -> int:
    return (stage - 1) // len(STAGES) + 1


def moved(time: float, old: int, new: int) -> list[Change]:
    """The changes when a deal moves to another stage: two if its pipeline changes too."""
    pipelines = pipeline_of(old), pipeline_of(new)
    to = [Change(time, "pipeline_id", *pipelines)] if len(set(pipelines)) == 2 else []
    return [*to, Change(time, "stage_id", old, new)]


def other_stage(draw: Draw, stage: int) -> int:
    """Another stage, usually in the same pipeline."""
    first = (pipeline_of(stage) - 1) * len(STAGES) + 1
    pool = range(first, first + len(STAGES))
    if draw.chance(0.2):
        pool = range(1, len(PIPELINES) * len(STAGES) + 1)
    return draw.pick([each for each in pool if each != stage])


def deal_changelog(draw: Draw, parent: Parent) -> list[Record]:
    """The moves that led to its stage, when it was closed or reopened, and other edits."""
    changes = [*_moves(draw, parent), *_closings(draw, parent), *_values(draw, parent)]
    if draw.chance(0.3):
        changes.append(_renamed(draw, parent, "title"))
    if draw.chance(0.15):
        changes.append(_handed_over(draw, parent))
    return _entries(draw, parent, changes)


def person_changelog(draw: Draw, parent: Parent) -> list[Record]:
    changes = _edits(draw, parent)
    for contact in parent.record["emails"][:1]:
        if draw.chance(0.4):
            time = draw.between(parent.added, parent.last)
            changes.append(Change(time, "email", f"old.{contact['value']}", contact["value"]))
    return _entries(draw, parent, changes)


def organization_changelog(draw: Draw, parent: Parent) -> list[Record]:
    changes = _edits(draw, parent)
    rows, now = parent.record["employee_count"], parent.last
    if rows and draw.chance(0.4):  # twice in one second, as integrations do
        changes += [Change(now, "employee_count", None, 1), Change(now, "employee_count", 1, rows)]
    return _entries(draw, parent, changes)


def _entries(draw: Draw, parent: Parent, changes: list[Change]) -> list[Record]:
    changes.sort(key=lambda change: change.time)  # a stable sort
    return [entry(draw, parent.sizes.users, change) for change in changes]


def _moves(draw: Draw, parent: Parent) -> list[Change]:
    """Generated from last to first. Some deals move twice in one second."""
    if not parent.record["stage_change_time"]:
        return []
    last = moment(parent.record["stage_change_time"])
    times = sorted(draw.between(parent.added, last) for _ in range(draw.number(0, 3)))
    if times and parent.id % 7 == 0:
        times[-1] = int(last)
    stage: int = parent.record["stage_id"]
    changes: list[Change] = []
    for time in (last, *reversed(times)):
        before = other_stage(draw, stage)
        changes = [*moved(time, before, stage), *changes]
        stage = before
    return changes


def _closings(draw: Draw, parent: Parent) -> list[Change]:
    deal, changes = parent.record, []
    closed = moment(deal["close_time"]) if deal["close_time"] else None
    if draw.chance(0.2) and parent.last > parent.added:
        once = "lost" if draw.chance(0.7) else "won"
        end = parent.last if closed is None else closed
        lost, again = sorted(draw.between(parent.added, end) for _ in range(2))
        changes = [Change(lost, "status", "open", once), Change(again, "status", once, "open")]
    if closed is not None:
        changes.append(Change(closed, "status", "open", deal["status"]))
        if deal["lost_reason"]:
            changes.append(Change(closed, "lost_reason", None, deal["lost_reason"]))
    return changes


def _values(draw: Draw, parent: Parent) -> list[Change]:
    """Edits of the deal's value; every 5th deal has two in one second."""
    twice = parent.id % 5 == 0
    if not twice and (parent.last == parent.added or draw.chance(0.5)):
        return []
    values = [0, *(draw.number(1, 90) * 100 for _ in range(1 + twice)), parent.record["value"]]
    times = sorted(draw.between(parent.added, parent.last) for _ in range(len(values) - 1))
    if twice:
        times[1] = times[0]
    pairs = zip(times, values, values[1:], strict=False)
    return [Change(time, "value", old, new) for time, old, new in pairs if old != new]


def _edits(draw: Draw, parent: Parent) -> list[Change]:
    if parent.last == parent.added:
        return []
    changes = [_renamed(draw, parent, "name")] if draw.chance(0.4) else []
    return [*changes, _handed_over(draw, parent)] if draw.chance(0.3) else changes


def _renamed(draw: Draw, parent: Parent, field: str) -> Change:
    now = parent.record[field]
    time = draw.between(parent.added, parent.last)
    return Change(time, field, f"{now} ({draw.pick(draw.words.words)})", now)


def _handed_over(draw: Draw, parent: Parent) -> Change:
    """A change of owner, which v1 calls a deal's user."""
    owner = parent.record["owner_id"]
    field = "user_id" if parent.table == "deals" else "owner_id"
    time = draw.between(parent.added, parent.last)
    return Change(time, field, owner % parent.sizes.users + 1, owner)
