"""One record, requested by its id."""

from __future__ import annotations

import orjson

from ..errors import gone, not_found
from ..record import PLAIN, Row
from ..route import Context, Query, Route
from .pages import envelope, is_new


def check(route: Route, context: Context) -> None:
    """Raise the Refusal for a record that does not exist, or no longer. Which it is for a deleted
    one is not documented."""
    row = _row(route, context)
    if row is None or (row.deleted_at is not None and context.switches.deleted_singles == "404"):
        raise not_found(route.version)
    if row.deleted_at is not None and context.switches.deleted_singles == "410":
        raise gone()
    if row.record.get("is_archived") and context.switches.archived_singles == "404":
        raise not_found(route.version)
    if is_new(context.table(route), row, context):
        raise not_found(route.version)


def single(route: Route, query: Query, context: Context) -> bytes:
    """The record in the path."""
    row = _row(route, context)
    assert row is not None
    body = context.table(route).json([row], PLAIN, context.switches)
    if row.deleted_at is None:
        return envelope(body)
    flag = {"is_deleted": True} if route.version == "v2" else {"active_flag": False}
    return envelope(orjson.dumps({**orjson.loads(body), **flag}))


def _row(route: Route, context: Context) -> Row | None:
    table = context.table(route)
    return table.rows.get(context.parent_id) or table.dropped.get(context.parent_id)
