"""The account's field definitions, in both versions.

If the sandbox defined fields differently from Pipedrive, clients would create wrong columns.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.routes import ALL_ROUTES
from pipedrive_sandbox.service import Service

from .caller import LIMITS, NOW, Caller
from .test_sandbox_account import bearer

OPTIONS = Options(scale=0.1, clock=NOW, switches=LIMITS)
KINDS = {"deals": "deal", "persons": "person", "organizations": "organization"}
OWNERS = {**KINDS, "products": "product"}
LISTS = [route for route in ALL_ROUTES if route.access.definitions]


@pytest.fixture
def service() -> Service:
    return Service(Options(scale=0.1, clock=NOW, switches=LIMITS))


def by_code(service: Service | Sandbox, object_: str) -> dict[str, dict[str, Any]]:
    return {row.get("field_code") or row["key"]: row for row in service.records(object_)}


def custom(row: dict[str, Any]) -> bool:
    return bool(row.get("is_custom_field") or row.get("edit_flag"))


def key_of(service: Service, object_: str, type_: str) -> str:
    """The key of the first custom field of a type."""
    return next(each["key"] for each in service.custom_fields(object_) if each["type"] == type_)


# -- what is listed


@pytest.mark.parametrize("kind", OWNERS)
def test_every_custom_field_of_a_record_is_defined_in_both_versions(
    box: Sandbox, kind: str
) -> None:
    """An undefined field would have no name in the warehouse."""
    keys = set(box.records(kind)[0]["custom_fields"])
    assert keys == {row["key"] for row in box.custom_fields(kind)}
    for name in (f"{OWNERS[kind]}_fields", f"{OWNERS[kind]}_fields_v1"):
        rows = by_code(box, name).items()
        assert {key for key, row in rows if custom(row) and "parent_id" not in row} == keys


@pytest.mark.parametrize("kind", OWNERS)
def test_only_v1_shows_the_order_in_which_fields_were_created(box: Sandbox, kind: str) -> None:
    """Of two fields with the same name, the older keeps its column, whatever their positions."""
    made = [row["key"] for row in box.custom_fields(kind)]
    v2 = [row for row in box.records(f"{OWNERS[kind]}_fields") if row["is_custom_field"]]
    v1 = [row for row in box.records(f"{OWNERS[kind]}_fields_v1") if row["edit_flag"] and row["id"]]
    assert [row["key"] for row in sorted(v1, key=lambda row: row["id"])] == made
    assert [row["key"] for row in v1] == [
        row["key"] for row in sorted(v1, key=lambda row: row["order_nr"])
    ]
    if len(made) > 4:
        orders = (made, [row["key"] for row in v1], [row["field_code"] for row in v2])
        assert len(set(map(tuple, orders))) == 3
    assert all("id" not in row and "add_time" not in row for row in v2)


def test_v1_lists_subfields_as_rows(box: Sandbox) -> None:
    """A client that mistakes them for fields would create columns that no record fills."""
    rows = box.records("deal_fields_v1")
    parts = [row for row in rows if "is_subfield" in row]
    by_id = {row["id"]: row for row in rows if row["id"]}
    assert len(by_id) + len(parts) == len(rows)
    for part in parts:
        owner = by_id[part["parent_id"]]
        assert part["id"] is None
        assert part["edit_flag"] is owner["edit_flag"], "edit_flag alone does not distinguish them"
        if owner["edit_flag"]:
            assert part["key"] == f"{owner['key']}_{part['id_suffix']}"
    assert next(part for part in parts if not part["edit_flag"])["key"] == "currency"
    suffixes = {part["id_suffix"] for part in parts}
    assert {"currency", "until", "timezone_id", "route", "formatted_address"} <= suffixes


def test_v2_lists_subfields_inside_their_field(box: Sandbox) -> None:
    fields = by_code(box, "deal_fields")
    assert [part["field_code"] for part in fields["value"]["subfields"]] == ["value", "currency"]
    deal = next(deal for deal in box.records("deals") if any(_objects(deal)))
    for key, value in _objects(deal):
        assert {part["field_code"] for part in fields[key]["subfields"]} == set(value)


def _objects(deal: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(k, v) for k, v in deal["custom_fields"].items() if isinstance(v, dict)]


def test_leads_have_the_fields_of_deals(box: Sandbox) -> None:
    """They have no definitions of their own in v2."""
    keys = {row["key"] for row in box.records("lead_fields") if row["edit_flag"]}
    assert {row["key"] for row in box.custom_fields("deals")} <= keys
    inline = {name for lead in box.records("leads") for name in lead if len(name) >= 40}
    assert inline
    assert inline <= keys, "subfields too"


def test_activity_types_are_identified_by_key(box: Sandbox) -> None:
    """Their option ids are text: a client that expects integers would fail."""
    rows = by_code(box, "activity_fields")
    ids = {option["id"] for option in rows["type"]["options"]}
    assert (
        {"call", "meeting"} <= {activity["type"] for activity in box.records("activities")} <= ids
    )
    older = by_code(box, "activity_fields_v1")["type"]
    assert {option["id"] for option in older["options"]} == ids
    assert [option["id"] for option in older["options_deleted"]] == ["webinar"]


@pytest.mark.parametrize("kind", KINDS)
def test_records_contain_an_undefined_option(box: Sandbox, kind: str) -> None:
    """The ids of deleted labels stay in records: looking up their names must not fail."""
    fields, older = by_code(box, f"{KINDS[kind]}_fields"), by_code(box, f"{KINDS[kind]}_fields_v1")
    labels = older["label" if kind == "deals" else "label_ids"]
    assert ("label" in fields, "label_ids" in older) == (False, kind != "deals")
    ids = {option["id"] for option in fields["label_ids"]["options"]}
    assert {option["id"] for option in labels["options"]} == ids
    held = {id_ for record in box.records(kind) for id_ in record["label_ids"]}
    assert held - ids == {option["id"] for option in labels["options_deleted"]}
    assert len(held - ids) == 1
    named = [
        each for record in box.records(kind, include_labels="true") for each in record["labels"]
    ]
    assert {each["id"] for each in named if each["label"] is None} == held - ids
    shown = [option["id"] for option in fields["visible_to"]["options"]]
    assert shown == [1, 3, 5, 7]
    assert {record["visible_to"] for record in box.records(kind)} <= set(shown)


def test_opt_in_parts_of_a_definition_appear_only_on_request(api: Caller) -> None:
    plain = api.data("v2/dealFields", limit=1)[0]
    asked = api.data("v2/dealFields", limit=1, include_fields="ui_visibility,required_fields")[0]
    assert asked.keys() - plain.keys() == {"ui_visibility", "required_fields"}
    assert api.ask("v2/activityFields", include_fields="required_fields").status_code == 400
    assert api.ask("v2/projectFields", include_fields="ui_visibility").status_code == 400


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pages_return_every_field_once(box: Sandbox, api: Caller, limit: int) -> None:
    for marks in ("next", "last"):
        box.set(cursor_marks=marks)
        codes = [row["field_code"] for row in api.walk("v2/dealFields", limit=limit)]
        assert codes == [row["field_code"] for row in box.records("deal_fields")]
        assert len(set(codes)) == len(codes)
    rows: list[dict[str, Any]] = []
    while page := api.data("v1/leadFields", limit=limit, start=len(rows)):
        rows += page
    assert rows == box.records("lead_fields")


def test_activity_fields_need_an_admin_scope_only_in_v2(box: Sandbox) -> None:
    """With activities:read alone a client must fall back to v1."""
    box.set(scopes="activities:read")
    assert bearer(box, "/api/v2/activityFields").json()["error"] == "Scope and URL mismatch"
    assert bearer(box, "/v1/activityFields").status_code == 200
    box.set(scopes="admin")
    assert bearer(box, "/api/v2/activityFields").status_code == 200
    assert bearer(box, "/api/v2/productFields").status_code == 403


def test_an_account_without_custom_fields_lists_none(box: Sandbox) -> None:
    defined = {route.object: len(box.records(route.object)) for route in LISTS}
    box.set(custom_fields="null")
    for route in LISTS:
        rows = box.records(route.object)
        assert rows
        if route.object not in ("note_fields",):
            assert not any(map(custom, rows))
        if route.object.startswith(("deal", "lead")):
            assert len(rows) < defined[route.object]
