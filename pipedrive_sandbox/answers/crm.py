"""Persons, leads, and GET /v1/recents: changes within a month, including deletions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from .. import v1_records
from ..clock import DAY, moment, plain
from ..params import Filter, some_of
from ..record import Condition, Row, Window
from ..route import Place, Query, Route
from ..table import KEPT_AFTER_DELETION, Table
from .pages import cursor_page, envelope, listed, offset_page, one_page, pagination

MONTH = 31 * DAY  # "limited to 1 month of history"
# By item: its table, and the function that converts a record to v1's format.
_ITEMS = {
    "activity": ("activities", v1_records.activity),
    "activityType": ("activity_types", v1_records.as_it_is),
    "deal": ("deals", v1_records.deal),
    "file": ("files", v1_records.as_it_is),
    "filter": ("filters", v1_records.as_it_is),
    "note": ("notes", v1_records.as_it_is),
    "person": ("persons", v1_records.person),
    "organization": ("organizations", v1_records.organization),
    "pipeline": ("pipelines", v1_records.pipeline),
    "product": ("products", v1_records.product),
    "stage": ("stages", v1_records.stage),
    "user": ("users", v1_records.as_it_is),
}


def persons_page(route: Route, query: Query, place: Place) -> bytes:
    """A page of persons; `deal_id` selects that deal's person."""
    deal_id = query.given.get("deal_id")
    if deal_id is None:
        return cursor_page(route, query, place)
    deal = place.world.tables["deals"].rows.get(deal_id)
    person = Condition("id", "is", deal and deal.record["person_id"])
    return cursor_page(route, replace(query, conditions=(*query.conditions, person)), place)


def lead_page(route: Route, query: Query, place: Place) -> bytes:
    """A page of leads. The vendor's prose nests `pagination`; the schema has its fields flat."""
    body = offset_page(route, query, place)
    if place.switches.lead_pagination == "nested":
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


def recents(route: Route, query: Query, place: Place) -> bytes:
    """Oldest change first. A since_timestamp more than a month ago counts as a month ago."""
    asked: Any = query.given["since_timestamp"]
    since = max(asked, place.now - MONTH)
    items: Any = query.given.get("items", tuple(_ITEMS))
    changes = sorted(
        (
            (_as_plain(row.record[table.updated]), item, row.id, row)
            for item in items
            for table in (place.world.tables[_ITEMS[item][0]],)
            for row in _changed(table, since, place)
        ),
        key=lambda each: each[:3],
    )
    page = one_page(query, changes)
    body = listed(route, [_shown(item, row, place) for _, item, _, row in page], place)
    head: dict[str, Any] = {"since_timestamp": plain(asked)}
    if page:
        head["last_timestamp_on_page"] = page[-1][0]
    return envelope(body, {**head, "pagination": pagination(query, len(changes))})


def _as_plain(time: str) -> str:
    return time.replace("T", " ").rstrip("Z")


def _changed(table: Table, since: float, place: Place) -> Iterator[Row]:
    """The rows of `table` changed since then, including those removed within 30 days."""
    table.purge(place.now)
    window = Window(table.stamp(since))
    yield from table.window((), table.updated, place.switches.nulls, window).rows
    for row in table.dropped.values():
        at = row.deleted_at or 0.0
        if at >= since and at + KEPT_AFTER_DELETION > place.now:
            yield row


def _shown(item: str, row: Row, place: Place) -> dict[str, Any]:
    how = place.switches.recents_deleted
    hollow = row.deleted_at is not None and (how == "null" or (how == "both" and row.id % 2))
    data = None if hollow else _ITEMS[item][1](place.world, row)
    return {"item": item, "id": row.id, "data": data}
