"""The variations and images of products, and the relationships of organizations."""

from __future__ import annotations

from ..clock import date, plain
from ..record import Record
from .children import Parent
from .company import COMPANY_ID
from .random_values import RandomValues

_RELATED = ((3, 1, "parent"), (5, 7, "related"))  # every 3rd one is the parent of the next one
_SEEN = {"parent": ("daughter", "parent"), "related": ("related", "related")}
IDS_PER_PARENT = 10  # child ids reserved per record


def variations(rng: RandomValues, parent: Parent) -> list[Record]:
    """One or two for half of the products, at one and a half times the product's prices."""
    count = rng.number(1, 2) if parent.id % 2 else 0
    rows: list[Record] = []
    for at in range(1, count + 1):
        id_ = parent.id * IDS_PER_PARENT + at
        prices = [
            {
                "product_variation_id": id_,
                "price": each["price"] * 1.5,
                "currency": each["currency"],
                "cost": each["cost"],
                "direct_cost": each["direct_cost"],
                "notes": each["notes"],
            }
            for each in parent.record["prices"]
        ]
        name = f"{rng.pick(rng.words.words)} {at}"
        rows.append({"id": id_, "name": name, "product_id": parent.id, "prices": prices})
    return rows


def images(rng: RandomValues, parent: Parent) -> list[Record]:
    """One for two thirds of the products."""
    if parent.id % 3 == 0:
        return []
    name = f"{rng.pick(rng.words.words)}.png"
    record: Record = {
        "id": parent.id * IDS_PER_PARENT + 1,
        "product_id": parent.id,
        "company_id": str(COMPANY_ID),
        "public_url": f"https://images.sandbox.example/{rng.uuid()}/{name}",
        "add_time": date(rng.between(parent.added, parent.last)),
        "mime_type": "image/png",
        "name": name,
    }
    return [record]


def relationships(rng: RandomValues, parent: Parent) -> list[Record]:
    """The relationships of an organization, from its side; both organizations list them.

    {id, type, owner, linked, calculated_type, calculated_related_org_id, times}; the response adds
    the names.
    """
    found = []
    for number, (every, step, type_) in enumerate(_RELATED, start=1):
        for owner, other in ((parent.id, parent.id + step), (parent.id - step, parent.id - step)):
            linked = owner + step
            if owner < 1 or owner % every:
                continue
            seen, added = (
                _SEEN[type_][owner != parent.id],
                parent.children.created_at - 90_000 * (owner % 900),
            )
            record: Record = {
                "id": owner * IDS_PER_PARENT + number,
                "type": type_,
                "rel_owner_org_id": owner,
                "rel_linked_org_id": linked,
                "add_time": plain(added),
                "update_time": plain(added),
                "active_flag": "true",
                "calculated_type": seen,
                "calculated_related_org_id": other,
            }
            found.append(record)
    return found
