"""Reads what the endpoints would list now, all pages and free of charge, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from . import query
from .data.world import World
from .route import Context, Route
from .routes import ALL_ROUTES
from .switches import Switches

Records = list[dict[str, Any]]


def _route(object_: str) -> Route:
    route = next((each for each in ALL_ROUTES if each.object == object_), None)
    if route is None:
        known = [each.object for each in ALL_ROUTES]
        raise ValueError(f"unknown object {object_!r}; choose from {known}")
    return route


class Inspection:
    """A snapshot reader of a world's records."""

    def __init__(self, world: World, switches: Switches, now: float) -> None:
        self._world = world
        self._switches = switches.changed(page_limit=0, no_image="null")
        self._now = now

    def records(self, object_: str, params: Mapping[str, str]) -> Records:
        """The records of `object_`, each once; `params` are the endpoint's query parameters."""
        route = _route(object_)
        lists = [
            self._all_pages(route, {**each, **params}, parent)
            for parent in self._parents(route)
            for each in self._param_sets(route)
        ]
        if len(route.param_sets) == 1:
            return [record for listed in lists for record in listed]
        by_id = {record["id"]: record for listed in lists for record in listed}
        return list(by_id.values())

    def records_by_parent(self, object_: str) -> dict[int, Records]:
        """{id of the parent: its records}, for an endpoint that lists child records."""
        route, found = _route(object_), {}
        in_path, ids_param = route.relation.parent_table, route.relation.ids_param
        for id_ in self._live(in_path or route.table):
            params = {ids_param: str(id_)} if ids_param else route.param_sets[0]
            found[id_] = self._all_pages(route, params, id_ if in_path else None)
        return {id_: records for id_, records in found.items() if records}

    def _live(self, table: str) -> list[int]:
        rows = self._world.tables[table].rows.values()
        return [row.id for row in rows if row.deleted_at is None]

    def _parents(self, route: Route) -> Sequence[int | None]:
        """The possible values of `{id}` in the path."""
        return self._live(route.relation.parent_table) if route.relation.parent_table else [None]

    def _param_sets(self, route: Route) -> Iterator[Mapping[str, str]]:
        """The parameters of the requests that together list every record."""
        relation = route.relation
        if not relation.ids_param:
            yield from route.param_sets
            return
        ids = [str(id_) for id_ in self._live(route.table)]
        for at in range(0, len(ids), relation.max_ids):
            yield {relation.ids_param: ",".join(ids[at : at + relation.max_ids])}

    def _all_pages(self, route: Route, params: Mapping[str, str], parent: int | None) -> Records:
        context = Context(self._world, self._switches, parent, self._now)
        context.table(route).purge(self._now)
        found: Records = []
        listing, here = route.listing, dict(params)
        if listing.paging != "none":
            here["limit"] = str(listing.max_limit)
        while True:
            parsed = query.read(route, tuple(here.items()), context)
            answer = orjson.loads(route.answer(route, parsed, context))
            data = answer["data"]["goals"] if route.object == "goals" else answer["data"]
            found += [data] if isinstance(data, dict) else data or []
            following = (answer.get("additional_data") or {}).get("next_cursor")
            if listing.paging == "cursor" and following:
                here["cursor"] = following
            elif listing.paging == "offset" and len(data or []) == listing.max_limit:
                here["start"] = str(len(found))
            else:
                return found
