"""What a kill costs: an audit is saved before it has spent much, or long after its last state."""

from __future__ import annotations

import pytest

from source_pipedrive.reading.audit import unsaved
from source_pipedrive.reading.audit.unsaved import LEAST, PARTS, Unsaved


def test_nothing_is_worth_a_state_that_would_say_the_same() -> None:
    assert not Unsaved().is_worth_a_state(10 * LEAST)


def test_a_kill_costs_a_part_of_a_large_pass() -> None:
    each = Unsaved()
    each.save(700)  # spent earlier today
    each.expect(LEAST * PARTS * 3)
    each.note()
    assert not each.is_worth_a_state(700 + 3 * LEAST - 1)
    assert each.is_worth_a_state(700 + 3 * LEAST)
    each.save(700 + 3 * LEAST)
    each.note()
    assert not each.is_worth_a_state(700 + 3 * LEAST + 10)


def test_a_small_pass_is_not_saved_with_every_page() -> None:
    each = Unsaved()
    each.expect(12)
    each.note()
    assert not each.is_worth_a_state(LEAST - 1)
    assert each.is_worth_a_state(LEAST)


def test_a_slow_pass_is_saved_though_it_spends_little(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(unsaved.time, "monotonic", lambda: now)
    each = Unsaved()
    each.note()
    now += unsaved.EVERY - 1
    each.note()
    assert not each.is_worth_a_state(1)
    now += 1
    assert each.is_worth_a_state(1)


def test_a_long_first_pass_whose_price_is_unknown_has_few_states() -> None:
    """Each contains all ids. 40,000 tokens are 2 million records."""
    each, states = Unsaved(), 0
    each.save(0)
    each.expect(12)
    for spent in range(10, 40_000, 10):
        each.note()
        if each.is_worth_a_state(spent):
            states += 1
            each.save(spent)
    assert 2 * PARTS < states < 2.5 * PARTS
