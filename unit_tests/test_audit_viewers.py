"""Whose eyes an audit sees with, and what these cannot prove."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from source_pipedrive.http.company import Company
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit import confirmation, unsaved
from source_pipedrive.reading.audit import share as shares
from source_pipedrive.reading.audit.audit import Audit
from source_pipedrive.reading.audit.settings import DAY, AuditSettings
from source_pipedrive.reading.reader import ReadContext
from unit_tests.auditing import (
    Firm,
    audit_of,
    carried_out,
    deleted,
    kept,
    restored,
    row,
    sync,
)
from unit_tests.fakes import ACME
from unit_tests.single import LOWER, UNTIL

Record = dict[str, Any]
ALL, GONE = range(1, 1_501), {*range(101, 221)}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state after each request, so that a sync can stop there."""
    monkeypatch.setattr(unsaved, "EVERY", 0)


def before_deletions(firm: Firm) -> Record:
    """The state of a sync after which persons were deleted."""
    state = sync(firm, {})[1]
    firm.ids["persons"] -= GONE
    firm.asked.clear()
    return dict(state)


def cut_short(firm: Firm, state: Record, day: int, after: int = 1) -> Record:
    """The state of a sync that was killed after so many questions."""
    audit = audit_of(firm, state, day)
    carried_out(audit, lambda: len(firm.questions) >= after)
    return audit.dump()


# --- users/me


class Forgetful(Firm):
    """Answers null to the next requests for these paths."""

    def __init__(self, **ids: Any) -> None:
        super().__init__(**ids)
        self.nulls: dict[str, int] = {}

    def _answer(self, request: Request) -> Record:
        if self.nulls.get(request.path, 0):
            self.nulls[request.path] -= 1
            return {"success": True, "data": None}
        return super()._answer(request)


PERMISSIONS = f"users/{ACME.user_id}/permissions"


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("path", ["users/me", PERMISSIONS])
@pytest.mark.parametrize("nulls", [1, 9])
def test_an_answer_without_a_user_does_not_start_a_pass_over(
    path: str, nulls: int, caplog: pytest.LogCaptureFixture
) -> None:
    firm = Forgetful(persons=ALL)
    state = before_deletions(firm)
    state = cut_short(firm, state, 7)
    begun = state["objects"]["persons"]["pass"]["begun"]
    firm.nulls[path] = nulls
    rows, state = sync(firm, state, 8)
    if nulls == 1:
        assert deleted(rows) == GONE
    elif path == "users/me":
        assert deleted(rows) == set()
        assert state["objects"]["persons"]["pass"]["begun"] == begun
        assert "no audit in this sync" in caplog.text
    firm.nulls.clear()
    assert deleted(rows) | deleted(sync(firm, state, 9)[0]) == GONE


@pytest.mark.parametrize(("share", "nulls"), [(110, 1), (400, 9)])
def test_a_confirmation_without_permissions_does_not_start_a_pass_over(
    share: int, nulls: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the smaller share, no tokens remain to ask for them again."""
    firm = Forgetful(persons=ALL)
    state = before_deletions(firm)
    caplog.set_level("INFO")

    def before(request: Request) -> None:
        if request.path == PERMISSIONS and firm.questions and not firm.nulls:
            firm.nulls[PERMISSIONS] = nulls

    firm.before = before
    monkeypatch.setattr(shares, "LEAST_LIMIT", share)
    rows, state = sync(firm, state, 7)
    assert deleted(rows) == set()
    assert kept(state, "persons").current is not None
    assert "permissions changed" not in caplog.text
    monkeypatch.undo()
    firm.before, firm.nulls = lambda request: None, {}
    assert deleted(sync(firm, state, 8)[0]) == GONE


# --- OAuth


def oauth_sync(
    firm: Firm, state: Record, day: int, scopes: frozenset[str], questions: int
) -> tuple[list[Record], Record]:
    """A sync of an app whose scopes Pipedrive named when it renewed the access token, if it did."""
    company: Company = replace(ACME, scopes=scopes)
    context = ReadContext(client=firm, company=company, lower=LOWER, until=UNTIL + day * DAY)
    audit = Audit(context, AuditSettings(share=100), state, row)
    firm.asked.clear()
    rows = carried_out(audit, lambda: len(firm.questions) >= questions)
    return rows, audit.dump()


@pytest.mark.usefixtures("often")
def test_a_sync_that_did_not_renew_the_access_token_resumes_the_pass() -> None:
    """Only a renewal names the scopes, and a token is good for an hour."""
    firm, known = Firm(persons=ALL), frozenset({"contacts:read"})
    _, state = oauth_sync(firm, {}, 0, known, 10**6)
    firm.ids["persons"] -= GONE
    _, state = oauth_sync(firm, state, 7, known, 1)
    begun = state["objects"]["persons"]["pass"]["begun"]
    _, state = oauth_sync(firm, state, 8, frozenset(), 1)
    assert state["objects"]["persons"]["pass"]["begun"] == begun


# --- a first audit by another user


def test_an_admin_finds_what_was_deleted_before_the_first_audit_of_another_user() -> None:
    firm = Firm(persons={*range(1, 101)} - {7, 8})
    firm.admin = False
    state = sync(firm, {})[1]
    firm.ids["persons"] = {*range(1, 121)} - {7, 8, 110}
    rows, state = sync(firm, state, 7)
    assert deleted(rows, "unreachable") == {110}
    assert deleted(sync(firm, state, 14)[0], "unreachable") == set()
    firm.admin = True
    rows, state = sync(firm, state, 14)
    assert deleted(rows) == {7, 8, 110}
    firm.asked.clear()
    assert sync(firm, state, 21)[0] == []
    assert firm.questions == []


# --- nothing is left to compare with


class Unlisting(Firm):
    """Lists no persons, and finds none by id, although they exist."""

    def _answer(self, request: Request) -> Record:
        return {"data": []} if request.path == "persons" else super()._answer(request)


def test_if_no_record_is_found_at_all_none_is_proven_to_be_deleted() -> None:
    firm = Firm(persons=range(1, 9))
    state = sync(firm, {})[1]
    off = Unlisting(persons=range(1, 9))
    rows, state = sync(off, state, 7)
    assert deleted(rows) == set()
    assert deleted(rows, "unreachable") == {*range(1, 9)}
    firm.ids["persons"] = {1, 2, 9}
    rows, state = sync(firm, state, 14)
    assert (deleted(rows), restored(rows)) == ({*range(3, 9)}, {1, 2})


# --- what comes back in the middle of a pass


@pytest.mark.usefixtures("often")
def test_what_the_recent_changes_show_after_its_verdict_is_asked_about_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confirmation, "EVERY", 0)
    firm = Firm(persons=ALL)
    state = before_deletions(firm)
    audit = audit_of(firm, state, 7)
    carried_out(audit, lambda: len(firm.questions) >= 2)
    state = audit.dump()
    assert 101 in kept(state, "persons").current.gone  # type: ignore[union-attr]
    firm.ids["persons"] |= {101, 102}
    later = audit_of(firm, state, 8)
    later.shown("persons", [101, 102, 103, 1])
    rows = carried_out(later)
    assert (deleted(rows), restored(rows)) == (GONE - {101, 102}, set())
