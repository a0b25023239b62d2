"""Tables that clean themselves: after each sync they have what exists in Pipedrive, and no more."""

from __future__ import annotations

import random

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.replay import Replay, existing

CLOCK = "2026-11-23T10:00:00Z"
FIRST_LISTS = ("deals", "leads", "projects")
ARCHIVES = tuple(f"{name}_archived" for name in FIRST_LISTS)
MARKED = ("deals", "projects")  # Pipedrive lists what was deleted of them
STREAMS = (*FIRST_LISTS, *ARCHIVES, "deleted_records")
KINDS = {
    "edits": FIRST_LISTS,
    "adds": FIRST_LISTS,
    "deletes": MARKED,
    "restores": MARKED,
    "archives": FIRST_LISTS,
    "unarchives": FIRST_LISTS,
}
HOUR = 3600


def company(start: Start, seed: int = 1, **switches: bool) -> Box:
    limits = {"rate_limit": 1_000_000, "daily_tokens": 10**9}
    box = start(scale=0.3, seed=seed, clock=CLOCK, **limits, **switches)
    box.control("clock", {"advance_seconds": 90})  # nothing changed in the current second
    return box


def work(box: Box, chance: random.Random, *kinds: str, most: int = 8) -> None:
    """A few hours in which people do these things, or all of them."""
    for kind in kinds or KINDS:
        for seed in (chance.randrange(10**6) for _ in range(2)):
            wanted = {kind: chance.randrange(most // 2, most), "objects": KINDS[kind]}
            box.control("mutate", {**wanted, "seed": seed})
            box.control("clock", {"advance_seconds": chance.choice((1, 7, 90, HOUR))})


@pytest.mark.parametrize(
    ("seed", "hard", "careless"),
    [(1, True, False), (2, False, False), (3, True, True), (4, False, True), (5, True, True)],
)
def test_every_table_equals_the_truth_after_each_sync(
    start: Start, seed: int, hard: bool, careless: bool
) -> None:
    """With kills at random, a reset, and a stream that is not selected for a while."""
    chance = random.Random(seed)
    box = company(start, seed)
    replay = Replay(box, STREAMS, hard, careless)
    whole = len(replay.sync().output)
    replay.assert_exact()
    later = whole // 20
    for number in range(10):
        work(box, chance)
        most, but = later, ""
        if number == 3:
            replay.reset(chance.choice(FIRST_LISTS))
            most = whole // 2
        if number in (5, 6):
            but = "deals" if seed % 2 else "leads_archived"
        for _ in range(chance.randrange(3)):
            replay.sync([but], kill_after=chance.randrange(500, most))
            work(box, chance)
        outcome = replay.sync([but])
        assert outcome.code == 0, outcome.sentence()
        # A record that moved leaves one table only when the stream of the other is read.
        first = but.removesuffix("_archived")
        replay.assert_exact(*((first, f"{first}_archived") if but else ()))
        later = len(outcome.output)
    assert replay.kills > 2


@pytest.mark.parametrize("hard", [True, False], ids=["hard", "soft"])
def test_a_short_history_keeps_no_deleted_or_archived_record(start: Start, hard: bool) -> None:
    """What is older than the history, and was never written, is not missed."""
    chance = random.Random(7)
    box = company(start)
    replay = Replay(box, STREAMS, hard)
    replay.config["history"] = {"mode": "duration", "duration": "1 year"}
    for _ in range(4):
        replay.sync()
        for name in replay.tables:
            stale = replay.destination.table(name).keys() - existing(box, name).keys()
            assert stale == set(), name
        work(box, chance)


def lagging(replay: Replay) -> set[str]:
    """The tables that differ from the truth."""
    return {n for n in replay.tables if replay.destination.table(n) != existing(replay.box, n)}


@pytest.mark.parametrize("hard", [True, False], ids=["hard", "soft"])
def test_tables_lag_if_archiving_does_not_change_the_time(start: Start, hard: bool) -> None:
    """No list reports the move then. Nothing may get lost, and an edit repairs each record."""
    box = company(start, archive_moves_update_time=False)
    replay = Replay(box, STREAMS, hard)
    replay.sync()
    work(box, random.Random(3), "archives", "unarchives")
    replay.sync()
    assert lagging(replay) == {*FIRST_LISTS, *ARCHIVES}
    for name in FIRST_LISTS:
        ids = {id_ for n in (name, f"{name}_archived") for id_ in existing(box, n)}
        assert {
            id_ for n in (name, f"{name}_archived") for id_ in replay.destination.table(n)
        } == ids
    box.control("mutate", {"edits": 10_000, "objects": FIRST_LISTS})
    box.control("clock", {"advance_seconds": 90})
    replay.sync()
    assert lagging(replay) == set()


@pytest.mark.parametrize("hard", [True, False], ids=["hard", "soft"])
def test_tables_lag_if_restoring_does_not_change_the_time(start: Start, hard: bool) -> None:
    box = company(start, restore_moves_update_time=False)
    replay = Replay(box, STREAMS, hard)
    replay.sync()
    work(box, random.Random(4), "deletes")
    replay.sync()
    assert lagging(replay) == set()
    work(box, random.Random(5), "restores")
    replay.sync()
    assert {"deals", "projects"} <= lagging(replay) <= {n for n in STREAMS if n[0] in "dp"}
    box.control("mutate", {"edits": 10_000, "objects": MARKED})
    box.control("clock", {"advance_seconds": 90})
    replay.sync()
    assert lagging(replay) == set()


def test_a_soft_delete_keeps_the_values_of_what_pipedrive_still_lists(start: Start) -> None:
    """A bare tombstone would leave only the key."""
    box = company(start)
    replay = Replay(box, STREAMS, hard=False)
    replay.sync()
    gone = box.control("mutate", {"deletes": 10, "objects": ["deals"], "seed": 5})["deals"]
    box.control("clock", {"advance_seconds": 90})
    replay.sync()
    live = replay.destination.table("deals").keys() | replay.destination.table("deals_archived")
    assert not live & set(gone["deleted"])
    marked = {
        id_: record
        for name in ("deals", "deals_archived")
        for id_, record in replay.destination.deleted(name).items()
        if "title" in record
    }
    assert set(gone["deleted"]) <= marked.keys()
