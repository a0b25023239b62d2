"""What a day's budget buys: the lists first, then the rest, some of it each day."""

from __future__ import annotations

from integration_tests.conftest import Box, Start
from integration_tests.program import LISTS, Outcome
from source_pipedrive.stream import Kind
from source_pipedrive.streams import STREAMS

CLOCK = "2026-11-23T10:00:00Z"
DAY = 86_400
LISTED = sorted(LISTS | {name for name, row in STREAMS.items() if row.kind is Kind.DELETED})


def incomplete(outcome: Outcome) -> list[str]:
    """The streams that were not read to their end."""
    return [name for name in STREAMS if outcome.statuses(name)[-1:] == ["INCOMPLETE"]]


def tokens(box: Box) -> int:
    """What was spent since the last call."""
    spent = sum(of["tokens"] for of in box.control("ledger").values())
    box.control("reset-ledger", {})
    return spent


def test_a_first_sync_of_everything_leaves_every_list_complete(start: Start) -> None:
    """A tenth of the sandbox's company, and a tenth of its day: 15,000 tokens."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000, daily_tokens=15_000)
    outcome = box.read(*STREAMS)
    assert outcome.code == 1, "the day does not pay for everything"
    assert not set(incomplete(outcome)) & set(LISTED)
    for name in ("deals", "persons", "organizations", "users", "stages", "deal_fields"):
        assert outcome.records(name), name
    (whole,) = [log for log in outcome.logs if log.startswith("Everything that is selected: ")]
    assert "of this company's" in whole
