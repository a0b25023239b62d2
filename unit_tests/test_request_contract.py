"""Every request that the connector makes, and every fact of a row, against the vendor's facts.

A wrong path or parameter is a 400 or 404 at a customer's; a wrong cost is a wrong bill.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.http.client import Answer, Request
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.messages import AsMessages
from source_pipedrive.reading.state import VERSION
from source_pipedrive.reading.sync import Run, Selection
from source_pipedrive.stream import UNASKED, Kind, Paging, Stream
from source_pipedrive.streams import STREAMS
from unit_tests.contract import operation
from unit_tests.fakes import ACME, NOW, FakeClient
from unit_tests.newer import NEWER_SCOPES

EXCEPTIONS = json.loads(Path(__file__).with_name("contract_exceptions.json").read_text())
LIVE = [row for row in STREAMS.values() if row.kind is not Kind.REMOVED]
MADE = [row for row in LIVE if row.kind is Kind.MADE]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
OLD, RECENT = 0, 1_700_000_000  # where the history begins
SAVED = {"version": VERSION, "company_id": ACME.id, "since": "1970-01-01T00:00:00Z"}


def asked_for() -> Iterator[Stream]:
    """Every row that names an endpoint, the parts of a stream and the older lists included."""
    for row in LIVE:
        if row.kind not in UNASKED:
            yield from row.parts or [row]
            if row.older:
                yield row.older


ROWS = [pytest.param(row, id=f"{row.name}-v{row.version}-{row.path}") for row in asked_for()]


class Recorder(FakeClient):
    """Answers two pages of whatever is asked, and keeps the requests whole."""

    def __init__(self) -> None:
        super().__init__(lambda params: {})
        self.requests: list[Request] = []

    def get(self, request: Request) -> Answer:
        """A full first page and a second one, in the paging that the request implies."""
        self.requests.append(request)
        row = STREAMS[request.stream]
        second = "cursor" in request.params or request.params.get("start", "0") != "0"
        rows = [record(number) for number in ((2,) if second else (0, 1, 2))]
        more = {"next_cursor": None if second else "abc"}
        page = {"more_items_in_collection": not second, "next_start": 3}
        if row.one or row.kind is Kind.SINGLE:
            return Answer({"data": {"a": 1}}, NOW)
        data = {"goals": rows} if request.stream == "goals" else rows
        if "limit" not in request.params:
            return Answer({"data": data}, NOW)
        return Answer({"data": data, "additional_data": {**more, "pagination": page}}, NOW)


def record(number: int) -> dict[str, Any]:
    """A record that could be one of any list, and have rows of its own in any other."""
    keys = {"id": number, "deal_id": number, "user_id": number, "uuid": str(number)}
    times = dict.fromkeys(("add_time", "update_time", "modified", "time"), "2026-02-01 00:00:00")
    return {**keys, **times, "item": "person", "data": {"id": number}}


@cache
def requests_of(name: str) -> list[Request]:
    """What a first sync, a first sync of everything and a later one ask for."""
    row, recorder = STREAMS[name], Recorder()
    later = {row.cursor_field: "2026-01-01T00:00:00Z", **SAVED} if row.cursor_field else {}
    for lower, saved in ((OLD, {}), (RECENT, {}), (OLD, later)):
        selected = [Selection(row, saved, full_refresh=not row.cursor_field)]
        work_off(Run(recorder, ACME, selected, AsMessages(), lower, 999, StopSignal()))
    return recorder.requests


def work_off(run: Run[Any]) -> None:
    """All that the readers of a sync have to do, without threads and with nobody who writes."""
    run._backlog.lift()
    readers = run._workers._readers
    for reader in readers:
        reader.nudge = lambda: None  # would hire a worker
    while tasks := [task for reader in readers if (task := reader.take())]:
        for task in tasks:
            task()
    assert all(reader.exhausted for reader in readers)


def declared_for(asked: Request | Stream) -> Any:
    """What the vendor declares of the endpoint; LookupError where it declares nothing."""
    return operation(f"v{asked.version}", f"/{asked.path}")


def query(asked: Request | Stream) -> dict[str, Any]:
    """The query parameters of the endpoint, by name."""
    parameters: dict[str, Any] = declared_for(asked)["parameters"]
    return parameters


def excused(request: Request, name: str) -> bool:
    """Whether the exceptions file lets this parameter deviate; a used exception is marked."""
    for entry in EXCEPTIONS:
        same = entry["endpoint"] == f"v{request.version} /{request.path}"
        if entry["side"] == "connector" and same and name in entry["places"]:
            entry.setdefault("used", set()).add(name)
            return True
    return False


def fits(parameter: Any, value: str) -> bool:
    """Whether the text of a parameter is of the declared type and one of the declared values."""
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


@pytest.mark.parametrize("row", LIVE, ids=lambda row: row.name)
def test_requests_use_what_the_vendor_declares(row: Stream) -> None:
    asked = requests_of(row.name)
    for one in row.made_of or [row]:
        assert one.name in {request.stream for request in asked}, "its own list was not asked"
    for request in asked:
        declared = query(request)
        for name, value in request.params.items():
            assert name in declared, f"{row.name}: {name} is not a parameter of {request.path}"
            ok = fits(declared[name], value) or excused(request, name)
            assert ok, f"{row.name}: {name}={value} does not fit {declared[name]}"
        required = {name for name, parameter in declared.items() if parameter.get("required")}
        assert required <= request.params.keys(), row.name


def test_no_exception_of_the_connector_is_stale() -> None:
    for row in LIVE:
        for request in requests_of(row.name):
            declared = query(request)
            for name, value in request.params.items():
                if not fits(declared[name], value):
                    excused(request, name)
    for entry in EXCEPTIONS:
        if entry["side"] == "connector":
            assert entry.get("used") == set(entry["places"]), f"stale: {entry['endpoint']}"
            assert entry["source"]


@pytest.mark.parametrize("row", ROWS)
def test_costs_and_scopes_are_the_vendors(row: Stream) -> None:
    declared = declared_for(row)
    assert row.cost == declared["cost"], f'correct the cost of the row "{row.name}"'
    scopes = set(declared["scopes"]) | NEWER_SCOPES.get(row.path, set())
    assert set(row.scope) == scopes, f'correct the scope of the row "{row.name}"'


@pytest.mark.parametrize("row", MADE, ids=lambda row: row.name)
def test_what_is_made_of_others_needs_a_scope_that_reads_them_all(row: Stream) -> None:
    """An app that has the scope named for it would get an empty table otherwise."""
    assert set(row.scope) == set.intersection(*(set(one.scope) for one in row.made_of))


@pytest.mark.parametrize("row", ROWS)
def test_pages_are_as_large_as_they_may_be(row: Stream) -> None:
    limit = query(row).get("limit")
    assert (limit is not None) == (row.paging is not Paging.WHOLE)
    if limit:
        most = limit.get("maximum", 500)
        # Prose: files give 100 at most, call logs 50.
        wanted = min(most, 50 if row.name == "call_logs" else 500)
        assert row.limit == wanted, f'write limit={wanted} into the row "{row.name}"'


@pytest.mark.parametrize("row", ROWS)
def test_the_paging_is_the_vendors(row: Stream) -> None:
    """Another one would read the first page again and again, or nothing but it."""
    declared = query(row)
    assert ("cursor" in declared) == (row.paging is Paging.CURSOR)
    assert ("start" in declared) == (row.paging is Paging.OFFSET)


@pytest.mark.parametrize(
    "row", [row for row in LIVE if row.child and row.child.ids], ids=lambda row: row.name
)
def test_one_request_names_as_many_parents_as_it_may(row: Stream) -> None:
    """One parent less than allowed costs money, one more is refused."""
    assert row.child is not None
    parameter = query(row)[row.child.ids]
    several = parameter["type"] == "array"
    assert row.child.batch == (parameter.get("most", 1) if several else 1)
    if several:
        assert max(r.params[row.child.ids].count(",") for r in requests_of(row.name)
                   if r.stream == row.name) == 2, "the recorder has three parents"  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_every_opt_in_field_that_the_vendor_offers_is_asked_for(row: Stream) -> None:
    declared = query(row).get("include_fields", {})
    offered = {field for text in declared.get("enum", []) for field in text.split(",")}
    if row.name == "deleted_records":
        offered = set()  # the id and the time are in every record
    asked = {*row.params.get("include_fields", "").split(",")} - {""}
    assert asked == offered, f'ask for exactly these include_fields in the row "{row.name}"'
