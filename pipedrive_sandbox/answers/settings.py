"""Users, their permissions, and the account's settings."""

from __future__ import annotations

import orjson

from .. import access
from ..data.company import COMPANY_ID, ME, me
from ..data.settings import user_connections, user_settings
from ..errors import Refusal, company_closed, forbidden, gone, not_found, user_not_found
from ..record import SortKey
from ..route import Context, Query, Route
from .pages import envelope, rendered, selected

_NO_TEAMS = {"402": company_closed, "403": forbidden, "410": gone}


def users(route: Route, query: Query, context: Context) -> bytes:
    """The list of users; recorded responses have the company's id in additional_data."""
    rows = rendered(route, query, context, selected(route, query, context))
    return envelope(rows, {"company_id": COMPANY_ID})


def users_me(route: Route, query: Query, context: Context) -> bytes:
    """The token's user and company."""
    return envelope(orjson.dumps(me(context.table(route), context.switches)))


def permissions(route: Route, query: Query, context: Context) -> bytes:
    """The permissions of the user in the path. Everyone but the token's user is a regular user."""
    if context.parent_id not in context.table(route).rows:
        raise user_not_found()
    mine, switches = context.parent_id == ME, context.switches
    granted = access.permissions(mine and switches.admin, switches.lacking() if mine else ())
    return envelope(orjson.dumps(granted))


def connections(route: Route, query: Query, context: Context) -> bytes:
    """The connections of the token's user."""
    return envelope(orjson.dumps(user_connections()))


def settings(route: Route, query: Query, context: Context) -> bytes:
    """The settings of the token's user."""
    return envelope(orjson.dumps(user_settings()))


def no_teams(status: str) -> Refusal:
    """The Refusal for a company without teams."""
    return _NO_TEAMS[status]() if status in _NO_TEAMS else not_found("v1")


def legacy_teams(route: Route, query: Query, context: Context) -> bytes:
    """Deprecated since 2022 without a replacement; a switch selects how it is refused."""
    switch = context.switches.legacy_teams
    if switch != "ok":
        raise no_teams(switch)
    order = (SortKey(str(query.given.get("order_by", "id"))),)
    rows = context.table(route).ordered(query.conditions, order, context.switches.nulls)
    if not query.given.get("skip_users"):
        return envelope(rendered(route, query, context, rows))
    records = [{k: v for k, v in row.record.items() if k != "users"} for row in rows]
    return envelope(orjson.dumps(records))
