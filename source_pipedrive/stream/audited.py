"""What an audit can find deleted: where each object is listed, and what verifies one record.

`by_ids`: the lists accept `ids`, up to a hundred of them. `single`: the record is requested alone.
`of_deals`: no endpoint knows one of them, so the deals that changed meanwhile are requested again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from source_pipedrive.stream.definition import Stream
from source_pipedrive.stream.kinds import Changes, Kind, Paging
from source_pipedrive.stream.lists import changed, stream
from source_pipedrive.stream.needs import NO_INSTALLMENTS, NO_PROJECTS

AUDITOR = "deleted_records"  # the stream that pays, and that log lines name
PROJECTS_SCOPE = "projects:read projects:full"
# Admins of these apps see every record of that kind; of a kind without an app, admins of all apps.
SALES, WORK, BOTH = ("sales",), ("global",), ("sales", "global")


@dataclass(frozen=True)
class Single:
    """An endpoint for one record."""

    path: str
    """Path below the API version; {id} stands for the record's id."""
    version: int
    """Version of the API, 1 or 2."""
    cost: int
    """API tokens of one request."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    """An object whose list an audit reads again."""

    name: str
    """The stream of its records, and its name in deleted_records."""
    apps: tuple[str, ...]
    """Apps whose admins see all of its records; (): nobody is known to."""
    lists: tuple[Stream, ...]
    """Every list in which a record can be."""
    single: Single | None = None
    """The endpoint for one record; None if the lists accept `ids`, or `of_deals`."""
    of_deals: bool = False
    """Whether the list is requested for a hundred deals at a time."""
    uuids: bool = False
    """Whether its ids are UUIDs, and not whole numbers."""

    @property
    def by_ids(self) -> bool:
        """Whether a request can verify a hundred records, so that looking for gaps is cheap."""
        return self.single is None and not self.of_deals


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A short list that every sync reads whole."""

    name: str
    """The stream of its records, and its name in deleted_records."""
    scope: str
    """OAuth scopes, any of which is enough, separated by spaces."""
    single: Single | None = None
    """The endpoint for one record; None if there is none."""
    can_be_private: bool = False
    """Whether an owner can hide a record from everyone, so that no admin sees all."""


def _list(name: str, path: str, version: int, cost: int, scope: str, **keywords: Any) -> Stream:
    return stream(
        AUDITOR,
        path,
        version,
        cost,
        scope,
        kind=Kind.COMPONENT,
        schema_of=name,
        about=f"Reads {path} again",
        **{"limit": 500, **keywords},
    )


def _sorted(name: str, path: str, cost: int, scope: str, **keywords: Any) -> Stream:
    """A v2 list that is read in spans of update_time."""
    sorted_ = {"paging": Paging.CURSOR, **changed(Changes.ASCENDING)}
    return _list(name, path, 2, cost, scope, **sorted_, **keywords)


def _paged(name: str, path: str, cost: int, scope: str, **keywords: Any) -> Stream:
    """A v1 list with offsets; changed(Changes.RESTARTING) if it has a filter by update_time."""
    return _list(name, path, 1, cost, scope, paging=Paging.OFFSET, **keywords)


def _addon(name: str, path: str) -> Stream:
    """A v2 list without a filter or an order."""
    known = {"paging": Paging.CURSOR, "means_unavailable": NO_PROJECTS}
    return _list(name, path, 2, 10, PROJECTS_SCOPE, **known)


def _of_deals(name: str, path: str, scope: str, **keywords: Any) -> Stream:
    """A v2 list that names the deals whose children it wants."""
    return _list(name, path, 2, 10, scope, paging=Paging.CURSOR, **keywords)


_FILES = "contacts:read deals:read activities:read"
_RESTARTING = changed(Changes.RESTARTING)
# fmt: off
AUDITED = (
    Audited(name="deals", apps=SALES, lists=(
        _sorted("deals", "deals", 10, "deals:read"),
        _sorted("deals", "deals/archived", 20, "deals:read"))),
    Audited(name="persons", apps=WORK, lists=(
        _sorted("persons", "persons", 10, "contacts:read"),)),
    Audited(name="organizations", apps=WORK, lists=(
        _sorted("organizations", "organizations", 10, "contacts:read"),)),
    Audited(name="products", apps=SALES, lists=(
        _sorted("products", "products", 10, "products:read", has_upper_bound=False),)),
    Audited(name="activities", apps=BOTH, lists=(
        _sorted("activities", "activities", 10, "activities:read"),)),
    Audited(name="notes", apps=BOTH, single=Single("notes/{id}", 1, 2), lists=(
        _paged("notes", "notes", 20, "contacts:read deals:read", **_RESTARTING),)),
    Audited(name="files", apps=BOTH, single=Single("files/{id}", 1, 2), lists=(
        _paged("files", "files", 20, _FILES, limit=100),)),
    Audited(name="projects", apps=(), single=Single("projects/{id}", 2, 1), lists=(
        _addon("projects", "projects"), _addon("projects", "projects/archived"))),
    Audited(name="tasks", apps=(), single=Single("tasks/{id}", 2, 1), lists=(
        _addon("tasks", "tasks"),)),
    Audited(name="deal_products", apps=SALES, of_deals=True, lists=(
        _of_deals("deal_products", "deals/products", "deals:read products:read"),)),
    Audited(name="deal_installments", apps=SALES, of_deals=True, lists=(
        _of_deals("deal_installments", "deals/installments", "deals:read",
                  means_unavailable=NO_INSTALLMENTS),)),
    # Last: their ids do not compress, so theirs is the first audit that a large state ends.
    Audited(name="leads", apps=SALES, single=Single("leads/{id}", 1, 2), uuids=True, lists=(
        _paged("leads", "leads", 20, "leads:read", **_RESTARTING),
        _paged("leads", "leads/archived", 40, "leads:read"))),
)
# The lists of these records are read whole. Products and installments of deals are not among them:
# their rows need columns of their deals, which an audit does not read.
WHOLE = frozenset(s.endpoint.path for each in AUDITED if not each.of_deals for s in each.lists)
DEALS, CHILDREN = AUDITED[0], tuple(each for each in AUDITED if each.of_deals)
COMPARED = (
    Compared(name="users", scope="users:read", single=Single("users/{id}", 1, 2)),
    Compared(name="roles", scope="admin", single=Single("roles/{id}", 1, 2)),
    Compared(name="permission_sets", scope="admin"),
    Compared(name="filters", scope=_FILES, single=Single("filters/{id}", 1, 2),
             can_be_private=True),
    Compared(name="pipelines", scope="deals:read admin", single=Single("pipelines/{id}", 2, 1)),
    Compared(name="stages", scope="deals:read admin", single=Single("stages/{id}", 2, 1)),
    Compared(name="project_boards", scope=PROJECTS_SCOPE, single=Single("boards/{id}", 2, 10)),
    Compared(name="project_templates", scope=PROJECTS_SCOPE,
             single=Single("projectTemplates/{id}", 2, 1)),
    Compared(name="lead_labels", scope="leads:read"),
    Compared(name="activity_types", scope="activities:read admin"),
    Compared(name="currencies", scope="base"),
)
# fmt: on
