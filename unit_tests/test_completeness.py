"""Every list and object of Pipedrive's API is a stream, or is excluded for a reason.

`exclusions.json` has the reasons, by version and operation id. A new endpoint of the vendor's fails
here until somebody decides, and so does an exclusion of one that is gone or has become a stream.
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


def lists_of(stream: Stream) -> Iterator[Stream]:
    """All lists that are requested for a stream."""
    if stream.kind not in NOT_REQUESTED:
        yield from stream.components or [stream]
    if stream.v1_fallback:
        yield stream.v1_fallback


def address(version: str, path: str) -> str:
    """An endpoint, whatever the names of its parameters."""
    return f"{version} {re.sub(r'{[^}]*}', '{}', path.strip('/'))}"


def read_by_streams() -> set[str]:
    """The endpoints of all streams."""
    lists = [one for stream in STREAMS.values() for one in lists_of(stream)]
    return {address(f"v{one.endpoint.version}", one.endpoint.path) for one in lists}


def served() -> set[str]:
    """The endpoints that the connector reads, by version and operation id."""
    read = read_by_streams() | {address(f"v{WHO_AM_I.version}", WHO_AM_I.path)}
    return {name for name, path in endpoints().items() if address(name.split()[0], path) in read}


def test_every_endpoint_is_a_stream_or_excluded_for_a_reason() -> None:
    """Nobody would notice that the table of a forgotten endpoint is missing."""
    assert endpoints().keys() - served() - EXCLUSIONS.keys() == set(), (
        "make a stream of it (docs/adding-a-stream.md), or add it to exclusions.json with a reason"
    )


def test_no_exclusion_is_stale() -> None:
    assert EXCLUSIONS.keys() - endpoints().keys() == set(), "the vendor has no such endpoint"
    assert EXCLUSIONS.keys() & served() == set(), "it is read, so it is not excluded"


def test_streams_read_endpoints_that_the_vendor_has() -> None:
    """Only legacy_teams is deprecated, and its description says so."""
    known = {address(name.split()[0], path) for name, path in endpoints().items()}
    assert read_by_streams() - known == {"v1 legacyTeams"}, (
        "correct the version or path of the stream, or run `make contract` if the endpoint is new"
    )


@pytest.mark.parametrize("name", EXCLUSIONS)
def test_an_exclusion_has_one_of_the_reasons(name: str) -> None:
    entry = EXCLUSIONS[name]
    assert entry["reason"] in REASONS
    assert entry.keys() == ({"reason", "stream"} if entry["reason"] == COPY else {"reason"})
    assert entry.get("stream", "deals") in STREAMS


def test_an_excluded_single_record_belongs_to_the_list_of_a_stream() -> None:
    read = {path.rsplit(" ")[-1] for path in read_by_streams()}
    for name, entry in EXCLUSIONS.items():
        if entry["reason"].startswith("single"):
            path = endpoints()[name].strip("/")
            list_, _, last = path.rpartition("/")
            assert last.startswith("{"), f"{name} is not a single record"
            # v1 has boards and phases below projects.
            places = {re.sub(r"{[^}]*}", "{}", list_), list_.removeprefix("projects/")}
            assert places & read, f"{name}: its list is not a stream"


def test_the_exclusions_are_sorted() -> None:
    assert list(EXCLUSIONS) == sorted(EXCLUSIONS)
