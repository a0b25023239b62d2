"""Shared by all topics: envelopes, pages by cursor and by offset, whole lists."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from ..errors import Refusal, bad_request, not_found
from ..record import PLAIN, VALUE, Condition, Key, Record, Row, SortKey, as_key
from ..route import Answer, Context, Query, Route
from ..table import Index, Table

T = TypeVar("T")


def envelope(rows: bytes, more: object = None) -> bytes:
    """A successful response; `rows` is the JSON of its data."""
    tail = b"}" if more is None else b',"additional_data":' + orjson.dumps(more) + b"}"
    return b"".join((b'{"success":true,"data":', rows, tail))


def null_for_none(route: Route, context: Context) -> bool:
    """Whether this API version returns null for an empty list."""
    return route.version == "v1" and context.switches.empty_list == "null"


def listed(route: Route, records: Sequence[Record], context: Context) -> bytes:
    """`records` as JSON; v1 may return null for an empty list."""
    if not records and null_for_none(route, context):
        return b"null"
    return orjson.dumps(records)


# -- v2: keyset cursors


def cursor_page(route: Route, query: Query, context: Context) -> bytes:
    """A page of a v2 list (https://pipedrive.readme.io/docs/core-api-concepts-pagination)."""
    _refuse_missing(route, query, context)
    if "ids" in query.given and context.switches.new_records_lag:
        known = Condition("add_time", "before", _new_from(context.table(route), context))
        query = replace(query, conditions=(*query.conditions, known))
    return keyset(context.table(route), route, query, context)


def is_new(table: Table, row: Row, context: Context) -> bool:
    """Whether a record is so new that no request by id finds it (switch new_records_lag)."""
    added = row.record.get("add_time") or ""
    return bool(context.switches.new_records_lag) and added >= _new_from(table, context)


def _new_from(table: Table, context: Context) -> str:
    return table.stamp(context.now - context.switches.new_records_lag)


def _refuse_missing(route: Route, query: Query, context: Context) -> None:
    """What Pipedrive answers if `ids` names a missing record is not documented."""
    requested, status = query.given.get("ids"), context.switches.missing_ids
    if not isinstance(requested, frozenset) or status == "skipped":
        return
    if requested - context.table(route).rows.keys():
        if status == "400":
            raise bad_request(route.version, "ids", "names a missing record")
        raise not_found(route.version)


def keyset(table: Table, route: Route, query: Query, context: Context) -> bytes:
    """The same for the rows of any `table`."""
    switches, key = context.switches, query.sort[0]
    index = table.window(query.conditions, key.field, switches.nulls, query.window)
    low, high = _position(route, query, context, index)
    if key.descending:
        page = index.rows[max(low, high - query.limit) : high][::-1]
        following = index.keys[low : max(low, high - query.limit)][-1:]
    else:
        page = index.rows[low : low + query.limit]
        following = index.keys[low + query.limit : low + query.limit + 1]
    more: dict[str, Any] = {}
    if following and switches.cursor_marks == "next":
        rank, value, id_ = following[0]
        more["next_cursor"] = _encode(key, value if rank == VALUE else None, id_)
    elif following:
        more["next_cursor"] = _encode(key, page[-1].value(key.field), page[-1].id)
    elif switches.next_cursor == "null":
        more["next_cursor"] = None
    body = table.json(page, query.variant, switches)
    return envelope(b"[" + body + b"]", more)


def _position(route: Route, query: Query, context: Context, index: Index) -> tuple[int, int]:
    """The part of `index` from the cursor's row on, in the sort's direction."""
    if query.cursor is None:
        return 0, len(index.keys)
    descending = query.sort[0].descending
    inclusive = context.switches.cursor_marks == "next"
    cut = bisect_left if inclusive != descending else bisect_right
    try:
        at = cut(index.keys, _decode(query.cursor, query.sort[0], context.switches.nulls))
    except (ValueError, TypeError, KeyError) as error:
        raise bad_cursor(route) from error
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
        raise ValueError("the cursor belongs to another sort order")
    return as_key(marker["fieldValue"], marker["id"], nulls)


def bad_cursor(route: Route) -> Refusal:
    """400 for a cursor that this list never returned."""
    return bad_request(route.version, "cursor", "is not a valid cursor")


def numbered_cursor(number: int) -> str:
    """A cursor that identifies an entry of a list by its number."""
    return urlsafe_b64encode(b"id:%d" % number).rstrip(b"=").decode()


def number_of(route: Route, cursor: str) -> int:
    """The number in a `numbered_cursor`."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if not text.startswith("id:"):
            raise ValueError
        return int(text.removeprefix("id:"))
    except ValueError as error:
        raise bad_cursor(route) from error


# -- v1: offsets


def offset_page(route: Route, query: Query, context: Context) -> bytes:
    """A page of a v1 list, by position among the live rows."""
    rows = selected(route, query, context)
    body = rendered(route, query, context, one_page(query, rows))
    return envelope(body, {"pagination": pagination(query, len(rows))})


def one_page(query: Query, records: Sequence[T]) -> Sequence[T]:
    """The `records` on the requested page."""
    return records[query.start : query.start + query.limit]


def pagination(query: Query, count: int) -> Record:
    """v1's `pagination` object for a page of a list of `count` records."""
    end = query.start + query.limit
    head = {"start": query.start, "limit": query.limit, "more_items_in_collection": end < count}
    return {**head, "next_start": end} if end < count else head


def selected(route: Route, query: Query, context: Context) -> list[Row]:
    """The rows that a v1 request selects, on all pages."""
    table, window = context.table(route), query.window
    conditions = query.conditions
    if window.since is not None:
        conditions = (*conditions, Condition(table.updated, "from", window.since))
    return table.ordered(conditions, query.sort, context.switches.nulls)


def rendered(route: Route, query: Query, context: Context, rows: Sequence[Row]) -> bytes:
    """`rows` of the route's table as JSON."""
    if not rows and null_for_none(route, context):
        return b"null"
    return b"[" + context.table(route).json(rows, query.variant, context.switches) + b"]"


# -- whole lists


def whole_list(route: Route, query: Query, context: Context) -> bytes:
    """All records in one response, without additional_data."""
    return envelope(rendered(route, query, context, selected(route, query, context)))


def plain_list(**more: object) -> Answer:
    """A whole list; `more` is added beside `data`."""

    def answer(route: Route, query: Query, context: Context) -> bytes:
        table = context.table(route)
        rows = table.ordered(query.conditions, query.sort, context.switches.nulls)
        listed = orjson.Fragment(b"[" + table.json(rows, PLAIN, context.switches) + b"]")
        return orjson.dumps({"success": True, "data": listed, **more})

    return answer
