"""Faults during a read: temporary ones are retried, permanent ones end only their own stream."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer

from integration_tests.conftest import Box, Start
from integration_tests.program import Message, Outcome, catalog_of
from integration_tests.warehouse import Warehouse, follows_the_protocol, listed
from source_pipedrive.source import SourcePipedrive

CLOCK = "2026-11-23T10:00:00Z"
Fault = dict[str, Any]


ADDRESS = re.compile(rb"[\w.+-]+@[\w-]+\.\w+")


@pytest.fixture
def box(start: Start) -> Iterator[Box]:
    """Every read in this suite logs at debug level; no line may contain a secret or an address."""
    made = start(scale=1, clock=CLOCK, rate_limit=1_000_000)
    made.control("clock", {"advance_seconds": 10})
    made.debug = True
    yield made
    said = [line for outcome in made.outcomes for line in said_by(outcome)]
    assert said
    assert [line for line in said if ADDRESS.search(line) or holds_a_secret(line, made)] == []


def said_by(outcome: Outcome) -> list[bytes]:
    """The lines that are neither data nor configuration that the platform keeps."""
    data = (b'{"type":"RECORD"', b'{"type":"STATE"', b'{"type":"CONTROL"')
    return [line for line in outcome.output.splitlines() if not line.startswith(data)]


def holds_a_secret(line: bytes, box: Box) -> bool:
    keys = (box.api_token, box.client_secret, box.refresh_token, "v1u:sandbox")
    basic = base64.b64encode(f"{box.client_id}:{box.client_secret}".encode()).decode()
    return any(key.encode() in line for key in (*keys, basic))


def test_the_search_for_secrets_finds_them(box: Box) -> None:
    """The check at the end of each test here would fail on a line like these."""
    for text in (box.api_token, box.refresh_token, "Bearer v1u:sandbox:5a4d"):
        assert holds_a_secret(text.encode(), box)
    assert ADDRESS.search(b"Person ada.lovelace@example.com exists")
    box.read("currencies")


def test_log_lines_about_mail_and_people_name_nobody(box: Box) -> None:
    """An address or a token would show in their paths, parameters and refusals."""
    for path in ("/mailMessages/", "/persons/"):
        order(box, path, status=404)
    outcome = box.read("mail_message_bodies", "person_changelog", "user_permissions")
    assert outcome.code == 0, outcome.sentence()
    assert sum("skipped: 404" in log for log in outcome.logs) == 2
    assert outcome.records("mail_message_bodies")


def order(box: Box, path: str, **what: Any) -> None:
    box.control("fail-next", [{"path_contains": path, "times": 1, **what}])


PASSING: list[Fault] = [
    *({"status": status} for status in (500, 502, 503, 504, 524)),
    {"status": 429},
    {"status": 503, "body": "html"},
    *({"body": body, "status": 200} for body in ("html", "empty", "truncated", "reset", "drop")),
]


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_a_temporary_fault_costs_only_a_log_line(box: Box, fault: Fault) -> None:
    for path in ("/deals?", "/notes?", "/files?"):
        order(box, path, after_requests=1, **fault)
    outcome = box.read("deals", "notes", "files", "currencies")
    assert outcome.code == 0, outcome.sentence()
    truth = {name: listed(box, name) for name in ("deals", "notes", "files")}
    follows_the_protocol(outcome.messages, truth)
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    for name, rows in truth.items():
        assert warehouse.tables[name] == rows, name
        where = [log for log in outcome.logs if f'"{name}"' in log or log.startswith(name)]
        # One 429 holds all streams back, and is logged once.
        told = where if fault.get("status") != 429 else outcome.logs
        assert any("rying again" in log or "all requests wait" in log for log in told), name


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"body": "loop", "times": 99}, "keeps sending the same page"),
        ({"status": 404}, "does not know this address"),
        ({"status": 403}, "permission"),
        ({"status": 400, "times": 99}, "did not understand"),
    ],
    ids=str,
)
def test_a_lasting_fault_ends_its_stream_and_keeps_its_progress(
    box: Box, fault: Fault, words: str
) -> None:
    order(box, "/persons?", after_requests=1, **fault)
    outcome = box.read("persons", "deals", "currencies", config=box.config(num_workers=3))
    assert outcome.code == 1
    assert outcome.statuses("persons")[-1] == "INCOMPLETE"
    assert outcome.statuses("deals")[-1] == outcome.statuses("currencies")[-1] == "COMPLETE"
    assert words in next(
        e["message"] for e in outcome.errors if e.get("stream_descriptor") == {"name": "persons"}
    )
    truth = {name: listed(box, name) for name in ("deals", "persons")}
    follows_the_protocol(outcome.messages, truth)
    box.control("clear-faults", {})
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    again = box.read("persons", "deals", state=outcome.state)
    assert again.code == 0
    warehouse.load(again.messages)
    assert warehouse.tables["persons"] == truth["persons"]
    assert len(again.records("persons")) <= len(truth["persons"])


def test_after_a_refused_cursor_the_list_is_resumed(box: Box) -> None:
    """What was read is kept; only the rest is requested again."""
    order(box, "cursor=", status=400)
    outcome = box.read("persons")
    assert outcome.code == 0, outcome.sentence()
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    assert warehouse.tables["persons"] == listed(box, "persons")


@pytest.mark.parametrize("path", ["/persons?", "/notes?", "/files?"])
def test_a_short_page_is_not_mistaken_for_the_last(box: Box, path: str) -> None:
    order(box, path, body="short")
    name = path.strip("/?")
    outcome = box.read(name)
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    assert warehouse.tables[name] == listed(box, name)


@pytest.mark.parametrize("body", ["null", "bare", "absent"])
def test_answers_without_records_are_no_empty_lists(box: Box, body: str) -> None:
    """`data: null` with status 200: three times in a row from v2, once from v1."""
    times = {"deals": 3, "pipelines": 3, "notes": 1, "files": 1, "roles": 1}
    for name, often in times.items():
        order(box, f"/{name}?", body=body, times=often)
    outcome = box.read(*times, config=box.config(num_workers=5))
    assert outcome.code == 0, outcome.sentence()
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    warehouse.load(box.read(*times, state=outcome.state).messages)
    for name in times:
        assert warehouse.tables[name] == listed(box, name)


def test_a_list_whose_records_stay_null_is_incomplete(box: Box) -> None:
    order(box, "/deals?", body="bare", times=99)
    outcome = box.read("deals", "currencies")
    assert outcome.code == 1
    assert outcome.statuses("deals")[-1] == "INCOMPLETE"
    assert outcome.statuses("currencies")[-1] == "COMPLETE"
    assert 'a page of "deals" without its records' in outcome.sentence()


@pytest.mark.parametrize(
    ("new", "leaves"),
    [
        (r"a\ud800b", "a\ufffdb"),
        (r"a\u0000b", "a\x00b"),
        ("x" * 1_000_000, "x" * 1_000_000),
    ],
    ids=["a lone surrogate", "a NUL", "a megabyte"],
)
def test_texts_that_break_decoders(box: Box, new: str, leaves: str) -> None:
    order(box, "/notes?", replace=['"content":"', f'"content":"{new}'])
    outcome = box.read("notes", config=box.config(num_workers=1))
    assert outcome.code == 0
    assert len({r["id"] for r in outcome.records("notes")}) == len(listed(box, "notes"))
    assert any(r["content"].startswith(leaves) for r in outcome.records("notes"))
    warned = [log for log in outcome.of("LOG") if "Broken characters" in log["message"]]
    assert len(warned) == ("ufffd" in ascii(leaves))


def both_ways(box: Box) -> list[Callable[[Message, str], list[dict[str, Any]]]]:
    """Both ways to get the records of a stream: from the program, and from Python."""

    def program(config: Message, name: str) -> list[dict[str, Any]]:
        return box.read(name, config=config).records(name)

    def python(config: Message, name: str) -> list[dict[str, Any]]:
        catalog = ConfiguredAirbyteCatalogSerializer.load(catalog_of(box.streams(), name))
        messages = SourcePipedrive().read(logging.getLogger("airbyte"), config, catalog, [])
        return [message.record.data for message in messages if message.record]

    return [program, python]


@pytest.mark.parametrize("number", [10**29 + 1, 2**63, 2**64, -(2**63) - 1, -(10**20) - 1])
@pytest.mark.parametrize("surrogate", ["", r"\ud800"], ids=["proper", "with a lone surrogate"])
def test_integers_past_64_bits_keep_their_digits(box: Box, surrogate: str, number: int) -> None:
    put = f'"a_number":{number},"title":"{surrogate}'
    config, ways = box.config(num_workers=1), both_ways(box)
    found = []
    for read in ways:
        order(box, "/deals?", replace=['"title":"', put])
        found.append(read(config, "deals"))
    for records in found:
        assert len({r["id"] for r in records}) == len(listed(box, "deals"))
        assert number in [r.get("a_number") for r in records]
    assert found[0] == found[1]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_an_invalid_number_becomes_null_and_costs_no_page(box: Box, literal: str) -> None:
    config, found = box.config(num_workers=1), []
    for read in both_ways(box):
        order(box, "/deals?", replace=['"title":', f'"a_number":{literal},"title":'])
        found.append(read(config, "deals"))
    assert len({r["id"] for r in found[0]}) == len(listed(box, "deals"))
    assert found[0] == found[1]
    assert literal not in box.outcomes[-2].output.decode()


@pytest.mark.parametrize("name", ["persons", "notes", "files"])
def test_duplicate_records_in_a_list_do_no_harm(box: Box, name: str) -> None:
    order(box, f"/{name}?", body="again", after_requests=1, times=2)
    outcome = box.read(name)
    assert outcome.code == 0
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    assert warehouse.tables[name] == listed(box, name)


def test_a_fault_while_the_access_token_is_renewed_leaks_nothing(box: Box) -> None:
    box.control("clock", {"advance_seconds": 10})
    config = box.oauth()
    order(box, "/persons?", status=401)
    order(box, "/deals?", status=500, after_requests=1)
    outcome = box.read("persons", "deals", config=config)
    assert outcome.code == 0, outcome.sentence()
    assert len(outcome.of("CONTROL")) == 2


def test_a_role_that_vanishes_after_it_was_listed_is_passed_over(box: Box) -> None:
    order(box, "/roles/3/assignments", status=404)
    outcome = box.read("roles", "role_assignments")
    assert outcome.code == 0, outcome.sentence()
    roles = {record["id"] for record in outcome.records("roles")}
    users = [r for r in box.control("records/role_assignments") if r["role_id"] != 3]
    assert len(outcome.records("role_assignments")) == len(users) > 0
    assert 3 in roles
    assert any("1 of the roles skipped: 404" in log for log in outcome.logs)


def test_a_refusal_of_every_parent_is_no_empty_table(box: Box) -> None:
    order(box, "/assignments", status=403, times=99)
    outcome = box.read("roles", "role_assignments")
    assert outcome.code == 1
    assert outcome.statuses("role_assignments")[-1] == "INCOMPLETE"
    assert outcome.statuses("roles")[-1] == "COMPLETE"
    assert "lacks the permission to administer account settings" in outcome.sentence()
