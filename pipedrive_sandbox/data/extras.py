"""Small lists that hang on other records or on the account: who follows whom, what a role may see,
who holds a permission set, comments, webhooks and add-ons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..clock import DAY, millis, moment, zulu
from ..record import Record, Row
from ..table import Table
from . import projects
from .company import COMPANY_ID, ME, Sizes
from .custom_fields import CustomFields
from .draw import Draw
from .settings import PIPELINES
from .world import World

HOOK_USER, HOOK_SECRET = "hook-user", "hook-secret"
COMMENTED = 5  # every so many notes have comments
_ADDONS = ("leadbooster_v2", "prospector", "smart_docs_v2")
_HOOKS = (("general", "*", "deal"), ("application", "create", "person"), ("general", "*", "*"))
_KINDS = ("deal", "lead", "org", "person", "product")


def tables(draw: Callable[[str], Draw], sizes: Sizes, custom: CustomFields) -> Iterator[Table]:
    """What this module and `projects` store; `custom` are the own fields of projects."""
    yield webhooks(draw("webhooks"))
    yield addons()
    yield projects.boards(draw("project_boards"))
    yield projects.phases(draw("project_phases"))
    yield projects.templates(draw("project_templates"))
    stored = projects.projects(draw("projects"), sizes, custom)
    yield stored
    yield projects.tasks(draw("tasks"), sizes, stored)


def webhooks(draw: Draw) -> Table:
    """Two that work, with a password each, and one that Pipedrive has removed."""
    rows = []
    for id_, (type_, action, object_) in enumerate(_HOOKS, start=1):
        added = draw.before(draw.now - 10 * DAY, 400)
        removed = id_ == len(_HOOKS)
        last = draw.between(added, draw.now)
        record: Record = {
            "id": id_,
            "company_id": COMPANY_ID,
            "owner_id": ME,
            "user_id": ME,
            "event_action": action,
            "event_object": object_,
            "subscription_url": f"https://hooks.sandbox.example/{object_}",
            "version": "2.0",
            "is_active": int(not removed),
            "add_time": millis(added),
            "remove_time": millis(last) if removed else None,
            "type": type_,
            "http_auth_user": None if removed else HOOK_USER,
            "http_auth_password": None if removed else HOOK_SECRET,
            "remove_reason": "Too many failures" if removed else None,
            "last_delivery_time": millis(last) if id_ != 2 else None,
            "last_http_status": {1: 200, 3: 500}.get(id_),
            "admin_id": ME,
            "name": f"Hook {id_}",
        }
        rows.append(Row(record))
    return Table("webhooks", rows)


def addons() -> Table:
    return Table("billing_addons", [Row({"code": code}, id_field="code") for code in _ADDONS])


def comments(draw: Draw, note: Row, world: World) -> list[Record]:
    """One to four on every fifth note, the first included; twelve on the first."""
    if note.id % COMMENTED != 1:
        return []
    added = moment(f"{note.record['add_time'].replace(' ', 'T')}Z")
    rows = []
    for _ in range(12 if note.id == 1 else draw.number(1, 4)):
        added = max(added, draw.between(added, draw.now) + draw.number(0, 999) / 1000 - 1)
        user = draw.number(1, world.sizes.users)
        updated = added + draw.number(0, 1) * draw.number(1, 900) / 10
        rows.append(
            {
                "uuid": draw.uuid(),
                "active_flag": True,
                "add_time": millis(added),
                "company_id": COMPANY_ID,
                "content": draw.pick(draw.words.sentences),
                "object_id": str(note.id),
                "object_type": "note",
                "update_time": millis(min(updated, draw.now)),
                "updater_id": user,
                "user_id": user,
            }
        )
    return rows


def user_followers(draw: Draw, user: Row, world: World) -> list[Record]:
    """None to three colleagues."""
    others = [id_ for id_ in world.tables["users"].rows if id_ != user.id]
    chosen = sorted(draw.random.sample(others, min(draw.number(0, 3), len(others))))
    return [{"user_id": id_, "add_time": zulu(draw.before(draw.now, 500))} for id_ in chosen]


def assignments(draw: Draw, held: Row, world: World) -> list[Record]:
    """Who holds the permission set: as many as its assignment_count says."""
    return [
        {"user_id": user.id, "permission_set_id": held.id, "name": held.record["name"]}
        for user in world.tables["users"].rows.values()
        if any(each["permission_set_id"] == held.id for each in user.record["access"])
    ]


# -- one object each


def role_settings(draw: Draw, role: Row, world: World, given: Any) -> Record:
    """What users of the role see at first, and how much of it."""
    visible = {f"{kind}_default_visibility": 1 if role.id == 2 else 3 for kind in _KINDS}
    levels = {f"{kind}_access_level": min(7, 1 + role.id) for kind in _KINDS if kind != "lead"}
    return {**visible, **levels}


def user_role_settings(draw: Draw, user: Row, world: World, given: Any) -> Record:
    """Those of the user's role."""
    role = world.tables["roles"].rows[user.record["role_id"]]
    return role_settings(draw, role, world, given)


def role_pipelines(draw: Draw, role: Row, world: World, given: Any) -> Record:
    """Management sees every pipeline; of the others each lacks one."""
    visible = given.get("visible", True)
    every = range(1, len(PIPELINES) + 1)
    hidden = [] if role.id <= 2 else [role.id % len(PIPELINES) + 1]
    return {
        "pipeline_ids": [id_ for id_ in every if (id_ in hidden) != visible],
        "visible": visible,
    }
