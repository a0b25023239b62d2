"""The endpoints of the rows below a record: one row each, as in `routes`."""

from __future__ import annotations

from typing import Any

from . import child_answers as answers
from .child_answers import bulk_page, keyset_page, log_page
from .endpoints import pages, v1, v2
from .params import IDS, Filter, binary, whole
from .recents import ITEMS, recents
from .record import SortKey
from .route import Route

PRODUCT_SORTS = ("id", "deal_id", "add_time", "update_time", "order_nr")
INSTALLMENT_SORTS = ("id", "billing_date", "deal_id")
DEALS_ASKED = Filter("deal_ids", IDS.read, "", required=True)
BODY = Filter("include_body", binary, "")
A_HUNDRED = ",".join(str(id_) for id_ in range(1, 101))
APPS = {"deals": "sales", "products": "sales"}
SCOPES = {"deals": "deals", "persons": "contacts", "organizations": "contacts"}


def below(of: str, child: str, **more: Any) -> dict[str, Any]:
    """What the rows below a record of the table `of` have in common."""
    return {"table": of, "of": of, "child": child, "app": APPS.get(of, ""), **more}


def bulk(child: str, sorts: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """Of up to 100 deals in one request."""
    return {
        "answer": bulk_page,
        "table": "deals",
        "child": child,
        "app": "sales",
        "ids": "deal_ids",
        "filters": (DEALS_ASKED,),
        "every": ({"deal_ids": A_HUNDRED},),
        "sorts": sorts,
        **more,
    }


def followers(object_: str, of: str, scopes: str) -> tuple[Route, Route]:
    """Who follows a record, and how that came to be."""
    path, order = f"/{of}/{{id}}/followers", (SortKey("user_id"),)
    now = below(of, "followers", answer=keyset_page, order=order)
    log = below(of, "followers_changelog", answer=log_page)
    return (
        v2(f"{object_}_followers", path, 10, scopes, **now),
        v2(f"{object_}_followers_changelog", f"{path}/changelog", 10, scopes, **log),
    )


def changelog(object_: str, of: str) -> Route:
    more = below(of, "changelog", answer=log_page, paging="cursor")
    return v1(f"{object_}_changelog", f"/{of}/{{id}}/changelog", 20, "recents:read", **more)


def mail(object_: str, of: str) -> Route:
    more = below(of, "mail_messages", answer=answers.mail_messages, filters=(BODY,))
    return pages(f"{object_}_mail_messages", f"/{of}/{{id}}/mailMessages", 20, "mail", **more)


PARTICIPANTS = below("deals", "participants", answer=answers.participants)
JOINED = below("deals", "participants_changelog", answer=log_page, paging="cursor")
DISCOUNTS = below("deals", "discounts", answer=answers.whole, paging="none")
VARIATIONS = below("products", "variations", answer=keyset_page)
IMAGES = below("products", "images", answer=answers.image, paging="none")
RELATIONS: dict[str, Any] = {
    "answer": answers.relationships,
    "table": "organizations",
    "child": "relationships",
    "ids": "org_id",
    "most_ids": 1,
    "filters": (Filter("org_id", whole, "", required=True),),
    "every": ({"org_id": "3"},),
}

CHILDREN: tuple[Route, ...] = (
    v2("deal_products", "/deals/products", 10, "deals products", **bulk("products", PRODUCT_SORTS)),
    v2(
        "deal_installments",
        "/deals/installments",
        10,
        "deals",
        **bulk("installments", INSTALLMENT_SORTS, answer=answers.installments),
    ),
    changelog("deal", "deals"),
    pages("deal_participants", "/deals/{id}/participants", 10, "deals", **PARTICIPANTS),
    v1(
        "deal_participants_changelog",
        "/deals/{id}/participantsChangelog",
        10,
        "deals",
        **JOINED,
    ),
    *followers("deal", "deals", "deals"),
    v2("deal_discounts", "/deals/{id}/discounts", 10, "deals", **DISCOUNTS),
    mail("deal", "deals"),
    changelog("person", "persons"),
    *followers("person", "persons", "contacts"),
    mail("person", "persons"),
    changelog("organization", "organizations"),
    *followers("organization", "organizations", "contacts"),
    mail("organization", "organizations"),
    v1(
        "organization_relationships",
        "/organizationRelationships",
        20,
        "contacts",
        **RELATIONS,
    ),
    *followers("product", "products", "products"),
    v2("product_variations", "/products/{id}/variations", 10, "products", **VARIATIONS),
    v2("product_images", "/products/{id}/images", 10, "products", **IMAGES),
    pages(
        "recents",
        "/recents",
        20,
        "recents:read search:read",
        answer=recents,
        table="pipelines",  # one of those that it lists
        filters=ITEMS,
        every=({"since_timestamp": "2000-01-01 00:00:00"},),
    ),
)
