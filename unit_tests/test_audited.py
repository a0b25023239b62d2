"""The audit's requests, compared with the vendor's facts. A wrong path would be a 404, and a 404 is
what a deletion looks like."""

from __future__ import annotations

import pytest

from source_pipedrive.stream import Stream
from source_pipedrive.stream.audited import AUDITED, COMPARED, Audited, Compared, Single
from source_pipedrive.streams import STREAMS
from unit_tests.contract import operation

SINGLES = [
    pytest.param(each, id=each.name) for each in (*AUDITED, *COMPARED) if each.single is not None
]
OBJECTS = pytest.mark.parametrize("audited", AUDITED, ids=lambda audited: audited.name)


LISTS = [
    pytest.param(audited, stream, id=stream.endpoint.path)
    for audited in AUDITED
    for stream in audited.lists
]


@pytest.mark.parametrize(("audited", "stream"), LISTS)
def test_a_list_is_the_vendors_and_its_streams(audited: Audited, stream: Stream) -> None:
    endpoint = stream.endpoint
    declared = operation(f"v{endpoint.version}", f"/{endpoint.path}")
    assert endpoint.cost == declared["cost"]
    assert stream.access.read_scope in declared["scopes"]
    if audited.by_ids:
        assert declared["parameters"]["ids"]
    own = next(each for each in STREAMS.values() if each.endpoint.path == endpoint.path)
    assert (own.endpoint.version, own.endpoint.paging) == (endpoint.version, endpoint.paging)
    assert own.endpoint.limit == endpoint.limit


@pytest.mark.parametrize("each", SINGLES)
def test_a_single_record_is_the_vendors(each: Audited | Compared) -> None:
    single = each.single
    assert isinstance(single, Single)
    declared = operation(f"v{single.version}", f"/{single.path}")
    assert single.cost == declared["cost"]
    scope = each.scope if isinstance(each, Compared) else each.lists[0].access.read_scope
    assert set(scope.split()) <= set(declared["scopes"])


@OBJECTS
def test_every_list_of_an_object_is_read(audited: Audited) -> None:
    """A record in a list that is not read would look deleted."""
    paths = {
        each.endpoint.path
        for each in STREAMS.values()
        if each.name.removesuffix("_archived") == audited.name
    }
    assert {stream.endpoint.path for stream in audited.lists} == paths
    assert all(
        stream.access.means_unavailable == STREAMS[audited.name].access.means_unavailable
        for stream in audited.lists
        if audited.of_deals
    )


# Users and activity types are switched off instead, and other records refer to them by id.
KEPT = {"users", "activity_types"}


def test_what_is_found_deleted_leaves_its_table() -> None:
    """`discover` adds the column to a table, so the audit has to send something to it."""
    names = {each.name for each in (*AUDITED, *COMPARED)}
    for name in names - KEPT:
        incremental = STREAMS[name].incremental
        assert incremental.deleted_as == (name if incremental.cursor_field else ""), name
    has_column = {s.name for s in STREAMS.values() if s.incremental.has_deletions}
    assert {name.removesuffix("_archived") for name in has_column} <= names - KEPT


def test_what_is_compared_is_read_whole_in_every_sync() -> None:
    assert all(not STREAMS[each.name].child for each in COMPARED)
