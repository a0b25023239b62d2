"""Which projects are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..data.projects import STATUSES
from ..errors import bad_request
from ..record import Condition
from ..route import Context, Query, Route
from .pages import cursor_page

_NOT_DELETED = Condition("state", "in", frozenset(STATUSES))


def projects_page(route: Route, query: Query, context: Context) -> bytes:
    """A page of projects, without deleted ones unless `status` includes them. Every saved filter
    of the sandbox means "owned by the filter's user"."""
    requested: Any = query.given.get("status", ())
    honoured = context.switches.honoured("projects", requested)
    conditions = tuple(each for each in query.conditions if each.field != "state")
    conditions += (Condition("state", "in", honoured) if honoured else _NOT_DELETED,)
    saved = query.given.get("filter_id")
    if isinstance(saved, int):
        row = context.world.tables["filters"].rows.get(saved)
        if row is None or row.record["type"] != "projects":
            raise bad_request(route.version, "filter_id", "there is no such filter")
        conditions += (Condition("owner_id", "is", row.record["user_id"]),)
    return cursor_page(route, replace(query, conditions=conditions), context)
