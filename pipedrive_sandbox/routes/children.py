"""The child records of deals, persons, organizations, products and notes."""

from __future__ import annotations

from typing import Any

from ..answers import children as answers
from ..answers import computed
from ..answers.mail import mail_messages
from ..data import documents
from ..endpoints import child_route, pages, v1, v2
from ..params import IDS, Filter, parse_flag, parse_integer
from ..record import SortKey
from ..route import Route

PRODUCT_SORTS = ("id", "deal_id", "add_time", "update_time", "order_nr")
INSTALLMENT_SORTS = ("id", "billing_date", "deal_id")
DEALS_ASKED = Filter("deal_ids", IDS.read, "", required=True)
BODY = Filter("include_body", parse_flag, "")
A_HUNDRED = ",".join(str(id_) for id_ in range(1, 101))
APPS = {"deals": "sales", "products": "sales"}


def stored_children(of: str, child: str, **more: Any) -> dict[str, Any]:
    """The fields of a route whose child records come from `World.children`."""
    return child_route(of, child_kind=child, app=APPS.get(of, ""), **more)


def bulk(child: str, sorts: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """The fields of a route that lists the children of up to 100 deals per request."""
    return {
        "answer": answers.bulk_page,
        "table": "deals",
        "child_kind": child,
        "app": "sales",
        "ids_param": "deal_ids",
        "filters": (DEALS_ASKED,),
        "param_sets": ({"deal_ids": A_HUNDRED},),
        "sorts": sorts,
        **more,
    }


def followers(object_: str, of: str, scopes: str) -> tuple[Route, Route]:
    """The routes for a record's followers and their changelog."""
    path, order = f"/{of}/{{id}}/followers", (SortKey("user_id"),)
    now = stored_children(of, "followers", answer=answers.keyset_page, order=order)
    log = stored_children(of, "followers_changelog", answer=answers.log_page)
    return (
        v2(f"{object_}_followers", path, 10, scopes, **now),
        v2(f"{object_}_followers_changelog", f"{path}/changelog", 10, scopes, **log),
    )


def changelog(object_: str, of: str) -> Route:
    """The route for the changelog of a record."""
    more = stored_children(of, "changelog", answer=answers.log_page, paging="cursor")
    return v1(f"{object_}_changelog", f"/{of}/{{id}}/changelog", 20, "recents:read", **more)


def mail(object_: str, of: str) -> Route:
    """The route for the mail of a record."""
    more = stored_children(of, "mail_messages", answer=mail_messages, filters=(BODY,))
    return pages(f"{object_}_mail_messages", f"/{of}/{{id}}/mailMessages", 20, "mail", **more)


PARTICIPANTS = stored_children("deals", "participants", answer=answers.participants)
JOINED = stored_children(
    "deals", "participants_changelog", answer=answers.log_page, paging="cursor"
)
DISCOUNTS = stored_children("deals", "discounts", answer=answers.whole, paging="none")
VARIATIONS = stored_children("products", "variations", answer=answers.keyset_page)
IMAGES = stored_children("products", "images", answer=answers.image, paging="none")
RELATIONS: dict[str, Any] = {
    "answer": answers.relationships,
    "table": "organizations",
    "child_kind": "relationships",
    "ids_param": "org_id",
    "max_ids": 1,
    "filters": (Filter("org_id", parse_integer, "", required=True),),
    "param_sets": ({"org_id": "3"},),
}
COMMENTS = child_route("notes", answer=computed.by_offset(documents.comments))

ROUTES: tuple[Route, ...] = (
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
        "note_comments",
        "/notes/{id}/comments",
        20,
        "contacts deals",
        **COMMENTS,
    ),
)
