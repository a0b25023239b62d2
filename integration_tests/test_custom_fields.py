"""Custom fields as users get them: columns named after the fields, and always the raw object."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from integration_tests.conftest import Box, Start
from integration_tests.program import Message, Outcome, catalog_of
from source_pipedrive.streams import STREAMS

CLOCK = "2026-11-23T10:00:00Z"
INHERIT = ("deals_archived", "leads", "leads_archived")  # the fields of deals
OBJECTS = ("deals", "persons", "organizations", "products", *INHERIT)
HASH = re.compile(r"[0-9a-f]{40}")
LEGAL = re.compile(r"[a-z_][a-z0-9_]{0,62}")
COLUMNS = {"custom_fields": "columns_and_raw"}


@pytest.fixture(scope="module")
def company(start: Start) -> Box:
    """A company with every type of field and every kind of name. Tests only read it."""
    box = start(scale=0.2, clock=CLOCK, fields="test", rate_limit=100_000)
    box.control("clock", {"advance_seconds": 10})
    return box


def discover(box: Box, **config: Any) -> dict[str, Message]:
    """The discovered streams by name, with columns."""
    outcome = box.run("discover", box.config(**{**COLUMNS, **config}))
    assert outcome.code == 0, outcome.sentence()
    return {stream["name"]: stream for stream in outcome.of("CATALOG")[0]["streams"]}


def read(
    box: Box, streams: dict[str, Message], *names: str, state: Any = None, **config: Any
) -> Outcome:
    """A sync of streams with their discovered schemas."""
    catalog = catalog_of([streams[name] for name in names])
    more = ["--catalog", box.file(catalog)]
    if state is not None:
        more += ["--state", box.file(state)]
    outcome = box.run("read", box.config(**{**COLUMNS, **config}), *more)
    assert outcome.code == 0, outcome.sentence()
    return outcome


def columns_of(stream: Message) -> dict[str, str]:
    """{column: Pipedrive's key}, without the columns for parts of values."""
    return {
        name: one["pipedrive_key"]
        for name, one in stream["json_schema"]["properties"].items()
        if "pipedrive_key" in one and "pipedrive_part" not in one
    }


def fields_of(box: Box, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = box.control(f"fields/{kind}")
    return found


def change(box: Box, kind: str, **what: Any) -> dict[str, Any]:
    changed: dict[str, Any] = box.control("fields", {"object": kind, **what})
    return changed


def spent(box: Box) -> dict[str, int]:
    ledger = box.control("ledger")
    box.control("reset-ledger", {})
    return {name: of["tokens"] for name, of in ledger.items()}


@pytest.mark.parametrize(
    "config",
    [{}, {"labels": False}, {"custom_fields": "raw"}, {"custom_fields": "raw", "labels": False}],
    ids=str,
)
def test_every_record_matches_the_discovered_schema(company: Box, config: dict[str, Any]) -> None:
    streams = discover(company, **config)
    outcome = read(company, streams, *streams, **config)
    for name, stream in streams.items():
        schema = stream["json_schema"]
        Draft7Validator.check_schema(schema)
        validator = Draft7Validator(schema, format_checker=FormatChecker())
        for record in outcome.records(name):
            validator.validate(record)
            if name in OBJECTS and config.get("custom_fields") != "raw":
                unknown = set(record) - set(schema["properties"])
                assert unknown == set(), name


@pytest.mark.parametrize("name", OBJECTS)
def test_every_field_has_a_legal_column_of_its_own(company: Box, name: str) -> None:
    stream = discover(company)[name]
    columns = columns_of(stream)
    kind = "deals" if name in INHERIT else name
    assert sorted(columns.values()) == sorted(field["key"] for field in fields_of(company, kind))
    assert all(LEGAL.fullmatch(column) for column in stream["json_schema"]["properties"])


def test_a_field_that_was_created_first_has_the_plain_name(company: Box) -> None:
    columns = {key: name for name, key in columns_of(discover(company)["deals"]).items()}
    named: dict[str, list[str]] = {}
    for field in fields_of(company, "deals"):
        named.setdefault(field["name"].strip().rstrip("!").lower(), []).append(field["key"])
    first, *later = named["size"]
    assert columns[first] == "size"
    assert len(later) >= 3
    for key in later:
        assert columns[key] == f"size_{key[:6]}"
    (title,) = named["title"]
    assert columns[title] == f"title_{title[:6]}"


def test_columns_hold_what_the_raw_object_holds(company: Box) -> None:
    """The expected values are derived a second time, simply, from the account's definitions."""
    streams = discover(company)
    outcome = read(company, streams, *OBJECTS)
    for name in OBJECTS:
        kind = "deals" if name in INHERIT else name
        fields = {field["key"]: field for field in fields_of(company, kind)}
        columns = {key: column for column, key in columns_of(streams[name]).items()}
        seen = set()
        for record in outcome.records(name):
            for key, value in (record.get("custom_fields") or {}).items():
                field, column = fields[key], columns[key]
                if value is None:
                    assert column not in record
                    continue
                seen.add(field["type"])
                assert record[column] == expected(field, value), (name, field["type"])
                if field["type"] == "monetary":
                    assert record.get(f"{column}_currency") == value.get("currency")
        assert len(seen) == 16 or name in INHERIT[::2], (name, seen)
        assert len(seen) >= 8, (name, seen)


def expected(field: dict[str, Any], value: Any) -> Any:
    labels = {str(option["id"]): option["label"] for option in field["options"] or ()}
    if field["type"] == "enum":
        return labels[str(value)]
    if field["type"] == "set":
        return [labels[str(one)] for one in value]
    if field["type"] == "address":
        return value["formatted_address"]
    return value["value"] if isinstance(value, dict) else value


def test_leads_have_their_fields_in_the_same_place_as_deals(company: Box) -> None:
    streams = discover(company)
    leads = read(company, streams, "leads").records("leads")
    assert leads
    assert not [name for lead in leads for name in lead if HASH.match(name)]
    raw = read(company, streams, "leads", custom_fields="raw").records("leads")
    assert [name for lead in raw for name in lead if HASH.match(name)]
    assert all("custom_fields" not in lead for lead in raw)
    for lead, plain in zip(leads, raw, strict=True):
        keys = {name[:40] for name in plain if HASH.match(name)}
        assert set(lead.get("custom_fields") or ()) == keys


def test_a_quiet_sync_pays_nothing_for_custom_fields(start: Start) -> None:
    box = start(clock=CLOCK)
    box.control("clock", {"advance_seconds": 3_600})
    streams = discover(box)
    assert spent(box) == {
        "users_me": 2,
        **dict.fromkeys(
            (f"{of}_fields" for of in ("deal", "person", "organization", "product", "project")), 10
        ),
    }
    names = ("deals", "persons", "organizations", "products", "activities")
    first = read(box, streams, *names)
    assert sum(tokens for name, tokens in spent(box).items() if "_fields" in name) == 50
    box.control("clock", {"advance_seconds": 3_600})
    read(box, streams, *names, state=first.state)
    assert not [name for name in spent(box) if "_fields" in name]


def test_discovery_of_colliding_names_requests_the_order_once(start: Start) -> None:
    box = start(clock=CLOCK, fields="test")
    discover(box)
    asked = box.control("requests")
    orders = [r for r in asked if r["path"].startswith("/api/v1/") and "Fields" in r["path"]]
    assert len({r["path"] for r in orders}) == 4
    assert len(orders) <= 5  # the 300 fields of deals take two pages
    assert not [r for r in asked if "include_option_labels" in str(r["params"])]


def test_an_answer_without_definitions_fails_discovery_and_drops_no_column(start: Start) -> None:
    box = start(clock=CLOCK)
    fault = {"path_contains": "v2/dealFields", "body": "null", "times": 9}
    box.control("fail-next", [fault])
    outcome = box.run("discover", box.config(**COLUMNS))
    assert outcome.code == 1
    assert "deal_fields" in outcome.sentence()


def test_raw_mode_requests_no_definitions_and_adds_nothing(start: Start) -> None:
    box = start(clock=CLOCK)
    streams = discover(box, custom_fields="raw")
    assert box.control("ledger") == {}
    outcome = read(box, streams, "deals", "leads", custom_fields="raw")
    assert not [name for name in spent(box) if "_fields" in name]
    assert "tier" not in outcome.records("deals")[0]
    assert "custom_fields" in outcome.records("deals")[0]


def test_a_renamed_field_keeps_its_column_until_the_schema_is_refreshed(
    start: Start,
) -> None:
    box = start(clock=CLOCK)
    streams = discover(box)
    key = columns_of(streams["deals"])["tier"]
    change(box, "deals", rename={key: "Level"})
    outcome = read(box, streams, "deals")
    assert any("tier" in record for record in outcome.records("deals"))
    assert not any("level" in record for record in outcome.records("deals"))
    (line,) = [log for log in outcome.logs if "custom fields changed" in log]
    assert '"Tier" is now "Level" (column tier)' in line
    again = discover(box)
    assert columns_of(again["deals"])["level"] == key
    refreshed = read(box, again, "deals")
    for old, new in zip(outcome.records("deals"), refreshed.records("deals"), strict=True):
        assert old.get("tier") == new.get("level")
        assert old["custom_fields"] == new["custom_fields"]


def test_a_field_added_or_deleted_meanwhile_stops_no_sync(start: Start) -> None:
    box = start(clock=CLOCK)
    streams = discover(box)
    gone = columns_of(streams["deals"])["tier"]
    (added,) = change(box, "deals", delete=[gone], add=[{"name": "Color", "type": "varchar"}])[
        "added"
    ]
    box.control("clock", {"advance_seconds": 10})
    outcome = read(box, streams, "deals")
    records = outcome.records("deals")
    assert not any("tier" in record or "color" in record for record in records)
    assert any((record["custom_fields"] or {}).get(added) for record in records)
    assert any('"Color"' in log and '"Tier"' in log for log in outcome.logs)
    again = columns_of(discover(box)["deals"])
    assert again["color"] == added
    assert "tier" not in again
    before = columns_of(streams["deals"])
    assert {k: v for k, v in again.items() if k != "color"} == {
        k: v for k, v in before.items() if k != "tier"
    }


def test_a_second_field_with_a_name_renames_no_column(start: Start) -> None:
    box = start(clock=CLOCK)
    before = columns_of(discover(box)["deals"])
    names = [{"name": name, "type": "varchar"} for name in ("Tier", "tier!", "Budget currency")]
    added = change(box, "deals", add=names)["added"]
    after = columns_of(discover(box)["deals"])
    assert {name: after[name] for name in before} == before
    assert {after[f"tier_{key[:6]}"] for key in added[:2]} == set(added[:2])
    assert after[f"budget_currency_{added[2][:6]}"] == added[2]


def test_a_deleted_option_becomes_its_id_with_one_warning(start: Start) -> None:
    box = start(clock=CLOCK)
    streams = discover(box)
    key = columns_of(streams["deals"])["tier"]
    (field,) = [field for field in fields_of(box, "deals") if field["key"] == key]
    option = field["options"][0]
    change(box, "deals", delete_option={key: option["id"]})
    outcome = read(box, streams, "deals")
    tiers = {record.get("tier") for record in outcome.records("deals")}
    assert str(option["id"]) in tiers
    assert option["label"] not in tiers
    warned = [log for log in outcome.of("LOG") if '"Tier" contains options' in log["message"]]
    assert [log["level"] for log in warned] == ["WARN"]


# The definitions of these may have no options.
WITHOUT_OPTIONS = {"channel", "category"}


def test_every_stream_that_holds_ids_of_options_has_their_labels(company: Box) -> None:
    """Including projects and leads; and no request asks for labels per record."""
    streams = discover(company)
    labelled = {name: row.columns.labels for name, row in STREAMS.items() if row.columns.labels}
    assert {"leads", "leads_archived", "projects", "projects_archived"} <= labelled.keys()
    outcome = read(company, streams, *labelled)
    assert not [r for r in company.control("requests") if "include_option_labels" in str(r)]
    for name, labels in labelled.items():
        for ids, column in labels.items():
            assert column in streams[name]["json_schema"]["properties"], (name, column)
            found = [r for r in outcome.records(name) if r.get(ids) not in (None, [])]
            named = [r for r in found if r.get(column)]
            assert named == found or ids in WITHOUT_OPTIONS, (name, ids)
            assert found or ids in WITHOUT_OPTIONS, (name, ids)
        columns = columns_of(streams[name])
        if name.startswith("projects"):
            assert len(columns) > 16
            held = {key for r in outcome.records(name) for key in columns if r.get(key) is not None}
            assert len(held) > 10, name


def test_standard_fields_with_ids_have_labels(start: Start) -> None:
    box = start(clock=CLOCK, scale=0.3)
    streams = discover(box)
    outcome = read(box, streams, "deals", "persons", "activities")
    labelled = [r for r in outcome.records("deals") if r.get("label_ids")]
    assert labelled
    assert all(len(r["label_names"]) == len(r["label_ids"]) for r in labelled)
    assert any(name in ("Hot", "Cold") for r in labelled for name in r["label_names"])
    assert all(isinstance(r["visible_to_name"], str) for r in outcome.records("persons"))
    typed = [r for r in outcome.records("activities") if r.get("type")]
    assert typed
    assert all(r["type_name"] for r in typed)


def test_hidden_definitions_leave_the_raw_object_and_one_warning(
    start: Start,
) -> None:
    box = start(clock=CLOCK, fields_hidden=True)
    streams = discover(box)
    assert columns_of(streams["deals"]) == {}
    outcome = read(box, streams, "deals", "deals_archived", "leads")
    assert all("tier" not in record for record in outcome.records("deals"))
    assert any(record["custom_fields"] for record in outcome.records("deals"))
    warned = [log["message"] for log in outcome.of("LOG") if log["level"] == "WARN"]
    (line,) = [text for text in warned if "the raw object contains everything" in text]
    assert "deal_fields" in line
    assert "permission" in line


def test_an_account_without_custom_fields(start: Start) -> None:
    box = start(clock=CLOCK, custom_fields="null")
    streams = discover(box)
    assert columns_of(streams["deals"]) == {}
    records = read(box, streams, "deals", "leads").records("deals")
    assert records
    assert all("custom_fields" not in record for record in records)


def test_the_definitions_are_streams_of_their_own(company: Box) -> None:
    names = ["deal_fields", "person_fields", "organization_fields", "product_fields"]
    names += ["activity_fields", "project_fields", "lead_fields", "note_fields"]
    streams = discover(company)
    outcome = read(company, streams, *names)
    for name in names:
        assert outcome.records(name), name
    tier = next(r for r in outcome.records("deal_fields") if r["field_name"] == "Customer tier")
    assert tier["is_custom_field"]
    assert [option["label"] for option in tier["options"]] == ["Gold", "Silver", "Bronze"]
    money = next(r for r in outcome.records("deal_fields") if r["field_type"] == "monetary")
    assert money["subfields"]


def test_activity_fields_fall_back_to_what_the_scope_allows(start: Start) -> None:
    box = start(clock=CLOCK, scopes="base,activities:read")
    config = box.oauth()
    config["custom_fields"] = "columns_and_raw"
    streams = {s["name"]: s for s in box.run("discover", config).of("CATALOG")[0]["streams"]}
    catalog = catalog_of([streams["activity_fields"], streams["activities"]])
    outcome = box.run("read", config, "--catalog", box.file(catalog))
    assert outcome.code == 0, outcome.sentence()
    fields = outcome.records("activity_fields")
    validator = Draft7Validator(streams["activity_fields"]["json_schema"])
    for field in fields:
        validator.validate(field)
    # The same names as in the newer list, and one log line about what the older one lacks.
    newer = {field["field_code"] for field in box.control("records/activity_fields")}
    assert {field["field_code"] for field in fields} == newer - {"attendees"}
    (line,) = [line for line in outcome.logs if line.startswith("activity_fields: read from")]
    assert "lacks description, is_optional_response_field, is_writable, ui_visibility" in line
    assert "the scope admin" in line
    assert any(record.get("type_name") for record in outcome.records("activities"))


def test_the_schema_survives_a_platform(company: Box) -> None:
    """It is stored as JSON and returned, so it contains no Python objects."""
    stream = discover(company)["deals"]
    assert json.loads(json.dumps(stream)) == stream
    for name, one in stream["json_schema"]["properties"].items():
        if "pipedrive_key" in one:
            assert one["title"], name
            assert one["pipedrive_key"] in one["description"]
