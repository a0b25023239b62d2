"""What the rows of the tables of routes are written with: lists, pages and single objects."""

from __future__ import annotations

from typing import Any

from .answers import pages as answers
from .params import integer
from .record import Condition
from .route import Answer, Route

ANY_PARENT = "activities contacts deals"
LISTED = (Condition("is_archived", "is", False),)
ARCHIVED = (Condition("is_archived", "is", True),)
DEAL, PERSON, ORG = integer("deal_id"), integer("person_id"), integer("org_id")
OWNER, PIPELINE, STAGE = integer("owner_id"), integer("pipeline_id"), integer("stage_id")
_SHORT = (
    *("deals", "contacts", "activities", "products", "leads", "goals", "mail", "projects"),
    "webhooks",
)


def _scopes(names: str) -> frozenset[str]:
    """`deals` is short for deals:read and deals:full; other scopes are written out."""
    written: set[str] = set()
    for name in names.split():
        short = name in _SHORT
        written |= {f"{name}:read", f"{name}:full"} if short else {name}
    return frozenset(written)


def v2(object_: str, path: str, cost: int, scopes: str, **more: Any) -> Route:
    """A list of v2, paginated by cursor."""
    more = {"table": object_, "answer": answers.cursor_page, "paging": "cursor", **more}
    return Route("v2", object_, path, cost, _scopes(scopes), **more)


def v1(object_: str, path: str, cost: int, scopes: str, **more: Any) -> Route:
    """A list of v1 in one answer, or one object by its own `answer`."""
    more = {"table": object_, "answer": answers.whole_list, **more}
    return Route("v1", object_, path, cost, _scopes(scopes), **more)


def pages(object_: str, path: str, cost: int, scopes: str, **more: Any) -> Route:
    """A list of v1, paginated by offset."""
    more = {"answer": answers.offset_page, "paging": "offset", **more}
    return v1(object_, path, cost, scopes, **more)


def of_user(object_: str, path: str, cost: int, answer: Answer, scopes: str = "base") -> Route:
    """One object of the token's user, or of the user in the path."""
    return v1(object_, path, cost, scopes, table="users", answer=answer)


def below(of: str, **more: Any) -> dict[str, Any]:
    """What all endpoints below a record of the table `of` have in common."""
    return {"table": of, "of": of, **more}
