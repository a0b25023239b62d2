"""Responses with child records: of the parent in the path, or of many parents given by id."""

from __future__ import annotations

from typing import Any

import orjson

from ..errors import Refusal, bad_request, forbidden, not_found, not_in_plan
from ..record import Record, Row
from ..route import Context, Query, Route
from ..table import Table
from ..v1_format import participant, related_organization
from .pages import envelope, keyset, listed, number_of, numbered_cursor, one_page, pagination

_LAST_PAGE = {"null": {"next_cursor": None}, "absent": {}}


def _parent(route: Route, context: Context) -> Row:
    return context.world.tables[route.relation.parent_table].rows[context.parent_id]


def children_of(route: Route, context: Context) -> list[Record]:
    """The children of the record in the path; a log starts with its oldest entry."""
    found = context.world.children.rows(
        route.relation.parent_table, route.relation.child_kind, _parent(route, context)
    )
    if route.object == "deal_changelog" and context.switches.changelog_pipelines == "absent":
        return [entry for entry in found if entry["field_key"] != "pipeline_id"]
    return found


def _of_many(route: Route, query: Query, context: Context) -> list[Record]:
    """The children of the requested records, ignoring deleted and unknown ones. What Pipedrive
    returns for those is not known (switch gone_deals), nor for archived ones."""
    table, world = context.table(route), context.world
    requested: Any = query.given[route.relation.ids_param]
    rows = [table.rows[id_] for id_ in sorted(requested) if id_ in table.rows]
    live = [row for row in rows if row.deleted_at is None]
    if len(live) < len(requested) and context.switches.gone_deals != "skipped":
        raise _gone(context.switches.gone_deals, route)
    hides = context.switches.archived_children == "hidden"
    return [
        each
        for row in live
        if not (hides and row.record["is_archived"])
        for each in world.children.rows(route.table, route.relation.child_kind, row)
    ]


def _gone(status: str, route: Route) -> Refusal:
    if status == "400":
        return bad_request(route.version, route.relation.ids_param, "names an unknown deal")
    return forbidden() if status == "403" else not_found(route.version)


# -- by cursor


def keyset_page(route: Route, query: Query, context: Context) -> bytes:
    """A page sorted by the first field of the route's order, which is unique."""
    id_field = route.listing.order[0].field
    rows = [Row(record, id_field=id_field) for record in children_of(route, context)]
    return keyset(Table(route.object, rows), route, query, context)


def bulk_page(route: Route, query: Query, context: Context) -> bytes:
    """A page of the children of many records."""
    rows = [Row(record) for record in _of_many(route, query, context)]
    return keyset(Table(route.object, rows), route, query, context)


def installments(route: Route, query: Query, context: Context) -> bytes:
    """Refused if the plan has none; the schema shows no cursor, though the endpoint accepts one."""
    if context.switches.installments != "ok":
        switches = context.switches
        raise not_in_plan(switches.installments, "installments", switches.plan_refusal)
    if context.switches.installments_pagination == "present":
        return bulk_page(route, query, context)
    return envelope(orjson.dumps(_of_many(route, query, context)))


def log_page(route: Route, query: Query, context: Context) -> bytes:
    """Newest entry first. A cursor contains an entry's number, so that a new entry shifts none."""
    entries, inclusive = children_of(route, context), context.switches.cursor_marks == "next"
    top = len(entries)
    if query.cursor is not None:
        top = number_of(route, query.cursor) - (not inclusive)
    page = entries[max(0, top - query.limit) : max(0, top)][::-1]
    remaining = max(0, top - len(page))
    more: dict[str, Any] = _LAST_PAGE[context.switches.next_cursor]
    if remaining:
        more = {"next_cursor": numbered_cursor(remaining + (not inclusive))}
    return envelope(listed(route, page, context), more)


# -- by offset


def participants(route: Route, query: Query, context: Context) -> bytes:
    """A page of a deal's participants, by offset."""
    deal = _parent(route, context)
    records = [participant(context.world, deal, each) for each in children_of(route, context)]
    page = listed(route, one_page(query, records), context)
    return envelope(page, {"pagination": pagination(query, len(records))})


# -- whole


def whole(route: Route, query: Query, context: Context) -> bytes:
    """All children of the record in the path."""
    return envelope(listed(route, children_of(route, context), context))


def image(route: Route, query: Query, context: Context) -> bytes:
    """One object. Whether a product without an image is a 404 is not documented."""
    found = children_of(route, context)
    if not found and context.switches.no_image == "404":
        raise not_found(route.version)
    return envelope(orjson.dumps(found[0] if found else None))


def relationships(route: Route, query: Query, context: Context) -> bytes:
    """The relationships of the requested organization to others that still exist."""
    org: Any = query.given[route.relation.ids_param]
    row = context.table(route).rows.get(org)
    if row is None or row.deleted_at is not None:
        raise not_found(route.version)
    records = []
    for each in context.world.children.rows(route.table, route.relation.child_kind, row):
        named = [each["rel_owner_org_id"], each["rel_linked_org_id"]]
        owner, linked = (related_organization(context.world, id_) for id_ in named)
        if owner and linked and owner["active_flag"] and linked["active_flag"]:
            other = linked if each["rel_owner_org_id"] == org else owner
            shown = {"rel_owner_org_id": owner, "rel_linked_org_id": linked}
            records.append({**each, **shown, "related_organization_name": other["name"]})
    return envelope(listed(route, records, context))
