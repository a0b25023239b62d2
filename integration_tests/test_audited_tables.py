"""Tables lose what an audit finds deleted, whatever a platform loses on the way."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.replay import Replay

CLOCK = "2026-11-23T10:00:00Z"
DAY = 86_400
VERIFY = {"mode": "verify", "every_days": 7, "share_of_day": 50}
TAKERS = (
    *("deals", "deals_archived", "persons", "notes", "tasks", "stages", "lead_labels"),
    *("deal_products", "deal_installments"),
)
CHILDREN = ("deal_products", "deal_installments")
Keys = set[tuple[Any, ...]]


def company(start: Start, careless: bool = False, **switches: Any) -> Replay:
    """A connection whose first audit is over."""
    limits = {"rate_limit": 1_000_000, "daily_tokens": 10**8}
    box = start(scale=0.1, clock=CLOCK, **limits, **switches)
    box.control("clock", {"advance_seconds": 90})
    replay = Replay(box, [*TAKERS, "deleted_records"], careless=careless)
    replay.config["find_deleted_records"] = VERIFY
    first = replay.sync()
    assert first.code == 0, first.sentence()
    return replay


def key(name: str, record: dict[str, Any]) -> tuple[Any, ...]:
    return (record["deal_id"], record["id"]) if name in CHILDREN else (record["id"],)


def stale(replay: Replay, lagging: Collection[str] = ()) -> dict[str, Keys]:
    """The rows that do not exist any more, by table; only tables that have any. Fails if a row is
    missing. lagging: tables whose new rows no sync has noticed."""
    found = {}
    for name in TAKERS:
        listed = replay.box.control(f"records/{name}")
        there = {key(name, record) for record in listed if not record.get("is_deleted")}
        rows = {key(name, record) for record in replay.destination.table(name).values()}
        if name not in lagging:
            assert there - rows == set(), name
        if rows - there:
            found[name] = rows - there
    return found


def change(box: Box, action: str, name: str, count: int, skip: int = 3) -> None:
    ids = [record["id"] for record in box.control(f"records/{name}")][skip : skip + count]
    assert box.control("change-records", {"action": action, "object": name, "ids": ids}) == ids


def a_week(box: Box) -> None:
    """A week in which records of every kind disappear."""
    box.control("clock", {"advance_seconds": DAY})
    box.control("mutate", {"objects": ["deals"], "edits": 40, "edit_kinds": ["products"]})
    for name in ("deals", "persons", "notes", "tasks"):
        change(box, "purge", name, 2)
        change(box, "delete", name, 2)
    change(box, "purge", "stages", 1)
    change(box, "purge", "lead_labels", 1, skip=1)
    box.control("clock", {"advance_seconds": 7 * DAY})


@pytest.mark.parametrize("moves", [True, False])
def test_whatever_an_audit_finds_leaves_its_table(start: Start, moves: bool) -> None:
    replay = company(start, children_move_update_time=moves)
    a_week(replay.box)
    outcome = replay.sync()
    assert outcome.code == 0, outcome.sentence()
    assert replay.sync().code == 0  # two lists in a row have to lack a label
    assert stale(replay, () if moves else CHILDREN) == {}
    rows = outcome.records("deleted_records")
    products = [row for row in rows if row["object"] == "deal_products"]
    assert len(products) > 5
    assert all(row["parent_id"] for row in products)


def test_tables_that_were_not_selected_catch_up(start: Start) -> None:
    """The audit of that week is over, and its rows are not repeated."""
    replay = company(start)
    a_week(replay.box)
    assert replay.sync(but=[name for name in TAKERS if name != "deals"]).code == 0
    left = stale(replay, CHILDREN)
    assert {"persons", "notes", "tasks", "deal_products"} <= left.keys()
    later = replay.sync()
    assert later.code == 0, later.sentence()
    # Short lists are compared only in syncs that read them, and a label takes two.
    assert replay.sync().code == 0
    assert stale(replay) == {}
    again = replay.sync()
    assert not any("tombstones" in log for log in again.logs)


@pytest.mark.parametrize("seed", range(3))
def test_no_deletion_is_lost_if_syncs_are_killed(start: Start, seed: int) -> None:
    """A platform commits each stream on its own: it keeps the state in which an audit is closed,
    and loses the tombstones that no state of their own stream followed."""
    chance, replay = random.Random(seed), company(start, careless=True)
    a_week(replay.box)
    whole = len(replay.sync().output)
    a_week(replay.box)
    # The last third of the output is the audit's.
    for most in (whole, whole // 4, whole // 8):
        replay.sync(kill_after=chance.randrange(most * 2 // 3, most))
        replay.box.control("clock", {"advance_seconds": 600})
    for _ in range(2):
        outcome = replay.sync()
        assert outcome.code == 0, outcome.sentence()
    assert stale(replay) == {}
    assert replay.kills > 0


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("children", ["listed", "hidden"])
def test_archiving_a_deal_removes_none_of_its_children(
    start: Start, children: str, moves: bool
) -> None:
    """Whether the lists of products and installments have those of archived deals is unknown."""
    replay = company(start, archived_children=children, archive_moves_update_time=moves)
    before = {name: set(replay.destination.table(name)) for name in CHILDREN}
    moved = {"archives": 15}, {"unarchives": 15}
    for change_ in moved:
        replay.box.control("mutate", {"objects": ["deals"], **change_})
        replay.box.control("clock", {"advance_seconds": 7 * DAY})
        outcome = replay.sync()
        assert outcome.code == 0, outcome.sentence()
        assert any("audited deal_installments" in log for log in outcome.logs)
        assert not [row for row in outcome.records("deleted_records") if row["object"] in CHILDREN]
        for name, keys in before.items():
            assert set(replay.destination.table(name)) >= keys
