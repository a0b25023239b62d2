"""Converts v2 records to v1's format, which recents and participants still use."""

from __future__ import annotations

from typing import Any

from .clock import plain
from .data.company import COMPANY_ID
from .data.world import World
from .record import Record, Row

Shape = dict[str, Any]
_TIMES = ("add_time", "update_time", "stage_change_time", "close_time", "won_time", "lost_time")
_DEAL = (
    "id",
    "creator_user_id",
    "person_id",
    "org_id",
    "stage_id",
    "title",
    "value",
    "currency",
    "is_archived",
    "status",
    "probability",
    "lost_reason",
    "pipeline_id",
    "expected_close_date",
)
_ACTIVITY = (
    "id",
    "subject",
    "type",
    "done",
    "due_date",
    "due_time",
    "duration",
    "deal_id",
    "lead_id",
    "person_id",
    "org_id",
    "note",
    "public_description",
)
_PRODUCT = ("id", "name", "code", "unit", "tax", "visible_to", "owner_id", "prices")


def _some(record: Record, names: tuple[str, ...]) -> Shape:
    """The fields that are set, with times in v1's format."""
    shape = {name: record[name] for name in names if record.get(name) is not None}
    for name in _TIMES:
        if record.get(name):
            shape[name] = record[name].replace("T", " ").rstrip("Z")
    return shape


def user(world: World, id_: int) -> Shape:
    """A user inside another record."""
    row = world.tables["users"].rows.get(id_)
    record = row.record if row else {"name": "", "email": "", "active_flag": False}
    return {
        "id": id_,
        "name": record["name"],
        "email": record["email"],
        "has_pic": 0,
        "pic_hash": None,
        "active_flag": record["active_flag"],
        "value": id_,
    }


def related_organization(world: World, id_: int) -> Shape | None:
    """An organization inside another record; None if it no longer exists."""
    row = world.tables["organizations"].rows.get(id_)
    if row is None:
        return None
    address = row.record["address"]
    return {
        "name": row.record["name"],
        "people_count": id_ % 5,
        "owner_id": row.record["owner_id"],
        "address": address and address["value"],
        "active_flag": row.deleted_at is None,
        "cc_email": f"sandbox+org{id_}@pipedrivemail.example",
        "value": id_,
    }


def _deletion(row: Row) -> Shape:
    return {"delete_time": plain(row.deleted_at) if row.deleted_at is not None else None}


def deal(world: World, row: Row) -> Shape:
    deleted, record = row.deleted_at is not None, row.record
    return {
        **_some(record, _DEAL),
        "user_id": record["owner_id"],
        "visible_to": str(record["visible_to"]),
        "active": record["status"] == "open" and not deleted,
        "deleted": deleted,
        "status": "deleted" if deleted else record["status"],
    }


def person(world: World, row: Row) -> Shape:
    """A person whose organization and owner are ids."""
    record = row.record
    return {
        **_some(record, ("id", "name", "first_name", "owner_id", "org_id", "label_ids")),
        "last_name": record["last_name"],
        "company_id": COMPANY_ID,
        **_deletion(row),
        "active_flag": row.deleted_at is None,
        "email": record["emails"],
        "phone": record["phones"],
        "first_char": record["name"][:1].lower(),
        "visible_to": str(record["visible_to"]),
        "owner_name": user(world, record["owner_id"])["name"],
    }


def organization(world: World, row: Row) -> Shape:
    record = row.record
    return {
        **_some(record, ("id", "name", "label_ids")),
        "company_id": COMPANY_ID,
        "owner_id": user(world, record["owner_id"]),
        **_deletion(row),
        "active_flag": row.deleted_at is None,
        "address": record["address"]["value"] if record["address"] else "",
        "first_char": record["name"][:1].lower(),
        "visible_to": str(record["visible_to"]),
        "owner_name": user(world, record["owner_id"])["name"],
    }


def activity(world: World, row: Row) -> Shape:
    return {
        **_some(row.record, _ACTIVITY),
        "user_id": row.record["owner_id"],
        "busy_flag": row.record["busy"],
        "company_id": COMPANY_ID,
        "active_flag": row.deleted_at is None,
    }


def product(world: World, row: Row) -> Shape:
    return {
        **_some(row.record, _PRODUCT),
        "active_flag": row.deleted_at is None,
        "selectable": row.record["is_linkable"],
        "first_char": row.record["name"][:1].lower(),
    }


def pipeline(world: World, row: Row) -> Shape:
    return {
        **_some(row.record, ("id", "name", "order_nr")),
        "url_title": row.record["name"],
        "active": not row.record["is_deleted"],
        "deal_probability": row.record["is_deal_probability_enabled"],
    }


def stage(world: World, row: Row) -> Shape:
    names = ("id", "order_nr", "name", "deal_probability", "pipeline_id")
    return {
        **_some(row.record, names),
        "active_flag": not row.record["is_deleted"],
        "rotten_flag": row.record["is_deal_rot_enabled"],
    }


def as_it_is(world: World, row: Row) -> Shape:
    """A record that only v1 lists, inactive if it was deleted."""
    active = row.record.get("active_flag", True) and row.deleted_at is None
    record: Shape = _set({**row.record, "active_flag": active})
    return {**record, "user": _set(record["user"])} if "user" in record else record


def _set(record: Record) -> Shape:
    return {name: value for name, value in record.items() if value is not None}


def participant(world: World, deal: Row, record: Record) -> Shape:
    """A participant of `deal`, with what v1 shows of the person (only the id of a purged one)."""
    id_ = record["person_id"]
    found = world.tables["persons"].rows.get(id_)
    full: Shape = {"id": id_, "name": "", "active_flag": False, "email": [], "phone": []}
    if found:
        org = found.record["org_id"] and related_organization(world, found.record["org_id"])
        owner = user(world, found.record["owner_id"])
        full = {**person(world, found), "owner_id": owner, "org_id": org or None}
    short = {name: full[name] for name in ("active_flag", "name", "email", "phone")}
    return {
        "id": record["id"],
        "person_id": {**short, "value": id_},
        "add_time": record["add_time"],
        "active_flag": True,
        "related_item_data": {"deal_id": deal.id, "title": deal.record["title"]},
        "person": full,
        "added_by_user_id": user(world, deal.record["creator_user_id"]),
        "related_item_type": "deal",
        "related_item_id": deal.id,
    }
