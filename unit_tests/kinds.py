"""Which kind of row a list needs, as Pipedrive's own declaration of the endpoint says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipedrive_sandbox.route import Route
from source_pipedrive.stream import NOT_REQUESTED, Changes, Kind, Paging, Stream
from unit_tests.contract import Json

# The time that says when a record was last changed, in whichever words.
CHANGED = ("update_time", "modified")
# Lists that are short, and read whole although their records have such a time.
READ_WHOLE = {"filters", "lead_fields", "project_boards"}
# How a list is written whose pages follow each other so.
BUILDERS = {
    Paging.CURSOR: "core(...) or short(...)",
    Paging.OFFSET: "paged(...)",
    Paging.WHOLE: "whole(...)",
}
WAYS = {
    None: "leave `changes` and `cursor_field` out",
    Changes.ASCENDING: "write it with core(...)",
    Changes.RESTARTING: "add **changed(Changes.RESTARTING)",
    Changes.NEWEST_FIRST: "add **changed(Changes.NEWEST_FIRST)",
    Changes.ON_CLIENT: "add **changed(Changes.ON_CLIENT)",
}


def mistakes(row: Stream, declared: Json) -> Iterator[str]:
    """Sentences about a list whose row is not of the kind that the endpoint needs."""
    parameters = declared["parameters"]
    paging = paging_of(parameters)
    if row.endpoint.cost != declared["cost"]:
        yield f'"{row.name}": a request costs {declared["cost"]} tokens, not {row.endpoint.cost}'
    if row.endpoint.paging is not paging:
        how = f"its pages follow each other by {paging.value}"
        what = "it comes in one answer" if paging is Paging.WHOLE else how
        yield f'"{row.name}": {what}, so write it with {BUILDERS[paging]}'
        return
    if row.kind is not Kind.LIST or row.name in READ_WHOLE:
        return
    changes, why = changes_of(row, parameters)
    if row.incremental.changes is not changes:
        yield f'"{row.name}": {why}, so {WAYS[changes]}'


def paging_of(parameters: Json) -> Paging:
    """How the pages of an endpoint with these parameters follow each other."""
    if "cursor" in parameters:
        return Paging.CURSOR
    return Paging.OFFSET if "start" in parameters else Paging.WHOLE


def changes_of(row: Stream, parameters: Json) -> tuple[Changes | None, str]:
    """How changed records of a list are found, and why so."""
    if "updated_since" in parameters:
        by_version = {1: Changes.RESTARTING, 2: Changes.ASCENDING}
        return by_version[row.endpoint.version], "the server takes `updated_since`"
    if not any(name in row.schema["properties"] for name in CHANGED):
        return None, "its records do not say when they were changed"
    sorts = parameters.get("sort")
    if sorts is not None and "update_time" in sorts.get("enum", CHANGED):
        return Changes.NEWEST_FIRST, "the server sorts by `update_time` but does not filter by it"
    return Changes.ON_CLIENT, "its records have a time of change that the server does not filter by"


def is_asked(row: Stream) -> bool:
    """Whether a stream has an endpoint of its own."""
    return row.kind not in NOT_REQUESTED and not row.components


def missing_route(row: Stream, routes: Iterable[Route]) -> str:
    """A sentence about a stream that the sandbox does not serve as its row asks for it."""
    if not is_asked(row):
        return ""
    place = (f"v{row.endpoint.version}", f"/{row.endpoint.path}")
    if any((route.object, route.version, route.path) == (row.name, *place) for route in routes):
        return ""
    builder = {Paging.CURSOR: "v2", Paging.OFFSET: "pages", Paging.WHOLE: "v1"}[row.endpoint.paging]
    builder = "v2" if row.endpoint.version == 2 else builder
    scopes = " ".join(dict.fromkeys(scope.partition(":")[0] for scope in row.access.scopes))
    rights = (
        ', app="sales"' if row.access.needs.app == "sales" and row.kind is not Kind.FIELDS else ""
    )
    rights += ", admin_only=True" if row.access.needs.admin else ""
    line = (
        f'{builder}("{row.name}", "/{row.endpoint.path}", {row.endpoint.cost}, "{scopes}"{rights})'
    )
    return (
        f'the sandbox does not serve "{row.name}": write {line} where pipedrive_sandbox lists '
        "its routes (docs/adding-a-stream.md)"
    )
