"""The endpoints of projects, settings and statistics: one row each, as in `routes`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .data import extras, goals, mail, projects, settings, statistics
from .endpoints import pages, v1, v2
from .more_answers import (
    by_cursor,
    by_offset,
    goal_results,
    mail_message,
    of_pipeline,
    plain_list,
    projects_page,
    single,
    summary,
    whole,
)
from .options import ANY_PARENT, ARCHIVED, LISTED, PIPELINE, STAGE
from .params import (
    Filter,
    binary,
    boolean,
    choice,
    day,
    integer,
    some_of,
    truth,
)
from .params import whole as number
from .record import Condition
from .route import Route

STATUSES = (*projects.STATUSES, "deleted")


def _statuses(text: str) -> frozenset[str]:
    return frozenset(some_of(*STATUSES)(text))


def _parent_task(text: str) -> int | str:
    return text if text == "null" else number(text)


def _within(first: str, last: str) -> dict[str, Any]:
    """The two dates of a period, both needed."""
    needed = tuple(Filter(name, day, "", required=True) for name in (first, last))
    return {"filters": needed, "every": ({first: "2026-01-01", last: "2026-12-31"},)}


def _below(of: str, **more: Any) -> dict[str, Any]:
    return {"table": of, "of": of, **more}


def _statistics(compute: Callable[..., Any]) -> dict[str, Any]:
    more = _below("pipelines", app="sales", **_within("start_date", "end_date"))
    more["filters"] += (Filter("user_id", number, ""),)
    return {**more, "answer": of_pipeline(compute)}


SAVED = Filter("filter_id", number, "")
STATUS = Filter("status", _statuses, "state", test="in")
PHASE = integer("phase_id")
LINKED = tuple(
    Filter(f"{to}_id", number, f"{to}_ids", test="has") for to in ("deal", "person", "org")
)
TASKS = (
    boolean("is_done"),
    boolean("is_milestone"),
    Filter("assignee_id", number, "assignee_ids", test="has"),
    integer("project_id"),
    Filter("parent_task_id", _parent_task, "below"),
)
BOARD = Filter("board_id", number, "board_id", required=True)
BOARDS = ({"board_id": "1"}, {"board_id": "2"})
PROJECT: dict[str, Any] = {"table": "projects", "answer": projects_page}
BARE: dict[str, Any] = {"paging": "none", "answer": plain_list(additional_data=None)}
HOOKS = plain_list(status="ok")
MESSAGE: dict[str, Any] = {
    "table": "mail_threads",
    "answer": mail_message,
    "filters": (Filter("include_body", binary, ""),),
    "every": ({"include_body": "1"},),
}
GOAL: dict[str, Any] = _below("goals", app="sales", **_within("period.start", "period.end"))
SUMMARY: dict[str, Any] = {
    "table": "deals",
    "app": "sales",
    "answer": summary,
    "where": (*LISTED, Condition("is_deleted", "is", False)),
    "filters": (
        choice("status", "open", "won", "lost"),
        integer("user_id", "owner_id"),
        PIPELINE,
        STAGE,
    ),
}
SHOWN: dict[str, Any] = {"filters": (Filter("visible", truth, ""),)}
CODES: dict[str, Any] = {"filters": (Filter("include_field_code", truth, ""),)}
NOTE_SCOPES = "contacts deals"

_PROJECTS: tuple[Route, ...] = (
    v2(
        "projects",
        "/projects",
        10,
        "projects",
        where=LISTED,
        filters=(SAVED, STATUS, PHASE, *LINKED),
        **PROJECT,
    ),
    v2(
        "projects_archived",
        "/projects/archived",
        10,
        "projects",
        where=ARCHIVED,
        filters=(SAVED, STATUS, PHASE),
        **PROJECT,
    ),
    v2("tasks", "/tasks", 10, "projects", filters=TASKS),
    v2("project_boards", "/boards", 10, "projects", **BARE),
    v2("project_phases", "/phases", 10, "projects", filters=(BOARD,), every=BOARDS, **BARE),
    v2("project_templates", "/projectTemplates", 10, "projects"),
    v2(
        "project_changelog",
        "/projects/{id}/changelog",
        10,
        "projects",
        **_below("projects", answer=by_cursor(projects.changelog)),
    ),
    v1(
        "project_plan",
        "/projects/{id}/plan",
        20,
        "projects",
        **_below("projects", answer=whole(projects.plan, additional_data=None)),
    ),
    v1(
        "project_groups",
        "/projects/{id}/groups",
        20,
        "projects",
        **_below("projects", answer=whole(projects.groups, additional_data=None)),
    ),
)
_SETTINGS: tuple[Route, ...] = (
    v1("lead_labels", "/leadLabels", 10, "leads", app="sales"),
    v1("webhooks", "/webhooks", 10, "admin webhooks", answer=HOOKS, admin_only=True),
    v1("billing_addons", "/billing/subscriptions/addons", 20, "users:read", order=()),
    v2(
        "user_followers",
        "/users/{id}/followers",
        10,
        "users:read",
        **_below("users", answer=by_cursor(extras.user_followers)),
    ),
    v1(
        "user_role_settings",
        "/users/{id}/roleSettings",
        10,
        "users:read",
        **_below("users", answer=single(extras.user_role_settings)),
    ),
    pages(
        "permission_set_assignments",
        "/permissionSets/{id}/assignments",
        20,
        "admin",
        admin_only=True,
        **_below("permission_sets", answer=by_offset(extras.assignments, pagination=False)),
    ),
    v1(
        "role_settings",
        "/roles/{id}/settings",
        20,
        "admin",
        admin_only=True,
        **_below("roles", answer=single(extras.role_settings)),
    ),
    v1(
        "role_pipelines",
        "/roles/{id}/pipelines",
        20,
        "admin",
        admin_only=True,
        **_below("roles", answer=single(extras.role_pipelines), **SHOWN),
    ),
    v1(
        "filter_conditions",
        "/filters/{id}",
        2,
        ANY_PARENT,
        **_below("filters", answer=single(settings.conditions), **CODES),
    ),
)
_OTHERS: tuple[Route, ...] = (
    pages(
        "note_comments",
        "/notes/{id}/comments",
        20,
        NOTE_SCOPES,
        **_below("notes", answer=by_offset(extras.comments)),
    ),
    v1(
        "mail_messages",
        "/mailbox/mailThreads/{id}/mailMessages",
        20,
        "mail",
        **_below("mail_threads", answer=whole(mail.messages)),
    ),
    v1("mail_message_bodies", "/mailbox/mailMessages/{id}", 2, "mail", **MESSAGE),
    v1(
        "goal_results",
        "/goals/{id}/results",
        20,
        "goals",
        answer=goal_results(goals.result),
        **GOAL,
    ),
    v1(
        "pipeline_conversion_statistics",
        "/pipelines/{id}/conversion_statistics",
        40,
        "deals",
        **_statistics(statistics.conversions),
    ),
    v1(
        "pipeline_movement_statistics",
        "/pipelines/{id}/movement_statistics",
        40,
        "deals",
        **_statistics(statistics.movements),
    ),
    v1("deals_summary", "/deals/summary", 40, "deals", **SUMMARY),
)
WORKSHOP: tuple[Route, ...] = (*_PROJECTS, *_SETTINGS, *_OTHERS)
