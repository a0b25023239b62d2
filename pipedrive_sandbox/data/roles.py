"""Followers of users, assignments of permission sets, and the settings of roles."""

from __future__ import annotations

from typing import Any

from ..clock import zulu
from ..record import Record, Row
from .random_values import RandomValues
from .settings import PIPELINES
from .world import World

_KINDS = ("deal", "lead", "org", "person", "product")


def user_followers(rng: RandomValues, user: Row, world: World) -> list[Record]:
    """Up to three colleagues."""
    others = [id_ for id_ in world.tables["users"].rows if id_ != user.id]
    chosen = sorted(rng.random.sample(others, min(rng.number(0, 3), len(others))))
    return [{"user_id": id_, "add_time": zulu(rng.before(rng.now, 500))} for id_ in chosen]


def assignments(rng: RandomValues, permission_set: Row, world: World) -> list[Record]:
    """The users with the permission set, as many as its assignment_count."""
    return [
        {
            "user_id": user.id,
            "permission_set_id": permission_set.id,
            "name": permission_set.record["name"],
        }
        for user in world.tables["users"].rows.values()
        if any(each["permission_set_id"] == permission_set.id for each in user.record["access"])
    ]


def role_settings(rng: RandomValues, role: Row, world: World, given: Any) -> Record:
    """The default visibility and access levels of a role."""
    visible = {f"{kind}_default_visibility": 1 if role.id == 2 else 3 for kind in _KINDS}
    levels = {f"{kind}_access_level": min(7, 1 + role.id) for kind in _KINDS if kind != "lead"}
    return {**visible, **levels}


def user_role_settings(rng: RandomValues, user: Row, world: World, given: Any) -> Record:
    """The settings of the user's role."""
    role = world.tables["roles"].rows[user.record["role_id"]]
    return role_settings(rng, role, world, given)


def role_pipelines(rng: RandomValues, role: Row, world: World, given: Any) -> Record:
    """Management sees every pipeline; every other role lacks one."""
    visible = given.get("visible", True)
    every = range(1, len(PIPELINES) + 1)
    hidden = [] if role.id <= 2 else [role.id % len(PIPELINES) + 1]
    return {
        "pipeline_ids": [id_ for id_ in every if (id_ in hidden) != visible],
        "visible": visible,
    }
