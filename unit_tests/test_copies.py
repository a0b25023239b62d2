"""Records that an audit writes again: where, when, and that no state rests on them."""

from __future__ import annotations

from threading import RLock
from typing import Any

import pytest
from airbyte_cdk.models import DestinationSyncMode, SyncMode
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager

from source_pipedrive.config.parsing import parse
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.audit.walks import walk_of
from source_pipedrive.reading.batch import Batch, Copies
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.source import audit_settings, select
from source_pipedrive.stream.audited import AUDITED, WHOLE
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.copies import CopyWriter
from source_pipedrive.sync.held_output import HeldOutput
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.output import WriteBuffer
from source_pipedrive.sync.selection import Selection
from unit_tests.deals import Deals
from unit_tests.fakes import FakeClient, v2_list
from unit_tests.single import LOWER, UNTIL
from unit_tests.test_config import with_token
from unit_tests.test_removing import APPEND, DEDUP, OVERWRITE, configured
from unit_tests.turns import records_of, run_of, states_of, status_of

INCREMENTAL, FULL = SyncMode.incremental, SyncMode.full_refresh
VERIFY = {"mode": "verify", "write_again": True}
Record = dict[str, Any]
LISTS = [
    pytest.param(stream, id=stream.endpoint.path)
    for audited in AUDITED
    if not audited.of_deals
    for stream in audited.lists
]


def takers() -> dict[str, Any]:
    return {stream.endpoint.path: stream for stream in STREAMS.values()}


# -- which streams


@pytest.mark.parametrize(
    ("name", "mode", "destination", "again", "takes"),
    [
        ("deals", INCREMENTAL, DEDUP, True, True),
        ("deals_archived", INCREMENTAL, DEDUP, True, True),
        ("tasks", INCREMENTAL, OVERWRITE, True, True),  # PyAirbyte's, which merges
        ("deals", INCREMENTAL, DEDUP, False, False),
        ("deals", INCREMENTAL, APPEND, True, False),
        ("deals", FULL, OVERWRITE, True, False),
        ("deal_products", INCREMENTAL, DEDUP, True, False),  # its rows need columns of the deal
        ("users", INCREMENTAL, DEDUP, True, False),  # read whole in every sync
    ],
)
def test_only_tables_that_merge_take_copies(
    name: str, mode: SyncMode, destination: DestinationSyncMode, again: bool, takes: bool
) -> None:
    states = ConnectorStateManager([])
    selection = select(configured(name, mode, destination), states, again=again)
    assert selection.takes_copies is takes


def test_a_stream_that_no_sync_has_read_needs_no_repair() -> None:
    config = parse(with_token(find_deleted_records=VERIFY))
    new, known = (
        Selection(STREAMS[name], state, False, takes_copies=True)
        for name, state in (("deals", {}), ("persons", {"version": 1}))
    )
    auditor = Selection(STREAMS["deleted_records"], {}, False)
    settings = audit_settings(config, [new, known, auditor])
    assert settings is not None
    assert settings.takers == {"persons": STREAMS["persons"]}


def test_the_setting_is_off_unless_set() -> None:
    found = parse(with_token(find_deleted_records={"mode": "verify"})).find_deleted_records
    assert found.write_again is False  # type: ignore[union-attr]


def test_every_taker_hears_when_the_audit_has_ended() -> None:
    """A stream that takes tombstones, too, waits for deleted_records only if that sends them."""
    assert {takers()[path].incremental.deleted_as for path in WHOLE} == {
        each.name for each in AUDITED if not each.of_deals
    }


# -- which requests


@pytest.mark.parametrize("stream", LISTS)
def test_a_list_is_requested_with_its_takers_fields(stream: Any) -> None:
    taker = takers()[stream.endpoint.path]
    taken = AuditSettings(takers=takers()).as_taken(stream)
    asked = dict(taken.endpoint.params)
    assert "status" not in asked, "deleted records would look alive"
    assert asked == {k: v for k, v in taker.endpoint.params.items() if k != "status"}
    assert taken.endpoint.optional_fields == taker.endpoint.optional_fields
    assert (taken.endpoint.cost, taken.name) == (stream.endpoint.cost, stream.name)
    assert AuditSettings().as_taken(stream) == stream


# -- when they leave


@pytest.mark.parametrize("name", ["persons", "tasks"])
def test_a_page_leaves_before_it_counts_as_read(name: str) -> None:
    """A state may follow at any moment, and must not claim that a page was read that is lost."""
    records = [{"id": n, "update_time": f"2026-11-{1 + n:02}T08:00:00Z"} for n in range(20)]
    (stream,) = next(each.lists for each in AUDITED if each.name == name)
    seen: list[Record] = []
    client = FakeClient(v2_list(records, limit=6))
    walk = walk_of(stream, client, RLock(), seen.extend, UNTIL, None)
    before, written = walk.dump(), 0
    for page in walk.take(1) or ():
        if page is None:
            assert len(seen) == written
            before = walk.dump()
        else:
            assert len(seen) == written
            assert walk.dump() == before
            written += len(page)
    assert walk.complete
    assert written == 20


def deal(id_: int, time: int | None) -> Record:
    return {"id": id_, "update_time": None if time is None else rfc3339(time)}


def drained(run: Any, *steps: Copies) -> list[Any]:
    auditor = next(each for each in run.runs if each.stream.name == "deleted_records")
    for step in steps:
        for _ in auditor.carry_out(step):
            pass
    return list(run.buffer.drain())


def test_copies_reach_as_far_back_as_the_history() -> None:
    company = Deals({"deals": [], "deals/archived": []}, page=2)
    run = run_of(company, "deals", "deleted_records", lower=LOWER, copied=["deals"])
    run.buffer.open()
    copies = [deal(1, LOWER - 1), deal(2, LOWER), deal(3, None), deal(4, UNTIL + 5)]
    messages = drained(run, Copies("deals", copies))
    assert [record["id"] for record in records_of(messages, "deals")] == [2, 3, 4]
    assert not states_of(messages, "deals")


def test_copies_count_for_states_but_not_as_records_that_were_read() -> None:
    company = Deals({"deals": [], "deals/archived": []}, page=2)
    run = run_of(company, "deals", "deleted_records", copied=["deals"])
    run.buffer.open()
    (deals, auditor) = run.runs
    task = deals.take()
    for step in task:
        for _ in deals.carry_out(step):
            pass
    deals.end()
    run.buffer.drain()
    messages = drained(run, Copies("deals", [deal(1, UNTIL - 5)]))
    assert status_of(messages, "deals") == "RUNNING", "it is still open"
    run._end(auditor)
    messages = list(run.buffer.drain())
    assert status_of(messages, "deals") == "COMPLETE"
    (state,) = [m.state for m in messages if m.state and "deals" in str(m.state.stream)][:1]
    assert state.sourceStats.recordCount == 1
    assert deals.output.records == 0


def output(buffer: WriteBuffer[Any]) -> HeldOutput[Any]:
    selected = [
        Selection(STREAMS["deals"], {}, False, takes_copies=True),
        Selection(STREAMS["deleted_records"], {}, False),
    ]
    writer = CopyWriter(selected, AsMessages(), buffer)
    found = writer.output_of(STREAMS["deals"])
    assert found is not None
    return found


def test_a_copy_that_comes_too_late_gives_its_slot_back() -> None:
    """From a worker that nobody waits for any more; the writer would wait for a page."""
    buffer: WriteBuffer[Any] = WriteBuffer(5)
    deals = output(buffer)
    rendered = deals.render([deal(1, UNTIL)])
    assert deals.copies(rendered, 1)
    assert not deals.copies([], 0)
    deals.ended(None)
    assert deals.copies(rendered, 1), "the audit has not ended"
    deals.let_go("deleted_records")
    assert not deals.copies(rendered, 1)
    messages = buffer.drain()
    assert len(records_of(messages, "deals")) == 2
    assert status_of(messages, "deals") == "COMPLETE"


def test_no_dependent_receives_a_copy() -> None:
    company = Deals({"deals": [], "deals/archived": []}, page=2)
    run = run_of(company, "deals", "deal_changelog", "deleted_records", copied=["deals"])
    run.buffer.open()
    drained(run, Copies("deals", [deal(1, UNTIL - 5)]))
    deals, changelog, _ = run.runs
    assert changelog.take() is None
    for _ in deals.carry_out(Batch([deal(1, UNTIL - 5)])):
        pass
    assert changelog.take() is not None, "a record that changed is handed on"
