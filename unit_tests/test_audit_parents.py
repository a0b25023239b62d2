"""Which deal each product belongs to, as far as the state has room for it."""

from __future__ import annotations

import logging
from random import Random
from typing import Any
from uuid import UUID

import pytest

from source_pipedrive.reading.audit import parents, size
from source_pipedrive.reading.audit.declarations import MOST, Declarations
from source_pipedrive.reading.audit.ids import Numbers, Uuids
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.audit.parents import Parents
from source_pipedrive.stream.audited import AUDITED
from unit_tests.single import UNTIL
from unit_tests.test_audit_ids import with_gaps
from unit_tests.test_audit_parts import audit_with

BY_NAME = {each.name: each for each in AUDITED}
Record = dict[str, Any]


def products(count: int, seed: int = 1) -> list[Record]:
    """Three products a deal; each is added some time after its deal, in the order of their ids."""
    random = Random(seed)
    return [
        {"id": n, "deal_id": max(1, n // 3 - int(random.expovariate(1 / 200)))}
        for n in range(1, count + 1)
    ]


def learned(records: list[Record]) -> Parents:
    found = Parents()
    found.note(records)
    return found


def test_a_state_gives_the_deals_back() -> None:
    records = [*products(5_000), {"id": 9_000_000_000, "deal_id": 7}]
    saved = learned(records).dump()
    again = Parents(saved)
    assert all(again.get(each["id"]) == each["deal_id"] for each in records)
    assert again.get(5_001) is None
    assert again.dump() == saved
    again.note([{"id": 1, "deal_id": 99}])
    assert Parents(again.dump()).get(1) == 99
    assert Parents().dump() == ""


def test_a_child_that_is_kept_no_more_is_forgotten() -> None:
    found = learned(products(10))
    found.keep(Numbers([2, 3]))
    assert [n for n in range(1, 11) if found.get(n) is not None] == [2, 3]


@pytest.mark.parametrize(
    "record", [{}, {"id": 1}, {"id": "1", "deal_id": 2}, {"id": 1, "deal_id": None}, {"id": -1}]
)
def test_what_is_no_child_is_passed_over(record: Record) -> None:
    assert learned([record]).dump() == ""


@pytest.mark.parametrize("text", ["!", "a b", " ", "eJwDAAAAAAE= eJwDAAAAAAE="])
def test_a_damaged_state_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Parents(text)
    with pytest.raises(Exception, match="cannot be read"):
        audit_with({"objects": {"deal_products": {"parents": text}}})


def test_a_child_takes_two_characters() -> None:
    assert len(learned(products(100_000)).dump()) < 200_000


def test_only_so_many_children_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parents, "MOST", 5)
    found = learned(products(10))
    assert [n for n in range(1, 11) if found.get(n) is not None] == [1, 2, 3, 4, 5]
    found.note([{"id": 2, "deal_id": 77}, {"id": 9, "deal_id": 77}])
    assert (found.get(2), found.get(9)) == (77, None)


def test_deals_are_forgotten_before_the_audit_of_leads_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leads, items = Kept(BY_NAME["leads"], {}), Kept(BY_NAME["deal_products"], {})
    leads.present.add(str(UUID(int=n << 64 | n * n)) for n in range(1, 200))
    items.present.add(range(1, 2_001))
    items.parents.note(products(2_000))
    objects = {"deal_products": items.dump(), "leads": leads.dump()}
    assert audit_with({"objects": objects}).dump()["objects"] == objects
    monkeypatch.setattr(size, "MOST", len(objects["deal_products"]["parents"]))
    audit = audit_with({"objects": objects})
    with caplog.at_level(logging.INFO, "airbyte"):
        small = audit.dump()["objects"]
        assert audit.dump()["objects"] == small
    assert small == {
        "deal_products": {k: v for k, v in objects["deal_products"].items() if k != "parents"},
        "leads": objects["leads"],
    }
    assert len([text for text in caplog.messages if "remember their deals" in text]) == 1


def test_a_million_ids_and_twenty_thousand_leads_fit_into_the_state() -> None:
    """In the middle of a pass, after a first audit that has declared every gap. The deals of
    products have what room is left."""
    ids, random = with_gaps(1_000_000, 0.05), Random(3)
    persons, leads = Kept(BY_NAME["persons"], {}), Kept(BY_NAME["leads"], {})
    products_ = Kept(BY_NAME["deal_products"], {})
    persons.begin(UNTIL - 60, "me").seen.add(ids)
    persons.close(Numbers.between(0, 1_000_000) - Numbers(ids), Numbers(), Numbers(), UNTIL)
    persons.begin(UNTIL, "me").seen.add(random.sample(ids, len(ids) // 2))
    leads.present.add(str(UUID(int=random.getrandbits(128))) for _ in range(20_000))
    leads.begin(UNTIL, "me").seen.add([*leads.present][::2])
    products_.parents.note(products(200_000))
    whole = {each.audited.name: each.dump() for each in (persons, leads, products_)}
    state = audit_with({"objects": whole}).dump()
    assert len(str(state)) < 1_000_000
    assert "stopped" not in state["objects"]["leads"]
    assert "parents" not in state["objects"].get("deal_products", {})


def test_what_was_declared_is_remembered_for_some_passes() -> None:
    found = Declarations((), Uuids.load)
    uuids = [str(UUID(int=n)) for n in range(1, 80)]
    for n, uuid in enumerate(uuids):
        found.add(1_000 * n, Uuids([uuid]))
        found.add(1_000 * n, Uuids([uuid]), rows=500)  # by a pass: they have their own limit
    found.add(10**6, Uuids())
    found.remove(Uuids(uuids[-2:-1]))
    again = Declarations(found.dump(), Uuids.load)
    times = [time for time, _ in again.after(0)]
    reported = [1_000 * n for n in range(79 - MOST, 79) if n != 77]
    assert sorted(times) == [500] * len(reported) + reported
    assert [list(ids) for _, ids in again.after(77_000)] == [uuids[-1:]] * 2
