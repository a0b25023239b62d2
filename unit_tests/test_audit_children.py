"""Audits of deals and their products, when deals are hidden, restored, or held."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit.settings import DAY
from source_pipedrive.reading.audit.share import ShareSpentError
from source_pipedrive.reading.instants import rfc3339
from unit_tests.auditing import (
    OLD,
    Firm,
    audit_of,
    carried_out,
    is_question,
    kept,
    record,
    sync,
)
from unit_tests.fakes import v2_list
from unit_tests.single import UNTIL

Record = dict[str, Any]


class Shop(Firm):
    """Deals, and products by their deal. times: when deals changed, if not long ago; lost: deals
    that only an admin sees; archived: those of the deals that are; hides: whether no list has
    products of these."""

    def __init__(self, deals: Iterable[int], products: dict[int, int]) -> None:
        super().__init__()
        self.ids["deals"] = {*deals}
        self.products = dict(products)
        self.times: dict[int, str] = {}
        self.lost: set[int] = set()
        self.archived: set[int] = set()
        self.hides = False
        self.refuses = False  # requests that name a deal that is gone

    def _answer(self, request: Request) -> Record:
        if not request.path.startswith("deals"):
            return super()._answer(request)
        there = self.ids["deals"] - (set() if self.admin else self.lost)
        if request.path in ("deals", "deals/archived"):
            there = there & self.archived if request.path != "deals" else there - self.archived
            asked = request.params.get("ids")
            wanted = there & {int(id_) for id_ in asked.split(",")} if asked else there
            times = {id_: self.times.get(id_, OLD) for id_ in sorted(wanted)}
            rows = [{"id": id_, "update_time": time} for id_, time in times.items()]
            return v2_list(rows)(request.params)
        if request.path != "deals/products":
            return {"data": []}
        asked = {int(id_) for id_ in request.params["deal_ids"].split(",")}
        if self.refuses and asked - there:
            raise StreamError("not found", SYSTEM, 404, "{}")
        there = there - (self.archived if self.hides else set())
        rows = [
            {**record(id_), "deal_id": deal}
            for id_, deal in self.products.items()
            if deal in asked & there
        ]
        return v2_list(rows)(request.params)


def names(rows: Iterable[Record], evidence: str = "audit") -> set[tuple[str, int]]:
    return {(each["object"], each["id"]) for each in rows if each["evidence"] == evidence}


def shop() -> tuple[Shop, Record]:
    """Forty deals with three products each, after a first audit."""
    firm = Shop(range(1, 41), {n: 1 + n // 3 for n in range(120)} | {120: 40})
    rows, state = sync(firm, {})
    assert rows == []
    return firm, state


def test_children_of_deals_that_the_last_audit_did_not_see_are_not_deleted() -> None:
    """Another user, who does not see some deals, has audited the deals."""
    firm, state = shop()
    firm.lost, firm.admin = {5, 6}, False
    firm.before = spend_before(firm, "deals/products")
    _, state = sync(firm, state, 7)
    assert kept(state, "deals").closed > UNTIL
    firm.admin, firm.before = True, lambda request: None
    for day in (8, 9, 15):
        rows, state = sync(firm, state, day)
        assert names(rows) == set(), day
    assert kept(state, "deal_products").closed > UNTIL


def audited_by_another(firm: Shop, state: Record) -> Record:
    """A week later, another user has audited the deals, and no products."""
    firm.admin = False
    firm.before = spend_before(firm, "deals/products")
    state = sync(firm, state, 7)[1]
    firm.admin, firm.before = True, lambda request: None
    return state


def test_a_new_product_of_a_new_deal_that_another_user_does_not_see_is_not_deleted() -> None:
    firm, state = shop()
    firm.ids["deals"] |= {41, 42}
    firm.products |= {121: 41, 123: 42}
    firm.lost = {41}
    state = audited_by_another(firm, state)
    firm.asked.clear()
    rows, state = sync(firm, state, 8)
    assert names(rows) == {("deal_products", 122)}, "the number between the two"
    assert "deals" in {each.path for each in firm.asked if not is_question(each)}
    assert kept(state, "deal_products").closed > UNTIL + 7 * DAY


def test_products_wait_if_nobody_can_audit_the_deals_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    firm, state = shop()
    state = audited_by_another(firm, state)
    state["objects"]["deals"]["asked"] = rfc3339(UNTIL + 8 * DAY)
    firm.asked.clear()
    rows, state = sync(firm, state, 8)
    assert rows == []
    assert not [each for each in firm.asked if each.path.startswith("deals")]
    assert "waits until that of deals is complete" in caplog.text
    rows, state = sync(firm, state, 15)
    assert kept(state, "deal_products").closed == UNTIL + 15 * DAY


def spend_before(firm: Firm, path: str) -> Any:
    """The share is spent before the first request for this path."""

    def before(request: Request) -> None:
        if request.path == path:
            raise ShareSpentError

    return before


@pytest.mark.parametrize("refuses", [False, True])
def test_products_of_a_deal_that_came_back_without_a_new_time_are_not_deleted(
    refuses: bool,
) -> None:
    """It was restored between the audit of the deals and that of their products."""
    firm, state = shop()
    firm.refuses = refuses
    firm.ids["deals"] -= {5, 30}

    def restore(request: Request) -> None:
        if request.path == "deals/products":
            firm.ids["deals"].add(5)

    firm.before = restore
    rows, state = sync(firm, state, 7)
    of_30 = {("deal_products", id_) for id_, deal in firm.products.items() if deal == 30}
    assert names(rows) == {("deals", 5), ("deals", 30)} | of_30


@pytest.mark.parametrize("refuses", [False, True])
def test_a_removed_product_is_found_though_its_deal_is_asked_for(refuses: bool) -> None:
    firm, state = shop()
    firm.refuses = refuses
    gone = {13, 14, 50}
    for id_ in gone:
        del firm.products[id_]
    firm.ids["deals"] -= {30}
    of_30 = {id_ for id_, deal in firm.products.items() if deal == 30}
    rows, _ = sync(firm, state, 7)
    assert names(rows) == {("deals", 30)} | {("deal_products", id_) for id_ in gone | of_30}


def test_children_that_wait_for_the_deals_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    firm, state = shop()
    firm.ids["deals"] -= {*range(1, 21)}
    with caplog.at_level(logging.INFO, "airbyte"):
        audit = audit_of(firm, state, 7)
        carried_out(audit)
    lines = [text for text in caplog.messages if "deal_products" in text and "wait" in text]
    assert len(lines) == 1
    assert "deal_installments" in lines[0]
    unaudited = audit.findings().unaudited
    assert unaudited["deal_products"] == (UNTIL, UNTIL + 7 * DAY)
    assert unaudited["deals"] == (UNTIL, UNTIL + 7 * DAY)
    assert "persons" not in unaudited


def test_a_product_that_no_pass_has_seen_may_be_reported_until_the_next_one() -> None:
    """Its deal is restored without a new time after the walk. No table loses a row, because nothing
    tells which deal it was."""
    firm, state = shop()
    firm.ids["deals"] |= {41, 42}
    firm.products |= {121: 41, 122: 42}
    firm.ids["deals"] -= {41}

    def restore(request: Request) -> None:
        if firm.asked and firm.asked[-1].path == "deals/products":
            firm.ids["deals"].add(41)

    firm.before = restore
    rows, state = sync(firm, state, 7)
    found = [each for each in rows if each["object"] == "deal_products"]
    assert [(each["id"], each["parent"]) for each in found] == [(121, None)]
    rows, state = sync(firm, state, 14)
    found = [each for each in rows if each["object"] == "deal_products"]
    assert [(each["id"], each["restored"]) for each in found] == [(121, True)]


# --- archived deals


@pytest.mark.parametrize("hides", [False, True])
@pytest.mark.parametrize("moves", [False, True])
def test_products_of_deals_that_are_archived_meanwhile_are_not_deleted(
    hides: bool, moves: bool
) -> None:
    firm, state = shop()
    firm.hides, firm.archived = hides, {5, 30}
    if moves:
        firm.times = dict.fromkeys(firm.archived, rfc3339(UNTIL + 6 * DAY))
    rows, state = sync(firm, state, 7)
    assert rows == []
    assert {*kept(state, "deal_products").present} == firm.products.keys() - {0}
    rows, state = sync(firm, state, 14)
    firm.archived = set()
    assert (rows, sync(firm, state, 21)[0]) == ([], []), "nothing was restored, either"


@pytest.mark.parametrize("hides", [False, True])
def test_what_was_removed_is_found_though_some_deals_are_archived(hides: bool) -> None:
    firm, state = shop()
    firm.hides, firm.archived = hides, {5, 30}
    for id_ in (13, 50):  # of deals 5 and 17
        del firm.products[id_]
    rows, _ = sync(firm, state, 7)
    seen = {("deal_products", id_) for id_ in ((50,) if hides else (13, 50))}
    assert names(rows) == seen, "no answer shows whether an archived deal has lost a product"


def test_products_of_a_deleted_deal_are_deleted_though_others_are_hidden() -> None:
    firm, state = shop()
    firm.hides, firm.archived = True, {5}
    firm.ids["deals"] -= {30}
    rows, _ = sync(firm, state, 7)
    of_30 = {("deal_products", id_) for id_, deal in firm.products.items() if deal == 30}
    assert names(rows) == {("deals", 30)} | of_30


@pytest.mark.parametrize("hides", [False, True])
def test_new_products_of_a_deal_that_was_archived_before_any_pass_are_not_deleted(
    hides: bool,
) -> None:
    firm, state = shop()
    firm.ids["deals"] |= {41, 42}
    firm.products |= {121: 41, 122: 41, 123: 42}
    firm.hides, firm.archived = hides, {41}
    rows, state = sync(firm, state, 7)
    assert rows == []
    firm.archived = set()
    assert sync(firm, state, 14)[0] == []


def test_a_deal_that_leaves_the_archive_proves_nothing_about_the_others() -> None:
    """Just before its products are requested."""
    firm, state = shop()
    firm.hides, firm.archived = True, {5, 30}
    archive = 0

    def leave(request: Request) -> None:
        nonlocal archive
        archive += request.path == "deals/archived"
        if request.path == "deals/products" and archive > 2 and firm.asked[-1].path != request.path:
            firm.archived -= {30}

    firm.before = leave
    rows, _ = sync(firm, state, 7)
    assert rows == []


@pytest.mark.parametrize("stops", ["failure", "held"])
def test_a_sync_ends_though_the_audit_of_deals_stops_again(stops: str) -> None:
    """In the second sync nothing else is due, so no other work would let the sync go on."""
    firm = Shop(range(1, 401), {n: n for n in range(1, 401)})
    state = sync(firm, {})[1]

    def fail(request: Request) -> None:
        if request.path == "deals" and is_question(request):
            raise StreamError("no", SYSTEM, 500, "{}")

    if stops == "failure":
        firm.before = fail
    firm.ids["deals"] -= {7} if stops == "failure" else {*range(1, 301)}
    for day in (7, 8):
        firm.asked.clear()
        rows, state = sync(firm, state, day)
        assert names(rows) == set()
        assert kept(state, "deals").closed < UNTIL + 7 * DAY
    assert {each.path.split("/")[0] for each in firm.asked} <= {"deals", "users"}
    firm.before = lambda request: None
    firm.ids["deals"] = {*range(1, 401)} - {7}
    rows, state = sync(firm, state, 15)
    assert names(rows) >= {("deals", 7)}
