"""What Pipedrive reports among the recent changes, against a sandbox with its doubtful habits."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.conftest import Start
from integration_tests.replay import Replay
from integration_tests.test_audit import DAY, audit, change, config, found, restored, some, started

CLOCK = "2026-11-23T10:00:00Z"


@pytest.mark.parametrize("form", ["record", "null"])
def test_a_record_that_was_changed_and_deleted_stays_deleted(start: Start, form: str) -> None:
    """The overlap with the last sync lists the change again, and then the deletion."""
    box, state = started(start, recents_repeat=True, recents_deleted=form)
    box.control("clock", {"advance_seconds": DAY})
    (person,) = some(box, "persons", 1)
    change(box, "delete", "persons", [person])
    for seconds in (5, 20, 10):
        box.control("clock", {"advance_seconds": seconds})
        outcome = audit(box, state)
        assert outcome.code == 0, outcome.sentence()
        assert found(outcome, "recents") == {("persons", str(person))}
        assert not restored(outcome)
        state = outcome.state
    change(box, "restore", "persons", [person])
    box.control("clock", {"advance_seconds": 5})
    back = audit(box, state)
    assert restored(back) == {("persons", str(person))}
    assert not found(back, "recents")


@pytest.mark.parametrize("admin", [True, False])
def test_deletions_alone_are_verified_with_records_of_the_list(start: Start, admin: bool) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, recents_deleted="record", admin=admin)
    replay = Replay(box, ["persons", "notes", "deleted_records"])
    assert replay.sync().code == 0
    box.control("clock", {"advance_seconds": DAY})
    gone = {name: some(box, name, 2) for name in ("persons", "notes")}
    for name, ids in gone.items():
        change(box, "delete", name, ids)
    box.control("clock", {"advance_seconds": DAY})
    box.control("reset-ledger", {})
    outcome = replay.sync()
    assert outcome.code == 0, outcome.sentence()
    wanted = {(name, str(id_)) for name, ids in gone.items() for id_ in ids}
    assert found(outcome, "recents") == wanted
    for name, ids in gone.items():
        rows = {row["id"] for row in replay.destination.table(name).values()}
        assert not rows & {*ids}
    asked = [request["path"] for request in box.control("requests")]
    assert len([path for path in asked if "limit=10" in path]) <= 2
    assert "unsure" not in str(replay.state("deleted_records"))


MERGED = {"survivor": True, "deleted": True, "neither": False}


@pytest.mark.parametrize("whose", MERGED)
def test_a_merged_person_has_its_survivor(start: Start, whose: str) -> None:
    switches = {"recents_merged": whose, "recents_deleted": "record"}
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, **switches)
    box.control("clock", {"advance_seconds": DAY})
    kept, merged = some(box, "persons", 2)
    change(box, "merge", "persons", [kept, merged])
    rows = box.read("deleted_records").records("deleted_records")
    (row,) = [row for row in rows if (row["object"], row["id"]) == ("persons", str(merged))]
    assert row.get("merged_into") == (str(kept) if MERGED[whose] else None)
    others = [each for each in rows if each is not row]
    assert others
    assert not any(each.get("merged_into") for each in others)


def test_a_merge_that_no_list_reports_has_its_survivor_as_well(start: Start) -> None:
    """Only an audit finds that one, when the next pass is due."""
    box, state = started(start)
    box.control("clock", {"advance_seconds": DAY})
    kept, merged = some(box, "persons", 2)
    change(box, "merge", "persons", [kept, merged])
    change(box, "purge", "persons", [merged])
    first: Any = audit(box, state)
    assert not found(first, "audit")
    box.control("clock", {"advance_seconds": 7 * DAY})
    outcome = box.read("deleted_records", config=config(box), state=first.state)
    rows = outcome.records("deleted_records")
    assert [(row["id"], row.get("merged_into")) for row in rows if row["object"] == "persons"] == [
        (str(merged), str(kept))
    ]
