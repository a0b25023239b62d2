"""The order in which a daily budget is spent: first the lists, then a part of the rest each day."""

from __future__ import annotations

import math

from integration_tests.conftest import Box, Start
from integration_tests.program import LISTS, Message, Outcome
from integration_tests.warehouse import INCREMENTAL
from source_pipedrive.stream import Kind
from source_pipedrive.streams import STREAMS

CLOCK = "2026-11-23T10:00:00Z"
DAY = 86_400
LISTED = sorted(LISTS | {name for name, row in STREAMS.items() if row.kind is Kind.DELETED})


def incomplete(outcome: Outcome) -> list[str]:
    """The streams that were not read to the end."""
    return [name for name in STREAMS if outcome.statuses(name)[-1:] == ["INCOMPLETE"]]


def tokens(box: Box) -> int:
    """The tokens spent since the last call."""
    spent = sum(of["tokens"] for of in box.control("ledger").values())
    box.control("reset-ledger", {})
    return spent


def test_a_first_sync_of_everything_completes_every_list(start: Start) -> None:
    """A tenth of the sandbox's company with a tenth of its daily budget: 15,000 tokens."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000, daily_tokens=15_000)
    outcome = box.read(*STREAMS)
    assert outcome.code == 1, "the daily budget does not cover everything"
    assert not set(incomplete(outcome)) & set(LISTED)
    for name in ("deals", "persons", "organizations", "users", "stages", "deal_fields"):
        assert outcome.records(name), name
    (whole,) = [log for log in outcome.logs if log.startswith("All selected streams: ")]
    assert "of this company's" in whole


def test_with_a_small_budget_each_sync_brings_the_lists_up_to_date(start: Start) -> None:
    """Child streams take weeks with it, and deals keep changing."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000)
    config = box.config(daily_token_budget=2_000)
    states: dict[str, Message] = {}
    for _ in range(5):
        outcome = box.read(*STREAMS, state=list(states.values()), config=config)
        states |= {s["stream"]["stream_descriptor"]["name"]: s for s in outcome.state}
        late = set(incomplete(outcome)) & set(INCREMENTAL)
        assert not late
        assert 1_500 <= tokens(box) <= 2_000
        box.control("clock", {"advance_seconds": DAY})


def test_everything_arrives_in_as_many_days_as_it_costs_plus_one(start: Start) -> None:
    """Four pipelines, the whole history, and 30,000 tokens a day, of which a tenth is reserved."""
    box = start(scale=0.3, clock=CLOCK, rate_limit=100_000, daily_tokens=1_000_000)
    assert box.read(*STREAMS).code == 0
    days = tokens(box) / (0.9 * 30_000) + 1
    box.control("switches", {"daily_tokens": 30_000})
    states: dict[str, Message] = {}
    spent = 0
    while spent <= days:
        spent += 1
        box.control("clock", {"advance_seconds": DAY})
        outcome = box.read(*STREAMS, state=list(states.values()))
        states |= {s["stream"]["stream_descriptor"]["name"]: s for s in outcome.state}
        assert not set(incomplete(outcome)) & set(LISTED)
        if outcome.code == 0:
            break
    assert spent <= math.ceil(days)
