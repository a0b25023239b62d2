"""The changelogs of deals, persons and organizations, oldest entry first.

Undoing the changes of a record, from the newest to the oldest, yields its original values.
"""

from __future__ import annotations

from typing import NamedTuple

from ..clock import moment, plain
from ..record import Record
from .children import Parent
from .random_values import RandomValues
from .settings import PIPELINES, STAGES

_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_SOURCES = ("app", "app", "app", "mobile", "api", "import", None)


class Change(NamedTuple):
    """A change of one field, in one second, from one value to another."""

    time: float
    field: str
    old: object
    new: object


def entry(rng: RandomValues, users: int, change: Change) -> Record:
    """`change` in the vendor's format, where values are text."""
    source = rng.pick(_SOURCES)
    return {
        "field_key": change.field,
        "old_value": _text(change.old),
        "new_value": _text(change.new),
        "actor_user_id": rng.number(1, users),
        "time": plain(change.time),
        "change_source": source,
        "change_source_user_agent": _AGENT if source == "app" else None,
        "is_bulk_update_flag": source == "import" or rng.chance(0.05),
    }


def _text(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def pipeline_of(stage: int) -> int:
    """The pipeline id of a stage id."""
    return (stage - 1) // len(STAGES) + 1


def moved(time: float, old: int, new: int) -> list[Change]:
    """The changes when a deal moves to another stage: two if its pipeline changes too."""
    pipelines = pipeline_of(old), pipeline_of(new)
    to = [Change(time, "pipeline_id", *pipelines)] if len(set(pipelines)) == 2 else []
    return [*to, Change(time, "stage_id", old, new)]


def other_stage(rng: RandomValues, stage: int) -> int:
    """Another stage, usually in the same pipeline."""
    first = (pipeline_of(stage) - 1) * len(STAGES) + 1
    pool = range(first, first + len(STAGES))
    if rng.chance(0.2):
        pool = range(1, len(PIPELINES) * len(STAGES) + 1)
    return rng.pick([each for each in pool if each != stage])


def deal_changelog(rng: RandomValues, parent: Parent) -> list[Record]:
    """The moves that led to its stage, when it was closed or reopened, and other edits."""
    changes = [*_moves(rng, parent), *_closings(rng, parent), *_values(rng, parent)]
    if rng.chance(0.3):
        changes.append(_renamed(rng, parent, "title"))
    if rng.chance(0.15):
        changes.append(_handed_over(rng, parent))
    return _entries(rng, parent, changes)


def person_changelog(rng: RandomValues, parent: Parent) -> list[Record]:
    """Renames, changes of owner and a changed email address."""
    changes = _edits(rng, parent)
    for contact in parent.record["emails"][:1]:
        if rng.chance(0.4):
            time = rng.between(parent.added, parent.last)
            changes.append(Change(time, "email", f"old.{contact['value']}", contact["value"]))
    return _entries(rng, parent, changes)


def organization_changelog(rng: RandomValues, parent: Parent) -> list[Record]:
    """Renames, changes of owner and of the number of employees."""
    changes = _edits(rng, parent)
    rows, now = parent.record["employee_count"], parent.last
    if rows and rng.chance(0.4):  # twice in one second, as integrations do
        changes += [Change(now, "employee_count", None, 1), Change(now, "employee_count", 1, rows)]
    return _entries(rng, parent, changes)


def _entries(rng: RandomValues, parent: Parent, changes: list[Change]) -> list[Record]:
    changes.sort(key=lambda change: change.time)  # a stable sort
    return [entry(rng, parent.sizes.users, change) for change in changes]


def _moves(rng: RandomValues, parent: Parent) -> list[Change]:
    """Generated from last to first. Some deals move twice in one second."""
    if not parent.record["stage_change_time"]:
        return []
    last = moment(parent.record["stage_change_time"])
    times = sorted(rng.between(parent.added, last) for _ in range(rng.number(0, 3)))
    if times and parent.id % 7 == 0:
        times[-1] = int(last)
    stage: int = parent.record["stage_id"]
    changes: list[Change] = []
    for time in (last, *reversed(times)):
        before = other_stage(rng, stage)
        changes = [*moved(time, before, stage), *changes]
        stage = before
    return changes


def _closings(rng: RandomValues, parent: Parent) -> list[Change]:
    deal, changes = parent.record, []
    closed = moment(deal["close_time"]) if deal["close_time"] else None
    if rng.chance(0.2) and parent.last > parent.added:
        once = "lost" if rng.chance(0.7) else "won"
        end = parent.last if closed is None else closed
        lost, again = sorted(rng.between(parent.added, end) for _ in range(2))
        changes = [Change(lost, "status", "open", once), Change(again, "status", once, "open")]
    if closed is not None:
        changes.append(Change(closed, "status", "open", deal["status"]))
        if deal["lost_reason"]:
            changes.append(Change(closed, "lost_reason", None, deal["lost_reason"]))
    return changes


def _values(rng: RandomValues, parent: Parent) -> list[Change]:
    """Edits of the deal's value; every 5th deal has two in one second."""
    twice = parent.id % 5 == 0
    if not twice and (parent.last == parent.added or rng.chance(0.5)):
        return []
    values = [0, *(rng.number(1, 90) * 100 for _ in range(1 + twice)), parent.record["value"]]
    times = sorted(rng.between(parent.added, parent.last) for _ in range(len(values) - 1))
    if twice:
        times[1] = times[0]
    pairs = zip(times, values, values[1:], strict=False)
    return [Change(time, "value", old, new) for time, old, new in pairs if old != new]


def _edits(rng: RandomValues, parent: Parent) -> list[Change]:
    if parent.last == parent.added:
        return []
    changes = [_renamed(rng, parent, "name")] if rng.chance(0.4) else []
    return [*changes, _handed_over(rng, parent)] if rng.chance(0.3) else changes


def _renamed(rng: RandomValues, parent: Parent, field: str) -> Change:
    now = parent.record[field]
    time = rng.between(parent.added, parent.last)
    return Change(time, field, f"{now} ({rng.pick(rng.words.words)})", now)


def _handed_over(rng: RandomValues, parent: Parent) -> Change:
    """A change of owner, which v1 calls a deal's user."""
    owner = parent.record["owner_id"]
    field = "user_id" if parent.table == "deals" else "owner_id"
    time = rng.between(parent.added, parent.last)
    return Change(time, field, owner % parent.sizes.users + 1, owner)
