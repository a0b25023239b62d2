"""Compares every response of every route of the sandbox with the vendor's schema.

A sandbox that drifts from the vendor makes every other test worthless. Where it differs from the
schema on purpose, `contract_exceptions.json` lists the place and the source; an exception that is
no longer needed fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator, ValidationError

from pipedrive_sandbox import Options
from pipedrive_sandbox.auth import API_TOKEN
from pipedrive_sandbox.data.company import ME
from pipedrive_sandbox.route import Route
from pipedrive_sandbox.routes import ALL_ROUTES
from pipedrive_sandbox.service import Call, Reply, Service
from unit_tests.contract import Json, operation

from .newer import NEWER_SCOPES
from .test_sandbox import LIMITS, NOW

EXCEPTIONS = Path(__file__).with_name("contract_exceptions.json")
SEED = 1
MOST_PAGES = 100
MOST_PARENTS = 40
HASH = re.compile(r"[0-9a-f]{40}(_.*)?")  # a custom field of a lead
Finding = tuple[str, str]  # place, problem
# The account settings that together produce every form of response.
STATES: tuple[dict[str, Any], ...] = (
    {},
    {"custom_fields": "null", "null_update_times": 5, "nulls": "last"},
    {"list_deleted": True, "empty_list": "list", "next_cursor": "absent"},
    {"lead_pagination": "flat", "mail_pagination": "absent", "mail_folders": "inconsistent"},
    {"admin": False, "apps": "sales,campaigns,global", "permissions_lacking": "can_use_import"},
)


def _facts(route: Route) -> Json:
    """The vendor's declaration of a route."""
    return operation(route.version, route.path)


def _json_schema(node: Any) -> Any:
    """Convert OpenAPI 3.0 to JSON Schema: `nullable` becomes a type; formats are dropped."""
    if isinstance(node, list):
        return [_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    schema = {}
    for key, value in node.items():
        if key == "properties":
            schema[key] = {name: _json_schema(each) for name, each in value.items()}
        elif key not in ("format", "nullable"):
            schema[key] = _json_schema(value)
    if not node.get("nullable"):
        return schema
    return {"anyOf": [{"type": "null"}, schema]}


def _declared(schema: Any) -> set[str]:
    """The property names of an object schema, including allOf and anyOf."""
    names = set(schema.get("properties", ()))
    for combined in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(combined, ()):
            names |= _declared(part)
    return names


def _inside(schema: Any, name: str) -> Any:
    """The schema of a property or of the items (`[]`), including allOf and anyOf."""
    if name == "[]" and "items" in schema:
        return schema["items"]
    if name in schema.get("properties", ()):
        return schema["properties"][name]
    for combined in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(combined, ()):
            found = _inside(part, name)
            if found is not None:
                return found
    return None


def _records(route: Route, answer: Any) -> list[Any]:
    data = answer["data"]
    if route.object == "goals":
        return list(data["goals"])
    return data if isinstance(data, list) else [data] if data else []


def _record_place(route: Route, answer: Any) -> tuple[str, ...]:
    if route.object == "goals":
        return ("data", "goals", "[]")
    return ("data", "[]") if isinstance(answer["data"], list) else ("data",)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The leaf errors; a failed anyOf is represented by its non-null alternative."""
    if error.validator == "anyOf" and error.context:
        for each in error.context:
            if each.schema != {"type": "null"}:
                yield from _leaves(each)
    else:
        yield error


def _finding(error: ValidationError) -> Finding:
    parts = ["[]" if isinstance(part, int) else str(part) for part in error.absolute_path]
    place = ".".join(parts).replace(".[]", "[]")
    if error.validator == "type":
        found = "null" if error.instance is None else type(error.instance).__name__
        return place, found
    return place, str(error.validator)


def _parents(service: Service, route: Route) -> list[Any]:
    """The ids to put in place of `{id}` in the path."""
    if not route.relation.parent_table:
        return [ME]
    rows = service.world.tables[route.relation.parent_table].rows.values()
    return [row.id for row in rows if row.deleted_at is None][:MOST_PARENTS]


def _ask(service: Service, route: Route, params: dict[str, str], id_: Any = None) -> Reply:
    id_ = _parents(service, route)[0] if id_ is None else id_
    path = f"/api/{route.version}{route.path}".replace("{id}", str(id_))
    call = Call("GET", path, urlencode(params), {"x-api-token": API_TOKEN}, route, id_)
    return service.answer(call)


class Visit:
    """Requests a route in every way and collects deviations from the contract."""

    def __init__(self, services: Iterable[Service], route: Route) -> None:
        self._services = tuple(services)
        self._route = route
        self._schema = _json_schema(_facts(route)["answer"])
        self._validator = Draft202012Validator(self._schema)
        self._names: set[str] = set()
        self.findings: set[Finding] = set()

    def run(self) -> set[Finding]:
        for service in self._services:
            before = asdict(service.switches)
            for state in STATES:
                if self._route.access.admin_only and not state.get("admin", True):
                    continue
                service.set(**{**before, **state})
                for params in self._params():
                    for id_ in _parents(service, self._route):
                        self._walk(service, params, id_)
            service.set(**before)
        assert self._names, "no response contains a record"
        self._compare_names()
        return self.findings

    def _params(self) -> list[dict[str, str]]:
        route = self._route
        variants: list[dict[str, str]] = [{}]
        if route.listing.include:
            variants.append({"include_fields": ",".join(route.listing.include)})
        if route.listing.labels:
            variants.append({"include_labels": "true", "include_option_labels": "true"})
        if route.listing.deletion == "status":
            variants.append({"status": "open,won,lost,deleted"})
        if route.listing.paging == "offset":
            variants.append({"start": "1000000"})
        if route.object == "currencies":
            variants.append({"term": "nothing is called so"})
        return [{**every, **variant} for every in route.param_sets for variant in variants]

    def _walk(self, service: Service, params: dict[str, str], id_: Any) -> None:
        here = dict(params)
        if self._route.listing.paging != "none":
            here["limit"] = "20"
        for _ in range(MOST_PAGES):
            reply = _ask(service, self._route, here, id_)
            if (
                reply.status == 404 and self._route.relation.child_kind == "images"
            ):  # a product without one
                return
            assert reply.status == 200, (self._route.path, here, reply.body)
            answer = json.loads(reply.body)
            for error in self._validator.iter_errors(answer):
                self.findings |= {_finding(leaf) for leaf in _leaves(error)}
            self._names.update(*_records(self._route, answer))
            if self._route.listing.paging != "none":
                here["limit"] = str(self._route.listing.max_limit)
            more = answer.get("additional_data") or {}
            if more.get("next_cursor"):
                here["cursor"] = more["next_cursor"]
            elif more.get("pagination", {}).get("next_start"):
                here["start"] = str(more["pagination"]["next_start"])
            else:
                return
        raise AssertionError("the pages never end")

    def _compare_names(self) -> None:
        """Find fields unknown to the vendor, and fields that the sandbox never returns."""
        route, example = self._route, _facts(self._route)["sample"]
        place: Any = self._schema
        for part in _record_place(route, example):
            place = _inside(place, part)
        declared = _declared(place)
        shown = {name for record in _records(route, example) for name in record}
        inline = [each.world.fields["deals"] for each in self._services if route.table == "leads"]
        custom = {field.key for fields in inline for field in fields}
        invented = self._names - declared - shown - set(route.listing.include)
        for name in invented:
            if not (HASH.fullmatch(name) and name[:40] in custom):
                self.findings.add((".".join((*_record_place(route, example), name)), "undeclared"))
        for name in declared - self._names:
            self.findings.add((".".join((*_record_place(route, example), name)), "never shown"))
        self.findings = {(place.replace(".[]", "[]"), kind) for place, kind in self.findings}


@pytest.fixture(scope="session")
def service() -> Service:
    return Service(Options(seed=SEED, scale=0.1, clock=NOW, switches=LIMITS))


@pytest.fixture(scope="session")
def full_service() -> Service:
    """A service with custom fields of every type, some with a deleted option."""
    service = Service(Options(seed=SEED, scale=0.03, clock=NOW, switches=LIMITS, fields="test"))
    for kind in service.world.fields:
        tier = next(each for each in service.custom_fields(kind) if each["type"] == "enum")
        service.change_fields(kind, delete_option={tier["key"]: tier["options"][0]["id"]})
    return service


@pytest.fixture(scope="session")
def exceptions() -> dict[str, set[Finding]]:
    """The allowed deviations, by endpoint."""
    by_endpoint: dict[str, set[Finding]] = {}
    for each in json.loads(EXCEPTIONS.read_text()):
        assert set(each) == {"endpoint", "places", "problem", "source", "side"}, each
        assert each["source"], each
        if each["side"] != "sandbox":  # about requests, which another test covers
            continue
        for place in each["places"]:
            allowed = by_endpoint.setdefault(each["endpoint"], set())
            assert (place, each["problem"]) not in allowed, f"duplicate: {place}"
            allowed.add((place, each["problem"]))
    return by_endpoint


def _endpoint(route: Route) -> str:
    return f"{route.version} {route.path}"


@pytest.mark.parametrize("route", ALL_ROUTES, ids=_endpoint)
def test_responses_match_the_vendors_schema(
    route: Route,
    service: Service,
    full_service: Service,
    exceptions: dict[str, set[Finding]],
) -> None:
    with_fields = route.access.definitions or route.listing.custom_fields or route.table == "leads"
    services = (service, full_service) if with_fields else (service,)
    found = Visit(services, route).run()
    allowed = exceptions.get(_endpoint(route), set())
    assert not sorted(found - allowed), "the sandbox's responses differ from the vendor's schema"
    assert not sorted(allowed - found), "these exceptions are no longer needed"


def test_every_exception_belongs_to_a_route(exceptions: dict[str, set[Finding]]) -> None:
    assert set(exceptions) <= {_endpoint(route) for route in ALL_ROUTES}


@pytest.mark.parametrize("route", ALL_ROUTES, ids=_endpoint)
def test_cost_and_scopes_are_the_vendors(route: Route) -> None:
    """A wrong cost or scope here would hide the same mistake in a client."""
    scopes = {*_facts(route)["scopes"], *NEWER_SCOPES.get(route.object, ())}
    assert route.access.scopes == scopes, f'correct the scopes of the route "{route.object}"'
    assert route.cost == _facts(route)["cost"], f'correct the cost of the route "{route.object}"'


@pytest.mark.parametrize("route", ALL_ROUTES, ids=_endpoint)
def test_exactly_the_vendors_parameters_are_accepted(route: Route, service: Service) -> None:
    everywhere = {name for each in ALL_ROUTES for name in _facts(each)["parameters"]}
    accepted = set()
    for name in everywhere:
        _ask(service, route, {**route.param_sets[0], name: "x"})
        if "is not allowed" not in service.ledger.requests[-1].note:
            accepted.add(name)
    wanted = _facts(route)["parameters"].keys()
    assert accepted == wanted, f'give the route "{route.object}" exactly these parameters'
