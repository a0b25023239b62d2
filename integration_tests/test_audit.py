"""An audit finds what Pipedrive does not report, and nothing that still exists."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import Outcome

CLOCK = "2026-11-23T10:00:00Z"
DAY = 86_400
OBJECTS = (
    *("deals", "persons", "organizations", "products", "activities"),
    *("notes", "files", "leads", "projects", "tasks"),
)
VERIFY = {"mode": "verify", "every_days": 7, "share_of_day": 50}
Found = set[tuple[str, str]]


def config(box: Box, **changes: Any) -> dict[str, Any]:
    return box.config(find_deleted_records={**VERIFY, **changes})


def audit(box: Box, state: Any = None, **changes: Any) -> Outcome:
    """A sync of deleted_records with an audit."""
    return box.read("deleted_records", config=config(box, **changes), state=state)


def a_week_later(box: Box, state: Any, **changes: Any) -> Outcome:
    box.control("clock", {"advance_seconds": 7 * DAY})
    return audit(box, state, **changes)


def change(box: Box, action: str, name: str, ids: list[Any]) -> None:
    assert box.control("change-records", {"action": action, "object": name, "ids": ids}) == ids


def some(box: Box, name: str, count: int, skip: int = 3) -> list[Any]:
    """Ids of records that the API lists now."""
    found = [record["id"] for record in box.control(f"records/{name}")]
    return found[skip : skip + count]


def found(outcome: Outcome, evidence: str = "audit") -> Found:
    """What was found deleted, with this evidence."""
    rows = outcome.records("deleted_records")
    return {(row["object"], row["id"]) for row in rows if row.get("evidence") == evidence}


def restored(outcome: Outcome) -> Found:
    rows = outcome.records("deleted_records")
    return {(row["object"], row["id"]) for row in rows if row.get("restored_time")}


def existing(box: Box) -> Found:
    """Every record that the API still shows."""
    lists = (*OBJECTS, "deals_archived", "leads_archived", "projects_archived")
    return {
        (name.removesuffix("_archived"), str(record["id"]))
        for name in lists
        for record in box.control(f"records/{name}")
        if not record.get("is_deleted")
    }


def started(start: Start, **switches: Any) -> tuple[Box, Any]:
    """A sandbox after its first audit, and the state."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, **switches)
    first = audit(box)
    assert first.code == 0, first.sentence()
    assert not found(first) & existing(box)
    return box, first.state


def test_purged_merged_and_deleted_records_are_found(start: Start) -> None:
    box, state = started(start)
    gone: Found = set()
    for name in OBJECTS:
        purged = some(box, name, 2)
        change(box, "purge", name, purged)
        gone |= {(name, str(id_)) for id_ in purged}
    for name in ("persons", "organizations", "deals"):
        kept, *merged = some(box, name, 3)
        change(box, "merge", name, [kept, *merged])
        change(box, "purge", name, merged)
        gone |= {(name, str(id_)) for id_ in merged}
    later = a_week_later(box, state)
    assert later.code == 0, later.sentence()
    assert found(later) >= gone
    assert not found(later) & existing(box)
    rows = [row for row in later.records("deleted_records") if row["evidence"] == "audit"]
    assert {row.get("last_present_time") for row in rows if (row["object"], row["id"]) in gone} == {
        CLOCK
    }
    again = a_week_later(box, later.state)
    assert not found(again)
    assert not restored(again)


def test_an_archived_deal_is_not_deleted(start: Start) -> None:
    box, state = started(start)
    box.control("mutate", {"objects": ["deals", "leads"], "archives": 12})
    later = a_week_later(box, state)
    assert later.code == 0
    assert not found(later)


def test_what_comes_back_is_reported_again(start: Start) -> None:
    box, state = started(start)
    ids = some(box, "notes", 2)
    change(box, "delete", "notes", ids)
    gone = {("notes", str(id_)) for id_ in ids}
    later = a_week_later(box, state)
    assert found(later) | found(later, "recents") == gone
    change(box, "restore", "notes", ids)
    last = a_week_later(box, later.state)
    assert restored(last) == gone
    assert not found(last)


@pytest.mark.parametrize("status", ["404", "410", "marked"])
@pytest.mark.parametrize("missing", ["skipped", "400", "404"])
def test_whatever_pipedrive_answers_for_a_missing_record(
    start: Start, status: str, missing: str
) -> None:
    box, state = started(start, deleted_singles=status, missing_ids=missing)
    gone: Found = set()
    for name in ("persons", "notes", "leads", "tasks"):
        ids = some(box, name, 2)
        change(box, "delete", name, ids)
        change(box, "purge", name, ids[:1])
        gone |= {(name, str(id_)) for id_ in ids}
    later = a_week_later(box, state)
    assert later.code == 0, later.sentence()
    all_found = found(later) | found(later, "recents")
    assert all_found <= gone
    assert not all_found & existing(box)
    if missing != "400":  # then no answer about a person means anything
        assert all_found == gone


def test_lost_access_is_not_a_deletion(start: Start) -> None:
    box, state = started(start, admin=False)
    ids = some(box, "persons", 3)
    change(box, "hide", "persons", ids)
    hidden = {("persons", str(id_)) for id_ in ids}
    later = a_week_later(box, state)
    assert not found(later)
    assert found(later, "unreachable") == hidden
    again = a_week_later(box, later.state)
    assert not found(again, "unreachable")
    change(box, "show", "persons", ids)
    last = a_week_later(box, again.state)
    assert restored(last) == hidden


def test_a_mass_deletion_needs_the_users_word(start: Start) -> None:
    box, state = started(start)
    persons = [record["id"] for record in box.control("records/persons")]
    ids = persons[: len(persons) // 2]
    change(box, "purge", "persons", ids)
    later = a_week_later(box, state)
    assert not found(later)
    (line,) = [log for log in later.logs if "accepted_findings" in log]
    assert f'"persons={len(ids)}"' in line
    box.control("clock", {"advance_seconds": DAY})
    wrong = audit(box, later.state, accepted_findings=f"persons={len(ids) - 1}")
    assert not found(wrong)
    accepted = audit(box, wrong.state, accepted_findings=f"persons={len(ids)}")
    assert found(accepted) == {("persons", str(id_)) for id_ in ids}


def test_without_the_setting_no_request_is_sent_for_it(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    box.control("reset-ledger", {})
    outcome = box.read("deleted_records")
    asked = {request["path"] for request in box.control("requests")}
    paths = {path.split("/", 3)[3] for path in asked}
    assert paths == {
        *("users/me", "deals", "deals/archived", "projects", "projects/archived", "recents")
    }
    assert all(row.get("evidence") in (None, "flag") for row in outcome.records("deleted_records"))
    assert not any("audit" in str(state) for state in outcome.state)
