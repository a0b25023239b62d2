"""Audits while Pipedrive answers as nobody has documented: whatever exists is not declared deleted,
and what was deleted is found as soon as the answers prove it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import Outcome
from integration_tests.replay import Replay
from integration_tests.test_audit import (
    CLOCK,
    DAY,
    VERIFY,
    Found,
    a_week_later,
    audit,
    change,
    existing,
    found,
    restored,
    some,
    started,
)
from source_pipedrive.reading.audit import verification

MINUTE = 60


def keys(name: str, ids: Collection[Any]) -> Found:
    return {(name, str(id_)) for id_ in ids}


def missed_by_the_next_pass(
    monkeypatch: pytest.MonkeyPatch, box: Box, question: str, name: str, ids: list[Any]
) -> None:
    """Its walk does not see these records, which are there again when it asks about them.
    question: the function of `verification` that asks."""
    change(box, "hide", name, ids)
    ask = getattr(verification, question)

    def after_their_return(*arguments: Any) -> Any:
        change(box, "show", name, ids)
        return ask(*arguments)

    monkeypatch.setattr(verification, question, after_their_return)


def of(name: str, outcome: Outcome) -> Found:
    """What an audit found deleted of one object, in a sync that succeeded."""
    assert outcome.code == 0, outcome.sentence()
    return {each for each in found(outcome) if each[0] == name}


# --- archives


@pytest.mark.parametrize("answer", ["answered", "hidden", "ignored", "400", "404"])
def test_no_deal_is_deleted_because_the_archive_does_not_answer_about_it(
    start: Start, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    box, state = started(start, archive_ids=answer)
    purged, archived = some(box, "deals", 2), some(box, "deals_archived", 2)
    change(box, "purge", "deals", purged)
    gone = keys("deals", purged)
    with monkeypatch.context() as patch:
        missed_by_the_next_pass(patch, box, "listed", "deals", archived)
        first = a_week_later(box, state)
    assert keys("deals", archived) <= existing(box), "the question was asked"
    assert of("deals", first) == (gone if answer == "answered" else set())
    # Where a pass could not end, this is all that is due.
    second = audit(box, first.state)
    assert of("deals", second) == set()
    box.control("switches", {"archive_ids": "answered"})
    third = a_week_later(box, second.state)
    fourth = a_week_later(box, third.state)
    assert of("deals", first) | of("deals", third) | of("deals", fourth) == gone
    assert not restored(fourth)


@pytest.mark.parametrize("name", ["leads", "projects"])
@pytest.mark.parametrize("answer", ["found", "404"])
def test_no_lead_or_project_is_deleted_because_it_was_archived(
    start: Start, monkeypatch: pytest.MonkeyPatch, answer: str, name: str
) -> None:
    box, state = started(start, archived_singles=answer)
    purged, archived = some(box, name, 1), some(box, f"{name}_archived", 1, skip=1)
    change(box, "purge", name, purged)
    gone = keys(name, purged)
    with monkeypatch.context() as patch:
        missed_by_the_next_pass(patch, box, "alone", name, archived)
        first = a_week_later(box, state)
    assert keys(name, archived) <= existing(box), "the question was asked"
    assert of(name, first) == (gone if answer == "found" else set())
    box.control("switches", {"archived_singles": "found"})
    second = a_week_later(box, first.state)
    assert of(name, first) | of(name, second) == gone
    assert not restored(second)


# --- lists that are requested for deleted records


@pytest.mark.parametrize("ignored", ["", "deals", "projects", "deals,projects"])
def test_what_a_list_returns_that_ignores_the_status_is_not_deleted(
    start: Start, ignored: str
) -> None:
    names = ("deals", "deals_archived", "projects", "projects_archived")
    box = start(scale=0.3, clock=CLOCK, rate_limit=1_000_000, status_ignored=ignored)
    box.control("clock", {"advance_seconds": 90})
    replay = Replay(box, [*names, "deleted_records"], find_deleted_records=VERIFY)
    assert not found(replay.sync(), "flag") & existing(box)
    box.control("clock", {"advance_seconds": DAY})
    box.control("mutate", {"objects": ["deals", "projects"], "edits": 10})
    gone = {name: some(box, name, 2, skip=1) for name in names}
    for name, ids in gone.items():
        change(box, "delete", name.removesuffix("_archived"), ids)
    box.control("clock", {"advance_seconds": DAY})
    first = replay.sync()
    box.control("clock", {"advance_seconds": 7 * DAY})
    second = replay.sync()
    honoured = {name for name in gone if name.split("_")[0] not in ignored}
    assert found(first, "flag") == objects(gone, honoured)
    assert not found(second, "flag")
    assert of("deals", second) | of("projects", second) == objects(gone, gone.keys() - honoured)
    assert not found(first)
    for name, ids in gone.items():
        rows = {row["id"] for row in replay.destination.table(name).values()}
        there = {record["id"] for record in box.control(f"records/{name}")}
        assert rows == there
        assert not rows & {*ids}


def objects(ids: dict[str, list[Any]], names: Collection[str]) -> Found:
    return {key for name in names for key in keys(name.removesuffix("_archived"), ids[name])}


# --- records that were created a moment ago


@pytest.mark.parametrize("verifies", [True, False])
@pytest.mark.parametrize("lag", [0, 30])
def test_a_new_record_is_not_deleted(start: Start, lag: int, verifies: bool) -> None:
    """It is among the recent changes without its data, and no request by its id finds it."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, recents_deleted="null")
    box.control("switches", {"new_records_lag": lag})
    more = {"find_deleted_records": VERIFY} if verifies else {}
    replay = Replay(box, ["persons", "notes", "deleted_records"], **more)
    assert replay.sync().code == 0
    box.control("clock", {"advance_seconds": DAY})
    gone = {name: some(box, name, 2) for name in ("persons", "notes")}
    for name, ids in gone.items():
        change(box, "delete", name, ids)
    box.control("clock", {"advance_seconds": 2})
    added = box.control("mutate", {"objects": [*gone], "adds": 6})
    new = {key for name in gone for key in keys(name, added[name]["added"])}
    deleted: Found = set()
    for seconds in (5, 20, 2 * MINUTE, 2 * MINUTE):
        box.control("clock", {"advance_seconds": seconds})
        outcome = replay.sync()
        assert outcome.code == 0, outcome.sentence()
        deleted |= found(outcome, "recents")
        assert not deleted & new
        assert not found(outcome)
        for name in gone:
            rows = {row["id"] for row in replay.destination.table(name).values()}
            assert rows >= {record["id"] for record in box.control(f"records/{name}")}
    assert deleted == objects(gone, gone)
    for name, ids in gone.items():
        rows = {row["id"] for row in replay.destination.table(name).values()}
        assert not rows & {*ids}
    reported = [row for row in outcome.records("deleted_records") if row.get("evidence")]
    assert not reported
