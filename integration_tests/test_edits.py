"""Other people work in Pipedrive during a sync; after one more sync the warehouse is exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.warehouse import INCREMENTAL, Warehouse, listed

CLOCK = "2026-11-23T10:00:00Z"
QUIET = {"churn": 0, "tick": 0}


def assert_exact(box: Box, warehouse: Warehouse, *but: str) -> None:
    """Check that the warehouse has the newest version of every record that the API still lists."""
    for name in INCREMENTAL:
        if name in but:
            continue
        for key, record in listed(box, name).items():
            assert warehouse.tables[name].get(key) == record, f"{name} {key}"


def sync(box: Box, warehouse: Warehouse, state: Any = None, workers: int = 4) -> Any:
    """Sync once into the warehouse; return the state for the next sync."""
    outcome = box.read(*INCREMENTAL, config=box.config(num_workers=workers), state=state)
    assert outcome.code == 0
    warehouse.load(outcome.messages)
    return outcome.state


def sync_until_exact(box: Box, warehouse: Warehouse, workers: int = 4) -> None:
    """Sync while others work and once more afterwards; then the warehouse must be exact."""
    state = sync(box, warehouse, workers=workers)
    box.control("switches", QUIET)
    box.control("clock", {"advance_seconds": 5})
    sync(box, warehouse, state, workers)
    assert_exact(box, warehouse)


@pytest.mark.parametrize("workers", [1, 6])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_edits_additions_deletions_and_archiving_between_any_two_requests(
    start: Start, seed: int, workers: int
) -> None:
    box = start(scale=1, seed=seed, clock=CLOCK, rate_limit=1_000_000, churn=9, tick=1)
    warehouse = Warehouse()
    sync_until_exact(box, warehouse, workers)


def test_deleted_and_archived_deals(start: Start) -> None:
    """As the README promises, deleted deals are marked and archived ones get their own row."""
    box = start(scale=0.3, clock=CLOCK, rate_limit=1_000_000)
    warehouse = Warehouse()
    state = sync(box, warehouse)
    box.control("clock", {"advance_seconds": 3600})
    wanted = {"objects": ["deals", "persons"], "deletes": 20, "archives": 10}
    changed = box.control("mutate", {"seed": 4, **wanted})
    box.control("clock", {"advance_seconds": 60})
    sync(box, warehouse, state)
    deals, archived = warehouse.tables["deals"], warehouse.tables["deals_archived"]
    assert changed["deals"]["deleted"]
    assert all((deals.get(n) or archived[n])["is_deleted"] for n in changed["deals"]["deleted"])
    for number in changed["deals"]["archived"]:
        assert archived[number]["is_archived"]
    # A deleted person disappears from the list without a trace.
    assert all(
        not warehouse.tables["persons"][n]["is_deleted"] for n in changed["persons"]["deleted"]
    )


def test_a_full_refresh_finds_a_deal_archived_without_a_new_time(
    start: Start,
) -> None:
    box = start(scale=0.3, clock=CLOCK, rate_limit=1_000_000, archive_moves_update_time=False)
    warehouse = Warehouse()
    state = sync(box, warehouse)
    box.control("clock", {"advance_seconds": 3600})
    changed = box.control("mutate", {"seed": 4, "objects": ["deals", "leads"], "archives": 10})
    box.control("clock", {"advance_seconds": 60})
    sync(box, warehouse, state)
    lost = set(changed["deals"]["archived"]) - set(warehouse.tables["deals_archived"])
    assert lost  # the contract offers no way to request them
    refreshed = box.read("deals_archived", "leads_archived", mode="full_refresh")
    warehouse.load(refreshed.messages)
    assert_exact(box, warehouse)


@pytest.mark.parametrize("name", ["deals", "notes"])
def test_five_thousand_records_of_one_second(start: Start, name: str) -> None:
    box = start(scale=6 if name == "notes" else 2.6, clock=CLOCK, rate_limit=1_000_000)
    piled = box.control("bulk-update", {"name": name, "count": 5_000, "at": "2026-11-20T12:00:00Z"})
    assert piled > 4_500
    warehouse = Warehouse()
    outcome = box.read(name, config=box.config(num_workers=4))
    box.control("clock", {"advance_seconds": 120})
    warehouse.load(outcome.messages)
    warehouse.load(box.read(name, state=outcome.state).messages)
    assert warehouse.tables[name] == listed(box, name)


def test_a_change_in_the_second_of_the_upper_bound(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    warehouse = Warehouse()
    changed = box.control("mutate", {"seed": 1, "edits": 30})
    state = sync(box, warehouse)
    box.control("mutate", {"seed": 2, "edits": 30})
    assert changed
    box.control("clock", {"advance_seconds": 1})
    sync(box, warehouse, state)
    assert_exact(box, warehouse)


@pytest.mark.parametrize("nulls", ["first", "last"])
@pytest.mark.parametrize("bounded", [True, False])
def test_records_without_a_time(start: Start, nulls: str, bounded: bool) -> None:
    box = start(
        scale=1,
        clock=CLOCK,
        rate_limit=1_000_000,
        null_update_times=12,
        nulls=nulls,
        bounded_returns_nulls=bounded,
        churn=4,
        tick=1,
    )
    warehouse = Warehouse()
    sync_until_exact(box, warehouse)


@pytest.mark.parametrize("sorting", ["none", "first"])
@pytest.mark.parametrize("everything", [True, False])
def test_lists_that_ignore_their_sort(start: Start, sorting: str, everything: bool) -> None:
    """A sync once read 100 of 1,000 files and was complete."""
    names = ("deals", "persons", "activities", "notes", "leads", "leads_archived", "files")
    box = start(scale=1, clock=CLOCK, rate_limit=1_000_000, sorting=sorting)
    box.control("clock", {"advance_seconds": 5})
    history = {"mode": "all"} if everything else {"mode": "start_date", "start_date": "2026-06-01"}
    config = box.config(history=history)
    warehouse = Warehouse()
    first = box.read(*names, config=config)
    assert first.code == 0, first.sentence()
    warned = [log for log in first.logs if "does not sort this list" in log]
    assert bool(warned) == (sorting == "none")
    warehouse.load(first.messages)
    box.control("mutate", {"seed": 1, "edits": 30, "adds": 10})
    box.control("clock", {"advance_seconds": 120})
    warehouse.load(box.read(*names, config=config, state=first.state).messages)
    for name in names:
        truth = listed(box, name)
        if not everything and name != "persons":
            truth = {k: v for k, v in truth.items() if str(v["update_time"]) >= "2026-06-01"}
        assert truth.items() <= warehouse.tables[name].items(), name


@pytest.mark.parametrize("off", [-600, 600])
def test_a_clock_that_is_ten_minutes_off(start: Start, off: int) -> None:
    """The sandbox's clock represents Pipedrive's; the machine's own does not matter."""
    server = datetime.now(UTC) + timedelta(seconds=off)
    clock = server.strftime("%Y-%m-%dT%H:%M:%SZ")
    box = start(scale=0.3, clock=clock, rate_limit=1_000_000, churn=3, tick=1)
    warehouse = Warehouse()
    sync_until_exact(box, warehouse)


def test_a_leap_day(start: Start) -> None:
    box = start(scale=0.3, clock="2028-02-29T23:59:58Z", rate_limit=1_000_000, churn=3, tick=1)
    year = {"mode": "duration", "duration": "1 year"}
    outcome = box.read("deals", "persons", config=box.config(history=year))
    assert outcome.code == 0
    assert any("2027-02-28T00:00:00Z" in log for log in outcome.logs)
    warehouse = Warehouse()
    sync_until_exact(box, warehouse)
