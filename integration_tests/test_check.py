"""check: what it proves, what it reports about the streams, and what it costs."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import LISTS, Outcome
from integration_tests.terminal import in_terminal
from integration_tests.test_tools import ROOT
from source_pipedrive.streams import STREAMS


def succeeds(outcome: Outcome) -> list[str]:
    """The log of a check that succeeded."""
    assert outcome.code == 0
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    return outcome.logs


def levels(outcome: Outcome, words: str) -> set[str]:
    return {log["level"] for log in outcome.of("LOG") if words in log["message"]}


def named(line: str) -> str:
    """The streams in a log line of check: `Not checked: roles, users (reason).`"""
    return line.split(": ", 1)[1].split(" (")[0]


def cost(box: Box) -> int:
    return sum(of["tokens"] for of in box.control("ledger").values())


@pytest.mark.parametrize("kind", ["config", "oauth"])
def test_an_admin_can_read_everything_that_can_be_checked(start: Start, kind: str) -> None:
    box = start()
    logs = succeeds(box.run("check", getattr(box, kind)()))
    assert cost(box) <= 60
    assert any("Connected to Sandbox Inc. (company 7654321)" in log for log in logs)
    assert any("as Gary King (user 1)" in log for log in logs)
    assert not [log for log in logs if log.startswith(("Cannot be read", "Not checked"))]
    (line,) = [log for log in logs if log.startswith("Nothing is known to be missing. ")]
    verified = re.fullmatch(
        r".* (\d+) streams can only be verified by reading them: ([\w, ]+)\.", line
    )
    assert verified
    names = verified[2].split(", ")
    assert int(verified[1]) == len(names) < len(STREAMS) / 3
    assert {"call_logs", "mail_threads", "legacy_teams", "project_fields"} <= {*names}
    assert levels(box.outcomes[-1], "") == {"INFO"}
    (mine,) = [log for log in logs if "only their own data" in log]
    assert {"call_logs", "mail_threads", "user_connections"} <= set(re.split("[,: ]+", mine))


@pytest.mark.parametrize("kind", ["config", "oauth"])
def test_check_and_every_read_warn_about_a_user_who_is_not_an_admin(
    start: Start, kind: str
) -> None:
    box = start(admin=False)
    config = getattr(box, kind)()
    checked = box.run("check", config)
    logs = succeeds(checked)
    assert cost(box) <= 60
    assert levels(checked, "is neither Deals admin nor Global admin") == {"WARN"}
    why = "(the user lacks the permission to administer account settings"
    (line,) = [log for log in logs if why in log]
    assert {"permission_sets", "role_assignments", "roles"} <= set(named(line).split(", "))
    read = box.read("currencies", "call_logs", config=config)
    assert levels(read, "is neither Deals admin nor Global admin") == {"WARN"}
    assert any("only their own data in call_logs." in log for log in read.logs)
    assert not any("Nothing is known to be missing" in log for log in logs)


def test_the_first_lines_of_a_sync_say_what_it_will_lack(start: Start) -> None:
    """A person who has only Airbyte's form never sees the log of a check that succeeds."""
    box = start(admin=False)
    outcome = box.read("currencies", "roles", "webhooks")
    heads = outcome.logs[: outcome.logs.index("currencies: reading everything.")]
    assert heads[2] == (
        "Cannot be read: roles, webhooks (the user lacks the permission to administer account "
        "settings). Use the credentials of an admin, or deselect these streams."
    )


def test_check_is_right_about_what_cannot_be_read(start: Start) -> None:
    """And about what can be read."""
    box = start(admin=False, apps="global", permissions_lacking="can_see_other_users")
    logs = succeeds(box.run("check"))
    lines = [log for log in logs if log.startswith("Cannot be read")]
    hidden = {name for name in LISTS if any(name in named(line).split(", ") for line in lines)}
    outcome = box.read()
    unread = {name for name in LISTS if outcome.statuses(name)[-1] == "INCOMPLETE"}
    assert unread <= hidden
    # Whether a user without access to deals may read their fields is not documented.
    assert not {name for name in hidden - unread if not name.endswith("_fields")}
    assert {"deals", "roles", "users"} <= unread
    sentences = {
        e["stream_descriptor"]["name"]: e["message"]
        for e in outcome.errors
        if e.get("stream_descriptor")
    }
    assert "lacks the permission to administer account settings" in sentences["roles"]
    assert "lacks the permission to see other users" in sentences["users"]
    assert "lacks the permission to use the sales app" in sentences["deals"]


def test_missing_scopes_are_named_and_the_check_succeeds(start: Start) -> None:
    box = start(scopes="base,contacts:read,users:read")
    logs = succeeds(box.run("check", box.oauth()))
    (line,) = [log for log in logs if "the app lacks the scope deals:read" in log]
    for name in ("deals", "deals_archived", "pipelines", "stages"):
        assert name in line
    assert any("call_logs (the app lacks the scope phone-integration)" in log for log in logs)
    assert sum("Give the app these scopes and reconnect it" in log for log in logs) == 1
    assert not any("persons" in log for log in logs if log.startswith("Cannot"))


def test_scopes_that_the_token_does_not_list_are_not_guessed(start: Start) -> None:
    box = start(reported_scope="base")
    logs = succeeds(box.run("check", box.oauth()))
    (line,) = [log for log in logs if "does not list its scopes" in log]
    assert line.startswith("Not checked:")
    assert "deals" in line


def test_credentials_without_any_access_fail(start: Start) -> None:
    box = start(scopes="base,search:read")
    outcome = box.run("check", box.oauth())
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "FAILED"
    assert "the app lacks the scopes activities:read, admin, " in outcome.sentence()
    assert "Give the app these scopes and reconnect it" in outcome.sentence()


def test_a_wrong_secret_is_found_although_the_access_token_is_still_valid(start: Start) -> None:
    box = start()
    kept = box.run("read", box.oauth(), "--catalog", box.file({"streams": []})).of("CONTROL")
    credentials: dict[str, Any] = kept[-1]["connectorConfig"]["config"]["credentials"]
    wrong = box.config(credentials={**credentials, "client_secret": "wrong"})
    outcome = box.run("check", wrong)
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "FAILED"
    assert "client secret is wrong" in outcome.sentence()


def test_a_start_date_is_compared_with_pipedrives_clock(start: Start) -> None:
    """This machine's clock may be wrong."""
    box = start(clock="2024-06-01T00:00:00Z")
    history = {"mode": "start_date", "start_date": "2025-01-01"}
    outcome = box.run("check", box.config(history=history))
    assert "in the future" in outcome.sentence()
    assert any("This machine's clock is" in log for log in outcome.logs)


def test_a_check_succeeds_when_only_the_reserve_is_left(start: Start) -> None:
    box = start(daily_tokens=100)
    box.read("currencies", config=box.config(daily_token_reserve=0))
    logs = succeeds(box.run("check", box.config(daily_token_reserve=85)))
    assert any("does not report the user's permissions" in log for log in logs)


def checked(config: dict[str, Any], tmp_path: Path, output: str = "") -> tuple[int, str, list[str]]:
    """The exit code of a check, what a person sees of it that is no message, and its messages that
    are in the terminal. output: where the shell sends its standard output."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    check = [sys.executable, "main.py", "check", "--config", str(path)]
    command = ["sh", "-c", f'"$@" {output}', "sh", *check]
    code, said = in_terminal(300, 50, command, ROOT, os.environ)
    lines = said.replace("\r", "").splitlines()
    messages = [line for line in lines if line.startswith("{")]
    return code, "\n".join(line for line in lines if line not in messages), messages


@pytest.mark.parametrize("output", ["", "> {folder}/messages.jsonl", ">/dev/null"])
def test_a_check_ends_with_a_sentence_for_a_person(
    shared_box: Box, tmp_path: Path, output: str
) -> None:
    """Who reads no JSON does not know whether the credentials are valid."""
    into = output.format(folder=tmp_path)
    code, sentence, messages = checked(shared_box.config(), tmp_path, into)
    assert (code, sentence) == (0, "The check succeeded.")
    assert any('"SUCCEEDED"' in message for message in messages) is (not output)
    wrong = shared_box.config(credentials={"auth_type": "api_token", "api_token": "0" * 40})
    refused = checked(wrong, tmp_path, into)
    assert (refused[0], refused[1].split(".")[0]) == (0, "The check failed")
    assert "Pipedrive rejected the API token (401)" in refused[1]
    assert len(refused[1].splitlines()) == 1
    mistaken = checked({"credentials": {"auth_type": "api_token"}}, tmp_path, into)
    assert mistaken[1].startswith("The check failed. ")
    assert "api_token" in mistaken[1]


def test_a_check_beside_another_program_says_nothing_more(shared_box: Box, tmp_path: Path) -> None:
    """Its sentence would end up in that program's screen."""
    code, sentence, messages = checked(shared_box.config(), tmp_path, "| cat")
    assert (code, sentence) == (0, "")
    assert '"SUCCEEDED"' in messages[-1]


def test_a_check_without_a_terminal_says_nothing_more(shared_box: Box, tmp_path: Path) -> None:
    code, sentence, _ = checked(shared_box.config(), tmp_path, f"2> {tmp_path / 'errors'}")
    assert (code, sentence, (tmp_path / "errors").read_text()) == (0, "", "")
