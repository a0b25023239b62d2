"""One pass over a company of 6,000 records: it finds whatever is gone, and nothing else, for the
tokens that the log announced."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from integration_tests.audit_figures import TOLERANCE, audit_of, wrong
from integration_tests.audit_pass import (
    HARMLESS,
    KillWithin,
    Size,
    calm_pass,
    company,
    killed_pass,
)
from integration_tests.conftest import Start
from integration_tests.people import DAY, OBJECTS
from integration_tests.program import Outcome
from integration_tests.test_audit import CHILDREN, audit

SIZE = Size(6_000, deleted=60, merged=12, purged=3, restored=2)
UNDER_WAY = 8 * 20  # tokens of requests that other workers have sent meanwhile


@pytest.mark.parametrize("seed", [1, 2])
def test_one_pass_that_is_killed_finds_what_is_gone_and_nothing_else(
    start: Start, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("source_pipedrive.reading.audit.unsaved.EVERY", 0)
    chance = Random(seed)
    box, state = company(start, seed, SIZE)
    measured, _ = killed_pass(box, state, chance, SIZE, KillWithin(60_000), HARMLESS)
    assert measured.kills > 2
    assert wrong(measured) == []
    assert len(measured.restored) == SIZE.restored
    assert {name for name, _ in measured.closed} == {*OBJECTS, *CHILDREN}
    assert len(measured.closed) == 2 * len({*OBJECTS, *CHILDREN}), "one more each, though killed"


def test_a_pass_costs_what_the_log_announced(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """At this size the questions cost as much as two thirds of the lists."""
    monkeypatch.setattr("source_pipedrive.reading.audit.confirmation.EVERY", 10**6)
    box, state = company(start, 1, SIZE)
    measured, _ = calm_pass(box, state, Random(1), SIZE)
    assert wrong(measured) == []
    announced = sum(measured.announced.values())
    assert abs(measured.tokens - announced) <= TOLERANCE * announced


def test_a_sync_that_is_killed_loses_few_tokens(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At full speed, half a minute is enough for all of a large company's lists."""
    monkeypatch.setattr("source_pipedrive.reading.audit.unsaved.EVERY", 10**6)
    monkeypatch.setattr("source_pipedrive.reading.audit.unsaved.LEAST", 40)
    box, state = company(start, 1, SIZE)
    box.control("clock", {"advance_seconds": 7 * DAY})
    saved = spent_by_state(audit(box, state, share_of_day=100))
    assert len(saved) > 10
    assert max(later - earlier for earlier, later in pairwise(saved)) <= 40 + UNDER_WAY


def spent_by_state(outcome: Outcome) -> list[int]:
    """The tokens that the audit had spent at each state in which it was under way."""
    kept = [audit_of(message) for message in outcome.of("STATE")]
    return [each["spent"]["tokens"] for each in kept if "spent" in each]
