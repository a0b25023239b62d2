"""Audits of short lists that lack more records than one sync may ask about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit.lists import WholeLists
from source_pipedrive.reading.audit.share import LEAST_LIMIT
from unit_tests.auditing import Firm, Record, audit_of, carried_out, deleted, kept, restored
from unit_tests.fakes import ACME
from unit_tests.single import UNTIL

MANY = range(1, 2_001)
SHARE = LEAST_LIMIT // 100


class Office(Firm):
    """A company with roles, stages and persons."""

    def __init__(self) -> None:
        super().__init__(persons=range(1, 2_001))
        self.ids |= {"roles": {*MANY}, "stages": {*range(1, 20)}, "users": {ACME.user_id}}

    def asked_for(self, name: str) -> list[str]:
        """Its records that were requested alone."""
        return [each.path for each in self.asked if each.path.startswith(f"{name}/")]


def sync(
    firm: Office, state: Record, day: int, listed: Iterable[int], **settings: Any
) -> tuple[list[Record], Record]:
    """A sync that has listed these roles, with an audit that may spend 300 tokens a day."""
    lists = WholeLists()
    lists.note("roles", {str(each) for each in listed})
    lists.note("stages", {str(each) for each in firm.ids["stages"]})
    before = len(firm.asked)
    audit = audit_of(firm, state, day, lists, **{"share": 1, **settings})
    rows = carried_out(audit)
    assert sum(each.cost for each in firm.asked[before:]) <= SHARE
    return rows, audit.dump()


def office() -> tuple[Office, Record]:
    """After a complete audit, and before one that is due on day 7."""
    firm, lists = Office(), WholeLists()
    lists.note("roles", {str(each) for each in MANY})
    lists.note("stages", {str(each) for each in firm.ids["stages"]})
    audit = audit_of(firm, {}, 0, lists)
    carried_out(audit)
    firm.asked.clear()
    return firm, audit.dump()


def test_more_missing_records_than_a_sync_may_ask_about_are_verified_over_several() -> None:
    firm, state = office()
    gone = {str(each) for each in range(101, 281)}
    listed = {*MANY} - {int(each) for each in gone}
    firm.ids["roles"] = listed
    rows: list[Record] = []
    for day in range(1, 5):
        found, state = sync(firm, state, day, listed)
        rows += found
        assert found or day > 2
    assert deleted(rows) == gone
    assert len(rows) == len(gone)
    assert {each["last_present"] for each in rows} == {UNTIL}, "the last sync that has seen them"
    asked = [each for each in firm.asked_for("roles") if each.split("/")[1] in gone]
    assert len(asked) == len({*asked}), "none is asked twice"


def test_a_finding_that_was_accepted_stays_accepted_while_it_is_asked_about() -> None:
    firm, state = office()
    listed = set(range(1, 1_001))
    firm.ids["roles"] = listed
    rows, state = sync(firm, state, 1, listed)
    assert rows == []
    rows, state = sync(firm, state, 2, listed, accepted={"roles": 1_000})
    for day in range(3, 12):
        found, state = sync(firm, state, day, listed)
        rows += found
    assert len(deleted(rows)) == 1_000


def test_the_passes_get_on_though_a_short_list_lacks_more_every_day() -> None:
    """A program makes 150 roles a day, and deletes them: all that the share lasts for."""
    firm, state = office()
    rows: list[Record] = []
    firm.ids["persons"] -= {7}
    for day in range(1, 20):
        firm.ids["roles"] = {*range(1 + 150 * day, 2_001 + 150 * day)}
        found, state = sync(firm, state, day, firm.ids["roles"])
        rows += found
    assert 7 in deleted(each for each in rows if each["object"] == "persons")
    assert len(deleted(each for each in rows if each["object"] == "roles")) > 1_000


def test_a_record_that_is_known_to_exist_may_always_fail() -> None:
    firm, state = office()
    firm.ids["roles"] = listed = {*MANY} - {9, 10}

    def fail(request: Request) -> None:
        if request.path == f"roles/{ACME.user_id}":  # the first control
            raise StreamError("no", SYSTEM, 500, "{}")

    firm.before = fail
    assert deleted(sync(firm, state, 1, listed)[0]) == {"9", "10"}


def test_a_list_that_lacks_many_does_not_keep_another_from_being_asked_about() -> None:
    firm, state = office()
    listed = set(range(181, 2_001))
    firm.ids["roles"] = listed
    firm.ids["stages"] -= {5}
    rows, _ = sync(firm, state, 1, listed)
    assert "5" in deleted(each for each in rows if each["object"] == "stages")


def test_an_error_in_the_middle_does_not_lose_the_answers_before_it() -> None:
    firm, state = office()
    listed = set(range(181, 2_001))
    firm.ids["roles"] = listed

    def fail(request: Request) -> None:
        if request.path == "roles/150":
            raise StreamError("no", SYSTEM, 402, "{}")

    firm.before = fail
    rows, state = sync(firm, state, 1, listed)
    first = len(deleted(rows))
    assert first >= 50
    firm.before = lambda request: None
    for day in (2, 3):
        found, state = sync(firm, state, day, listed)
        rows += found
    assert len(deleted(rows)) == len(rows) == 180


def test_answers_are_worth_nothing_if_the_user_has_changed_when_the_share_is_spent() -> None:
    firm, state = office()
    listed = set(range(181, 2_001))
    firm.ids["roles"] = listed

    def lose(request: Request) -> None:
        if request.path.startswith("roles/"):
            firm.admin = False

    firm.before = lose
    rows, state = sync(firm, state, 1, listed)
    assert rows == []
    firm.before, firm.admin = lambda request: None, True
    rows = []
    for day in (2, 3):
        found, state = sync(firm, state, day, listed)
        rows += found
    assert len(deleted(rows)) == 180


# --- what asking who the user is costs


@pytest.mark.parametrize("listed", [set[int](), set(range(1, 1_001))])
def test_a_list_that_nobody_believes_costs_nothing(
    listed: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    firm, state = office()
    for day in (1, 2):
        caplog.clear()
        rows, state = sync(firm, state, day, listed)
        assert (rows, firm.asked) == ([], [])
        assert ("no longer listed" in caplog.text) == bool(listed)
    firm.ids["roles"] = listed
    rows, _ = sync(firm, state, 3, listed, accepted={"roles": 1_000})
    assert bool(deleted(rows)) == bool(listed)


def test_a_pass_that_waits_for_the_users_word_asks_once_a_sync_who_reads() -> None:
    firm, state = office()
    firm.ids["persons"] -= {*range(1, 401)}
    held = False
    for day in range(7, 20):
        firm.asked.clear()
        audit = audit_of(firm, state, day)
        assert carried_out(audit) == []
        state = audit.dump()
        if held and not [each for each in firm.asked if each.path == "persons"]:
            assert len(firm.asked) == 2, "the user, and the permissions"
        held = bool(kept(state, "persons").held)
    assert held


def test_a_filter_that_its_owner_has_made_private_is_not_deleted() -> None:
    """Nobody else sees it then, no admin either."""
    firm = Office()
    firm.ids["filters"] = {*range(1, 41)}
    state: Record = {}
    for day, listed in ((0, range(1, 41)), (1, range(1, 39)), (2, range(1, 41))):
        lists = WholeLists()
        lists.note("filters", {str(each) for each in listed})
        firm.ids["filters"] = {*listed}
        audit = audit_of(firm, state, day, lists)
        rows = [each for each in carried_out(audit) if each["object"] == "filters"]
        state = audit.dump()
        assert deleted(rows) == set()
        assert deleted(rows, "unreachable") == ({"39", "40"} if day == 1 else set())
        assert restored(rows) == ({"39", "40"} if day == 2 else set())
