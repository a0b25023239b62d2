"""The products, installments and discounts of deals."""

from __future__ import annotations

from ..clock import DAY, date, zulu
from ..record import Record
from .children import Parent
from .random_values import RandomValues

_FREQUENCIES = ("monthly", "monthly", "quarterly", "annually", "semi-annually", "weekly")
NUMBERED = ("products", "installments")  # whose ids count up in the whole company


def products(rng: RandomValues, parent: Parent) -> list[Record]:
    """The products of a deal. In a recurring deal the first one is billed repeatedly."""
    return [
        product(rng, parent.record, at, rng.between(parent.added, parent.last), parent)
        for at in range(1, parent.count("products") + 1)
    ]


def product(rng: RandomValues, deal: Record, at: int, added: float, parent: Parent) -> Record:
    """Product number `at` of a deal, added in the second `added`."""
    sold = rng.number(1, parent.sizes.products)
    known = parent.children.tables["products"].rows.get(sold)
    price, quantity = rng.number(1, 400) * 2.5, rng.pick((1, 1, 2, 5, 10, 2.5))
    percentage = rng.chance(0.7)
    discount = rng.pick((0, 0, 5, 12.5)) if percentage else rng.pick((0, 10))
    total = price * quantity
    total = total * (100 - discount) / 100 if percentage else max(0, total - discount)
    recurring = parent.counts.recurring and at == 1
    frequency = rng.pick(_FREQUENCIES) if recurring else "one-time"
    variation = rng.some(sold * 10 + 1, 0.3)  # only products with odd ids have variations
    cycles = rng.number(1, 24) if frequency == "weekly" or rng.chance(0.5) else None
    return {
        "id": parent.number("products", at),
        "sum": round(total, 2),
        "tax": rng.pick((0, 20, 22.5)),
        "deal_id": deal["id"],
        "name": known.record["name"] if known else f"Product {sold}",
        "product_id": sold,
        "product_variation_id": variation if sold % 2 else None,
        "order_nr": at,
        "add_time": zulu(added),
        "update_time": zulu(rng.between(added, max(added, parent.last))),
        "comments": rng.some(rng.pick(rng.words.sentences), 0.2) or "",
        "currency": deal["currency"],
        "discount": discount,
        "discount_type": "percentage" if percentage else "amount",
        "quantity": quantity,
        "item_price": price,
        "tax_method": rng.pick(("exclusive", "inclusive", "none")),
        "is_enabled": rng.chance(0.95),
        "billing_frequency": frequency,
        "billing_frequency_cycles": cycles if recurring else None,
        "billing_start_date": date(added + rng.number(0, 60) * DAY) if recurring else None,
    }


def installments(rng: RandomValues, parent: Parent) -> list[Record]:
    """2 to 12 monthly payments that add up to the deal's value."""
    count = parent.counts.installments
    if not count:
        return []
    value, first = round(parent.record["value"] * 100), parent.added + rng.number(0, 60) * DAY
    amounts = [value // count] * (count - 1)
    amounts.append(value - sum(amounts))
    return [
        {
            "id": parent.number("installments", at),
            "amount": amount / 100,
            "billing_date": date(first + at * 30 * DAY),
            "deal_id": parent.id,
            "description": f"Payment {at} of {count}",
        }
        for at, amount in enumerate(amounts, start=1)
    ]


def discounts(rng: RandomValues, parent: Parent) -> list[Record]:
    """One or two for a quarter of the deals with products."""
    count = rng.number(1, 2) if parent.count("products") and rng.chance(0.25) else 0
    rows: list[Record] = []
    for _ in range(count):
        amount, percentage = rng.pick((5, 10, 12.5)), rng.chance(0.6)
        made = rng.between(parent.added, parent.last)
        rows.append(
            {
                "id": rng.uuid(),
                "description": f"{amount}%" if percentage else "Early bird",
                "amount": amount,
                "type": "percentage" if percentage else "amount",
                "deal_id": parent.id,
                "created_at": zulu(made),
                "created_by": rng.number(1, parent.sizes.users),
                "updated_at": zulu(rng.between(made, parent.last)),
                "updated_by": rng.number(1, parent.sizes.users),
            }
        )
    return rows
