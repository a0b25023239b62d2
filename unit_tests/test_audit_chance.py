"""Audits of a company in which anything may happen: whatever was lost on the way, in the end the
rows say what exists."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit import confirmation, unsaved
from source_pipedrive.reading.audit.settings import DAY
from source_pipedrive.reading.audit.share import ShareSpentError
from source_pipedrive.reading.instants import rfc3339
from unit_tests.auditing import Firm, Record, audit_of, carried_out, kept
from unit_tests.single import UNTIL
from unit_tests.test_audit_children import Shop

SYNCS, EVERY = 25, 8
Key = tuple[str, int]


def named(request: Request) -> set[int]:
    """The ids that a request names."""
    params = request.params
    ids = [*params.get("ids", params.get("deal_ids", "")).split(","), request.path.split("/")[-1]]
    return {int(each) for each in ids if each.isdigit()}


class Disturbed:
    """A company in which, unless it is calm, a request may be refused, the share may end, and once
    a sync the user may gain or lose rights. Whatever request names some records fails."""

    firm: Firm

    def __init__(self, chance: Random) -> None:
        self.chance, self.day, self.is_calm, self._changed = chance, 0, False, False
        self.failing: set[int] = set()
        self.absent: dict[Key, set[int]] = {}  # on which days

    def _work(self) -> None:
        """Somebody changes something."""
        raise NotImplementedError

    def _disturb(self, request: Request) -> None:
        if self.is_calm:
            return
        if self.failing & named(request):
            raise StreamError("no", SYSTEM, 500, "{}")
        if self.chance.random() < 0.1:
            self._work()
        event = self.chance.random()
        if event < 0.01:
            raise StreamError("no", SYSTEM, self.chance.choice((400, 403, 500)), "{}")
        if event < 0.06:
            raise ShareSpentError
        if event < 0.16 and not self._changed:
            self._changed, self.firm.admin = True, not self.firm.admin


class Busy(Disturbed):
    """People add, delete and restore persons and notes, between requests as well."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.firm = Firm(persons=range(1, 400), notes=range(1, 200))
        self.firm.before = self._before
        self.failing = {*chance.sample(range(1, 200), chance.choice((0, 0, 2)))}
        self.ever = {name: {*ids} for name, ids in self.firm.ids.items()}

    def begin(self, days: int) -> None:
        self.day, self._changed = self.day + days, False
        for name in self.ever:
            for _ in range(self.chance.randrange(0 if self.is_calm else 4, 5)):
                self._work_on(name)

    def _work(self) -> None:
        self._work_on(self.chance.choice(("persons", "notes")))

    def _work_on(self, name: str) -> None:
        there, ever = self.firm.ids[name], self.ever[name]
        kind = self.chance.choice(("delete", "delete", "add", "add", "restore"))
        if kind == "add":
            there.add(max(ever) + self.chance.choice((1, 2)))
            ever |= there
        elif kind == "delete":
            there.discard(self.chance.choice(sorted(there)))
        elif gone := sorted(ever - there):
            there.add(self.chance.choice(gone))

    def _before(self, request: Request) -> None:
        for name, ids in self.firm.ids.items():
            for id_ in {*range(1, max(self.ever[name]) + 3)} - ids:
                self.absent.setdefault((name, id_), set()).add(self.day)
        self._disturb(request)


class BusyShop(Disturbed):
    """The same for deals and products. A deal may be restored without a new time, hidden from all
    but admins, or archived, which may hide its products."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        deals = chance.choice((20, 60, 250))
        self.firm = Shop(range(1, deals), {n: 1 + n // 3 for n in range(1, 3 * deals - 5)})
        self.firm.refuses = chance.random() < 0.4
        self.firm.hides = chance.random() < 0.5
        self.failing = {*chance.sample(range(1, deals), chance.choice((0, 0, 2)))}
        self.firm.before = self._before
        self.deals, self.products = {*self.firm.ids["deals"]}, {*self.firm.products}

    def begin(self, days: int) -> None:
        self.day, self._changed = self.day + days, False
        for _ in range(self.chance.randrange(4)):
            self._work()

    def there(self) -> set[int]:
        """The products of deals that exist."""
        return {id_ for id_, deal in self.firm.products.items() if deal in self.firm.ids["deals"]}

    def _touch(self, deal: int) -> None:
        self.firm.times[deal] = rfc3339(UNTIL + self.day * DAY + self.chance.randrange(1_000))

    def _work(self) -> None:
        chance, there, products = self.chance, self.firm.ids["deals"], self.firm.products
        kinds = ("add", "delete", "delete", "restore", "product", "remove", "hide", "archive")
        kind = chance.choice(kinds)
        gone = sorted(self.deals - there)
        if kind == "add":
            there.add(max(self.deals) + 1)
            self._touch(max(there))
            self.deals |= there
        elif kind == "delete" and len(there) > 5:
            there.discard(chance.choice(sorted(there)))
        elif kind == "restore" and gone:
            there.add(deal := chance.choice(gone))
            if chance.random() < 0.5:
                self._touch(deal)
        elif kind == "product":
            products[max(self.products) + 1] = deal = chance.choice(sorted(there))
            self._touch(deal)
            self.products |= products.keys()
        elif kind == "remove" and products:
            self._touch(products.pop(chance.choice(sorted(products))))
        elif kind == "archive":
            self.firm.archived ^= {*chance.sample(sorted(there), 3)}
            if chance.random() < 0.5:
                self._touch(chance.choice(sorted(there)))
        elif kind == "hide":
            self.firm.lost = {*chance.sample(sorted(there), 5)}

    def _before(self, request: Request) -> None:
        for id_ in {*range(1, max(self.products) + 3)} - self.there():
            self.absent.setdefault(("deal_products", id_), set()).add(self.day)
        self._disturb(request)


class Rows:
    """What the last row of each record says."""

    def __init__(self, busy: Busy | BusyShop) -> None:
        self.busy = busy
        self.last: dict[Key, str] = {}

    def take(self, rows: list[Record]) -> None:
        for row in rows:
            if row["object"] == "deals":  # they are restored without a trace
                continue
            key, evidence = (row["object"], row["id"]), row["evidence"]
            if evidence == "audit":
                written = row.get("written")
                day = self.busy.day if written is None else (written - UNTIL) // DAY
                # Nothing tells the deal of a product that no pass has seen (ADR 12).
                unknown = row["object"] == "deal_products" and row["parent"] is None
                assert unknown or day in self.busy.absent.get(key, ()), "it was never gone"
            else:
                assert row.get("restored") or self.last.get(key) != "audit", "its row said more"
            self.last[key] = "" if row.get("restored") else evidence


@pytest.mark.parametrize("seed", range(24))
def test_in_the_end_the_rows_say_what_exists(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(seed)
    monkeypatch.setattr(unsaved, "EVERY", 0)
    monkeypatch.setattr(confirmation, "EVERY", chance.choice((0, 30)))
    busy, state = Busy(chance), dict[str, Any]()
    rows = Rows(busy)
    for _ in range(SYNCS):
        busy.begin(chance.choice((1, 1, 3, EVERY)))
        busy.firm.hidden = {*chance.sample(range(1, 150), 9)}
        busy.firm.admin = busy.firm.admin or chance.random() < 0.8
        steps = iter(range(chance.choice((10**6, 10**6, chance.randrange(1, 30)))))
        audit = audit_of(busy.firm, state, busy.day)
        found = carried_out(audit, lambda steps=steps: next(steps, None) is None)
        if chance.random() < 0.85:  # otherwise the platform loses all of it
            rows.take(found)
            state = audit.dump()
    busy.is_calm, busy.firm.admin = True, True
    for _ in range(5):
        busy.day += EVERY
        held = {name: kept(state, name).held for name in busy.ever}
        audit = audit_of(busy.firm, state, busy.day, accepted=held)
        rows.take(carried_out(audit))
        state = audit.dump()
    for name, there in busy.firm.ids.items():
        assert {*kept(state, name).present} == there
        said = {id_: what for (of, id_), what in rows.last.items() if of == name and what}
        assert not said.keys() & there
    # No list of notes accepts ids, so one that no pass has seen stays unknown. So does a person
    # whose id was the highest.
    top = kept(state, "persons").top
    gone = {id_ for id_ in busy.ever["persons"] - busy.firm.ids["persons"] if id_ <= top}
    assert {id_ for (of, id_), what in rows.last.items() if of == "persons" and what} >= gone


@pytest.mark.parametrize("seed", range(16))
def test_in_the_end_the_rows_say_which_products_exist(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = Random(seed)
    monkeypatch.setattr(unsaved, "EVERY", 0)
    monkeypatch.setattr(confirmation, "EVERY", chance.choice((0, 30)))
    busy, state = BusyShop(chance), dict[str, Any]()
    rows = Rows(busy)
    for _ in range(SYNCS):
        busy.begin(chance.choice((1, 1, 3, EVERY)))
        busy.firm.admin = busy.firm.admin or chance.random() < 0.7
        steps = iter(range(chance.choice((10**6, 10**6, chance.randrange(1, 30)))))
        audit = audit_of(busy.firm, state, busy.day)
        found = carried_out(audit, lambda steps=steps: next(steps, None) is None)
        if chance.random() < 0.85:  # otherwise the platform loses all of it
            rows.take(found)
            state = audit.dump()
    busy.is_calm, busy.firm.admin, busy.firm.archived = True, True, set()
    for _ in range(5):
        busy.day += EVERY
        held = {name: kept(state, name).held for name in state["objects"]}
        audit = audit_of(busy.firm, state, busy.day, accepted=held)
        rows.take(carried_out(audit))
        state = audit.dump()
    assert {*kept(state, "deal_products").present} == busy.there()
    said = {id_ for (_, id_), what in rows.last.items() if what}
    assert not said & busy.there()
