"""Products and installments of deals, requested for a hundred deals at once."""

from __future__ import annotations

import pytest

from pipedrive_sandbox import Options, Sandbox

from .caller import LIMITS, NOW, Caller
from .test_sandbox_children import every_deal

OPTIONS = Options(scale=0.1, clock=NOW, switches=LIMITS)


@pytest.mark.parametrize("path", ["v2/deals/products", "v2/deals/installments"])
@pytest.mark.parametrize(
    "query",
    ["", "deal_ids=", "deal_ids=x", "deal_ids=1&owner_id=1", "deal_ids=1&sort_by=name"],
)
def test_an_undocumented_bulk_request_is_refused(api: Caller, path: str, query: str) -> None:
    answer = api.get(f"{api.box.url}/api/{path}?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "ERR_SCHEMA_VALIDATION_FAILED"


def test_a_request_for_at_most_a_hundred_deals(api: Caller) -> None:
    ids = [str(id_) for id_ in range(1, 102)]
    assert api.ask("v2/deals/products", deal_ids=",".join(ids[:100])).status_code == 200
    assert api.ask("v2/deals/products", deal_ids=",".join(ids)).status_code == 400


@pytest.mark.parametrize(
    ("path", "sorts"),
    [
        ("v2/deals/products", ["id", "deal_id", "add_time", "update_time", "order_nr"]),
        ("v2/deals/installments", ["id", "billing_date", "deal_id"]),
    ],
)
def test_bulk_pages_return_every_row_once_in_order(
    api: Caller, path: str, sorts: list[str]
) -> None:
    ids = ",".join(str(id_) for id_ in range(1, 101))
    everything = api.walk(path, deal_ids=ids, limit=500)
    assert len(everything) > 30
    for field in sorts:
        for direction in ("asc", "desc"):
            rows = api.walk(path, deal_ids=ids, limit=7, sort_by=field, sort_direction=direction)
            keys = [(row[field], row["id"]) for row in rows]
            assert keys == sorted(keys, reverse=direction == "desc")
            assert {row["id"] for row in rows} == {row["id"] for row in everything}
            assert len(rows) == len(everything)


def test_missing_deals_are_skipped_silently(box: Sandbox, api: Caller) -> None:
    deleted = api.data("v2/deals", status="deleted")[0]["id"]
    with_some = min(box.records_by_parent("deal_products"))
    asked = f"{deleted},{10**8},{with_some}"
    rows = api.data("v2/deals/products", deal_ids=asked)
    assert {row["deal_id"] for row in rows} == {with_some}
    assert api.data("v2/deals/products", deal_ids=str(deleted)) == []


def test_the_products_of_deals(box: Sandbox) -> None:
    deals, sold = every_deal(box), box.records_by_parent("deal_products")
    payments = box.records_by_parent("deal_installments")
    assert 0.6 < len(sold) / len(deals) < 0.8
    assert max(map(len, sold.values())) == 5
    recurring = {
        id_ for id_, rows in sold.items() if any(r["billing_frequency"] != "one-time" for r in rows)
    }
    assert 0.1 < len(recurring) / len(sold) < 0.3
    assert payments
    assert not recurring & set(payments), "the vendor allows only one of them"
    for id_, rows in payments.items():
        assert 2 <= len(rows) <= 12
        assert id_ in sold
        assert round(sum(row["amount"] for row in rows), 2) == deals[id_]["value"]
    for row in box.records("deal_products"):
        if row["billing_frequency"] == "one-time":
            assert row["billing_frequency_cycles"] is row["billing_start_date"] is None
        assert row["add_time"] <= row["update_time"] <= deals[row["deal_id"]]["update_time"]
    ids = [row["id"] for row in box.records("deal_products")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("status", [402, 403])
def test_a_plan_without_installments(box: Sandbox, api: Caller, status: int) -> None:
    box.set(installments=str(status))
    answer = api.ask("v2/deals/installments", deal_ids="1")
    assert answer.status_code == status
    assert answer.json()["code"].startswith("feature_")
    assert api.ask("v2/deals/products", deal_ids="1").status_code == 200


def test_installments_without_pages(box: Sandbox, api: Caller) -> None:
    ids = ",".join(str(id_) for id_ in range(1, 101))
    everything = api.walk("v2/deals/installments", deal_ids=ids, limit=500)
    box.set(installments_pagination="absent")
    answer = api.ask("v2/deals/installments", deal_ids=ids, limit=1).json()
    assert "additional_data" not in answer
    assert answer["data"] == everything


def test_a_sold_variation_belongs_to_the_product(box: Sandbox) -> None:
    known = box.records_by_parent("product_variations")
    sold = [row for row in box.records("deal_products") if row["product_variation_id"]]
    listed = [row for row in sold if row["product_id"] in known]
    assert listed
    for row in listed:
        ids = [variation["id"] for variation in known[row["product_id"]]]
        assert row["product_variation_id"] in ids
