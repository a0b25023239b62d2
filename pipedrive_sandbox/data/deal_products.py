"""The products, installments and discounts of deals."""

from __future__ import annotations

from ..clock import DAY, date, zulu
from ..record import Record
from .children import Parent
from .draw import Draw

_FREQUENCIES = ("monthly", "monthly", "quarterly", "annually", "semi-annually", "weekly")
ROOM = 1000  # child ids reserved per deal


def products(draw: Draw, parent: Parent) -> list[Record]:
    """The products of a deal. In a recurring deal the first one is billed repeatedly."""
    return [
        product(draw, parent.record, at, draw.between(parent.added, parent.last), parent)
        for at in range(1, parent.count("products") + 1)
    ]


def product(draw: Draw, deal: Record, at: int, added: float, parent: Parent) -> Record:
    """Product number `at` of a deal, added in the second `added`."""
    sold = draw.number(1, parent.sizes.products)
    known = parent.family.tables["products"].rows.get(sold)
    price, quantity = draw.number(1, 400) * 2.5, draw.pick((1, 1, 2, 5, 10, 2.5))
    percentage = draw.chance(0.7)
    discount = draw.pick((0, 0, 5, 12.5)) if percentage else draw.pick((0, 10))
    total = price * quantity
    total = total * (100 - discount) / 100 if percentage else max(0, total - discount)
    recurring = parent.counts.recurring and at == 1
    frequency = draw.pick(_FREQUENCIES) if recurring else "one-time"
    variation = draw.some(sold * 10 + 1, 0.3)  # only products with odd ids have variations
    cycles = draw.number(1, 24) if frequency == "weekly" or draw.chance(0.5) else None
    return {
        "id": deal["id"] * ROOM + at,
        "sum": round(total, 2),
        "tax": draw.pick((0, 20, 22.5)),
        "deal_id": deal["id"],
        "name": known.record["name"] if known else f"Product {sold}",
        "product_id": sold,
        "product_variation_id": variation if sold % 2 else None,
        "order_nr": at,
        "add_time": zulu(added),
        "update_time": zulu(draw.between(added, max(added, parent.last))),
        "comments": draw.some(draw.pick(draw.words.sentences), 0.2) or "",
        "currency": deal["currency"],
        "discount": discount,
        "discount_type": "percentage" if percentage else "amount",
        "quantity": quantity,
        "item_price": price,
        "tax_method": draw.pick(("exclusive", "inclusive", "none")),
        "is_enabled": draw.chance(0.95),
        "billing_frequency": frequency,
        "billing_frequency_cycles": cycles if recurring else None,
        "billing_start_date": date(added + draw.number(0, 60) * DAY) if recurring else None,
    }


def installments(draw: Draw, parent: Parent) -> list[Record]:
    """2 to 12 monthly payments that add up to the deal's value."""
    count = parent.counts.installments
    if not count:
        return []
    value, first = round(parent.record["value"] * 100), parent.added + draw.number(0, 60) * DAY
    amounts = [value // count] * (count - 1)
    amounts.append(value - sum(amounts))
    return [
        {
            "id": parent.id * ROOM + at,
            "amount": amount / 100,
            "billing_date": date(first + at * 30 * DAY),
            "deal_id": parent.id,
            "description": f"Payment {at} of {count}",
        }
        for at, amount in enumerate(amounts, start=1)
    ]


def discounts(draw: Draw, parent: Parent) -> list[Record]:
    """One or two for a quarter of the deals with products."""
    count = draw.number(1, 2) if parent.count("products") and draw.chance(0.25) else 0
    rows: list[Record] = []
    for _ in range(count):
        amount, percentage = draw.pick((5, 10, 12.5)), draw.chance(0.6)
        made = draw.between(parent.added, parent.last)
        rows.append(
            {
                "id": draw.uuid(),
                "description": f"{amount}%" if percentage else "Early bird",
                "amount": amount,
                "type": "percentage" if percentage else "amount",
                "deal_id": parent.id,
                "created_at": zulu(made),
                "created_by": draw.number(1, parent.sizes.users),
                "updated_at": zulu(draw.between(made, parent.last)),
                "updated_by": draw.number(1, parent.sizes.users),
            }
        )
    return rows
