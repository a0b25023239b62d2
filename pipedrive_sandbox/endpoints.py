"""The functions that build routes: lists, pages and single objects."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .answers import pages as answers
from .errors import Version
from .params import integer
from .record import Condition
from .route import Access, Answer, ListOptions, Relation, Route

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
    """Expand the short names: `deals` stands for deals:read and deals:full."""
    written: set[str] = set()
    for name in names.split():
        short = name in _SHORT
        written |= {f"{name}:read", f"{name}:full"} if short else {name}
    return frozenset(written)


def _route(version: Version, object_: str, path: str, cost: int, scopes: str, **more: Any) -> Route:
    """A route from flat keyword arguments: the fields of Route and of its groups."""
    more["scopes"] = _scopes(scopes)

    def group(kind: type[Any]) -> Any:
        names = more.keys() & {field.name for field in fields(kind)}
        return kind(**{name: more.pop(name) for name in names})

    groups = {"listing": group(ListOptions), "relation": group(Relation), "access": group(Access)}
    return Route(version, object_, path, cost, **groups, **more)


def v2(object_: str, path: str, cost: int, scopes: str, **more: Any) -> Route:
    """A v2 list, paginated by cursor."""
    more = {"table": object_, "answer": answers.cursor_page, "paging": "cursor", **more}
    return _route("v2", object_, path, cost, scopes, **more)


def v1(object_: str, path: str, cost: int, scopes: str, **more: Any) -> Route:
    """A v1 list in one response, or a single object if `answer` says so."""
    more = {"table": object_, "answer": answers.whole_list, **more}
    return _route("v1", object_, path, cost, scopes, **more)


def pages(object_: str, path: str, cost: int, scopes: str, **more: Any) -> Route:
    """A v1 list, paginated by offset."""
    more = {"answer": answers.offset_page, "paging": "offset", **more}
    return v1(object_, path, cost, scopes, **more)


def of_user(object_: str, path: str, cost: int, answer: Answer, scopes: str = "base") -> Route:
    """One object that belongs to the token's user, or to the user in the path."""
    return v1(object_, path, cost, scopes, table="users", answer=answer)


def child_route(of: str, **more: Any) -> dict[str, Any]:
    """The route fields shared by all endpoints of child records, whose parents are in `of`."""
    return {"table": of, "parent_table": of, **more}
