"""Responses that no table stores: each request computes them from the record in the path.

`make` gets a `RandomValues` (the same for the same record), the record and the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from ..data.random_values import RandomValues
from ..data.world import World
from ..record import Record, Row
from ..route import Answer, Context, Query, Route
from .pages import bad_cursor, null_for_none, number_of, numbered_cursor, one_page, pagination

Children = Callable[[RandomValues, Row, World], list[Record]]
Single = Callable[[RandomValues, Row, World, Mapping[str, Any]], Record]


def success(data: object, more: Mapping[str, object] = MappingProxyType({})) -> bytes:
    """A successful response; `more` is added beside `data`."""
    return orjson.dumps({"success": True, "data": data, **more})


def parent(route: Route, context: Context) -> tuple[RandomValues, Row]:
    """A `RandomValues` for the record in the path, and the record itself."""
    row = context.world.tables[route.relation.parent_table].rows[context.parent_id]
    return RandomValues(
        context.world.seed, f"{route.object}:{row.id}", context.world.created_at
    ), row


def _made(make: Children, route: Route, context: Context) -> list[Record]:
    return make(*parent(route, context), context.world)


def _or_null(rows: Sequence[Record], route: Route, context: Context) -> Sequence[Record] | None:
    return rows if rows or not null_for_none(route, context) else None


def whole(make: Children, **more: object) -> Answer:
    """All records in one response; `more` is added beside `data`."""

    def answer(route: Route, query: Query, context: Context) -> bytes:
        rows = _made(make, route, context)
        return success(_or_null(rows, route, context), more)

    return answer


def by_offset(make: Children, with_pagination: bool = True) -> Answer:
    """Pages of v1. Some lists do not report where the next page starts (`with_pagination`)."""

    def answer(route: Route, query: Query, context: Context) -> bytes:
        rows = _made(make, route, context)
        page = _or_null(one_page(query, rows), route, context)
        if not with_pagination:
            return success(page)
        return success(page, {"additional_data": {"pagination": pagination(query, len(rows))}})

    return answer


def by_cursor(make: Children) -> Answer:
    """Pages of v2. A cursor contains the number of remaining rows, so that new entries at the head
    of a log shift nothing."""

    def answer(route: Route, query: Query, context: Context) -> bytes:
        rows = _made(make, route, context)
        at = 0 if query.cursor is None else len(rows) - _remaining(route, query.cursor, len(rows))
        end, more = at + query.limit, dict[str, str | None]()
        if end < len(rows):
            more["next_cursor"] = numbered_cursor(len(rows) - end)
        elif context.switches.next_cursor == "null":
            more["next_cursor"] = None
        return success(rows[at:end], {"additional_data": more})

    return answer


def _remaining(route: Route, cursor: str, count: int) -> int:
    remaining = number_of(route, cursor)
    if not 0 < remaining <= count:
        raise bad_cursor(route)
    return remaining


def single(make: Single) -> Answer:
    """One object that belongs to the record in the path."""

    def answer(route: Route, query: Query, context: Context) -> bytes:
        return success(make(*parent(route, context), context.world, query.given))

    return answer
