"""Answers about projects, settings and statistics: what is made of a record when it is asked for.

A maker gets chance of its own (the same for the same record), the record and the world.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson

from .answers import cursor_page
from .data import mail, statistics
from .data.draw import Draw
from .data.projects import STATUSES
from .data.world import World
from .errors import bad_request, not_found
from .record import PLAIN, Condition, Record, Row
from .route import Answer, Place, Query, Route

Children = Callable[[Draw, Row, World], list[Record]]
Single = Callable[[Draw, Row, World, Mapping[str, Any]], Record]
_GOALS = {"statusCode": 20000, "statusText": "OK", "service": "statistics-goals-api"}
_MAIL = {"statusCode": 2000, "statusText": "Success", "service": "email-api"}
_NOT_DELETED = Condition("state", "in", frozenset(STATUSES))


def _answer(data: object, beside: Mapping[str, object] = MappingProxyType({})) -> bytes:
    return orjson.dumps({"success": True, "data": data, **beside})


def _parent(route: Route, place: Place) -> tuple[Draw, Row]:
    """The record in the path, which there is, and its chance."""
    row = place.world.tables[route.of].rows[place.parent_id]
    return Draw(place.world.seed, f"{route.object}:{row.id}", place.world.born), row


def _made(make: Children, route: Route, place: Place) -> list[Record]:
    return make(*_parent(route, place), place.world)


def _or_null(rows: list[Record], route: Route, place: Place) -> list[Record] | None:
    null = route.version == "v1" and place.switches.empty_list == "null"
    return rows if rows or not null else None


# -- lists below a record


def whole(make: Children, **beside: object) -> Answer:
    """All of them in one answer; `beside` stands beside `data`."""

    def answer(route: Route, query: Query, place: Place) -> bytes:
        rows = _made(make, route, place)
        return _answer(_or_null(rows, route, place), beside)

    return answer


def by_offset(make: Children, pagination: bool = True) -> Answer:
    """Pages of v1. Some lists do not tell where the next one starts (not `pagination`)."""

    def answer(route: Route, query: Query, place: Place) -> bytes:
        rows, end = _made(make, route, place), query.start + query.limit
        page = _or_null(rows[query.start : end], route, place)
        if not pagination:
            return _answer(page)
        more = end < len(rows)
        told: Record = {"start": query.start, "limit": query.limit}
        told |= {"more_items_in_collection": more, **({"next_start": end} if more else {})}
        return _answer(page, {"additional_data": {"pagination": told}})

    return answer


def by_cursor(make: Children) -> Answer:
    """Pages of v2. A cursor says how many rows are left, so that new ones at the head of a log
    move nothing."""

    def answer(route: Route, query: Query, place: Place) -> bytes:
        rows = _made(make, route, place)
        at = 0 if query.cursor is None else len(rows) - _left(route, query.cursor, len(rows))
        end, more = at + query.limit, dict[str, str | None]()
        if end < len(rows):
            marker = urlsafe_b64encode(b"id:%d" % (len(rows) - end))
            more["next_cursor"] = marker.rstrip(b"=").decode()
        elif place.switches.next_cursor == "null":
            more["next_cursor"] = None
        return _answer(rows[at:end], {"additional_data": more})

    return answer


def _left(route: Route, cursor: str, count: int) -> int:
    try:
        name, number = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(":")
        left = int(number)
    except ValueError as error:
        raise bad_request(route.version, "cursor", "is not a valid cursor") from error
    if name != "id" or not 0 < left <= count:
        raise bad_request(route.version, "cursor", "is not a valid cursor")
    return left


# -- lists of their own


def plain_list(**beside: object) -> Answer:
    """A whole list; `beside` stands beside `data`."""

    def answer(route: Route, query: Query, place: Place) -> bytes:
        table = place.table(route)
        rows = table.ordered(query.conditions, query.sort, place.switches.nulls)
        listed = orjson.Fragment(b"[" + table.json(rows, PLAIN, place.switches) + b"]")
        return _answer(listed, beside)

    return answer


def projects_page(route: Route, query: Query, place: Place) -> bytes:
    """A page of projects: no deleted ones unless `status` asks for them. A saved filter means
    "owned by the filter's user", as everywhere here."""
    conditions = query.conditions
    if "status" not in query.given:
        conditions += (_NOT_DELETED,)
    saved = query.given.get("filter_id")
    if isinstance(saved, int):
        row = place.world.tables["filters"].rows.get(saved)
        if row is None or row.record["type"] != "projects":
            raise bad_request(route.version, "filter_id", "there is no such filter")
        conditions += (Condition("owner_id", "is", row.record["user_id"]),)
    return cursor_page(route, replace(query, conditions=conditions), place)


# -- single objects


def single(make: Single) -> Answer:
    """One object that belongs to the record in the path."""

    def answer(route: Route, query: Query, place: Place) -> bytes:
        return _answer(make(*_parent(route, place), place.world, query.given))

    return answer


def goal_results(make: Single) -> Answer:
    """The goal and its progress. The vendor wants the period inside the goal's duration; what it
    answers otherwise is not known (switch goal_periods)."""

    def answer(route: Route, query: Query, place: Place) -> bytes:
        draw, goal = _parent(route, place)
        start, end = str(query.given["period.start"]), str(query.given["period.end"])
        known = goal.record["duration"]
        outside = start < known["start"] or end > (known["end"] or end)
        if start > end or (outside and place.switches.goal_periods == "inside"):
            raise bad_request(route.version, "period", f"must be within {known}")
        return _answer(make(draw, goal, place.world, query.given), _GOALS)

    return answer


def mail_message(route: Route, query: Query, place: Place) -> bytes:
    """A message by its own id; `include_body=1` adds the body. Without an id, as no client can
    ask, all of them."""
    with_body = bool(query.given.get("include_body"))
    if place.parent_id is None:
        ids = mail.message_ids(place.world)
        return _answer([mail.message(place.world, id_, with_body) for id_ in ids])
    found = mail.message(place.world, int(place.parent_id), with_body)
    if found is None:
        raise not_found(route.version)
    return _answer(found, _MAIL)


Statistics = Callable[[Row, World, Mapping[str, Any]], Record]


def of_pipeline(compute: Statistics) -> Answer:
    """Figures of a pipeline, from `start_date` to `end_date`."""

    def answer(route: Route, query: Query, place: Place) -> bytes:
        _, pipeline = _parent(route, place)
        if str(query.given["start_date"]) > str(query.given["end_date"]):
            raise bad_request(route.version, "end_date", "is before start_date")
        return _answer(compute(pipeline, place.world, query.given))

    return answer


def summary(route: Route, query: Query, place: Place) -> bytes:
    """The summary of the deals that the request asks for."""
    table = place.table(route)
    rows: Iterable[Row] = table.index(query.conditions, "id", "first").rows
    return _answer(statistics.summary(rows, place.world))
