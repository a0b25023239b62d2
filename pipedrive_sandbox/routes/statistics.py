"""Goals, and statistics that Pipedrive computes from deals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..answers import statistics as answers
from ..data import goals, statistics
from ..data.goals import TYPES as GOAL_TYPES
from ..endpoints import LISTED, PIPELINE, STAGE, child_route, v1
from ..params import Filter, boolean, choice, exact, integer, parse_date, parse_integer
from ..record import Condition
from ..route import Route

BOOLEANS = ("true", "false")
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
    Filter("type.params.pipeline_id", parse_integer, "type.params.pipeline_id", test="has"),
    integer("type.params.stage_id"),
    Filter(
        "type.params.activity_type_id", parse_integer, "type.params.activity_type_id", test="has"
    ),
    Filter("period.start", parse_date, "ends", test="from"),
    Filter("period.end", parse_date, "starts", test="before"),
)
GOALS: dict[str, Any] = {
    "app": "sales",
    "answer": answers.goals,
    "filters": GOAL_FILTERS,
    "param_sets": tuple(
        {"assignee.type": kind, "is_active": active} for kind in ASSIGNEES for active in BOOLEANS
    ),
}


def _within(first: str, last: str) -> dict[str, Any]:
    """The two required dates of a period."""
    needed = tuple(Filter(name, parse_date, "", required=True) for name in (first, last))
    return {"filters": needed, "param_sets": ({first: "2026-01-01", last: "2026-12-31"},)}


def _statistics(compute: Callable[..., Any]) -> dict[str, Any]:
    more = child_route("pipelines", app="sales", **_within("start_date", "end_date"))
    more["filters"] += (Filter("user_id", parse_integer, ""),)
    return {**more, "answer": answers.of_pipeline(compute)}


GOAL: dict[str, Any] = child_route("goals", app="sales", **_within("period.start", "period.end"))
SUMMARY: dict[str, Any] = {
    "table": "deals",
    "app": "sales",
    "answer": answers.summary,
    "where": (*LISTED, Condition("is_deleted", "is", False)),
    "filters": (
        choice("status", "open", "won", "lost"),
        integer("user_id", "owner_id"),
        PIPELINE,
        STAGE,
    ),
}

ROUTES: tuple[Route, ...] = (
    v1("deals_summary", "/deals/summary", 40, "deals", **SUMMARY),
    v1("goals", "/goals/find", 20, "goals", **GOALS),
    v1(
        "goal_results",
        "/goals/{id}/results",
        20,
        "goals",
        answer=answers.goal_results(goals.result),
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
)
