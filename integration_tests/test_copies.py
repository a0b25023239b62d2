"""What an audit reads repairs the tables, if the user wants that."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests import program
from integration_tests.conftest import Box, Start
from integration_tests.program import Outcome
from integration_tests.test_audit import CLOCK, DAY, VERIFY, change, some
from source_pipedrive.streams import STREAMS

# Lists that an audit reads, with their archives.
TABLES = (
    *("deals", "deals_archived", "persons", "organizations", "products", "activities", "notes"),
    *("files", "leads", "leads_archived", "projects", "projects_archived", "tasks"),
)
RENAMED = tuple(name for name in TABLES if not name.endswith("_archived"))
# Requested when the first record of a list is written.
DEFINITIONS = {name for name in STREAMS if name.endswith("_fields")} | {"lead_labels"}
Table = dict[str, dict[Any, Any]]


def sync(
    box: Box, state: Any = None, merge: bool = True, removes: bool = False, **changes: Any
) -> Outcome:
    """A sync of the tables with an audit, into a destination that merges, or one that appends."""
    streams = box.run("discover", box.config(remove_deleted=removes)).of("CATALOG")[0]["streams"]
    catalog = program.catalog_of(streams, *TABLES, "deal_products", "deleted_records")
    for each in catalog["streams"]:
        each["destination_sync_mode"] = "append_dedup" if merge else "append"
    audit = {**VERIFY, "share_of_day": 100, **changes}
    config = box.config(custom_fields="columns_and_raw", labels=True, find_deleted_records=audit)
    config["remove_deleted"] = removes
    more = ["--state", box.file(state)] if state is not None else []
    outcome = box.run("read", config, "--catalog", box.file(catalog), *more)
    assert outcome.code == 0, outcome.sentence()
    return outcome


def merged(*outcomes: Outcome) -> Table:
    """The tables after these syncs: for each key the newest cursor, of equal ones the later."""
    tables: Table = {name: {} for name in TABLES}
    for outcome in outcomes:
        for name, table in tables.items():
            for row in outcome.records(name):
                old = table.get(row["id"])
                if old is None or (row.get("update_time") or "") >= (old.get("update_time") or ""):
                    table[row["id"]] = row
    return tables


def changed_unnoticed(box: Box) -> dict[str, list[Any]]:
    """Renames two records of each list without a new update time. Returns their ids."""
    ids = {name: some(box, name, 2) for name in RENAMED}
    for name, each in ids.items():
        change(box, "rename", name, each)
    archived = some(box, "deals_archived", 1, skip=0)
    change(box, "rename", "deals", archived)
    return {**ids, "deals_archived": archived}


@pytest.fixture(scope="module")
def first(start: Start) -> tuple[Box, Outcome]:
    """A sandbox after its first sync, before records changed unnoticed."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, daily_tokens=1_000_000, page_limit=40)
    return box, sync(box, write_again=True)


def test_the_next_pass_repairs_what_changed_without_moving_its_time(
    first: tuple[Box, Outcome],
) -> None:
    box, before = first
    ids = changed_unnoticed(box)
    box.control("clock", {"advance_seconds": 7 * DAY})
    truth = merged(sync(box))
    plain, cost = charged(box, before)
    repaired, cost_of_repair = charged(box, before, write_again=True)
    for name, each in ids.items():
        stale = wrong(merged(before, plain)[name], truth[name])
        assert stale == {*each}, f"{name}: an ordinary sync would have seen it anyway"
        assert not wrong(merged(before, repaired)[name], truth[name]), name
    assert repaired.records("deal_products") == plain.records("deal_products") == []
    more = {name: tokens - cost.get(name, 0) for name, tokens in cost_of_repair.items()}
    assert {name for name, tokens in more.items() if tokens} <= DEFINITIONS, "nothing else"
    # The states claim the same.
    assert [s for s in states(plain) if "audit" not in s] == [
        s for s in states(repaired) if "audit" not in s
    ]


def wrong(table: dict[Any, Any], truth: dict[Any, Any]) -> set[Any]:
    """The ids of existing records whose row is not as a sync from scratch writes it."""
    return {id_ for id_, row in truth.items() if table.get(id_) != row}


def charged(box: Box, before: Outcome, **changes: Any) -> tuple[Outcome, dict[str, int]]:
    """A sync, and its tokens by object."""
    box.control("reset-ledger", {})
    outcome = sync(box, before.state, **changes)
    return outcome, {name: each["tokens"] for name, each in box.control("ledger").items()}


def states(outcome: Outcome) -> list[str]:
    return sorted(str(each["stream"]) for each in outcome.state)


def test_each_stream_is_open_until_its_last_copy(first: tuple[Box, Outcome]) -> None:
    box, before = first
    box.control("clock", {"advance_seconds": 7 * DAY})
    outcome = sync(box, before.state, write_again=True)
    ended: set[str] = set()
    counts = dict.fromkeys(TABLES, 0)
    for message in outcome.messages:
        if message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
            status = message["trace"]["stream_status"]
            if status["status"] in ("COMPLETE", "INCOMPLETE"):
                ended.add(status["stream_descriptor"]["name"])
        elif message["type"] == "RECORD":
            assert message["record"]["stream"] not in ended
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            if name in counts:
                counts[name] += int(message["state"]["sourceStats"]["recordCount"])
    assert ended >= {*TABLES}
    assert counts == {name: len(outcome.records(name)) for name in TABLES}, "states count them"


def test_a_table_that_keeps_every_version_does_not_grow(first: tuple[Box, Outcome]) -> None:
    box, before = first
    box.control("clock", {"advance_seconds": 7 * DAY})
    outcome = sync(box, before.state, merge=False, write_again=True)
    assert all(len(outcome.records(name)) < len(before.records(name)) / 2 for name in RENAMED)


def test_a_first_sync_writes_nothing_twice(first: tuple[Box, Outcome]) -> None:
    _, before = first
    for name in TABLES:
        ids = [row["id"] for row in before.records(name)]
        assert len(ids) == len({*ids}), name


def test_what_is_gone_stays_gone(start: Start) -> None:
    """Copies and tombstones of one sync: a row is repaired, or removed, and never both."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, daily_tokens=1_000_000, page_limit=40)
    outcomes = [sync(box, removes=True, write_again=True)]
    for _ in range(2):
        changed_unnoticed(box)
        for name in RENAMED:
            change(box, "purge", name, some(box, name, 1, skip=6))
        box.control("mutate", {"archives": 6, "unarchives": 2, "deletes": 8, "edits": 8})
        box.control("clock", {"advance_seconds": 7 * DAY})
        outcomes.append(sync(box, outcomes[-1].state, removes=True, write_again=True))
        truth, tables = live(merged(sync(box, removes=True))), live(merged(*outcomes))
        for name in TABLES:
            assert {*tables[name]} == {*truth[name]}, name
            assert tables[name] == truth[name], name


def live(tables: Table) -> Table:
    """The rows that a destination keeps."""
    return {
        name: {id_: row for id_, row in table.items() if not row.get("_ab_cdc_deleted_at")}
        for name, table in tables.items()
    }
