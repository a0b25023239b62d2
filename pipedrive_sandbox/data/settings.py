"""An account's settings: pipelines, stages, activity types, currencies, filters, lead sources,
webhooks and add-ons."""

from __future__ import annotations

from typing import Any

from ..clock import DAY, millis, plain, zulu
from ..record import Record, Row
from ..table import Table
from .company import COMPANY_DOMAIN, COMPANY_ID, ME
from .random_values import RandomValues
from .world import World

PIPELINES = ("Sales", "Renewals", "Partners")
STAGES = ("Qualified", "Contacted", "Proposal", "Negotiation")
_TYPES = ("call", "meeting", "task", "deadline", "email", "lunch", "site_visit", "webinar")
_ICONS = {"site_visit": "car", "webinar": "presentation"}
ACTIVITY_TYPES = _TYPES[:7]  # the last one is inactive
CURRENCIES = (
    ("EUR", "Euro", 2, "€"),
    ("USD", "US Dollar", 2, "$"),
    ("GBP", "Pound Sterling", 2, "£"),
    ("JPY", "Japanese Yen", 0, "¥"),
    ("SEK", "Swedish Krona", 2, "kr"),
    ("XSB", "Sandbox Point", 0, "pt"),
)
# The vendor's fixed list, from its example of GET /v1/leadSources.
LEAD_SOURCES = (
    "Manually created",
    "Deal",
    "Web forms",
    "Prospector",
    "Leadbooster",
    "Live chat",
    "Import",
    "Website visitors",
    "Workflow automation",
    "API",
)
# The types of saved filters, and the name of a record in their conditions.
FILTER_TYPES = {
    "deals": "deal",
    "leads": "lead",
    "org": "organization",
    "people": "person",
    "products": "product",
    "activity": "activity",
    "projects": "project",
}
HOOK_USER, HOOK_SECRET = "hook-user", "hook-secret"
_ADDONS = ("leadbooster_v2", "prospector", "smart_docs_v2")
_HOOKS = (("general", "*", "deal"), ("application", "create", "person"), ("general", "*", "*"))


def pipelines(rng: RandomValues) -> Table:
    rows = []
    for id_, name in enumerate(PIPELINES, start=1):
        added = rng.now - (1000 - id_ * 100) * DAY
        record: Record = {
            "id": id_,
            "name": name,
            "order_nr": id_,
            "is_deleted": False,
            "is_deal_probability_enabled": id_ != 2,
            "add_time": zulu(added),
            "update_time": zulu(rng.between(added, rng.now)),
        }
        rows.append(Row(record))
    return Table("pipelines", rows)


def stages(rng: RandomValues) -> Table:
    rows = []
    for at in range(len(PIPELINES) * len(STAGES)):
        pipeline, order = divmod(at, len(STAGES))
        added = rng.now - (1000 - (pipeline + 1) * 100) * DAY
        rotting = rng.chance(0.3)
        record: Record = {
            "id": at + 1,
            "order_nr": order + 1,
            "name": STAGES[order],
            "is_deleted": False,
            "deal_probability": (order + 1) * 20,
            "pipeline_id": pipeline + 1,
            "is_deal_rot_enabled": rotting,
            "days_to_rotten": rng.number(5, 60) if rotting else None,
            "add_time": zulu(added),
            "update_time": zulu(rng.between(added, rng.now)),
        }
        rows.append(Row(record))
    return Table("stages", rows)


def activity_types(rng: RandomValues) -> Table:
    rows = []
    for id_, key in enumerate(_TYPES, start=1):
        added = rng.before(rng.now, 900)
        record: Record = {
            "id": id_,
            "order_nr": id_,
            "name": key.replace("_", " ").capitalize(),
            "key_string": key,
            "icon_key": _ICONS.get(key, key),
            "active_flag": key in ACTIVITY_TYPES,
            "color": "FFFFFF",
            "is_custom_flag": key in _ICONS,
            "add_time": plain(added),
            "update_time": plain(rng.between(added, rng.now)),
        }
        rows.append(Row(record))
    return Table("activity_types", rows, stamp=plain)


def currencies() -> Table:
    rows = []
    for id_, (code, name, decimals, symbol) in enumerate(CURRENCIES, start=1):
        record: Record = {
            "id": id_,
            "code": code,
            "name": name,
            "decimal_points": decimals,
            "symbol": symbol,
            "active_flag": code != "SEK",
            "is_custom_flag": code == "XSB",
        }
        rows.append(Row(record, hidden={"term": f"{code} {name}".lower()}))
    return Table("currencies", rows)


def lead_sources() -> Table:
    return Table("lead_sources", [Row({"name": name}, id_field="name") for name in LEAD_SOURCES])


def filters(rng: RandomValues, people: Table) -> Table:
    """Two of each type. Each one means "owned by the filter's user"."""
    rows = []
    owners = list(people.rows)
    for at in range(2 * len(FILTER_TYPES)):
        type_ = tuple(FILTER_TYPES)[at // 2]
        owner = ME if at % 2 == 0 else rng.pick(owners)
        added = rng.before(rng.now, 800)
        record: Record = {
            "id": at + 1,
            "name": f"{type_} of {people.rows[owner].record['name']}",
            "filter_code": None,
            "is_editable": True,
            "active_flag": at != 3,
            "type": type_,
            "temporary_flag": None,
            "user_id": owner,
            "add_time": plain(added),
            "update_time": plain(rng.between(added, rng.now)),
            "visible_to": rng.pick(("1", "3", "5", "7")),
            "last_used_time": rng.some(plain(rng.now - DAY), 0.5),
            "custom_view_id": None,
        }
        rows.append(Row(record))
    return Table("filters", rows, stamp=plain)


def webhooks(rng: RandomValues) -> Table:
    """Two active webhooks with passwords, and one that Pipedrive has removed."""
    rows = []
    for id_, (type_, action, object_) in enumerate(_HOOKS, start=1):
        added = rng.before(rng.now - 10 * DAY, 400)
        removed = id_ == len(_HOOKS)
        last = rng.between(added, rng.now)
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


def conditions(rng: RandomValues, row: Row, world: World, given: Any) -> Record:
    """GET /v1/filters/{id}: the filter with its conditions."""
    condition: Record = {
        "object": FILTER_TYPES[row.record["type"]],
        "field_id": f"{row.id + 100}",
        "operator": "=",
        "value": f"{row.record['user_id']}",
        "extra_value": None,
        "json_value_flag": False,
    }
    if given.get("include_field_code"):
        condition["field_code"] = "owner_id"
    lines: list[Record] = [
        {"glue": "and", "conditions": [condition]},
        {"glue": "or", "conditions": []},
    ]
    return {**row.record, "conditions": {"glue": "and", "conditions": lines}}


def user_connections() -> dict[str, Any]:
    return {"google": "awesomeid-123-4567890"}


def user_settings() -> dict[str, Any]:
    """The abridged list from the vendor's example."""
    return {
        "marketplace_team": False,
        "list_limit": 100,
        "beta_app": True,
        "prevent_salesphone_callto_override": False,
        "file_upload_destination": "s3",
        "callto_link_syntax": "callto:[number]",
        "autofill_deal_expected_close_date": False,
        "person_duplicate_condition": "name && (org_id || email || phone)",
    }


def download_url(file_id: int) -> str:
    """The v1 download link of a file, on the company's host, as in the vendor's examples."""
    return f"https://{COMPANY_DOMAIN}.pipedrive.com/v1/files/{file_id}/download"
