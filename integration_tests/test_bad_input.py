"""Bad input is reported in one clear line, as a protocol message, without any secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import Outcome, catalog_of, run

SECRET = "s3cr3t-0f-the-user"


def is_one_clear_line(outcome: Outcome, *words: str) -> None:
    """What every failure has in common."""
    sentence = outcome.sentence()
    assert "\n" not in sentence  # one problem, one line
    assert all(word in sentence for word in words), sentence
    assert b"Traceback" not in outcome.output
    assert SECRET.encode() not in outcome.output
    assert len(outcome.messages) < 60


def fails(outcome: Outcome, *words: str, kind: str = "config_error") -> None:
    """A command other than check fails: an error trace and exit code 1."""
    is_one_clear_line(outcome, *words)
    assert outcome.code == 1
    assert outcome.errors[-1]["failure_type"] == kind


def is_refused(outcome: Outcome, *words: str) -> None:
    """A check fails: connection status FAILED and exit code 0."""
    is_one_clear_line(outcome, *words)
    assert outcome.code == 0
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "FAILED"


def token(value: str) -> dict[str, str]:
    return {"auth_type": "api_token", "api_token": value}


@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_missing_config_file(command: str) -> None:
    outcome = run(command, "--config", "/no/such/file.json")
    (is_refused if command == "check" else fails)(outcome, "/no/such/file.json", "No such file")


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "credentials: yaml"])
def test_a_config_file_that_is_not_a_json_object(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    is_refused(run("check", "--config", str(file)), "is not a JSON object")
    fails(run("discover", "--config", str(file)), "is not a JSON object")


def test_the_place_of_a_mistake_in_a_config_file_is_named(tmp_path: Path) -> None:
    """It is written by hand, and a forgotten comma is hard to see."""
    file = tmp_path / "config.json"
    file.write_text('{"labels": true\n"num_workers": 3}')
    is_refused(run("check", "--config", str(file)), "is not a JSON object. Line 2, column 1: ")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"credentials": SECRET}, ["credentials"]),
        ({"credentials": token("")}, ["credentials.api_token", "Personal preferences"]),
        (
            {"credentials": {"auth_type": "magic", "api_token": SECRET}},
            ['credentials.auth_type "magic" is not valid'],
        ),
        ({"history": {"mode": "start_date", "start_date": "2024-02-30"}}, ["not a date"]),
        ({"history": {"mode": "start_date", "start_date": "2999-01-01"}}, ["in the future"]),
        ({"history": "all"}, ["history"]),
        ({"num_workers": "many"}, ['num_workers "many" is not valid']),
        ({"api_url": "http://example.com"}, ["api_url", "https"]),
        ({"api_url": f"https://user:{SECRET}@example.com"}, ["api_url"]),
    ],
)
def test_a_config_of_the_wrong_shape(
    shared_box: Box, wrong: dict[str, Any], words: list[str]
) -> None:
    config = shared_box.config(**wrong)
    is_refused(shared_box.run("check", config), *words)
    catalog = shared_box.file(catalog_of(shared_box.streams(), "currencies"))
    fails(shared_box.run("read", config, "--catalog", catalog), *words)


def test_each_mistake_has_its_line(shared_box: Box) -> None:
    """A person sees them all at once, in the form, and not one after the other."""
    config = shared_box.config(num_workers=99, daily_token_reserve="lots", lables=True)
    lines = shared_box.run("check", config).sentence().splitlines()
    assert lines == [
        'daily_token_reserve "lots" is not valid. Use a whole percentage from 0 to 90.',
        "num_workers 99 is not valid. Use a whole number from 1 to 40, or leave it out.",
        "`lables` is not a setting; did you mean `labels`?",
    ]


@pytest.mark.parametrize("command", ["check", "discover", "read"])
def test_a_key_that_is_not_a_setting(shared_box: Box, command: str) -> None:
    """Otherwise the user would believe that it takes effect."""
    config = shared_box.config(histroy=SECRET)
    config["credentials"]["api_tokn"] = SECRET
    more = ["--catalog", shared_box.file({"streams": []})] if command == "read" else []
    outcome = shared_box.run(command, config, *more)
    assert outcome.code == 0
    assert [log["message"] for log in outcome.of("LOG") if log["level"] == "WARN"] == [
        "`histroy` is not a setting; did you mean `history`?",
        "`credentials.api_tokn` is not a setting; did you mean `credentials.api_token`?",
    ]
    assert SECRET.encode() not in outcome.output


@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_misspelled_key_that_is_required(shared_box: Box, command: str) -> None:
    config = shared_box.config()
    config["credentails"] = config.pop("credentials")
    outcome = shared_box.run(command, config)
    problem, meant = outcome.sentence().splitlines()
    assert problem.startswith("credentials is missing.")
    assert meant == "`credentails` is not a setting; did you mean `credentials`?"
    assert "`credentails` is not a setting; did you mean `credentials`?" in outcome.logs


def test_a_wrong_token(shared_box: Box) -> None:
    config = shared_box.config(credentials=token(SECRET))
    words = ["rejected the API token (401)", "Copy a new token from Personal preferences > API"]
    is_refused(shared_box.run("check", config), *words)
    fails(shared_box.read("currencies", config=config), *words)


def test_the_token_of_a_deactivated_user(start: Start) -> None:
    box = start(user_active=False)
    is_refused(box.run("check"), "401", "deactivated")
    fails(box.read("currencies"), "401", "deactivated")


def test_a_company_that_is_not_open(start: Start) -> None:
    is_refused(start(company_open=False).run("check"), "402", "not active")


def test_a_wrong_client_secret(shared_box: Box) -> None:
    config = shared_box.oauth(client_secret=SECRET)
    is_refused(shared_box.run("check", config), "401", "client secret is wrong")
    fails(shared_box.read("currencies", config=config), "client secret is wrong")


def test_a_revoked_refresh_token(shared_box: Box) -> None:
    config = shared_box.oauth(refresh_token=SECRET)
    is_refused(shared_box.run("check", config), "400", "invalid_grant", "Reconnect the app")
    fails(shared_box.read("currencies", config=config), "Reconnect the app")


def test_a_missing_scope_fails_its_stream_but_no_other(start: Start) -> None:
    box = start(scopes="base,contacts:read")
    outcome = box.read("deals", "currencies", config=box.oauth())
    assert outcome.code == 1
    assert outcome.statuses("deals") == ["STARTED", "INCOMPLETE"]
    assert outcome.statuses("currencies") == ["STARTED", "RUNNING", "COMPLETE"]
    by_stream = {
        e["stream_descriptor"]["name"]: e for e in outcome.errors if e.get("stream_descriptor")
    }
    assert by_stream["deals"]["message"] == (
        'Pipedrive refused "deals" (403): "Scope and URL mismatch". '
        "Give the app the scope deals:read and reconnect."
    )
    assert by_stream["deals"]["failure_type"] == "config_error"


def test_a_host_that_does_not_resolve(shared_box: Box) -> None:
    config = shared_box.config(api_url="https://no-such-company.invalid")
    is_refused(shared_box.run("check", config), "no-such-company.invalid", "does not resolve")


def test_a_host_that_does_not_answer(shared_box: Box) -> None:
    config = shared_box.config(api_url="http://127.0.0.1:9")
    is_refused(shared_box.run("check", config), "Could not reach 127.0.0.1")


def test_a_certificate_that_cannot_be_verified(shared_box: Box) -> None:
    """The sandbox has no TLS, which is one way for a handshake to fail."""
    config = shared_box.config(api_url=shared_box.url.replace("http://", "https://"))
    is_refused(shared_box.run("check", config), "TLS")


def test_an_unknown_stream_in_the_catalog(shared_box: Box) -> None:
    stream = {**shared_box.streams()[0], "name": "dealz"}
    catalog = shared_box.file(catalog_of([stream], "dealz"))
    fails(shared_box.run("read", None, "--catalog", catalog), '"dealz"', "Refresh the schema")


@pytest.mark.parametrize(
    "value", [[], {"streams": 5}, {"stream": []}, "x", {"type": "CATALOG", "catalog": {}}]
)
def test_a_file_that_is_not_a_catalog(shared_box: Box, value: Any) -> None:
    outcome = shared_box.run("read", None, "--catalog", shared_box.file(value))
    fails(
        outcome, "does not contain a catalog", "What `discover` prints", "source-pipedrive catalog"
    )


def state_of(name: str, blob: Any) -> list[dict[str, Any]]:
    descriptor = {"name": name}
    return [{"type": "STREAM", "stream": {"stream_descriptor": descriptor, "stream_state": blob}}]


def test_the_state_of_a_removed_stream_does_no_harm(shared_box: Box) -> None:
    outcome = shared_box.read("currencies", state=state_of("teams", {"update_time": "x"}))
    assert outcome.code == 0
    assert any("teams" in log for log in outcome.logs)


@pytest.mark.parametrize("state", [{"type": "STREAM"}, [5], [{"type": "STREAM"}], "x"])
def test_a_file_that_is_not_a_state(shared_box: Box, state: Any) -> None:
    fails(shared_box.read("deals", state=state), "does not contain a state")


def test_an_unreadable_state(shared_box: Box) -> None:
    state = state_of("deals", {"version": 1, "since": "2026-01-01", "update_time": ["soon"]})
    fails(shared_box.read("deals", state=state), 'state of "deals"', "Reset the stream")


def test_the_state_of_another_connector_is_ignored(shared_box: Box) -> None:
    """It may stand for only a month of deals; the rest would be missing for good."""
    outcome = shared_box.read("deals", state=state_of("deals", {"update_time": "2026-11-20 00:00"}))
    assert outcome.code == 0
    assert {r["id"] for r in outcome.records("deals")} == {
        r["id"] for r in shared_box.control("records/deals?status=open,won,lost,deleted")
    }
    assert any("Another connector wrote the state of deals" in log for log in outcome.logs)


def test_the_state_of_another_company(shared_box: Box) -> None:
    times = {"since": "2020-01-01T00:00:00Z", "update_time": "2021-01-01T00:00:00Z"}
    blob = {"version": 1, "company_id": 5, **times}
    fails(shared_box.read("deals", state=state_of("deals", blob)), "company 5")


def fault(**what: Any) -> list[dict[str, Any]]:
    return [{"path_contains": "/deals", "status": 200, "body": "json", "times": 1, **what}]


@pytest.mark.parametrize(
    "what",
    [
        {"status": 500},
        {"status": 503},
        {"status": 504},
        {"body": "html"},
        {"body": "truncated"},
        {"body": "empty"},
        {"body": "reset"},
    ],
    ids=str,
)
def test_a_page_that_fails_once_is_read_again(start: Start, what: dict[str, Any]) -> None:
    box = start()
    box.control("fail-next", fault(**what))
    outcome = box.read("deals")
    assert outcome.code == 0
    assert len(outcome.records("deals")) == len(
        box.control("records/deals?status=open,won,lost,deleted")
    )
    assert any("Trying again in" in log for log in outcome.logs)


def test_a_block_by_the_edge_stops_the_sync_at_once(start: Start) -> None:
    box = start()
    box.control("fail-next", fault(status=403, body="html", times=50))
    outcome = box.read("deals")
    fails(outcome, "blocked", "Wait", kind="transient_error")
    asked = [r for r in box.control("requests") if "/deals" in r["path"]]
    assert len(asked) == 1


def test_the_program_itself_prints_no_traceback(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("source-pipedrive")
    missing = str(tmp_path / "none.json")
    done = subprocess.run(
        [program, "read", "--config", missing, "--catalog", missing],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b""
    assert b"No such file" in done.stdout
    assert b"Traceback" not in done.stdout
