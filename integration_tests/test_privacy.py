"""No personal data leaves, in any form, if the user wants it to be protected.

The sandbox plants a canary in every text that may be personal, and in keys that no schema lists.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator

from integration_tests import program
from integration_tests.conftest import Box, Start
from integration_tests.program import Message, Outcome
from pipedrive_sandbox.canaries import NEW_KEY, WORD
from source_pipedrive.stream import Kind
from source_pipedrive.stream.personal import personal_columns
from source_pipedrive.streams import STREAMS

CLOCK = "2026-11-23T10:00:00Z"
KEY = "0123456789abcdef-key"
VERIFY = {"mode": "verify", "every_days": 1, "share_of_day": 100, "write_again": True}
HASH = {"mode": "on", "key": KEY}
REMOVE = {"mode": "on", "action": "remove"}
RAW, COLUMNS = "raw", "columns_and_raw"


@pytest.fixture(scope="module")
def box(start: Start) -> Box:
    limits = {"rate_limit": 1_000_000, "daily_tokens": 10**9}
    return start(scale=0.05, clock=CLOCK, fields="forty", canaries=True, **limits)


def sync(box: Box, privacy: Message, custom_fields: str = COLUMNS, state: Any = None) -> Outcome:
    """A sync of every stream, with an audit, in debug."""
    config = box.config(
        custom_fields=custom_fields,
        labels=True,
        find_deleted_records=VERIFY,
        remove_deleted=True,
        privacy=privacy,
    )
    streams = box.run("discover", config).of("CATALOG")[0]["streams"]
    catalog = program.catalog_of(streams, *STREAMS)
    for each in catalog["streams"]:
        each["destination_sync_mode"] = "append_dedup"
    more = ["--state", box.file(state)] if state is not None else []
    outcome = box.run("read", config, "--catalog", box.file(catalog), "--debug", *more)
    assert outcome.code == 0, outcome.sentence()
    return outcome


def paths(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The texts inside a record, with their paths. Lists on the way do not count."""
    if isinstance(value, list):
        for each in value:
            yield from paths(each, path)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from paths(each, f"{path}.{name}".strip("."))
    elif isinstance(value, str):
        yield path, value


@pytest.fixture(scope="module")
def plain(box: Box) -> Outcome:
    return sync(box, {"mode": "off"})


SYNCS = {
    "hash": (HASH, COLUMNS),
    "hash, raw": (HASH, RAW),
    "remove": (REMOVE, COLUMNS),
    "remove, raw": (REMOVE, RAW),
}


@pytest.fixture(scope="module")
def firsts(box: Box, plain: Outcome) -> dict[str, Outcome]:
    """The first sync with each setting."""
    return {name: sync(box, privacy, fields) for name, (privacy, fields) in SYNCS.items()}


@pytest.fixture(scope="module")
def hashed(firsts: dict[str, Outcome]) -> Outcome:
    return firsts["hash"]


def test_canaries_sit_in_every_column_that_the_table_names(plain: Outcome) -> None:
    """Else the tests below would prove nothing."""
    seen: dict[str, set[str]] = {}
    for record in plain.of("RECORD"):
        texts = paths(record["data"])
        found = {path for path, text in texts if WORD in text.lower()}
        seen.setdefault(record["stream"], set()).update(found)
    lacking = {
        name: left
        for name, stream in STREAMS.items()
        if stream.kind is not Kind.REMOVED
        and (left := {p for p in personal_columns(name) if not _sits(p, seen.get(name, set()))})
    }
    assert lacking == {}
    for name in ("deal_changelog", "person_changelog", "organization_changelog"):
        assert {"old_value", "new_value"} <= seen[name]
    assert any(path.startswith("custom_fields.") for path in seen["deals"])
    assert NEW_KEY in seen["persons"]
    assert any(WORD in line.lower() for line in plain.logs), "the user's name is logged"


def _sits(path: str, seen: set[str]) -> bool:
    path = path.replace("/", ".")
    return any(each.startswith(path[:-1]) if path[-1] == "*" else each == path for each in seen)


@pytest.mark.parametrize("name", SYNCS)
def test_no_canary_leaves(firsts: dict[str, Outcome], plain: Outcome, name: str) -> None:
    assert _lines_with_canaries(firsts[name]) == []
    counts = {stream: len(plain.records(stream)) for stream in STREAMS}
    assert {stream: len(firsts[name].records(stream)) for stream in STREAMS} == counts


@pytest.mark.parametrize("name", SYNCS)
def test_each_record_has_the_types_of_the_discovered_schema(
    box: Box, firsts: dict[str, Outcome], name: str
) -> None:
    privacy, custom_fields = SYNCS[name]
    config = box.config(custom_fields=custom_fields, labels=True, privacy=privacy)
    schemas = schemas_of(box, config)
    for stream, schema in schemas.items():
        validator = Draft7Validator(schema)
        columns = {*schema["properties"], "_ab_cdc_deleted_at"}
        for record in firsts[name].records(stream):
            assert [e.message for e in validator.iter_errors(record)] == [], stream
            inline = {key for key in record if len(key) >= 40}  # leads without columns
            assert {*record} - inline <= columns, stream


def schemas_of(box: Box, config: Message) -> dict[str, Message]:
    streams = box.run("discover", config).of("CATALOG")[0]["streams"]
    return {each["name"]: each["json_schema"] for each in streams}


def test_a_removed_column_is_missing_although_the_catalog_has_it(box: Box, plain: Outcome) -> None:
    before = box.config(custom_fields=COLUMNS)
    catalog = program.catalog_of(box.run("discover", before).of("CATALOG")[0]["streams"])
    config = box.config(custom_fields=COLUMNS, privacy=REMOVE)
    outcome = box.run("read", config, "--catalog", box.file(catalog))
    assert outcome.code == 0
    assert _lines_with_canaries(outcome) == []
    (line,) = [line for line in outcome.logs if line.startswith("Refresh the schema")]
    assert "persons" in line
    columns = {column for record in outcome.records("persons") for column in record}
    assert not {"name", "emails", "phones", "im", "postal_address", "notes"} & columns
    assert "org_id" in columns
    schema = schemas_of(box, config)["persons"]["properties"]
    assert not {"name", "emails", "phones", "im", "postal_address", "notes"} & {*schema}


def test_joins_on_hashed_columns_still_match(plain: Outcome, hashed: Outcome) -> None:
    pairs = _joined(plain)
    assert pairs
    assert _joined(hashed) == pairs
    renames = _renames(plain)
    assert renames
    assert _renames(hashed) == renames


def _joined(outcome: Outcome) -> set[tuple[str, int, int]]:
    """Which mail message comes from which person, by email address."""
    people = {
        email["value"].lower(): person["id"]
        for person in outcome.records("persons")
        for email in person.get("emails", ())
    }
    return {
        (stream, message["id"], people[address])
        for stream in ("mail_messages", "person_mail_messages", "deal_mail_messages")
        for message in outcome.records(stream)
        for party in (*message["from"], *message["to"])
        if (address := party["email_address"].lower()) in people
    }


def _renames(outcome: Outcome) -> set[tuple[int, str]]:
    """The newest entries of changelogs that agree with the person's present values."""
    people = {person["id"]: person for person in outcome.records("persons")}
    return {
        (entry["person_id"], entry["field_key"])
        for entry in outcome.records("person_changelog")
        if (person := people.get(entry["person_id"])) is not None
        and entry.get("new_value")
        in {"name": [person.get("name")], "email": _emails_of(person)}.get(entry["field_key"], [])
    }


def _emails_of(person: Message) -> list[str]:
    return [email["value"] for email in person.get("emails", ())]


def test_hashing_loses_no_column(box: Box, plain: Outcome, hashed: Outcome) -> None:
    schemas = schemas_of(box, box.config(custom_fields=COLUMNS, labels=True))
    for name in STREAMS:
        known = {*schemas[name]["properties"], "_ab_cdc_deleted_at"}
        before, after = (_columns(outcome, name) for outcome in (plain, hashed))
        assert after == before & known, name


def _columns(outcome: Outcome, stream: str) -> set[str]:
    return {column for record in outcome.records(stream) for column in record}


def test_derived_records_come_from_unprotected_values(plain: Outcome, hashed: Outcome) -> None:
    for name in ("deal_stage_history", "role_pipelines", "deal_followers"):
        before, after = (_without_new_key(each.records(name)) for each in (plain, hashed))
        assert before
        assert after == before


def _without_new_key(records: list[Message]) -> list[str]:
    return sorted(json.dumps({**r, NEW_KEY: None}, sort_keys=True) for r in records)


def test_the_log_names_no_user(hashed: Outcome) -> None:
    assert not [line for line in hashed.logs if line.startswith("Refresh the schema")]
    (line,) = [line for line in hashed.logs if line.startswith("Connected to")]
    assert line.endswith("as user 1.")


def test_a_hash_is_the_one_that_the_guide_computes(plain: Outcome, hashed: Outcome) -> None:
    first = next(person for person in plain.records("persons") if person.get("emails"))
    (same,) = [each for each in hashed.records("persons") if each["id"] == first["id"]]
    email = first["emails"][0]["value"].lower().encode()
    expected = hmac.new(KEY.encode(), email, hashlib.sha256).hexdigest()[:32]
    assert same["emails"][0]["value"] == expected
    assert same["emails"][0]["primary"] == first["emails"][0]["primary"]
    assert same["primary_email"] in [email["value"] for email in same["emails"]]


def test_states_hold_nothing_that_is_personal(plain: Outcome, hashed: Outcome) -> None:
    for outcome in (plain, hashed):
        assert outcome.state
        assert WORD not in json.dumps(outcome.state).lower()


def test_a_choice_reaches_columns_raw_objects_archives_leads_and_changelogs(box: Box) -> None:
    fields = box.control("fields/deals")
    date = next(field for field in fields if field["type"] == "date")
    chosen = f"deals.{date['name']}=remove, deals.currency=hash, persons.name=keep"
    config = box.config(custom_fields=COLUMNS, privacy={**HASH, "columns": chosen})
    schemas = schemas_of(box, config)
    streams = ("deals", "deals_archived", "leads", "persons")
    outcome = box.read(*streams, config=config)
    assert outcome.code == 0
    for name in streams[:3]:
        assert date["key"] not in json.dumps(schemas[name]["properties"])
        assert date["key"] not in "".join(map(json.dumps, outcome.records(name)))
    for name in streams[:2]:
        assert {len(record["currency"]) for record in outcome.records(name)} == {32}
    assert all(WORD in record["name"] for record in outcome.records("persons"))
    assert WORD not in json.dumps([r["emails"] for r in outcome.records("persons")])


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ("person.name=hash", 'there is no stream "person"; did you mean "persons"?'),
        ("persons.birthdy", 'no column "birthdy"; did you mean "birthday"?'),
        ("tasks.birthday", 'the stream "tasks" has no column "birthday"'),
        ("persons.id=remove", "persons.id is a key"),
        ("deals.person_id=hash", "deals.person_id is a key"),
        ("deals.update_time=remove", "deals.update_time is a key or a time"),
    ],
)
@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_wrong_name_is_an_error_that_names_it(
    box: Box, command: str, columns: str, named: str
) -> None:
    outcome = box.run(command, box.config(privacy={**HASH, "columns": columns}))
    assert named in outcome.sentence()


def test_fields_without_definitions_are_protected(box: Box) -> None:
    """The credentials may not see the definitions, so nobody knows which fields hold what."""
    box.control("switches", {"fields_hidden": True})
    try:
        outcome = box.read("deals", "persons", "person_changelog", config=box.config(privacy=HASH))
    finally:
        box.control("switches", {"fields_hidden": False})
    assert outcome.code == 0
    assert _lines_with_canaries(outcome) == []
    values = [v for r in outcome.records("deals") for v in r.get("custom_fields", {}).values()]
    assert values
    assert all(value is None or len(str(value)) == 32 or _is_hashed(value) for value in values)


def _is_hashed(value: Any) -> bool:
    return isinstance(value, dict) and all(v is None or len(v) == 32 for v in value.values())


@pytest.mark.parametrize("name", SYNCS)
def test_no_canary_leaves_after_edits_and_an_audit(
    box: Box, firsts: dict[str, Outcome], name: str
) -> None:
    """Changed records, tombstones, and the copies that an audit writes."""
    box.control("mutate", {"seed": 1, "edits": 60, "deletes": 20, "archives": 10, "adds": 10})
    box.control("clock", {"advance_seconds": 2 * 86_400})
    privacy, custom_fields = SYNCS[name]
    outcome = sync(box, privacy, custom_fields, firsts[name].state)
    assert any("tombstones" in line for line in outcome.logs)
    assert any("rewrote" in line for line in outcome.logs)
    assert _lines_with_canaries(outcome) == []


def _lines_with_canaries(outcome: Outcome) -> list[bytes]:
    return [line[:300] for line in outcome.output.splitlines() if WORD in line.decode().lower()]


def test_no_error_quotes_what_pipedrive_said(start: Start) -> None:
    """Pipedrive's words may contain a value: in the log, in traces, and in sync_reports."""
    box = start(scale=0.05, clock=CLOCK)
    fault = {
        "path_contains": "/persons",
        "status": 400,
        "body": "bare",
        "times": 50,
        "replace": ['"data"', f'"error": "{WORD} Hall exists", "message": "{WORD}", "data"'],
    }
    said = {}
    for name, privacy in (("off", {"mode": "off"}), ("on", REMOVE)):
        box.control("fail-next", [fault])
        config = box.config(privacy=privacy)
        outcome = box.read("persons", "deals", "sync_reports", config=config)
        assert outcome.code == 1
        said[name] = _lines_with_canaries(outcome)
        assert outcome.records("sync_reports")
        assert outcome.records("deals")
    assert said["off"]
    assert said["on"] == []


@pytest.mark.parametrize("before", [{"mode": "off"}, HASH])
def test_a_state_survives_the_switch(start: Start, before: Message) -> None:
    """Nothing is read again, and nothing that is read after the switch stays as it was."""
    box = start(scale=0.05, clock=CLOCK, canaries=True)
    streams = ("persons", "deals", "deal_changelog", "mail_threads", "users")
    first = box.read(*streams, config=box.config(privacy=before))
    box.control("mutate", {"seed": 1, "edits": 40, "adds": 10})
    box.control("clock", {"advance_seconds": 86_400})
    after = HASH if before != HASH else {"mode": "off"}
    second, alike = (
        box.read(*streams, config=box.config(privacy=each), state=first.state)
        for each in (after, before)
    )
    for name in streams:
        ids = [[str(r.get("id")) for r in outcome.records(name)] for outcome in (second, alike)]
        assert ids[0] == ids[1], name
    assert 0 < len(second.records("persons")) < len(first.records("persons"))
    assert bool(_lines_with_canaries(second)) is (after != HASH)
