"""What happened to the fields of deals, persons and organizations, oldest entry first.

Replayed backwards from a record's present fields, its log leads to what it was when it was made.
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
    """One field, at one second, from one value to another."""

    time: float
    field: str
    old: object
    new: object


def entry(draw: Draw, users: int, change: Change) -> Record:
    """`change` as the vendor writes it: values are text."""
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
    """A deal goes to another stage; one of another pipeline is two changes."""
    pipelines = pipeline_of(old), pipeline_of(new)
    to = [Change(time, "pipeline_id", *pipelines)] if len(set(pipelines)) == 2 else []
    return [*to, Change(time, "stage_id", old, new)]


def other_stage(draw: Draw, stage: int) -> int:
    """Mostly a stage of the same pipeline."""
    first = (pipeline_of(stage) - 1) * len(STAGES) + 1
    pool = range(first, first + len(STAGES))
    if draw.chance(0.2):
        pool = range(1, len(PIPELINES) * len(STAGES) + 1)
    return draw.pick([each for each in pool if each != stage])


def deal_changelog(draw: Draw, parent: Parent) -> list[Record]:
    """The moves that lead to its stage, how it was closed or opened again, and other edits."""
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
    if rows and draw.chance(0.4):  # twice in one second, as an integration does it
        changes += [Change(now, "employee_count", None, 1), Change(now, "employee_count", 1, rows)]
    return _entries(draw, parent, changes)


def _entries(draw: Draw, parent: Parent, changes: list[Change]) -> list[Record]:
    changes.sort(key=lambda change: change.time)  # of equal ones the first stays the first
    return [entry(draw, parent.sizes.users, change) for change in changes]


def _moves(draw: Draw, parent: Parent) -> list[Change]:
    """Made from the last to the first. Some deals move twice in one second."""
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
    """Of every 5th deal, two edits in one second."""
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
    """v1 calls a deal's owner its user."""
    owner = parent.record["owner_id"]
    field = "user_id" if parent.table == "deals" else "owner_id"
    time = draw.between(parent.added, parent.last)
    return Change(time, field, owner % parent.sizes.users + 1, owner)
