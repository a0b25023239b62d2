"""Records that enter the history late: edited old records, longer histories, new goals."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.warehouse import Warehouse

CLOCK = "2026-11-23T10:00:00Z"
YEAR = {"mode": "duration", "duration": "1 year"}
HISTORIES = {
    "deal_changelog": "deals",
    "deal_participants_changelog": "deals",
    "deal_followers_changelog": "deals",
}
STATISTICS = ("goal_results", "pipeline_conversion_statistics", "pipeline_movement_statistics")


def box_of(start: Start, **switches: Any) -> Box:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, daily_tokens=10**9, **switches)
    box.control("clock", {"advance_seconds": 120})
    return box


def test_a_deal_that_enters_late_arrives_with_its_whole_past(start: Start) -> None:
    """A deal that nobody changed for two years is edited after the first sync."""
    box = box_of(start)
    names = ("deals", *HISTORIES)
    config = box.config(history=YEAR)
    first = box.read(*names, config=config)
    seen = {record["id"] for record in first.records("deals")}
    box.control("clock", {"advance_seconds": 86_400})
    box.control("mutate", {"seed": 1, "objects": ["deals"], "edits": 120, "adds": 0, "deletes": 0})
    box.control("clock", {"advance_seconds": 120})
    later = box.read(*names, config=config, state=first.state)
    late = {record["id"] for record in later.records("deals")} - seen
    assert len(late) > 10
    warehouse = Warehouse()
    warehouse.load(first.messages)
    warehouse.load(later.messages)
    for name in HISTORIES:
        listed = box.control(f"records-by-parent/{name}")
        found: dict[int, int] = {}
        for row in warehouse.tables[name].values():
            found[row["deal_id"]] = found.get(row["deal_id"], 0) + 1
        expected = {id_: len(listed.get(str(id_), [])) for id_ in late}
        assert sum(expected.values()) > 5, name
        assert {id_: found.get(id_, 0) for id_ in late} == expected, name


@pytest.mark.parametrize("stream", STATISTICS)
def test_a_longer_history_reads_the_added_months(start: Start, stream: str) -> None:
    box = box_of(start, goal_periods="inside")
    short = box.read(stream, config=box.config(history={"mode": "duration", "duration": "1 month"}))
    long = box.read(stream, config=box.config(history=YEAR), state=short.state)
    alone = box.read(stream, config=box.config(history=YEAR))
    key = "goal_id" if stream == "goal_results" else "pipeline_id"
    warehouse = Warehouse()
    warehouse.load(short.messages)
    warehouse.load(long.messages)
    found = {(row[key], row["period_start"]) for row in warehouse.tables[stream].values()}
    assert found >= {(row[key], row["period_start"]) for row in alone.records(stream)}
    assert len(long.records(stream)) < len(alone.records(stream))


def test_a_sync_right_after_another_pays_nothing_twice(start: Start) -> None:
    """The last minute is read again, but not the children of unchanged records."""
    box = box_of(start)
    names = ("deals", "deal_changelog", "deal_participants", "deal_products", "deal_stage_history")
    first = box.read(*names)
    box.control("mutate", {"seed": 2, "objects": ["deals"], "edits": 40, "adds": 0, "deletes": 0})
    box.control("clock", {"advance_seconds": 1})
    second = box.read(*names, state=first.state)
    assert len({row["id"] for row in second.records("deals")}) > 20
    box.control("clock", {"advance_seconds": 1})
    catalog = box.streams()
    assert catalog
    box.control("reset-ledger", {})
    third = box.read(*names, state=second.state)
    assert third.code == 0
    spent = box.control("ledger")
    for name in names[1:]:
        assert name not in spent or spent[name]["tokens"] == 0, spent
