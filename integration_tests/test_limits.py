"""Limits: fast up to them, never beyond, and a sync that a budget stops continues next time."""

from __future__ import annotations

import re
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.warehouse import INCREMENTAL, Warehouse, follows_the_protocol, listed

CLOCK = "2026-11-01T10:00:00Z"
DAY = 86_400


def spent(box: Box) -> dict[str, int]:
    """{"requests", "tokens", "refused"}: the totals since the last call."""
    ledger = box.control("ledger")
    box.control("reset-ledger", {})
    return {
        key: sum(of[key] for of in ledger.values()) for key in ("requests", "tokens", "refused")
    }


@pytest.mark.parametrize(("rate", "rows"), [(20, 40), (80, 14), (160, 8), (480, 5)])
def test_the_burst_limit_of_no_account_is_exceeded(start: Start, rate: int, rows: int) -> None:
    """Small pages, as fast as the account allows; `make bench` measures how fast."""
    box = start(scale=1, rate_limit=rate, page_limit=rows)
    outcome = box.read("deals", "persons")
    assert outcome.code == 0
    for name in ("deals", "persons"):
        assert {r["id"] for r in outcome.records(name)} == set(listed(box, name))
    account = spent(box)
    assert account["requests"] > 80
    # A machine that pauses for a quarter of a second may cause one.
    assert account["refused"] <= 1


@pytest.mark.parametrize("rate_headers", [True, False])
def test_another_integration_takes_its_share_and_the_edge_never_blocks(
    start: Start, rate_headers: bool
) -> None:
    box = start(
        scale=1,
        rate_limit=40,
        other_requests=30,
        page_limit=60,
        cloudflare_after=8,
        rate_headers=rate_headers,
    )
    outcome = box.read("deals", "persons", "notes", config=box.config(num_workers=4))
    assert outcome.code == 0, outcome.sentence()
    assert "<email>" not in str(outcome.logs)
    for name in ("deals", "persons"):
        assert {r["id"] for r in outcome.records(name)} == set(listed(box, name))
    assert not [r for r in box.control("requests") if r["status"] == 403]


def test_a_refusal_without_any_header_is_waited_out(start: Start) -> None:
    box = start(rate_headers=False)
    box.control("fail-next", [{"path_contains": "/deals?", "status": 429, "times": 3}])
    outcome = box.read("deals", "persons")
    assert outcome.code == 0
    assert sum("all requests wait" in log for log in outcome.logs) == 3


@pytest.mark.parametrize(
    "account", [{}, {"daily_headers": False}, {"daily_remainder": "kept"}], ids=str
)
def test_a_spent_daily_budget_ends_the_sync_without_a_retry(
    start: Start, account: dict[str, Any]
) -> None:
    box = start(scale=1, daily_tokens=63, **account)
    config = box.config(daily_token_reserve=0, num_workers=3)
    outcome = box.read("deals", "persons", "notes", config=config)
    assert outcome.code == 1
    assert outcome.errors[-1]["failure_type"] == "transient_error"
    assert "daily budget" in outcome.sentence()
    assert "midnight" in outcome.sentence()
    assert spent(box)["refused"] <= 2 * 3


@pytest.mark.parametrize("told", ["before", "after"])
def test_at_the_reserve_a_sync_stops_cleanly(start: Start, told: str) -> None:
    box = start(scale=1, clock=CLOCK, daily_tokens=400, daily_remaining=told)
    config = box.config(daily_token_reserve=70)
    outcome = box.read(*INCREMENTAL, config=config)
    assert outcome.code == 1
    names = [e["stream_descriptor"]["name"] for e in outcome.errors if e.get("stream_descriptor")]
    unfinished = [n for n in INCREMENTAL if outcome.statuses(n)[-1] == "INCOMPLETE"]
    assert sorted(names) == sorted(unfinished) != []
    assert {error["failure_type"] for error in outcome.errors} == {"transient_error"}
    first, *others, last = (error["message"] for error in outcome.errors)
    assert {*others} == {"budget reached"}
    for part in ("of this company's 400 API tokens", "70 % (280)", "This sync has used"):
        assert part in first  # a platform shows the first one
        assert part in last
    account = spent(box)
    assert account["refused"] == 0
    assert 80 <= account["tokens"] <= 120  # 70 % of 400 are kept
    follows_the_protocol(outcome.messages, {n: listed(box, n) for n in INCREMENTAL})
    warned = [log for log in outcome.of("LOG") if log["level"] == "WARN"]
    assert sum("daily_token_reserve" in log["message"] for log in warned) == 1
    ends = [log for log in outcome.logs if log.split()[0] in unfinished and "tokens " in log]
    assert len(ends) == len(unfinished)
    assert all(end.endswith("   incomplete: budget reached") for end in ends)


def test_a_reserve_that_is_already_used_up_costs_two_tokens(start: Start) -> None:
    box = start(daily_tokens=100)
    box.read("currencies", config=box.config(daily_token_reserve=0))
    spent(box)
    outcome = box.read("deals", "persons", config=box.config(daily_token_reserve=90))
    assert outcome.statuses("deals") == ["STARTED", "INCOMPLETE"]
    assert spent(box)["tokens"] == 2


@pytest.mark.parametrize(
    ("account", "limits"),
    [
        ({"daily_tokens": 150}, {"daily_token_reserve": 10}),
        ({"daily_headers": False}, {"daily_token_budget": 135}),
    ],
    ids=["the company's day", "a budget of its own"],
)
def test_many_short_syncs_finish_a_large_backfill(
    start: Start, account: dict[str, Any], limits: dict[str, int]
) -> None:
    """No record is missing, and at most a page per worker is read twice."""
    box = start(scale=1, clock=CLOCK, rate_limit=100_000, page_limit=100, **account)
    names, workers = INCREMENTAL, 3
    warehouse, states, complete = Warehouse(), {}, set()
    runs = tokens = 0
    while complete != set(names):
        runs += 1
        assert runs < 40  # 15 usually; more on a busy machine, where more is cut short
        config = box.config(num_workers=workers, **limits)
        outcome = box.read(*names, state=list(states.values()), config=config)
        truth = {n: listed(box, n) for n in names}
        follows_the_protocol(outcome.messages, truth, warehouse)
        warehouse.load(outcome.messages)
        states |= {s["stream"]["stream_descriptor"]["name"]: s for s in outcome.state}
        complete |= {n for n in names if outcome.statuses(n)[-1] == "COMPLETE"}
        assert {e["failure_type"] for e in outcome.errors} <= {"transient_error"}
        tokens += spent(box)["tokens"]
        box.control("clock", {"advance_seconds": DAY})
    assert runs >= 5
    for name in names:
        now = listed(box, name)  # without records deleted a month ago
        assert {k: v for k, v in warehouse.tables[name].items() if k in now} == now, name
    # The cost of a full sync, plus per run a look at each complete stream and a page per worker.
    box.control("switches", {"daily_tokens": 1_000_000})
    records = sum(len(table) for table in truth.values())
    assert sum(warehouse.received.values()) <= records + runs * (workers * 100 + 500)
    assert box.read(*names, config=box.config(num_workers=workers)).code == 0
    assert tokens <= spent(box)["tokens"] + runs * 135


def test_the_bill_is_what_the_company_was_charged(start: Start) -> None:
    box = start(scale=1)
    outcome = box.read()
    assert outcome.code == 0
    ledger = box.control("ledger")
    rows = [log.split() for log in outcome.logs]
    heading = rows.index(["stream", "requests", "tokens", "records", "of", "the", "day"])
    bill = {row[0]: row[1:] for row in rows[heading + 1 :] if len(row) == 6 and row[-1] == "%"}
    for name, of in ledger.items():
        requests, tokens, _, share, _ = bill[name]
        assert (int(requests), int(tokens.replace(",", ""))) == (of["requests"], of["tokens"])
        assert float(share) == round(100 * of["tokens"] / 150_000, 1)
    assert int(bill["all"][1].replace(",", "")) == sum(of["tokens"] for of in ledger.values())
    costs = [int(row[1].replace(",", "")) for name, row in bill.items() if name != "all"]
    assert costs == sorted(costs, reverse=True)


def test_a_stream_logs_its_start_and_its_end(start: Start) -> None:
    box = start(clock=CLOCK)
    first = box.read("deals", "currencies")
    assert "deals: reading everything." in first.logs
    assert "currencies: reading everything." in first.logs
    (end,) = [log for log in first.logs if re.match(r"deals +[\d,]+ records", log)]
    for part in ("records", "requests", "tokens", " s ", "complete to 2026-11-01T10:00:00Z"):
        assert part in end
    again = box.read("deals", state=first.state)
    assert "deals: reading what changed since 2026-11-01T09:59:00Z." in again.logs


def test_a_large_read_logs_its_cost_in_advance(start: Start) -> None:
    box = start(scale=1, daily_tokens=2_000, page_limit=0)
    box.control("switches", {"page_limit": 50})
    # With more workers, it depends on the machine which pages the guess rests on.
    outcome = box.read("persons", "deals", config=box.config(num_workers=1))
    estimates = [t["estimate"] for t in outcome.of("TRACE") if t["type"] == "ESTIMATE"]
    by_name = {e["name"]: e for e in estimates}
    assert by_name["persons"]["type"] == "STREAM"
    persons = len(listed(box, "persons"))
    assert 0.8 * persons <= by_name["persons"]["row_estimate"] <= 1.5 * persons
    said = [log for log in outcome.logs if "tokens = " in log]
    assert persons >= 1_000
    assert [log for log in said if log.startswith("persons: about 1,")]
    first = next(
        i
        for i, m in enumerate(outcome.messages)
        if m["type"] == "TRACE" and m["trace"]["type"] == "ESTIMATE"
    )
    last = max(i for i, m in enumerate(outcome.messages) if m["type"] == "RECORD")
    assert first < last
