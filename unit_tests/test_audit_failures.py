"""Audits while Pipedrive always fails to answer about some records."""

from __future__ import annotations

from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit.share import LEAST_LIMIT
from source_pipedrive.reading.audit.verification import FAILURES
from unit_tests.auditing import Firm, Record, deleted, kept, sync
from unit_tests.test_audit_children import Shop, names, shop

TRIES = 8  # of the client, each of which counts


class Failing:
    """Fails whenever one of these ids is among those that a request names."""

    def __init__(self, firm: Firm, param: str, *ids: int, status: int = 500) -> None:
        self.firm, self.param, self.ids, self.failures = firm, param, {*ids}, 0
        self.status = status
        firm.before = self.fail

    def fail(self, request: Request) -> None:
        named = {int(each) for each in request.params.get(self.param, "0").split(",")}
        if not named & self.ids:
            return
        self.failures += 1
        for _ in range(TRIES):
            self.firm.usage.charge(request.stream, request.cost, {})
        raise StreamError("no", SYSTEM, self.status, "{}")


def until_closed(firm: Firm, state: Record, name: str, **settings: Any) -> tuple[list[Record], int]:
    """The rows of the syncs until the pass that is due on day 7 has closed, and their number."""
    rows: list[Record] = []
    before = kept(state, name).closed
    for number in range(1, 21):
        found, state = sync(firm, state, 6 + number, **settings)
        rows += found
        if kept(state, name).closed > before:
            return rows, number
    pytest.fail("it never ends")


def audited(count: int) -> tuple[Firm, Record]:
    firm = Firm(persons=range(1, count))
    _, state = sync(firm, {})
    firm.asked.clear()
    return firm, state


@pytest.mark.parametrize("status", [0, 500])
@pytest.mark.parametrize("share", [1, 100])
def test_a_pass_ends_though_each_request_fails_that_names_one_record(
    share: int, status: int
) -> None:
    firm, state = audited(2_001)
    gone = {*range(301, 480)}
    firm.ids["persons"] -= gone
    failing = Failing(firm, "ids", 310, 450, status=status)
    rows, syncs = until_closed(firm, state, "persons", share=share)
    assert deleted(rows) == gone - {310, 450}
    assert syncs <= (9 if share == 1 else 2)
    assert failing.failures <= 12
    firm.before = lambda request: None
    assert sum(each.cost for each in firm.asked) < LEAST_LIMIT


def test_a_record_that_fails_may_be_one_that_is_known_to_exist() -> None:
    firm, state = audited(201)
    firm.ids["persons"] -= {50, 60}
    Failing(firm, "ids", 1)
    rows, syncs = until_closed(firm, state, "persons")
    assert (deleted(rows), syncs) == ({50, 60}, 1)


def test_an_outage_makes_nobody_unsure() -> None:
    firm, state = audited(201)
    firm.ids["persons"] -= {50, 60}
    failing = Failing(firm, "ids", *range(1, 201))
    rows, state = sync(firm, state, 7)
    assert rows == []
    assert len(kept(state, "persons").current.unsure) == 0  # type: ignore[union-attr]
    assert failing.failures == 4, "the group, and each record that is known to exist"
    firm.before = lambda request: None
    assert deleted(sync(firm, state, 8)[0]) == {50, 60}


def test_a_sync_that_fails_over_and_over_stops_asking() -> None:
    """Each failure takes two minutes."""
    firm, state = audited(2_001)
    gone = range(301, 321)
    firm.ids["persons"] -= {*gone}
    failing = Failing(firm, "ids", *gone)
    sync(firm, state, 7)
    assert failing.failures == FAILURES
    rows, _ = until_closed(firm, state, "persons")
    assert deleted(rows) == set()


# --- products of deals


def big_shop() -> tuple[Shop, Record]:
    firm = Shop(range(1, 301), {n: 1 + n // 3 for n in range(1, 890)})
    _, state = sync(firm, {})
    return firm, state


@pytest.mark.parametrize("share", [1, 100])
def test_the_walk_over_deals_ends_though_one_of_them_always_fails(share: int) -> None:
    firm, state = big_shop()
    firm.asked.clear()
    failing = Failing(firm, "deal_ids", 1, 150)
    rows, syncs = until_closed(firm, state, "deal_products", share=share)
    assert rows == []
    assert syncs <= (9 if share == 1 else 2)
    assert failing.failures <= 18, "about products and about installments"
    asked = [each for each in firm.asked if each.path == "deals/products"]
    assert len(asked) < 60


def test_products_are_not_deleted_if_their_deal_fails_only_now() -> None:
    firm, state = shop()
    del firm.products[50]
    Failing(firm, "deal_ids", 5)
    rows, _ = until_closed(firm, state, "deal_products")
    assert names(rows) == set(), "any of them may belong to the deal that cannot be read"
    firm.before = lambda request: None
    assert names(sync(firm, state, 30)[0]) == {("deal_products", 50)}


def test_a_walk_over_deals_waits_for_the_end_of_an_outage() -> None:
    firm, state = shop()
    failing = Failing(firm, "deal_ids", *range(1, 200))
    _, state = sync(firm, state, 7)
    assert failing.failures <= 8, "products and installments"
    firm.before = lambda request: None
    del firm.products[50]
    assert names(sync(firm, state, 8)[0]) == {("deal_products", 50)}


def test_a_deal_that_fails_after_the_walk_ends_nothing() -> None:
    """The deal of a missing product is asked for once more."""
    firm, state = shop()
    del firm.products[50]
    failing, walked = Failing(firm, "deal_ids", 17), False

    def before(request: Request) -> None:
        nonlocal walked
        if request.path == "deals/products" and walked:
            failing.fail(request)
        walked = walked or request.path == "deals/products"

    firm.before = before
    rows, _ = until_closed(firm, state, "deal_products")
    assert names(rows) == set()
    assert failing.failures > 0
