"""How the records of a route become the body of an answer: pages, whole lists, single objects."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from . import rights
from .data.company import COMPANY_ID, ME, me
from .data.goals import TEAM
from .data.settings import user_connections, user_settings
from .errors import bad_request, company_closed, forbidden, gone, not_found, user_not_found
from .record import PLAIN, VALUE, Condition, Key, Row, SortKey, as_key
from .route import Place, Query, Route
from .table import Index, Table

_LEGACY_TEAMS = {"402": company_closed, "403": forbidden, "410": gone}
_EVERYONES_GOALS = ("type.", "assignee.type", "expected_outcome.")


def envelope(rows: bytes, more: object = None) -> bytes:
    """A good answer: `rows` are the JSON of its data."""
    tail = b"}" if more is None else b',"additional_data":' + orjson.dumps(more) + b"}"
    return b"".join((b'{"success":true,"data":', rows, tail))


# -- v2: keyset cursors


def cursor_page(route: Route, query: Query, place: Place) -> bytes:
    """A page of a v2 list over live rows; see https://pipedrive.readme.io/docs/core-api-concepts-pagination."""
    return keyset(place.table(route), route, query, place)


def keyset(table: Table, route: Route, query: Query, place: Place) -> bytes:
    """The same of the rows of `table`, whichever that is."""
    switches, key = place.switches, query.sort[0]
    index = table.window(query.conditions, key.field, switches.nulls, query.window)
    low, high = _position(route, query, place, index)
    if key.descending:
        page = index.rows[max(low, high - query.limit) : high][::-1]
        left = index.keys[low : max(low, high - query.limit)][-1:]
    else:
        page = index.rows[low : low + query.limit]
        left = index.keys[low + query.limit : low + query.limit + 1]
    more: dict[str, Any] = {}
    if left and switches.cursor_marks == "next":
        rank, value, id_ = left[0]
        more["next_cursor"] = _encode(key, value if rank == VALUE else None, id_)
    elif left:
        more["next_cursor"] = _encode(key, page[-1].value(key.field), page[-1].id)
    elif switches.next_cursor == "null":
        more["next_cursor"] = None
    body = table.json(page, query.variant, switches)
    return envelope(b"[" + body + b"]", more)


def persons_page(route: Route, query: Query, place: Place) -> bytes:
    """`deal_id` names the deal's person; the rest is an ordinary page."""
    deal_id = query.given.get("deal_id")
    if deal_id is None:
        return cursor_page(route, query, place)
    deal = place.world.tables["deals"].rows.get(deal_id)
    person = Condition("id", "is", deal and deal.record["person_id"])
    return cursor_page(route, replace(query, conditions=(*query.conditions, person)), place)


def _position(route: Route, query: Query, place: Place, index: Index) -> tuple[int, int]:
    """The part of `index` that the cursor leaves: from its row on, in the sort's direction."""
    if query.cursor is None:
        return 0, len(index.keys)
    descending = query.sort[0].descending
    inclusive = place.switches.cursor_marks == "next"
    cut = bisect_left if inclusive != descending else bisect_right
    try:
        at = cut(index.keys, _decode(query.cursor, query.sort[0], place.switches.nulls))
    except (ValueError, TypeError, KeyError) as error:
        raise bad_request(route.version, "cursor", "is not a valid cursor") from error
    return (0, at) if descending else (at, len(index.keys))


def _encode(sort: SortKey, value: Any, id_: Any) -> str:
    direction = "desc" if sort.descending else "asc"
    marker = {"field": sort.field, "fieldValue": value, "sortDirection": direction, "id": id_}
    return urlsafe_b64encode(orjson.dumps(marker)).rstrip(b"=").decode()


def _decode(cursor: str, sort: SortKey, nulls: str) -> Key:
    marker = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    if set(marker) != {"field", "fieldValue", "sortDirection", "id"}:
        raise ValueError
    if (marker["field"], marker["sortDirection"] == "desc") != (sort.field, sort.descending):
        raise ValueError("the cursor belongs to another order")
    return as_key(marker["fieldValue"], marker["id"], nulls)


# -- v1: offsets


def offset_page(route: Route, query: Query, place: Place) -> bytes:
    """A page of a v1 list by position among the live rows."""
    rows = _rows(route, query, place)
    page = rows[query.start : query.start + query.limit]
    end = query.start + query.limit
    pagination = {
        "start": query.start,
        "limit": query.limit,
        "more_items_in_collection": end < len(rows),
    }
    if end < len(rows):
        pagination["next_start"] = end
    return envelope(_listed(route, query, place, page), {"pagination": pagination})


def _rows(route: Route, query: Query, place: Place) -> list[Row]:
    table, window = place.table(route), query.window
    conditions = query.conditions
    if window.since is not None:
        conditions = (*conditions, Condition(table.updated, "from", window.since))
    return table.ordered(conditions, query.sort, place.switches.nulls)


def _listed(route: Route, query: Query, place: Place, rows: Sequence[Row]) -> bytes:
    if not rows and route.version == "v1" and place.switches.empty_list == "null":
        return b"null"
    return b"[" + place.table(route).json(rows, query.variant, place.switches) + b"]"


def lead_page(route: Route, query: Query, place: Place) -> bytes:
    """Leads: the prose nests `pagination`, the schema has its fields flat in additional_data."""
    body = offset_page(route, query, place)
    if place.switches.lead_pagination == "nested":
        return body
    answer = orjson.loads(body)
    return orjson.dumps({**answer, "additional_data": answer["additional_data"]["pagination"]})


def mail_page(route: Route, query: Query, place: Place) -> bytes:
    """Mail threads: neither schema nor example shows additional_data."""
    if place.switches.mailbox == "404":
        raise not_found("v1")
    if place.switches.mail_pagination == "present":
        return offset_page(route, query, place)
    page = _rows(route, query, place)[query.start : query.start + query.limit]
    return envelope(_listed(route, query, place, page))


# -- v1: whole lists and single objects


def whole_list(route: Route, query: Query, place: Place) -> bytes:
    """All records in one answer, without additional_data."""
    return envelope(_listed(route, query, place, _rows(route, query, place)))


def users(route: Route, query: Query, place: Place) -> bytes:
    """Recorded answers carry the company's id beside the list."""
    rows = _listed(route, query, place, _rows(route, query, place))
    return envelope(rows, {"company_id": COMPANY_ID})


def users_me(route: Route, query: Query, place: Place) -> bytes:
    return envelope(orjson.dumps(me(place.table(route), place.switches)))


def permissions(route: Route, query: Query, place: Place) -> bytes:
    """Of the user in the path. All but the token's user are regular ones who lack nothing more."""
    if place.parent_id not in place.table(route).rows:
        raise user_not_found()
    mine, switches = place.parent_id == ME, place.switches
    held = rights.permissions(mine and switches.admin, switches.lacking() if mine else ())
    return envelope(orjson.dumps(held))


def connections(route: Route, query: Query, place: Place) -> bytes:
    return envelope(orjson.dumps(user_connections()))


def settings(route: Route, query: Query, place: Place) -> bytes:
    return envelope(orjson.dumps(user_settings()))


def legacy_teams(route: Route, query: Query, place: Place) -> bytes:
    """Deprecated since 2022 without a successor; one of several refusals by switch."""
    switch = place.switches.legacy_teams
    if switch != "ok":
        raise _LEGACY_TEAMS[switch]() if switch in _LEGACY_TEAMS else not_found("v1")
    order = (SortKey(str(query.given.get("order_by", "id"))),)
    rows = place.table(route).ordered(query.conditions, order, place.switches.nulls)
    if not query.given.get("skip_users"):
        return envelope(_listed(route, query, place, rows))
    records = [{k: v for k, v in row.record.items() if k != "users"} for row in rows]
    return envelope(orjson.dumps(records))


def goals(route: Route, query: Query, place: Place) -> bytes:
    """Without a filter only the token user's goals; only active ones unless asked otherwise."""
    given = query.given
    if ("period.start" in given) != ("period.end" in given):
        raise bad_request("v1", "period", "start and end belong together")
    refused = place.switches.team_goals
    if given.get("assignee.type") == TEAM and refused != "ok":
        if refused == "400":
            raise bad_request("v1", "assignee.type", "there are no teams")
        raise forbidden() if refused == "403" else not_found("v1")
    conditions = query.conditions
    everyone = any(name.startswith(_EVERYONES_GOALS) for name in given)
    if not everyone and "assignee.id" not in given:
        conditions += (Condition("mine", "is", True),)
    if "is_active" not in given:
        conditions += (Condition("is_active", "is", True),)
    table = place.table(route)
    rows = table.ordered(conditions, query.sort, place.switches.nulls)
    head = b'{"success":true,"statusCode":20000,"statusText":"OK","service":"statistics-goals-api"'
    records = table.json(rows, PLAIN, place.switches)
    return b"".join((head, b',"data":{"goals":[', records, b"]}}"))
