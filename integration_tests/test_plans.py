"""A stream that the plan, an add-on or the user lacks is empty, with a log line."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import Outcome
from source_pipedrive.streams import STREAMS

CLOCK = "2026-11-01T10:00:00Z"
OF_PROJECTS = sorted(name for name, row in STREAMS.items() if "projects:read" in row.access.scopes)


def absences(outcome: Outcome, name: str) -> set[str]:
    """The lines that call a stream, or a part of one, unavailable."""
    ends = ("Empty; safe to deselect.", "has nothing to report")
    return {
        log
        for log in outcome.logs
        if log.startswith(f"{name}: ") and any(end in log for end in ends)
    }


@pytest.fixture(scope="module")
def box(start: Start) -> Box:
    return start(scale=0.05, clock=CLOCK, rate_limit=100_000)


@pytest.mark.parametrize("form", ["words", "nothing", "strange"])
@pytest.mark.parametrize("status", ["402", "403", "404"])
def test_a_plans_refusal_is_recognized_in_any_words(box: Box, status: str, form: str) -> None:
    """Otherwise every sync of a company on the smallest plan would fail."""
    installments = status.replace("404", "403")
    box.control(
        "switches",
        {"projects_plan": status, "installments": installments, "plan_refusal": form},
    )
    outcome = box.read(*OF_PROJECTS, "deal_installments", "deleted_records", "currencies")
    assert outcome.code == 0, outcome.errors
    for name in (*OF_PROJECTS, "deal_installments", "deleted_records"):
        assert outcome.statuses(name)[-1] == "COMPLETE", name
    for name in ("projects", "tasks", "deal_installments", "project_templates"):
        assert len(absences(outcome, name)) == 1, name
    assert len(absences(outcome, "deleted_records")) == 2  # projects, archived ones
    assert {r["object"] for r in outcome.records("deleted_records")} >= {"deals", "persons"}


@pytest.mark.parametrize(
    ("lacking", "remedy"),
    [
        ({"scopes": "base deals:read recents:read"}, "Give the app the scope projects:read"),
        ({"status": 403}, "lacks the permission"),
        ({"status": 501}, "Please report this line"),  # not retried as a 500 is
    ],
    ids=["scope", "permission", "fault"],
)
def test_deletions_are_read_from_the_lists_that_are_not_refused(
    start: Start, lacking: dict[str, Any], remedy: str
) -> None:
    scopes = {"scopes": lacking["scopes"].replace(" ", ",")} if "scopes" in lacking else {}
    box = start(scale=0.05, clock=CLOCK, rate_limit=100_000, **scopes)
    config = box.oauth() if scopes else box.config()
    if not scopes:
        fault = {"path_contains": "/projects?", "status": lacking["status"], "times": 99}
        box.control("fail-next", [fault])
    outcome = box.read("deleted_records", "currencies", config=config)
    assert outcome.statuses("currencies")[-1] == "COMPLETE"
    assert outcome.statuses("deleted_records") == ["STARTED", "RUNNING", "INCOMPLETE"]
    assert {r["object"] for r in outcome.records("deleted_records")} >= {"deals", "persons"}
    states = [s["stream"]["stream_descriptor"]["name"] for s in outcome.of("STATE")]
    assert "deleted_records" not in states
    warned = [log["message"] for log in outcome.of("LOG") if log["level"] == "WARN"]
    (line,) = [text for text in warned if text.startswith("deleted_records: projects could not")]
    assert remedy in line
    assert remedy in outcome.sentence()


def test_deletions_of_a_refused_list_arrive_once_it_may_be_read(
    start: Start,
) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000)
    box.control("clock", {"advance_seconds": 120})
    first = box.read("deleted_records")
    assert first.code == 0
    box.control("clock", {"advance_seconds": 3600})
    changes = box.control("mutate", {"objects": ["projects"], "edits": 0, "deletes": 2})
    deleted = {str(id_) for id_ in changes["projects"]["deleted"]}
    assert deleted
    box.control("clock", {"advance_seconds": 120})
    box.control("fail-next", [{"path_contains": "/projects?", "status": 403, "times": 1}])
    refused = box.read("deleted_records", state=first.state)
    assert refused.statuses("deleted_records")[-1] == "INCOMPLETE"
    box.control("clock", {"advance_seconds": 3600})
    later = box.read("deleted_records", state=refused.state or first.state)
    found = {r["id"] for r in later.records("deleted_records") if r["object"] == "projects"}
    assert deleted <= found


def test_a_402_ends_its_stream_or_for_a_core_list_the_sync(start: Start) -> None:
    box = start(scale=0.05, clock=CLOCK, rate_limit=100_000)
    box.control("fail-next", [{"path_contains": "/files?", "status": 402, "times": 1}])
    outcome = box.read("files", "users", "currencies")
    assert outcome.statuses("files")[-1] == "INCOMPLETE"
    assert outcome.statuses("users")[-1] == outcome.statuses("currencies")[-1] == "COMPLETE"
    assert "plan may not include this" in outcome.sentence()
    box.control("fail-next", [{"path_contains": "/deals?", "status": 402, "times": 1}])
    outcome = box.read("deals", "deal_changelog", config=box.config(num_workers=1))
    assert outcome.statuses("deals")[-1] == "INCOMPLETE"
    assert "account is not active" in outcome.sentence()


def test_a_user_without_a_mailbox_has_no_mail_and_a_successful_sync(start: Start) -> None:
    box = start(scale=0.05, clock=CLOCK, rate_limit=100_000, mailbox="404")
    names = ("mail_threads", "mail_messages", "mail_message_bodies")
    outcome = box.read(*names, "currencies")
    assert outcome.code == 0, outcome.errors
    for name in names:
        assert outcome.statuses(name) == ["STARTED", "COMPLETE"], name
    assert len(absences(outcome, "mail_threads")) == 1
