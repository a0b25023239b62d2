"""Goals, and statistics that Pipedrive computes from deals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..data import statistics
from ..data.goals import TEAM
from ..data.world import World
from ..errors import bad_request
from ..record import PLAIN, Condition, Record, Row
from ..route import Answer, Context, Query, Route
from .computed import Single, parent, success
from .settings import no_teams

Statistics = Callable[[Row, World, Mapping[str, Any]], Record]
_EVERYONES_GOALS = ("type.", "assignee.type", "expected_outcome.")
_GOALS = {"statusCode": 20000, "statusText": "OK", "service": "statistics-goals-api"}


def goals(route: Route, query: Query, context: Context) -> bytes:
    """Goals. By default only active ones, and without a filter only the token user's own."""
    given = query.given
    if ("period.start" in given) != ("period.end" in given):
        raise bad_request("v1", "period", "start and end belong together")
    refused = context.switches.team_goals
    if given.get("assignee.type") == TEAM and refused != "ok":
        if refused == "400":
            raise bad_request("v1", "assignee.type", "there are no teams")
        raise no_teams(refused)
    conditions = query.conditions
    everyone = any(name.startswith(_EVERYONES_GOALS) for name in given)
    if not everyone and "assignee.id" not in given:
        conditions += (Condition("mine", "is", True),)
    if "is_active" not in given:
        conditions += (Condition("is_active", "is", True),)
    table = context.table(route)
    rows = table.ordered(conditions, query.sort, context.switches.nulls)
    head = b'{"success":true,"statusCode":20000,"statusText":"OK","service":"statistics-goals-api"'
    records = table.json(rows, PLAIN, context.switches)
    return b"".join((head, b',"data":{"goals":[', records, b"]}}"))


def goal_results(make: Single) -> Answer:
    """The goal and its progress. The vendor requires a period within the goal's duration; what it
    returns otherwise is not known (switch goal_periods)."""

    def answer(route: Route, query: Query, context: Context) -> bytes:
        rng, goal = parent(route, context)
        start, end = str(query.given["period.start"]), str(query.given["period.end"])
        known = goal.record["duration"]
        outside = start < known["start"] or end > (known["end"] or end)
        if start > end or (outside and context.switches.goal_periods == "inside"):
            raise bad_request(route.version, "period", f"must be within {known}")
        return success(make(rng, goal, context.world, query.given), _GOALS)

    return answer


def of_pipeline(compute: Statistics) -> Answer:
    """Statistics of a pipeline, from `start_date` to `end_date`."""

    def answer(route: Route, query: Query, context: Context) -> bytes:
        _, pipeline = parent(route, context)
        if str(query.given["start_date"]) > str(query.given["end_date"]):
            raise bad_request(route.version, "end_date", "is before start_date")
        return success(compute(pipeline, context.world, query.given))

    return answer


def summary(route: Route, query: Query, context: Context) -> bytes:
    """The summary of the deals that the request selects."""
    table = context.table(route)
    rows: Iterable[Row] = table.index(query.conditions, "id", "first").rows
    return success(statistics.summary(rows, context.world))
