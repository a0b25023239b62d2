"""The edits users make to a deal: move it, close it, change its products, people and followers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Literal, get_args

from .clock import plain, zulu
from .data.changelogs import Change, entry, moved, other_stage, pipeline_of
from .data.deal_products import NUMBERED, product
from .data.following import IDS_PER_PARENT, participant
from .data.random_values import RandomValues
from .data.world import World
from .record import Record, Row

EditKind = Literal["title", "stage", "status", "products", "participants", "followers"]
USUAL_EDITS: tuple[EditKind, ...] = (
    *("title",) * 5,
    *("stage",) * 3,
    "status",
    *("products",) * 2,
    "participants",
    "followers",
)
CHILD_EDITS = ("products", "participants", "followers")  # edits that change no field of the deal


def check_kinds(kinds: tuple[str, ...]) -> None:
    """Check the kinds of edit. Raises ValueError if there are none, or one is unknown."""
    unknown = sorted(set(kinds) - set(get_args(EditKind)))
    if unknown or not kinds:
        raise ValueError(f"unknown kinds of edit: {unknown}; choose from {get_args(EditKind)}")


def logged(world: World, now: float, table: str, row: Row, *changes: tuple[str, Any, Any]) -> None:
    """Append each change (field, old value, new value) to the changelog of `row`."""
    log, rng = world.children.change(table, "changelog", row), _rng(world, now, row)
    log += [entry(rng, world.sizes.users, Change(now, *change)) for change in changes]


def _rng(world: World, now: float, row: Row) -> RandomValues:
    return RandomValues(world.seed, f"deals:change:{row.id}:{now}", now)


def number_products(world: World, row: Row) -> None:
    """Give the products and installments of a deal the next free ids, before it is added."""
    for kind in NUMBERED:
        rows = world.children.change("deals", kind, row)
        rows[:] = [{**each, "id": world.children.next_id("deals", kind)} for each in rows]


class DealEdit:
    """Edits one deal. It has its own random source, so other records do not depend on it."""

    def __init__(self, world: World, now: float, row: Row, random: Random) -> None:
        self._world = world
        self._now = now
        self._row = row
        self._random = random

    def make(self, kind: str) -> None:
        """Make an edit of this `kind`, which may not be "title"."""
        edits: dict[str, Callable[[], None]] = {
            "stage": self._move,
            "status": self._close_or_open,
            "products": self._products,
            "participants": self._participants,
            "followers": self._followers,
        }
        self._world.children.keep_original("deals", self._row)
        edits[kind]()

    def _set(self, **fields: Any) -> None:
        self._row.record = {**self._row.record, **fields}

    def _log(self, *changes: tuple[str, Any, Any]) -> None:
        logged(self._world, self._now, "deals", self._row, *changes)

    def _move(self) -> None:
        old = self._row.record["stage_id"]
        new = other_stage(_rng(self._world, self._now, self._row), old)
        self._log(*(change[1:] for change in moved(self._now, old, new)))
        moment = zulu(self._now)
        self._set(stage_id=new, pipeline_id=pipeline_of(new), stage_change_time=moment)

    def _close_or_open(self) -> None:
        old, now = self._row.record["status"], zulu(self._now)
        status = self._random.choice(("won", "lost")) if old == "open" else "open"
        self._log(("status", old, status))
        won, lost = status == "won", status == "lost"
        closed = now if won or lost else None
        self._set(
            status=status,
            close_time=closed,
            won_time=now if won else None,
            lost_time=now if lost else None,
            lost_reason="Price" if lost else None,
            local_won_date=now[:10] if won else None,
            local_lost_date=now[:10] if lost else None,
            local_close_date=closed and now[:10],
        )

    def _children(self, kind: str) -> list[Record]:
        return self._world.children.change("deals", kind, self._row)

    def _products(self) -> None:
        """Add or remove one product. The last one may be removed too."""
        rows, id_ = self._children("products"), self._row.id
        if rows and self._random.random() < 0.5:
            del rows[self._random.randrange(len(rows))]
            return
        at = self._world.children.next_number("deals", "products", id_)
        parent = self._world.children.parent("deals", self._row)
        rng = _rng(self._world, self._now, self._row)
        new = product(rng, self._row.record, at, self._now, parent)
        id_ = self._world.children.next_id("deals", "products")
        rows.append({**new, "id": id_, "update_time": new["add_time"]})

    def _participants(self) -> None:
        rows, id_ = self._children("participants"), self._row.id
        present = {row["person_id"] for row in rows}
        people = self._world.sizes.persons
        if len(present) >= people:
            return
        person = self._random.randint(1, people)
        while person in present:
            person = person % people + 1
        at = self._world.children.next_number("deals", "participants", id_)
        rows.append(participant(id_ * IDS_PER_PARENT + at, person, self._now))
        log = {"actor_user_id": 1, "person_id": person, "action": "added"}
        self._children("participants_changelog").append({**log, "time": plain(self._now)})

    def _followers(self) -> None:
        """Add a follower, or remove one if every user already follows the deal."""
        rows, users = self._children("followers"), range(1, self._world.sizes.users + 1)
        present = {row["user_id"] for row in rows}
        free = [user for user in users if user not in present]
        user = self._random.choice(free) if free else self._random.choice(sorted(present))
        action = "added" if free else "removed"
        if free:
            rows.append({"user_id": user, "add_time": zulu(self._now)})
        else:
            rows[:] = [row for row in rows if row["user_id"] != user]
        log = {"action": action, "actor_user_id": 1, "follower_user_id": user}
        self._children("followers_changelog").append({**log, "time": zulu(self._now)})
