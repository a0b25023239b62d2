"""Child streams of deals, persons, roles, ...: complete, without duplicates, for few tokens."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import duckdb
import pytest

from integration_tests import program
from integration_tests.conftest import Box, Start
from integration_tests.program import Message, Outcome
from integration_tests.test_kills import killed_fork, latest
from integration_tests.warehouse import Warehouse, covered
from source_pipedrive.reading.instants import instant
from source_pipedrive.streams import STREAMS

CLOCK = "2026-11-23T10:00:00Z"
PER_DEAL = (
    "deal_participants",
    "deal_followers",
    "deal_followers_changelog",
    "deal_changelog",
    "deal_discounts",
)
BULK = ("deal_products", "deal_installments", "subscriptions")
# Reported by month, or not in the sandbox's own listing.
UNTOLD = (
    "goal_results",
    "pipeline_conversion_statistics",
    "pipeline_movement_statistics",
    "mail_message_bodies",
    "role_pipelines",
    "project_phases",
    "user_permissions",
)
IN_FORCE = """
SELECT p.* FROM deal_products p
JOIN deals d ON d.id = p.deal_id AND d.update_time = p.deal_update_time
"""


def tokens(box: Box) -> int:
    return sum(of["tokens"] for of in box.control("ledger").values())


def requests(box: Box, end: str) -> int:
    return sum(request["path"].endswith(end) for request in box.control("requests"))


def by_parent(box: Box, stream: str) -> dict[str, list[Any]]:
    """{the parent's id: its rows}, as the API lists them now."""
    found: dict[str, list[Any]] = box.control(f"records-by-parent/{stream}")
    return found


@pytest.fixture(scope="module")
def company(start: Start) -> Box:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, goal_periods="inside")
    box.control("clock", {"advance_seconds": 120})
    return box


@pytest.fixture(scope="module")
def everything(company: Box) -> Outcome:
    return company.read(*STREAMS)


def test_every_stream_is_complete_and_has_records(everything: Outcome) -> None:
    assert everything.code == 0, everything.errors
    for name in STREAMS:
        expected = ["STARTED", "RUNNING", "COMPLETE"]
        if name == "global_messages":
            expected.remove("RUNNING")
        assert everything.statuses(name) == expected, name


@pytest.mark.parametrize("name", [n for n, row in STREAMS.items() if row.child])
def test_every_row_of_every_parent_arrives_once(
    company: Box, everything: Outcome, name: str
) -> None:
    records = everything.records(name)
    keys = [tuple(record[part] for part in STREAMS[name].key) for record in records]
    assert len(keys) == len(set(keys)) > 0
    if name in UNTOLD:
        return
    child = STREAMS[name].child
    assert child is not None
    listed = {parent: len(rows) for parent, rows in by_parent(company, name).items() if rows}
    found: dict[str, int] = {}
    for record in records:
        parent = str(record[child.key])
        found[parent] = found.get(parent, 0) + 1
    assert found == listed


def test_the_list_of_deals_is_read_once_for_all_child_streams(company: Box) -> None:
    company.control("reset-ledger", {})
    outcome = company.read("deals", *BULK, *PER_DEAL)
    assert outcome.code == 0
    assert requests(company, "v2/deals") == requests(company, "v2/deals/archived") == 1
    subscriptions = company.control("ledger")
    alone = company.read("subscriptions")
    assert sorted(map(str, alone.records("subscriptions"))) == sorted(
        map(str, outcome.records("subscriptions"))
    )
    assert {"deal_products", "deal_installments"} <= subscriptions.keys()
    assert not alone.records("deal_products"), "streams that are not selected have no records"


def test_ten_thousand_deals_cost_little_and_changes_less(start: Start) -> None:
    """Their products would cost 100,000 tokens, one deal at a time."""
    box = start(scale=5, clock=CLOCK, rate_limit=1_000_000)
    box.control("clock", {"advance_seconds": 120})
    box.control("reset-ledger", {})
    first = box.read("deal_products")
    assert first.code == 0
    assert len(by_parent(box, "deal_products")) > 6_000
    assert tokens(box) - 2 * 20 <= 1_300  # without the cost of discover
    box.control("clock", {"advance_seconds": 3600})
    box.control("mutate", {"seed": 1, "objects": ["deals"], "edits": 100, "adds": 0, "deletes": 0})
    box.control("clock", {"advance_seconds": 120})
    streams = box.streams()
    box.control("reset-ledger", {})
    catalog = box.file(program.catalog_of(streams, "deal_products"))
    state = box.file(first.state)
    later = box.run("read", None, "--catalog", catalog, "--state", state)
    assert later.records("deal_products")
    assert tokens(box) <= 60


def loaded(*outcomes: Outcome) -> Any:
    """DuckDB with the tables deals and deal_products, deduplicated as a destination does."""
    warehouse = Warehouse()
    for outcome in outcomes:
        warehouse.load(outcome.messages)
    connection = duckdb.connect()
    connection.execute("CREATE TABLE deals (id BIGINT, update_time VARCHAR)")
    connection.execute(
        "CREATE TABLE deal_products (deal_id BIGINT, id BIGINT, deal_update_time VARCHAR)"
    )
    for name, columns in (
        ("deals", ("id", "update_time")),
        ("deal_products", ("deal_id", "id", "deal_update_time")),
    ):
        rows = [[r[c] for c in columns] for r in warehouse.tables[name].values()]
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    return connection


def test_a_removed_product_disappears_even_a_deals_last(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    box.control("clock", {"advance_seconds": 120})
    outcomes = [box.read("deals", "deal_products")]
    had: set[str] = set()
    for day in range(1, 20):
        had |= set(by_parent(box, "deal_products"))
        if day > 3 and had - set(by_parent(box, "deal_products")):
            break
        box.control("clock", {"advance_seconds": 86_400})
        work = {"objects": ["deals"], "edit_kinds": ["products"], "edits": 90, "adds": 2}
        box.control("mutate", {"seed": day, "deletes": 0, "archives": 0, **work})
        box.control("clock", {"advance_seconds": 120})
        outcomes.append(box.read("deals", "deal_products", state=outcomes[-1].state))
    after = by_parent(box, "deal_products")
    assert had - set(after), "no deal lost its last product"
    with loaded(*outcomes) as connection:
        found = connection.execute(f"SELECT deal_id, id FROM ({IN_FORCE})").fetchall()
        every = connection.execute("SELECT count(*) FROM deal_products").fetchall()[0][0]
    archived = {r["id"] for o in outcomes for r in o.records("deals_archived")}
    expected = {(int(d), row["id"]) for d, rows in after.items() for row in rows}
    live = {r["id"] for o in outcomes for r in o.records("deals")}
    assert set(found) == {(d, id_) for d, id_ in expected if d in live - archived}
    assert len(found) < every


def test_a_changed_deals_changelog_is_complete_and_its_history_correct(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    box.control("clock", {"advance_seconds": 120})
    names = ("deal_changelog", "deal_stage_history", "deals")
    first = box.read(*names)
    box.control("clock", {"advance_seconds": 86_400})
    work = {"objects": ["deals"], "edit_kinds": ["stage", "status"], "edits": 60, "adds": 5}
    box.control("mutate", {"seed": 1, "deletes": 0, "archives": 0, **work})
    box.control("clock", {"advance_seconds": 120})
    later = box.read(*names, state=first.state)
    warehouse = Warehouse()
    warehouse.load(first.messages)
    warehouse.load(later.messages)
    changed = {r["deal_id"] for r in later.records("deal_changelog")}
    for deal, rows in by_parent(box, "deal_changelog").items():
        if int(deal) in changed:
            came = [r for r in later.records("deal_changelog") if r["deal_id"] == int(deal)]
            assert len(came) == len(rows)
    listed = sum(len(rows) for rows in by_parent(box, "deal_changelog").values())
    assert len(warehouse.tables["deal_changelog"]) == listed
    stays: dict[int, list[Any]] = {}
    for stay in warehouse.tables["deal_stage_history"].values():
        stays.setdefault(stay["deal_id"], []).append(stay)
    checked = 0
    for deal in warehouse.tables["deals"].values():
        if deal["is_deleted"] or deal["id"] not in stays:
            continue
        mine = sorted(stays[deal["id"]], key=lambda stay: stay["number"])
        assert [stay["number"] for stay in mine] == list(range(1, len(mine) + 1))
        for stay, following in pairwise(mine):
            assert stay["entered_time"] <= stay["left_time"] <= following["entered_time"]
        if deal["status"] == "open":
            assert mine[-1].get("left_time") is None
            place = mine[-1]["stage_id"], mine[-1]["pipeline_id"]
            assert place == (deal["stage_id"], deal["pipeline_id"])
            checked += 1
        else:
            assert mine[-1]["seconds"] >= 0
    assert checked > 50


STAY = ("stage_id", "pipeline_id", "entered_time", "left_time")


def stays_of(*outcomes: Outcome) -> dict[str, list[dict[str, Any]]]:
    """{id of the deal: its stays}, as a warehouse has them after these syncs."""
    warehouse = Warehouse()
    for outcome in outcomes:
        warehouse.load(outcome.messages)
    found: dict[str, list[dict[str, Any]]] = {}
    for key in sorted(warehouse.tables["deal_stage_history"]):
        stay = warehouse.tables["deal_stage_history"][key]
        found.setdefault(str(stay["deal_id"]), []).append({n: stay.get(n) for n in STAY})
    return found


@pytest.mark.parametrize("named", ["present", "absent"])
def test_the_stage_history_is_correct(start: Start, named: str) -> None:
    """Whether or not the changelog includes changes of the pipeline."""
    box = start(scale=0.3, clock=CLOCK, rate_limit=1_000_000, changelog_pipelines=named)
    box.control("clock", {"advance_seconds": 120})
    first = box.read("deal_stage_history")
    truth = box.control("stage-history")
    assert stays_of(first) == {deal: stays for deal, stays in truth.items() if stays}
    moves = [pair for stays in truth.values() for pair in pairwise(stays)]
    assert any(a["entered_time"] == a["left_time"] for a, _ in moves), "no two moves in one second"
    assert any(a["pipeline_id"] != b["pipeline_id"] for a, b in moves)
    box.control("clock", {"advance_seconds": 86_400})
    for seed in range(4):
        work = {"objects": ["deals"], "edit_kinds": ["stage", "stage", "status"], "edits": 200}
        box.control("mutate", {"seed": seed, "deletes": 0, "archives": 3, "adds": 3, **work})
    box.control("clock", {"advance_seconds": 120})
    later = box.read("deal_stage_history", state=first.state)
    truth = box.control("stage-history")
    assert stays_of(first, later) == {deal: stays for deal, stays in truth.items() if stays}


@pytest.mark.parametrize("named", ["present", "absent"])
def test_an_unknown_pipeline_is_null_and_never_wrong(start: Start, named: str) -> None:
    box = start(scale=0.3, clock=CLOCK, rate_limit=1_000_000, changelog_pipelines=named)
    box.control("clock", {"advance_seconds": 120})
    box.control("fail-next", [{"path_contains": "/stages", "status": 403, "times": 9}])
    outcome = box.read("deal_stage_history")
    assert outcome.code == 0
    assert len([log for log in outcome.logs if "without the list of stages" in log]) == 1
    truth, found = box.control("stage-history"), stays_of(outcome)
    known = 0
    for deal, stays in found.items():
        for stay, true in zip(stays, truth[deal], strict=True):
            assert stay in (true, {**true, "pipeline_id": None})
            known += stay["pipeline_id"] is not None
    assert known > len(found) / 2


@pytest.mark.parametrize("seed", range(4))
def test_no_kill_lets_a_state_cover_a_parent_without_its_rows(start: Start, seed: int) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, null_update_times=5)
    box.control("clock", {"advance_seconds": 120})
    names = ("deal_products", "deal_participants", "deal_changelog", "person_followers", "persons")
    catalog = box.file(program.catalog_of(box.streams(), *names))
    chance = random.Random(seed)
    warehouse, state = Warehouse(), dict[str, Message]()
    for _ in range(6):
        config = box.file(box.config(num_workers=chance.choice([1, 2, 4, 8])))
        arguments = ["read", "--config", config, "--catalog", catalog]
        if state:
            arguments += ["--state", box.file(list(state.values()))]
        outcome, _ = killed_fork(arguments, chance.randrange(1_000, 500_000))
        state = latest(state, outcome)
        warehouse.load(outcome.messages)
        for name in names:
            if name in state:
                blob = state[name]["stream"]["stream_state"]
                _holds(box, name, blob, warehouse)
    warehouse.load(box.read(*names, state=list(state.values())).messages)
    for name in names[:-1]:
        child = STREAMS[name].child
        assert child is not None
        found: dict[str, int] = {}
        for record in warehouse.tables[name].values():
            found[str(record[child.key])] = found.get(str(record[child.key]), 0) + 1
        assert found == {p: len(rows) for p, rows in by_parent(box, name).items() if rows}, name


def _holds(box: Box, name: str, blob: Message, warehouse: Warehouse) -> None:
    """Check that every parent whose time the state covers has all its rows in the warehouse."""
    row = STREAMS[name]
    if row.child is None or "version" not in blob:
        return
    rows = by_parent(box, name)
    for root in row.roots:
        parts = blob.get("parents", {}).get(root)
        if parts is None:
            spans = covered(name, blob)
        else:
            spans = [(instant(start), instant(end)) for start, end in parts]
        for parent in box.control(f"records/{root}"):
            time = parent["update_time"]
            if time and any(start <= instant(time) < end for start, end in spans):
                held = [
                    r for r in warehouse.tables[name].values() if r[row.child.key] == parent["id"]
                ]
                assert len(held) == len(rows.get(str(parent["id"]), [])), (name, parent["id"])


def test_a_read_over_budget_resumes_in_the_next_sync(start: Start) -> None:
    """Short syncs read the changelogs of all deals, and repeat at most the deals of a page."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    box.control("clock", {"advance_seconds": 120})
    warehouse, state, syncs = Warehouse(), None, 0
    config = box.config(daily_token_budget=1_500, num_workers=2)
    while True:
        outcome = box.read("deal_changelog", config=config, state=state)
        warehouse.load(outcome.messages)
        state, syncs = outcome.state or state, syncs + 1
        if outcome.code == 0:
            break
        assert syncs < 12
    asked = [r["path"] for r in box.control("requests") if r["path"].endswith("/changelog")]
    listed = sum(len(rows) for rows in by_parent(box, "deal_changelog").values())
    assert len(warehouse.tables["deal_changelog"]) == listed
    assert syncs >= 3
    assert len(asked) - len(set(asked)) <= 2 * syncs, "more than one page per worker was read twice"


@pytest.mark.parametrize("answer", ["402", "403"])
def test_a_stream_missing_from_the_plan_is_empty_with_a_log_line(start: Start, answer: str) -> None:
    box = start(scale=0.05, rate_limit=100_000, projects_plan=answer, installments=answer)
    discovered = box.run("discover", box.config(custom_fields="columns_and_raw"))
    assert discovered.code == 0, "no company without the add-on could be set up"
    assert not [log for log in discovered.of("LOG") if log["level"] == "WARN"]
    projects = [n for n in STREAMS if n.startswith("project")] + ["tasks"]
    outcome = box.read(*projects, "deal_installments", "subscriptions", "deleted_records")
    assert outcome.code == 0, outcome.errors
    for name in (*projects, "deal_installments"):
        assert outcome.statuses(name) == ["STARTED", "COMPLETE"], name
    for name in ("projects", "tasks", "deal_installments"):
        lines = [log for log in outcome.logs if log.startswith(f"{name}: ")]
        absent = [log for log in lines if log.endswith("Empty; safe to deselect.")]
        assert len(absent) == 1, lines
    assert {r["kind"] for r in outcome.records("subscriptions")} == {"recurring"}
    assert outcome.records("deleted_records")


def test_all_installments_are_read_if_the_response_reports_no_more(start: Start) -> None:
    box = start(scale=1, clock=CLOCK, rate_limit=100_000, installments_pagination="absent")
    box.control("clock", {"advance_seconds": 120})
    outcome = box.read("deal_installments")
    expected = {row["id"] for rows in by_parent(box, "deal_installments").values() for row in rows}
    assert {record["id"] for record in outcome.records("deal_installments")} == expected


@pytest.mark.parametrize("form", ["record", "null", "both"])
def test_deleted_records_are_reported_in_either_form(start: Start, form: str) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000, recents_deleted=form)
    box.control("clock", {"advance_seconds": 120})
    first = box.read("deleted_records")
    box.control("clock", {"advance_seconds": 3600})
    objects = ["deals", "persons", "organizations", "activities", "notes", "files"]
    changes = box.control(
        "mutate", {"seed": 3, "objects": objects, "edits": 20, "deletes": 24, "archives": 0}
    )
    box.control("clock", {"advance_seconds": 120})
    later = box.read("deleted_records", state=first.state)
    found = {(record["object"], record["id"]) for record in later.records("deleted_records")}
    deleted = {(n, str(i)) for n, kinds in changes.items() for i in kinds.get("deleted", [])}
    assert deleted
    assert deleted <= found
    edited = {(n, str(i)) for n, kinds in changes.items() for i in kinds.get("edited", [])}
    assert not (edited - deleted) & found
    box.control("clock", {"advance_seconds": 40 * 86_400})
    late = box.read("deleted_records", state=later.state)
    assert any("more than a month ago" in log["message"] for log in late.of("LOG"))


def test_the_passwords_of_webhooks_are_never_written(everything: Outcome, company: Box) -> None:
    assert company.control("records/webhooks")[0]["http_auth_password"]
    for record in everything.records("webhooks"):
        assert not {"http_auth_user", "http_auth_password"} & record.keys()
    assert b"hook-secret" not in everything.output
    assert b"hook-user" not in everything.output


def test_an_expensive_read_is_announced(everything: Outcome) -> None:
    begun, price = [log for log in everything.logs if log.startswith("deal_changelog: ")][:2]
    assert begun == "deal_changelog: reading everything."
    assert "deals x 20 tokens = " in price
