"""What the lists of each kind accept: filters, sort fields, opt-in fields, and their defaults.

The app that a kind belongs to is here too. All but that is written down from the parameters of
the vendor's OpenAPI files; the contract test compares them.
"""

from __future__ import annotations

from typing import Any

from . import answers
from .data.activities import ACTIVITY_EXTRA
from .data.company import ME
from .data.contacts import ORGANIZATION_EXTRA, PERSON_EXTRA
from .data.goals import TYPES as GOAL_TYPES
from .data.mail import FOLDERS
from .data.sales import DEAL_EXTRA
from .params import (
    IDS,
    Filter,
    binary,
    boolean,
    choice,
    day,
    end_of_day,
    exact,
    flag,
    integer,
    one_of,
    text,
    whole,
)
from .record import Condition, SortKey

OWNER, PERSON, ORG = integer("owner_id"), integer("person_id"), integer("org_id")
DEAL, PIPELINE, STAGE = integer("deal_id"), integer("pipeline_id"), integer("stage_id")
TIMES = ("id", "update_time", "add_time")
LEAD_SORTS = (
    "id",
    "title",
    "owner_id",
    "creator_id",
    "was_seen",
    "expected_close_date",
    "next_activity_id",
    "add_time",
    "update_time",
)
NOTE_SORTS = (
    "id",
    "user_id",
    "deal_id",
    "person_id",
    "org_id",
    "content",
    "add_time",
    "update_time",
)
NOTE_PARENTS = (
    integer("user_id"),
    exact("lead_id"),
    DEAL,
    PERSON,
    ORG,
    integer("project_id"),
    integer("task_id"),
)
PINS = tuple(
    flag(f"pinned_to_{to}_flag")
    for to in ("lead", "deal", "organization", "person", "project", "task")
)
APPS = ("sales", "projects", "campaigns", "global", "account_settings", "partnership", "nova")
APP = choice("app", *APPS)
BOOLEANS = ("true", "false")
ANY_PARENT = "activities contacts deals"
ASSIGNEES = ("person", "company", "team")
GOAL_FILTERS = (
    choice("type.name", *GOAL_TYPES),
    exact("title"),
    boolean("is_active"),
    integer("assignee.id"),
    choice("assignee.type", *ASSIGNEES),
    integer("expected_outcome.target"),
    choice("expected_outcome.tracking_metric", "quantity", "sum"),
    integer("expected_outcome.currency_id"),
    Filter("type.params.pipeline_id", whole, "type.params.pipeline_id", test="has"),
    integer("type.params.stage_id"),
    Filter("type.params.activity_type_id", whole, "type.params.activity_type_id", test="has"),
    Filter("period.start", day, "ends", test="from"),
    Filter("period.end", day, "starts", test="before"),
)
TERM = Filter("term", lambda given: text(given).lower(), "term", test="has")
TEAM_ORDER = Filter("order_by", one_of("id", "name", "manager_id", "active_flag"), "")
ADDED = (
    Filter("start_date", day, "add_time", test="from"),
    Filter("end_date", end_of_day, "add_time", test="before"),
)
FOLDER = choice("folder", *FOLDERS, field="in_folders", test="has", required=True)
MINE = (Condition("user_id", "is", ME),)
LISTED = (Condition("is_archived", "is", False),)
ARCHIVED = (Condition("is_archived", "is", True),)


GOALS: dict[str, Any] = {
    "app": "sales",
    "answer": answers.goals,
    "filters": GOAL_FILTERS,
    "every": tuple(
        {"assignee.type": kind, "is_active": active} for kind in ASSIGNEES for active in BOOLEANS
    ),
}
V2_FIELDS: dict[str, Any] = {"order": (SortKey("place"),), "definitions": True}
V1_FIELDS: dict[str, Any] = {"order": (), "definitions": True}  # as they were made
SHOWN = ("ui_visibility",)
NEEDED = (*SHOWN, "important_fields", "required_fields")
CRM: dict[str, Any] = {"sorts": TIMES, "since": True, "until": True, "deletion": "hidden"}
DEALS: dict[str, Any] = {
    **CRM,
    "table": "deals",
    "app": "sales",
    "deletion": "status",
    "include": DEAL_EXTRA,
    "custom_fields": True,
    "filters": (IDS, OWNER, PERSON, ORG, PIPELINE, STAGE),
}
PERSONS: dict[str, Any] = {
    **CRM,
    "answer": answers.persons_page,
    "include": PERSON_EXTRA,
    "custom_fields": True,
    "labels": True,
    "filters": (IDS, OWNER, ORG, Filter("deal_id", whole, "")),
}
ORGANIZATIONS: dict[str, Any] = {
    **CRM,
    "include": ORGANIZATION_EXTRA,
    "custom_fields": True,
    "labels": True,
    "filters": (IDS, OWNER),
}
ACTIVITIES: dict[str, Any] = {
    **CRM,
    "sorts": (*TIMES, "due_date"),
    "include": ACTIVITY_EXTRA,
    "filters": (IDS, OWNER, DEAL, exact("lead_id"), PERSON, ORG, boolean("done")),
}
PIPELINES: dict[str, Any] = {"app": "sales", "sorts": TIMES}
STAGES: dict[str, Any] = {
    "app": "sales",
    "sorts": (*TIMES, "order_nr"),
    "filters": (PIPELINE,),
}
PRODUCTS: dict[str, Any] = {
    "app": "sales",
    "sorts": (*TIMES, "name"),
    "since": True,
    "deletion": "hidden",
    "custom_fields": True,
    "filters": (IDS, OWNER),
}
LEADS: dict[str, Any] = {
    "table": "leads",
    "app": "sales",
    "sorts": LEAD_SORTS,
    "order": (SortKey("add_time"), SortKey("id")),
    "answer": answers.lead_page,
    "filters": (OWNER, PERSON, integer("organization_id")),
}
ROLE: dict[str, Any] = {
    "admin_only": True,
    "of": "roles",
    "parent": "role_id",
    "order": (SortKey("user_id"),),
}
MAIL: dict[str, Any] = {
    "answer": answers.mail_page,
    "order": (SortKey("last_message_timestamp", descending=True),),
    "filters": (FOLDER,),
    "every": tuple({"folder": folder} for folder in FOLDERS),
}
TEAMS: dict[str, Any] = {
    "answer": answers.legacy_teams,
    "filters": (TEAM_ORDER, Filter("skip_users", binary, "")),
}
NOTES: dict[str, Any] = {
    "sorts": NOTE_SORTS,
    "since": True,
    "filters": (*NOTE_PARENTS, *PINS, *ADDED),
}
