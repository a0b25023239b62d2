"""Every request that the connector makes, and every fact of a row, against the vendor's files.

A wrong path or parameter is a 400 or 404 at a customer's; a wrong cost is a wrong bill.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_pipedrive.http.client import Answer, Request
from source_pipedrive.stream import Kind, Paging, Stream
from source_pipedrive.streams import STREAMS
from unit_tests.fakes import NOW, FakeClient
from unit_tests.test_readers import reader_of, run

FOLDER = "PIPEDRIVE_OPENAPI"
EXCEPTIONS = json.loads(Path(__file__).with_name("contract_exceptions.json").read_text())
LIVE = [row for row in STREAMS.values() if row.kind is not Kind.REMOVED]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Recorder(FakeClient):
    """Answers two pages of whatever is asked, and keeps the requests whole."""

    def __init__(self) -> None:
        super().__init__(lambda params: {})
        self.requests: list[Request] = []

    def get(self, request: Request) -> Answer:
        """A full first page and a second one, in the paging that the request implies."""
        self.requests.append(request)
        second = "cursor" in request.params or request.params.get("start", "0") != "0"
        numbers = (2,) if second else (0, 1, 2)
        rows = [{"id": n, "update_time": "2026-01-01 00:00:00"} for n in numbers]
        more = {"next_cursor": None if second else "abc"}
        page = {"more_items_in_collection": not second, "next_start": 3}
        data = {"goals": rows} if request.stream == "goals" else rows
        if request.path.startswith("user") and request.path != "users":
            return Answer({"data": {"a": 1}}, NOW)
        if "limit" not in request.params:
            return Answer({"data": data}, NOW)
        return Answer({"data": data, "additional_data": {**more, "pagination": page}}, NOW)


def requests_of(row: Stream) -> list[Request]:
    """What a first sync, a first sync of everything and a later one ask for."""
    recorder = Recorder()
    for lower, saved in ((0, None), (1_700_000_000, None), (0, {row.cursor_field: "2026-01-01"})):
        run(*reader_of(row.name, recorder, lower, saved if row.cursor_field else None))
    return recorder.requests


@pytest.fixture(scope="module")
def contract() -> dict[int, Any]:
    """The vendor's paths by API version."""
    folder = os.environ.get(FOLDER)
    if not folder:
        pytest.skip(f"did not run: {FOLDER} names no folder with the vendor's OpenAPI files")
    return {
        version: yaml.load(
            (Path(folder) / f"openapi-v{version}.yaml").read_bytes(), yaml.CSafeLoader
        )
        for version in (1, 2)
    }


def operation(contract: dict[int, Any], version: int, path: str) -> Any:
    """What the vendor declares for GET of a path; KeyError where it declares nothing."""
    return contract[version]["paths"]["/" + re.sub(r"/\d+/", "/{id}/", path)]["get"]


def excused(request: Request, name: str) -> bool:
    """Whether the exceptions file lets this parameter deviate; a used exception is marked."""
    for entry in EXCEPTIONS:
        same = entry["endpoint"] == f"v{request.version} /{request.path}"
        if entry["side"] == "connector" and same and name in entry["places"]:
            entry.setdefault("used", set()).add(name)
            return True
    return False


def fits(schema: Any, value: str) -> bool:
    """Whether the text of a parameter is of the declared type and one of the declared values."""
    kind = schema.get("type")
    if kind in ("integer", "number") and not value.isdigit():
        return False
    if kind == "boolean" and value not in ("true", "false"):
        return False
    if schema.get("format") == "date-time" and not TIME.fullmatch(value):
        return False
    allowed = schema.get("enum")
    return not allowed or value in [str(item) for item in allowed]


@pytest.mark.parametrize("row", LIVE, ids=lambda row: row.name)
def test_requests_use_what_the_vendor_declares(contract: dict[int, Any], row: Stream) -> None:
    asked = requests_of(row)
    assert asked
    for request in asked:
        declared = {
            p["name"]: p["schema"]
            for p in operation(contract, request.version, request.path).get("parameters", [])
        }
        for name, value in request.params.items():
            assert name in declared, f"{row.name}: {name} is not a parameter of {request.path}"
            ok = fits(declared[name], value) or excused(request, name)
            assert ok, f"{row.name}: {name}={value} does not fit {declared[name]}"
        required = [
            p["name"]
            for p in operation(contract, request.version, request.path).get("parameters", [])
            if p.get("required") and p["in"] == "query"
        ]
        assert set(required) <= set(request.params), row.name


def test_no_exception_of_the_connector_is_stale(contract: dict[int, Any]) -> None:
    for row in LIVE:
        for request in requests_of(row):
            declared = {
                p["name"]: p["schema"]
                for p in operation(contract, request.version, request.path).get("parameters", [])
            }
            for name, value in request.params.items():
                if not fits(declared[name], value):
                    excused(request, name)
    for entry in EXCEPTIONS:
        if entry["side"] == "connector":
            assert entry.get("used") == set(entry["places"]), f"stale: {entry['endpoint']}"
            assert entry["source"]


@pytest.mark.parametrize("row", LIVE, ids=lambda row: row.name)
def test_costs_and_scopes_are_the_vendors(contract: dict[int, Any], row: Stream) -> None:
    declared = operation(contract, row.version, row.path)
    assert row.cost == declared["x-token-cost"]
    scopes = {s for one in declared["security"] for s in one.get("oauth2", [])}
    assert set(row.scope) == scopes


@pytest.mark.parametrize("row", LIVE, ids=lambda row: row.name)
def test_pages_are_as_large_as_they_may_be(contract: dict[int, Any], row: Stream) -> None:
    parameters = operation(contract, row.version, row.path).get("parameters", [])
    limits = [p for p in parameters if p["name"] == "limit"]
    assert bool(limits) == (row.paging is not Paging.WHOLE)
    for limit in limits:
        text = limit.get("description", "")
        told = re.search(r"maximum value of (\d+)", text)
        most = limit["schema"].get("maximum") or (int(told[1]) if told else 500)
        assert row.limit == min(most, 50 if row.name == "call_logs" else 500)


@pytest.mark.parametrize(
    "name", ["deals", "deals_archived", "persons", "organizations", "activities"]
)
def test_every_opt_in_field_that_the_vendor_offers_is_asked_for(
    contract: dict[int, Any], name: str
) -> None:
    row = STREAMS[name]
    parameters = operation(contract, row.version, row.path)["parameters"]
    (offered,) = [p["schema"]["enum"] for p in parameters if p["name"] == "include_fields"]
    assert set(row.params["include_fields"].split(",")) == set(offered)
