"""Followers of records and participants of deals, with their changelogs."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import plain, zulu
from ..record import Record
from .children import Parent
from .random_values import RandomValues

IDS_PER_PARENT = 1000  # ids of participants reserved per deal
FORMER_SHARE = 0.2  # share of records with a former follower or participant


def followers(rng: RandomValues, parent: Parent) -> list[Record]:
    """The followers of a record, sorted by user id."""
    users = rng.random.sample(range(1, parent.sizes.users + 1), parent.count("followers"))
    return [
        {"user_id": user, "add_time": zulu(rng.between(parent.added, parent.last))}
        for user in sorted(users)
    ]


def followers_changelog(rng: RandomValues, parent: Parent) -> list[Record]:
    """Oldest entry first; replaying it yields the followers."""
    now = {row["user_id"]: row["add_time"] for row in parent.siblings("followers")}
    return [
        {"action": action, "actor_user_id": actor, "follower_user_id": user, "time": time}
        for time, action, user, actor in _log(rng, parent, now, parent.sizes.users, zulu)
    ]


def participants(rng: RandomValues, parent: Parent) -> list[Record]:
    """The deal's own person first. The response adds the details of each person."""
    own, count = parent.record["person_id"], parent.count("participants")
    pool = range(1, parent.sizes.persons + 1)
    people = [own] if own else []
    people += [each for each in rng.random.sample(pool, count) if each != own]
    return [
        participant(parent.id * IDS_PER_PARENT + at, person, rng.between(parent.added, parent.last))
        for at, person in enumerate(people[:count], start=1)
    ]


def participant(id_: int, person: int, added: float) -> Record:
    """A participant of a deal, without the details of the person."""
    return {"id": id_, "person_id": person, "add_time": plain(added)}


def participants_changelog(rng: RandomValues, parent: Parent) -> list[Record]:
    """Oldest entry first; replaying it yields the participants."""
    now = {row["person_id"]: row["add_time"] for row in parent.siblings("participants")}
    return [
        {"actor_user_id": actor, "person_id": person, "action": action, "time": time}
        for time, action, person, actor in _log(rng, parent, now, parent.sizes.persons, plain)
    ]


def _log(
    rng: RandomValues,
    parent: Parent,
    now: dict[int, str],
    pool: int,
    written: Callable[[float], str],
) -> list[tuple[str, str, int, int]]:
    """(time, action, who, by whom): everyone was added; some records had someone else before."""
    start = written(parent.added)
    log = [(time, "added", who, rng.number(1, parent.sizes.users)) for who, time in now.items()]
    if rng.chance(FORMER_SHARE):
        who = rng.number(1, pool)
        by = rng.number(1, parent.sizes.users)
        log = [(start, "added", who, by), (start, "removed", who, by), *log]
    return sorted(log, key=lambda each: each[0])
