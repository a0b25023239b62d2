"""Users, their permissions, and the account's settings."""

from __future__ import annotations

import orjson

from .. import rights
from ..data.company import COMPANY_ID, ME, me
from ..data.settings import user_connections, user_settings
from ..errors import Refusal, company_closed, forbidden, gone, not_found, user_not_found
from ..record import SortKey
from ..route import Place, Query, Route
from .pages import envelope, rendered, selected

_NO_TEAMS = {"402": company_closed, "403": forbidden, "410": gone}


def users(route: Route, query: Query, place: Place) -> bytes:
    """The list of users; recorded responses have the company's id in additional_data."""
    rows = rendered(route, query, place, selected(route, query, place))
    return envelope(rows, {"company_id": COMPANY_ID})


def users_me(route: Route, query: Query, place: Place) -> bytes:
    return envelope(orjson.dumps(me(place.table(route), place.switches)))


def permissions(route: Route, query: Query, place: Place) -> bytes:
    """The permissions of the user in the path. Everyone but the token's user is a regular user."""
    if place.parent_id not in place.table(route).rows:
        raise user_not_found()
    mine, switches = place.parent_id == ME, place.switches
    held = rights.permissions(mine and switches.admin, switches.lacking() if mine else ())
    return envelope(orjson.dumps(held))


def connections(route: Route, query: Query, place: Place) -> bytes:
    return envelope(orjson.dumps(user_connections()))


def settings(route: Route, query: Query, place: Place) -> bytes:
    return envelope(orjson.dumps(user_settings()))


def no_teams(status: str) -> Refusal:
    """The Refusal for a company without teams."""
    return _NO_TEAMS[status]() if status in _NO_TEAMS else not_found("v1")


def legacy_teams(route: Route, query: Query, place: Place) -> bytes:
    """Deprecated since 2022 without a replacement; a switch selects how it is refused."""
    switch = place.switches.legacy_teams
    if switch != "ok":
        raise no_teams(switch)
    order = (SortKey(str(query.given.get("order_by", "id"))),)
    rows = place.table(route).ordered(query.conditions, order, place.switches.nulls)
    if not query.given.get("skip_users"):
        return envelope(rendered(route, query, place, rows))
    records = [{k: v for k, v in row.record.items() if k != "users"} for row in rows]
    return envelope(orjson.dumps(records))
