"""Every list and object that Pipedrive's API has today is a stream, or is left out for a reason.

`exclusions.json` has the reasons, by version and operation id. A new endpoint of the vendor's fails
here until somebody decides, and an exclusion of one that is gone or has become a stream fails, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.http.company import WHO_AM_I
from source_pipedrive.stream import NOT_REQUESTED, Stream
from source_pipedrive.streams import STREAMS
from unit_tests.contract import FACTS

EXCLUSIONS: dict[str, Any] = json.loads(Path(__file__).with_name("exclusions.json").read_text())

COPY = "nested copy of a list that is a stream"
REASONS = {
    "search",
    "single record of a list that is a stream",
    COPY,
    "binary",
    "helper of the UI",
}


def endpoints() -> dict[str, str]:
    """The paths of the vendor's GET endpoints that are not deprecated, by version and operation."""
    found = {}
    for name, each in FACTS.items():
        version, _, path = name.partition(" ")
        if "deprecated" not in each:
            found[f"{version} {each['operation']}"] = path
    return found


def lists_of(row: Stream) -> Iterator[Stream]:
    """All that is asked for a stream: its list, or those that it is put together from."""
    if row.kind not in NOT_REQUESTED:
        yield from row.components or [row]
    if row.v1_fallback:
        yield row.v1_fallback


def address(version: str, path: str) -> str:
    """An endpoint, however its parameters are called."""
    return f"{version} {re.sub(r'{[^}]*}', '{}', path.strip('/'))}"


def read_by_streams() -> set[str]:
    """The endpoints of all streams."""
    lists = [one for row in STREAMS.values() for one in lists_of(row)]
    return {address(f"v{one.endpoint.version}", one.endpoint.path) for one in lists}


def served() -> set[str]:
    """The endpoints that the connector reads, by version and operation id."""
    read = read_by_streams() | {address(f"v{WHO_AM_I.version}", WHO_AM_I.path)}
    return {name for name, path in endpoints().items() if address(name.split()[0], path) in read}


def test_every_endpoint_is_a_stream_or_left_out_for_a_reason() -> None:
    """What is forgotten here is a table that nobody knows is missing."""
    assert endpoints().keys() - served() - EXCLUSIONS.keys() == set(), (
        "make a stream of it (docs/adding-a-stream.md), or write into exclusions.json why not"
    )


def test_no_exclusion_is_stale() -> None:
    assert EXCLUSIONS.keys() - endpoints().keys() == set(), "the vendor has no such endpoint"
    assert EXCLUSIONS.keys() & served() == set(), "it is read, so it is not left out"


def test_streams_read_endpoints_that_the_vendor_has() -> None:
    """legacy_teams alone is deprecated, and its row says so."""
    known = {address(name.split()[0], path) for name, path in endpoints().items()}
    assert read_by_streams() - known == {"v1 legacyTeams"}, (
        "correct the version or path of the row, or run `make contract` if the endpoint is new"
    )


@pytest.mark.parametrize("name", EXCLUSIONS)
def test_an_exclusion_has_one_of_the_reasons(name: str) -> None:
    entry = EXCLUSIONS[name]
    assert entry["reason"] in REASONS
    assert entry.keys() == ({"reason", "stream"} if entry["reason"] == COPY else {"reason"})
    assert entry.get("stream", "deals") in STREAMS


def test_a_single_record_is_one_of_a_stream() -> None:
    read = {path.rsplit(" ")[-1] for path in read_by_streams()}
    for name, entry in EXCLUSIONS.items():
        if entry["reason"].startswith("single"):
            path = endpoints()[name].strip("/")
            list_, _, last = path.rpartition("/")
            assert last.startswith("{"), f"{name} is no single record"
            # v1 has boards and phases below projects.
            places = {re.sub(r"{[^}]*}", "{}", list_), list_.removeprefix("projects/")}
            assert places & read, f"{name}: its list is no stream"


def test_the_exclusions_are_in_order_so_that_a_change_is_easy_to_see() -> None:
    assert list(EXCLUSIONS) == sorted(EXCLUSIONS)
