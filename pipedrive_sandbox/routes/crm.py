"""Deals, leads, persons, organizations, activities, products, notes and files."""

from __future__ import annotations

from typing import Any

from ..answers import crm as answers
from ..data.activities import ACTIVITY_EXTRA
from ..data.contacts import ORGANIZATION_EXTRA, PERSON_EXTRA
from ..data.sales import DEAL_EXTRA
from ..endpoints import (
    ANY_PARENT,
    ARCHIVED,
    DEAL,
    LISTED,
    ORG,
    OWNER,
    PERSON,
    PIPELINE,
    STAGE,
    pages,
    v1,
    v2,
)
from ..params import (
    IDS,
    Filter,
    boolean,
    exact,
    flag,
    integer,
    parse_date,
    parse_end_of_day,
    parse_integer,
)
from ..record import SortKey
from ..route import Route

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
ADDED = (
    Filter("start_date", parse_date, "add_time", test="from"),
    Filter("end_date", parse_end_of_day, "add_time", test="before"),
)
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
ARCHIVED_DEALS = {**DEALS, "answer": answers.archived_deals}
PERSONS: dict[str, Any] = {
    **CRM,
    "answer": answers.persons_page,
    "include": PERSON_EXTRA,
    "custom_fields": True,
    "labels": True,
    "filters": (IDS, OWNER, ORG, Filter("deal_id", parse_integer, "")),
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
NOTES: dict[str, Any] = {
    "sorts": NOTE_SORTS,
    "since": True,
    "filters": (*NOTE_PARENTS, *PINS, *ADDED),
}
RECENTS: dict[str, Any] = {
    "answer": answers.recents,
    "table": "pipelines",  # one of several tables that it lists
    "filters": answers.ITEMS,
    "param_sets": ({"since_timestamp": "2000-01-01 00:00:00"},),
}

ROUTES: tuple[Route, ...] = (
    v2("activities", "/activities", 10, "activities", **ACTIVITIES),
    v1("activity_types", "/activityTypes", 20, "activities admin"),
    v2("deals", "/deals", 10, "deals", where=LISTED, labels=True, **DEALS),
    v2("deals_archived", "/deals/archived", 20, "deals", where=ARCHIVED, **ARCHIVED_DEALS),
    pages("files", "/files", 20, ANY_PARENT, max_limit=100, sorts=("id", "update_time")),
    v1("lead_labels", "/leadLabels", 10, "leads", app="sales"),
    v1("lead_sources", "/leadSources", 2, "leads", order=(), app="sales"),
    pages("leads", "/leads", 20, "leads", where=LISTED, since=True, **LEADS),
    pages("leads_archived", "/leads/archived", 40, "leads", where=ARCHIVED, **LEADS),
    pages("notes", "/notes", 20, "contacts deals", **NOTES),
    v2("organizations", "/organizations", 10, "contacts", **ORGANIZATIONS),
    v2("persons", "/persons", 10, "contacts", **PERSONS),
    v2("pipelines", "/pipelines", 5, "admin deals", **PIPELINES),
    v2("products", "/products", 10, "products", **PRODUCTS),
    pages("recents", "/recents", 20, "recents:read search:read", **RECENTS),
    v2("stages", "/stages", 5, "admin deals", **STAGES),
)
