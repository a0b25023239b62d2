"""Every request that the connector makes, and every stream, compared with the vendor's facts.

A wrong path or parameter is a 400 or 404 for a customer; a wrong cost is a wrong estimate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.http.request import Answer, Request
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.state import VERSION
from source_pipedrive.stream import NOT_REQUESTED, WITHOUT_PIPEDRIVE, Kind, Paging, Stream
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.selection import Selection
from source_pipedrive.sync.sync import Options, SyncRun
from unit_tests.contract import operation
from unit_tests.fakes import ACME, NOW, FakeClient
from unit_tests.newer import NEWER_SCOPES

EXCEPTIONS = json.loads(Path(__file__).with_name("contract_exceptions.json").read_text())
LIVE = [stream for stream in STREAMS.values() if stream.kind not in WITHOUT_PIPEDRIVE]
DERIVED = [stream for stream in LIVE if stream.kind is Kind.DERIVED]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
OLD, RECENT = 0, 1_700_000_000  # starts of the history
SAVED = {"version": VERSION, "company_id": ACME.id, "since": "1970-01-01T00:00:00Z"}


def asked_for() -> Iterator[Stream]:
    """Every list that is requested, including components and lists of v1 to fall back on."""
    for stream in LIVE:
        if stream.kind not in NOT_REQUESTED:
            yield from stream.components or [stream]
            if stream.v1_fallback:
                yield stream.v1_fallback


ROWS = [
    pytest.param(stream, id=f"{stream.name}-v{stream.endpoint.version}-{stream.endpoint.path}")
    for stream in asked_for()
]


class Recorder(FakeClient):
    """Answers every list with two pages, and records the requests."""

    def __init__(self) -> None:
        super().__init__(lambda params: {})
        self.requests: list[Request] = []

    def get(self, request: Request) -> Answer:
        """A full first page and a second one, in the paging that the request implies."""
        self.requests.append(request)
        stream = STREAMS[request.stream]
        second = "cursor" in request.params or request.params.get("start", "0") != "0"
        rows = [record(number) for number in ((2,) if second else (0, 1, 2))]
        more = {"next_cursor": None if second else "abc"}
        page = {"more_items_in_collection": not second, "next_start": 3}
        if stream.endpoint.single_object or stream.kind is Kind.SINGLE:
            return Answer({"data": {"a": 1}}, NOW)
        data = {"goals": rows} if request.stream == "goals" else rows
        if "limit" not in request.params:
            return Answer({"data": data}, NOW)
        return Answer({"data": data, "additional_data": {**more, "pagination": page}}, NOW)


def record(number: int) -> dict[str, Any]:
    """A record that fits every list, as a parent and as a child."""
    keys = {"id": number, "deal_id": number, "user_id": number, "uuid": str(number)}
    times = dict.fromkeys(("add_time", "update_time", "modified", "time"), "2026-02-01 00:00:00")
    return {**keys, **times, "item": "person", "data": {"id": number}}


@cache
def requests_of(name: str) -> list[Request]:
    """The requests of a first sync, a first sync with a short history, and a later one."""
    stream, recorder = STREAMS[name], Recorder()
    later = {stream.cursor_field: "2026-01-01T00:00:00Z", **SAVED} if stream.cursor_field else {}
    for lower, saved in ((OLD, {}), (RECENT, {}), (OLD, later)):
        selected = [Selection(stream, saved, full_refresh=not stream.cursor_field)]
        options = Options(lower, 999)
        work_off(SyncRun(recorder, ACME, selected, AsMessages(), options, StopSignal()))
    return recorder.requests


def work_off(run: SyncRun[Any]) -> None:
    """Does all the work of a sync, without threads and without output."""
    run.buffer.open()
    schedule = run.schedule
    while tasks := [(one, task) for one in schedule.runs if (task := schedule.take(one))]:
        for one, task in tasks:
            for _ in schedule.carry_out(one, task):
                pass
    assert all(one.error is None for one in run.runs)
    assert not schedule.runs


def declared_for(asked: Request | Stream) -> Any:
    """What the vendor declares of the endpoint; LookupError where it declares nothing."""
    place = asked.endpoint if isinstance(asked, Stream) else asked
    return operation(f"v{place.version}", f"/{place.path}")


def query(asked: Request | Stream) -> dict[str, Any]:
    """The query parameters of the endpoint, by name."""
    parameters: dict[str, Any] = declared_for(asked)["parameters"]
    return parameters


def excused(request: Request, name: str) -> bool:
    """Whether the exceptions file allows this deviation; marks the exception as used."""
    for entry in EXCEPTIONS:
        same = entry["endpoint"] == f"v{request.version} /{request.path}"
        if entry["side"] == "connector" and same and name in entry["places"]:
            entry.setdefault("used", set()).add(name)
            return True
    return False


def fits(parameter: Any, value: str) -> bool:
    """Whether the value of a parameter has the declared type and is one of the declared values."""
    kind = parameter.get("type")
    if kind == "array" or parameter.get("several"):
        one = parameter.get("items", {**parameter, "several": False})
        return all(fits(one, part) for part in value.split(","))
    if kind in ("integer", "number") and not value.isdigit():
        return False
    if kind == "boolean" and value not in ("true", "false"):
        return False
    if parameter.get("format") == "date-time" and not TIME.fullmatch(value):
        return False
    if parameter.get("format") == "date" and not DATE.fullmatch(value):
        return False
    allowed = parameter.get("enum")
    return not allowed or value in [str(item) for item in allowed]


@pytest.mark.parametrize("stream", LIVE, ids=lambda stream: stream.name)
def test_requests_use_what_the_vendor_declares(stream: Stream) -> None:
    asked = requests_of(stream.name)
    for one in stream.derived.sources or [stream]:
        assert one.name in {request.stream for request in asked}, "its own list was not requested"
    for request in asked:
        declared = query(request)
        for name, value in request.params.items():
            assert name in declared, f"{stream.name}: {name} is not a parameter of {request.path}"
            ok = fits(declared[name], value) or excused(request, name)
            assert ok, f"{stream.name}: {name}={value} does not fit {declared[name]}"
        required = {name for name, parameter in declared.items() if parameter.get("required")}
        assert required <= request.params.keys(), stream.name


def test_no_exception_of_the_connector_is_stale() -> None:
    for stream in LIVE:
        for request in requests_of(stream.name):
            declared = query(request)
            for name, value in request.params.items():
                if not fits(declared[name], value):
                    excused(request, name)
    for entry in EXCEPTIONS:
        if entry["side"] == "connector":
            assert entry.get("used") == set(entry["places"]), f"stale: {entry['endpoint']}"
            assert entry["source"]


@pytest.mark.parametrize("stream", ROWS)
def test_costs_and_scopes_are_the_vendors(stream: Stream) -> None:
    declared = declared_for(stream)
    assert stream.endpoint.cost == declared["cost"], (
        f'correct the cost of the stream "{stream.name}"'
    )
    scopes = set(declared["scopes"]) | NEWER_SCOPES.get(stream.endpoint.path, set())
    assert set(stream.access.scopes) == scopes, f'correct the scope of the stream "{stream.name}"'


@pytest.mark.parametrize("stream", DERIVED, ids=lambda stream: stream.name)
def test_a_derived_stream_needs_a_scope_that_reads_all_its_sources(stream: Stream) -> None:
    """Otherwise an app with the scope that is named for it would get an empty table."""
    assert set(stream.access.scopes) == set.intersection(
        *(set(one.access.scopes) for one in stream.derived.sources)
    )


@pytest.mark.parametrize("stream", ROWS)
def test_pages_are_as_large_as_they_may_be(stream: Stream) -> None:
    limit = query(stream).get("limit")
    assert (limit is not None) == (stream.endpoint.paging is not Paging.WHOLE)
    if limit:
        most = limit.get("maximum", 500)
        # Prose: files give 100 at most, call logs 50.
        wanted = min(most, 50 if stream.name == "call_logs" else 500)
        assert stream.endpoint.limit == wanted, (
            f'write limit={wanted} into the stream "{stream.name}"'
        )


@pytest.mark.parametrize("stream", ROWS)
def test_the_paging_is_the_vendors(stream: Stream) -> None:
    """The wrong one would read the first page again and again, or only that page."""
    declared = query(stream)
    assert ("cursor" in declared) == (stream.endpoint.paging is Paging.CURSOR)
    assert ("start" in declared) == (stream.endpoint.paging is Paging.OFFSET)


@pytest.mark.parametrize(
    "stream",
    [stream for stream in LIVE if stream.child and stream.child.ids_param],
    ids=lambda stream: stream.name,
)
def test_one_request_names_as_many_parents_as_it_may(stream: Stream) -> None:
    """One parent fewer than allowed wastes tokens, one more is refused."""
    assert stream.child is not None
    parameter = query(stream)[stream.child.ids_param]
    several = parameter["type"] == "array"
    assert stream.child.batch == (parameter.get("most", 1) if several else 1)
    if several:
        assert max(r.params[stream.child.ids_param].count(",") for r in requests_of(stream.name)
                   if r.stream == stream.name) == 2, "the recorder has three parents"  # fmt: skip


@pytest.mark.parametrize("stream", ROWS)
def test_every_opt_in_field_that_the_vendor_offers_is_asked_for(stream: Stream) -> None:
    declared = query(stream).get("include_fields", {})
    offered = {field for text in declared.get("enum", []) for field in text.split(",")}
    if stream.name == "deleted_records":
        offered = set()  # every record has the id and the time
    asked = {*stream.endpoint.params.get("include_fields", "").split(",")} - {""}
    assert asked == offered, f'ask for exactly these include_fields in the stream "{stream.name}"'
