"""Which builder a list needs, according to Pipedrive's declaration of the endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipedrive_sandbox.route import Route
from source_pipedrive.stream import NOT_REQUESTED, Changes, Kind, Paging, Stream
from unit_tests.contract import Json

# Names of the field that says when a record last changed.
CHANGED = ("update_time", "modified")
# Short lists that are read completely although their records have such a time.
READ_WHOLE = {"filters", "lead_fields", "project_boards"}
# The builders for each kind of paging.
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


def mistakes(stream: Stream, declared: Json) -> Iterator[str]:
    """Sentences about a stream that does not fit the endpoint that Pipedrive declares."""
    parameters = declared["parameters"]
    paging, cost = paging_of(parameters), stream.endpoint.cost
    if cost != declared["cost"]:
        yield f'"{stream.name}": a request costs {declared["cost"]} tokens, not {cost}'
    if stream.endpoint.paging is not paging:
        how = f"it is paged by {paging.value}"
        what = "it is a single response" if paging is Paging.WHOLE else how
        yield f'"{stream.name}": {what}, so write it with {BUILDERS[paging]}'
        return
    if stream.kind is not Kind.LIST or stream.name in READ_WHOLE:
        return
    changes, why = changes_of(stream, parameters)
    if stream.incremental.changes is not changes:
        yield f'"{stream.name}": {why}, so {WAYS[changes]}'


def paging_of(parameters: Json) -> Paging:
    """How an endpoint with these parameters is paged."""
    if "cursor" in parameters:
        return Paging.CURSOR
    return Paging.OFFSET if "start" in parameters else Paging.WHOLE


def changes_of(stream: Stream, parameters: Json) -> tuple[Changes | None, str]:
    """How changed records of a list are found, and why."""
    if "updated_since" in parameters:
        by_version = {1: Changes.RESTARTING, 2: Changes.ASCENDING}
        return by_version[stream.endpoint.version], "the server takes `updated_since`"
    if not any(name in stream.schema["properties"] for name in CHANGED):
        return None, "its records do not say when they changed"
    sorts = parameters.get("sort")
    if sorts is not None and "update_time" in sorts.get("enum", CHANGED):
        return Changes.NEWEST_FIRST, "the server sorts by `update_time` but does not filter by it"
    return (
        Changes.ON_CLIENT,
        "its records say when they changed, but the server does not filter by it",
    )


def is_asked(stream: Stream) -> bool:
    """Whether the stream is requested from one endpoint of its own."""
    return stream.kind not in NOT_REQUESTED and not stream.components


def missing_route(stream: Stream, routes: Iterable[Route]) -> str:
    """A sentence about a stream that the sandbox does not serve; "" if it does."""
    if not is_asked(stream):
        return ""
    endpoint, needs = stream.endpoint, stream.access.needs
    place = (f"v{endpoint.version}", f"/{endpoint.path}")
    if any((route.object, route.version, route.path) == (stream.name, *place) for route in routes):
        return ""
    builder = {Paging.CURSOR: "v2", Paging.OFFSET: "pages", Paging.WHOLE: "v1"}[endpoint.paging]
    builder = "v2" if endpoint.version == 2 else builder
    scopes = " ".join(dict.fromkeys(scope.partition(":")[0] for scope in stream.access.scopes))
    rights = ', app="sales"' if needs.app == "sales" and stream.kind is not Kind.FIELDS else ""
    rights += ", admin_only=True" if needs.admin else ""
    line = f'{builder}("{stream.name}", "/{endpoint.path}", {endpoint.cost}, "{scopes}"{rights})'
    return (
        f'the sandbox does not serve "{stream.name}": write {line} where pipedrive_sandbox lists '
        "its routes (docs/adding-a-stream.md)"
    )
