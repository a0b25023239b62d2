"""What the questions of an audit cost, and how many answers a kill loses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from source_pipedrive.reading.audit import confirmation, unsaved
from source_pipedrive.reading.audit.confirmation import WORTH, Unconfirmed, price
from source_pipedrive.reading.audit.settings import DAY
from source_pipedrive.reading.audit.viewer import PRICE
from source_pipedrive.reading.instants import rfc3339
from unit_tests.auditing import BY_NAME, Firm, audit_of, carried_out, deleted, sync
from unit_tests.single import UNTIL
from unit_tests.test_audit_children import Shop

ALL, GONE = range(1, 1_902), range(500, 620)


@pytest.fixture(autouse=True)
def at_any_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, questions may take half a minute."""
    monkeypatch.setattr(confirmation, "EVERY", 10**6)


@pytest.mark.parametrize("name", ["persons", "notes"])
def test_the_log_announces_what_questions_cost(name: str, caplog: pytest.LogCaptureFixture) -> None:
    firm = Firm(**{name: ALL})
    _, state = sync(firm, {})
    firm.ids[name] -= {*GONE}
    caplog.set_level("INFO")
    rows, state = sync(firm, state, 7)
    assert deleted(rows) == {*GONE}
    lines = [log for log in caplog.messages if "the audit" in log and "about" in log]
    assert len(lines) == 2, lines
    assert f"{name} asks about 120 records that it did not see, about " in lines[1]
    (lists,), (questions,) = (re.findall(r"about ([\d,]+) tokens", line) for line in lines)
    announced = int(lists.replace(",", "")) + int(questions.replace(",", ""))
    assert abs(state["spent"]["tokens"] - announced) <= 0.05 * announced


def test_the_log_announces_what_deals_that_changed_meanwhile_add(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """How many there are is known only once they have been listed."""
    spent = []
    for changed in (0, 2_000):
        firm = Shop(range(1, 2_001), {n: n for n in range(1, 2_001)})
        _, state = sync(firm, {})
        del firm.products[7]
        firm.times = dict.fromkeys(range(1, changed + 1), rfc3339(UNTIL + 7 * DAY - 1))
        caplog.clear()
        caplog.set_level("INFO")
        firm.asked.clear()
        _, state = sync(firm, state, 7)
        spent.append(state["spent"]["tokens"])
        (line,) = [log for log in caplog.messages if "deal_products asks" in log]
        assert line.endswith(" tokens, and 12 for each 100 deals that have changed meanwhile.")
    assert abs(spent[1] - spent[0] - 20 * 12) <= 10, "a page of deals"


def test_nothing_is_announced_if_nothing_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    firm = Firm(persons=ALL)
    _, state = sync(firm, {})
    caplog.set_level("INFO")
    sync(firm, state, 7)
    assert not any("asks about" in log for log in caplog.messages)


def test_a_kill_loses_few_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute may be enough for all of them."""
    monkeypatch.setattr(unsaved, "EVERY", 0)
    firm = Firm(notes=ALL)
    _, state = sync(firm, {})
    firm.ids["notes"] -= {*GONE}
    firm.asked.clear()
    audit = audit_of(firm, state, 7)
    carried_out(audit, lambda: len(firm.questions) >= 110)
    state, asked = audit.dump(), len(firm.questions)
    rows, _ = sync(firm, state, 8)
    assert deleted(rows) == {*GONE}
    again = len(firm.questions) - len(GONE)
    assert asked - 110 + again <= (WORTH + 60) // 2, "two groups, and their controls"


def test_answers_are_confirmed_when_they_have_cost_enough() -> None:
    notes, persons = Unconfirmed(BY_NAME["notes"]), Unconfirmed(BY_NAME["persons"])
    for each in (notes, persons):
        each.add(25)
        assert not each.is_due
        each.add(WORTH)
    assert notes.is_due
    assert not persons.is_due, "two requests"


@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_object_has_a_price(name: str) -> None:
    assert price(BY_NAME[name], 0) == 0
    assert PRICE < price(BY_NAME[name], 1, 1) < price(BY_NAME[name], 1_000, 1_000)


def test_the_docs_say_what_questions_cost() -> None:
    """In round numbers, for a hundred of many records."""
    text = " ".join((Path(__file__).parents[1] / "docs/streams.md").read_text().split())
    assert (
        "12 tokens for 100 (50 for deals, 120 for projects or tasks, 240 for notes, files or leads)"
    ) in text
    said = {"deals": 50, "projects": 120, "tasks": 120, "notes": 240, "files": 240, "leads": 240}
    for name, audited in BY_NAME.items():
        if not audited.of_deals:
            of_100 = price(audited, 2_000) / 20
            assert abs(of_100 - said.get(name, 12)) <= 0.05 * of_100, name
