"""Persons, leads, and GET /v1/recents: changes within a month, including deletions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from .. import v1_format
from ..clock import DAY, moment, plain
from ..errors import bad_request, not_found
from ..params import Filter, some_of
from ..record import Condition, Row, Window
from ..route import Context, Query, Route
from ..table import KEPT_AFTER_DELETION, Table
from .pages import cursor_page, envelope, is_new, listed, offset_page, one_page, pagination

MONTH = 31 * DAY  # "limited to 1 month of history"
# By item: its table, and the function that converts a record to v1's format.
_ITEMS = {
    "activity": ("activities", v1_format.activity),
    "activityType": ("activity_types", v1_format.as_it_is),
    "deal": ("deals", v1_format.deal),
    "file": ("files", v1_format.as_it_is),
    "filter": ("filters", v1_format.as_it_is),
    "note": ("notes", v1_format.as_it_is),
    "person": ("persons", v1_format.person),
    "organization": ("organizations", v1_format.organization),
    "pipeline": ("pipelines", v1_format.pipeline),
    "product": ("products", v1_format.product),
    "stage": ("stages", v1_format.stage),
    "user": ("users", v1_format.as_it_is),
}


def archived_deals(route: Route, query: Query, context: Context) -> bytes:
    """A page of archived deals. Whether this list answers about `ids` is not documented."""
    how = context.switches.archive_ids if "ids" in query.given else "answered"
    if how == "400":
        raise bad_request(route.version, "ids", "is not allowed")
    if how == "404":
        raise not_found(route.version)
    conditions = query.conditions
    if how == "hidden":
        conditions += (Condition("id", "is", None),)
    elif how == "ignored":
        conditions = tuple(each for each in conditions if each.field != "id")
    return cursor_page(route, replace(query, conditions=conditions), context)


def persons_page(route: Route, query: Query, context: Context) -> bytes:
    """A page of persons; `deal_id` selects that deal's person."""
    deal_id = query.given.get("deal_id")
    if deal_id is None:
        return cursor_page(route, query, context)
    deal = context.world.tables["deals"].rows.get(deal_id)
    person = Condition("id", "is", deal and deal.record["person_id"])
    return cursor_page(route, replace(query, conditions=(*query.conditions, person)), context)


def lead_page(route: Route, query: Query, context: Context) -> bytes:
    """A page of leads. The vendor's prose nests `pagination`; the schema has its fields flat."""
    body = offset_page(route, query, context)
    if context.switches.lead_pagination == "nested":
        return body
    answer = orjson.loads(body)
    return orjson.dumps({**answer, "additional_data": answer["additional_data"]["pagination"]})


def _second(text: str) -> float:
    """Parse `YYYY-MM-DD HH:MM:SS`, in UTC."""
    if "T" in text or "Z" in text:
        raise ValueError(f"{text!r} is not YYYY-MM-DD HH:MM:SS")
    return moment(text.replace(" ", "T") + "Z")


ITEMS = (
    Filter("since_timestamp", _second, "", required=True),
    Filter("items", some_of(*_ITEMS), ""),
)


def recents(route: Route, query: Query, context: Context) -> bytes:
    """Oldest change first. A since_timestamp more than a month ago counts as a month ago."""
    requested: Any = query.given["since_timestamp"]
    since = max(requested, context.now - MONTH)
    items: Any = query.given.get("items", tuple(_ITEMS))
    changes = sorted(
        (
            (_as_plain(row.record[table.updated]), item, row.id, row)
            for item in items
            for table in (context.world.tables[_ITEMS[item][0]],)
            for changed in _changed(table, since, context)
            for row in _entries(table, changed, since, context)
        ),
        key=lambda each: each[:3],
    )
    page = one_page(query, changes)
    body = listed(route, [_shown(item, row, context) for _, item, _, row in page], context)
    head: dict[str, Any] = {"since_timestamp": plain(requested)}
    if page:
        head["last_timestamp_on_page"] = page[-1][0]
    return envelope(body, {**head, "pagination": pagination(query, len(changes))})


def _as_plain(time: str) -> str:
    return time.replace("T", " ").rstrip("Z")


def _changed(table: Table, since: float, context: Context) -> Iterator[Row]:
    """The rows of `table` changed since then, including those removed within 30 days."""
    table.purge(context.now)
    window = Window(table.stamp(since))
    yield from table.window((), table.updated, context.switches.nulls, window).rows
    for row in table.dropped.values():
        at = row.deleted_at or 0.0
        if at >= since and at + KEPT_AFTER_DELETION > context.now:
            yield row


def _entries(table: Table, row: Row, since: float, context: Context) -> Iterator[Row]:
    """A row, and the same a second before it was deleted."""
    at = row.deleted_at
    if context.switches.recents_repeat and at is not None and at - 1 >= since:
        yield Row({**row.record, table.updated: table.stamp(at - 1)}, row.hidden)
    yield row


def _shown(item: str, row: Row, context: Context) -> dict[str, Any]:
    how = context.switches.recents_deleted
    omitted = row.deleted_at is not None and (how == "null" or (how == "both" and row.id % 2))
    omitted = omitted or is_new(context.world.tables[_ITEMS[item][0]], row, context)
    data = None if omitted else _ITEMS[item][1](context.world, row)
    whose = "survivor" if row.deleted_at is None else "deleted"
    other = row.hidden.get("merge_what_id")
    if data and item == "person" and other and context.switches.recents_merged == whose:
        data = {**data, "merge_what_id": other}
    return {"item": item, "id": row.id, "data": data}
