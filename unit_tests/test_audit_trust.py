"""When an absence is a deletion, and which ids are asked about, over several syncs."""

from __future__ import annotations

from typing import Any

import pytest

from source_pipedrive.http.request import Request
from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.audit import confirmation, passes, unsaved
from source_pipedrive.reading.audit import share as shares
from source_pipedrive.reading.audit.share import LEAST_LIMIT, Share, ShareSpentError
from source_pipedrive.reading.audit.viewer import PRICE
from source_pipedrive.reading.batch import Batch
from unit_tests.auditing import (
    Firm,
    audit_of,
    carried_out,
    deleted,
    is_question,
    kept,
    restored,
    sync,
)
from unit_tests.single import UNTIL

GONE, HIDDEN = range(101, 221), {1, 2, 3}
ALL = range(1, 1_501)


def audited(**ids: Any) -> tuple[Firm, Any]:
    """A company after its first audit."""
    firm = Firm(**ids)
    rows, state = sync(firm, {})
    assert rows == []
    firm.asked.clear()
    return firm, state


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state after each request, so that a sync can stop there."""
    monkeypatch.setattr(unsaved, "EVERY", 0)


# --- rights that were lost for a while


class Rights:
    """They are lost when the first list of persons is read, after the user was asked about at the
    beginning of the sync. back: the question about persons before which they return; last: the one
    before which the share is spent."""

    def __init__(self, firm: Firm, back: int = 0, last: int = 0) -> None:
        self.firm, self.back, self.last, self.questions = firm, back, last, 0
        firm.before = self.change

    def change(self, request: Request) -> None:
        if request.path != "persons":
            return
        if is_question(request):
            self.questions += 1
        if not self.questions:
            self.firm.admin = False
        if self.questions and self.questions == self.last:
            raise ShareSpentError
        if self.questions and self.questions == self.back:
            self.firm.admin = True


def without_rights() -> tuple[Firm, Any]:
    firm, state = audited(persons=ALL)
    firm.ids["persons"] -= {*GONE}
    firm.hidden = HIDDEN
    return firm, state


def test_what_a_user_without_rights_did_not_find_is_not_deleted_in_the_next_sync() -> None:
    firm, state = without_rights()
    Rights(firm, last=2)
    rows, state = sync(firm, state, 7)
    assert deleted(rows) == set()
    firm.admin, firm.before = True, lambda request: None
    rows, state = sync(firm, state, 8)
    assert deleted(rows) == {*GONE}
    assert kept(state, "persons").closed


@pytest.mark.usefixtures("often")
def test_answers_that_a_kill_leaves_without_a_look_at_the_user_are_worth_nothing() -> None:
    firm, state = without_rights()
    rights = Rights(firm)
    audit = audit_of(firm, state, 7)
    assert carried_out(audit, lambda: rights.questions == 1) == []
    assert len(firm.questions) == 1
    firm.admin, firm.before = True, lambda request: None
    rows, _ = sync(firm, audit.dump(), 8)
    assert deleted(rows) == {*GONE}


@pytest.mark.usefixtures("often")
def test_what_half_a_declaration_has_named_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sync was killed between two batches of rows, and the pass starts over."""
    monkeypatch.setattr(passes, "ROWS", 2)
    firm, state = audited(persons=ALL)
    firm.ids["persons"] -= {*GONE}
    audit, batches = audit_of(firm, state, 7), 0
    while batches < 2 and (task := audit.take()) is not None:
        for step in task:
            batches += isinstance(step, Batch) and bool(step.records)
            if batches == 2:
                task.close()
                break
    state = audit.dump()
    assert kept(state, "persons").current is not None
    firm.ids["persons"] |= {*GONE}
    firm.admin = False
    rows, state = sync(firm, state, 8)
    assert restored(rows) == {*sorted(GONE)[:2]}
    assert restored(sync(firm, state, 16)[0]) == set()


def test_rights_that_come_back_within_a_sync_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "EVERY", 0)
    firm, state = without_rights()
    Rights(firm, back=2)
    rows, state = sync(firm, state, 7)
    assert deleted(rows) == set()
    firm.admin, firm.before = True, lambda request: None
    rows, _ = sync(firm, state, 8)
    assert deleted(rows) == {*GONE}


def test_a_sync_in_which_the_user_was_the_same_need_not_be_repeated() -> None:
    firm, state = audited(persons=ALL)
    firm.ids["persons"] -= {*GONE}
    rights = Rights(firm, last=2)
    rights.firm.hidden = set()
    firm.before = lambda request: Rights.change(rights, request) if is_question(request) else None
    rows, state = sync(firm, state, 7)
    assert rows == []
    firm.asked.clear()
    firm.before = lambda request: None
    rows, _ = sync(firm, state, 8)
    assert deleted(rows) == {*GONE}
    assert len(firm.questions) == 1, "the other was answered in the first sync"


def test_a_share_that_is_spent_on_questions_has_left_enough_to_confirm_them() -> None:
    share = Share(Usage(), 1, UNTIL)
    with share.reserve(PRICE):
        for _ in range(LEAST_LIMIT):
            try:
                share.take(10)
            except ShareSpentError:
                break
        share.take(PRICE, urgent=True)
    assert LEAST_LIMIT // 100 - 10 < share.spent <= LEAST_LIMIT // 100
    with pytest.raises(ShareSpentError):
        share.take(10)


def test_a_small_share_gets_on_every_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day's questions leave enough of it to confirm the answers."""
    firm, state = audited(persons=range(1, 9_001))
    monkeypatch.setattr(shares, "LEAST_LIMIT", 7_000)
    gone = {*range(101, 990)}
    firm.ids["persons"] -= gone
    rows: list[Any] = []
    day = 7
    while not deleted(rows):
        found, state = sync(firm, state, day, share=1)
        rows += found
        day += 1
        assert day < 25, "it never ends"
    assert deleted(rows) == gone
    assert len(firm.questions) <= len(gone) // 97 + 1, "none is asked twice"


# --- ids that were assigned since the last pass


def test_deletions_are_found_though_many_old_records_were_restored_meanwhile() -> None:
    """A first audit does not ask about the gaps between notes."""
    old, new, gone = range(20, 40), range(101, 131), range(110, 116)
    firm, state = audited(notes={*range(1, 101)} - {*old})
    firm.ids["notes"] |= {*old, *new}
    firm.ids["notes"] -= {*gone}
    rows, state = sync(firm, state, 7)
    assert rows == []
    firm.ids["notes"].add(131)
    rows, state = sync(firm, state, 14)
    assert (deleted(rows), restored(rows)) == ({*gone}, set())
    assert kept(state, "notes").highest == 131
    firm.asked.clear()
    assert sync(firm, state, 21)[0] == []
    assert firm.questions == []


def test_ids_that_do_not_count_up_are_never_asked_about_and_take_no_room() -> None:
    firm, state = audited(notes=range(50_000, 100_000, 1_000))
    sizes = []
    for week in range(1, 9):
        firm.ids["notes"] |= {*range(50_000 + week, 100_000, 3_000)}
        firm.ids["notes"] |= {100_000 + 500 * week}
        rows, state = sync(firm, state, 7 * week)
        assert rows == []
        sizes.append(len(str({**state["objects"]["notes"], "present": ""})))
    assert firm.questions == []
    assert max(sizes) - min(sizes) < 20
    assert kept(state, "notes").top == 104_000


def test_ids_that_were_passed_over_are_not_asked_about_while_others_appear_among_them() -> None:
    """They may be assigned yet."""
    firm, state = audited(notes=range(2, 201, 2))
    firm.ids["notes"] |= {*range(1, 41, 2), *range(202, 301, 2)}
    assert sync(firm, state, 7)[0] == []
    state = sync(firm, state, 7)[1]
    firm.ids["notes"] |= {*range(201, 241, 2), 302}
    rows, state = sync(firm, state, 14)
    assert (rows, firm.questions) == ([], [])
    rows, state = sync(firm, state, 21)
    assert deleted(rows) == {*range(241, 302, 2)}


# --- a finding that waits for the user's word


def test_the_number_that_a_user_is_to_confirm_holds_for_a_week(
    caplog: pytest.LogCaptureFixture,
) -> None:
    firm, state = audited(persons=range(1, 201))
    for day in range(7, 13):
        firm.ids["persons"] -= {*range(day * 10, day * 10 + 40)}
        assert sync(firm, state, day, every=1)[0] == []
        rows, state = sync(firm, state, day, every=1)
        assert rows == []
        assert kept(state, "persons").held == 40
    rows, state = sync(firm, state, 13, every=1, accepted={"persons": 40})
    assert deleted(rows) == {*range(70, 110)}
    rows, state = sync(firm, state, 14, every=1)
    assert kept(state, "persons").held == 50
    rows, state = sync(firm, state, 30, every=1)
    assert kept(state, "persons").held == 50, "a new pass, which found the same"
    assert kept(state, "persons").current.begun > UNTIL + 29 * 86_400  # type: ignore[union-attr]


# --- what Pipedrive reports while no audit is asked for


def test_what_was_reported_without_an_audit_and_came_back_gets_its_row() -> None:
    firm, state = audited(persons=range(1, 101))
    off = audit_of(firm, state)
    off.settings = None
    off.note("persons", [7, 8, 9])
    saved = off.dump()
    firm.ids["persons"] -= {8, 9}
    rows, state = sync(firm, saved, 7)
    assert (restored(rows), deleted(rows)) == ({7}, {8, 9})
    assert sync(firm, state, 14)[0] == []
    firm.ids["persons"].add(8)
    assert restored(sync(firm, state, 21)[0]) == {8}


@pytest.mark.usefixtures("often")
def test_what_was_reported_in_the_middle_of_a_pass_did_not_come_back() -> None:
    firm, state = audited(persons=ALL)
    audit = audit_of(firm, state, 7)
    carried_out(audit, lambda: "persons" in {each.path for each in firm.asked})
    off = audit_of(firm, audit.dump(), 8)
    off.settings = None
    off.note("persons", [7])
    firm.ids["persons"].remove(7)
    rows, _ = sync(firm, off.dump(), 8)
    assert (restored(rows), deleted(rows)) == (set(), {7})


def test_without_any_audit_the_state_keeps_nothing() -> None:
    off = audit_of(Firm(), {})
    off.settings = None
    off.note("deals", [7])
    assert off.dump() == {}
