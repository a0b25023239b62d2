"""How a row of the stream table is written: the kinds of lists that Pipedrive has."""

from __future__ import annotations

from typing import Any

from source_pipedrive.stream.child import Moves
from source_pipedrive.stream.definition import Absence, Changes, Kind, Needs, Paging, Stream

# Without `deleted` the answer leaves out what was deleted in the last 30 days.
EVERY_STATUS = "open,won,lost,deleted"

# Without an assignee Pipedrive lists only the token owner's goals, without is_active only active
# ones. By type.name some cannot be asked for: it does not take revenue_forecast.
GOALS = tuple(
    {"assignee.type": kind, "is_active": active}
    for kind in ("person", "company", "team")
    for active in ("true", "false")
)
# Not every plan has teams; what Pipedrive answers without them is not documented.
GOALS_OF_TEAMS = {"assignee.type": "team"}

# The streams whose update_time moves with a change of notes, ...: how sure that is.
MOVED_BY_NOTES = {
    **dict.fromkeys(("deals", "persons", "organizations"), Moves.DELETION),
    "leads": Moves.UNKNOWN,
}
MOVED_BY_ACTIVITIES = {
    **dict.fromkeys(("persons", "leads"), Moves.LIKELY),
    **dict.fromkeys(("deals", "organizations"), Moves.UNKNOWN),
}
MOVED_BY_FILES = dict.fromkeys(("deals", "persons", "organizations", "leads"), Moves.UNKNOWN)

# Scopes whose `:full` form reads as well (OpenAPI, security of each operation).
WITH_FULL = frozenset(
    f"{area}:read"
    for area in (
        *("deals", "mail", "activities", "contacts", "products", "leads", "goals"),
        "webhooks",  # changelog of 2024-02-01; the OpenAPI file only has admin
    )
)

# A 403 that is about neither a scope nor a permission, and is not the edge's (http/errors.py). Of
# rows that a plan gates it means that the plan lacks them: what else such a body says was never
# recorded.
OF_THE_PLAN = (
    r"(?is)\A(?!\s*(?:<|error code: 1\d{3}))"
    r"(?!.*(?:cloudflare|scope and url mismatch|do not have permission))"
)
TEAMS_GONE = (
    Absence(404, "", "Pipedrive deprecated teams in 2022 (changelog 2022-05-31)"),
    Absence(410, "", "status list of Pipedrive's documentation: gone"),
    Absence(403, r'"code":\s*"feature_', "plan limits carry a feature_ code (changelog 2022-03)"),
    Absence(403, "do not have permissions", "seen by other connectors' maintainers for teams only"),
    Absence(415, "", "status list of Pipedrive's documentation: feature not enabled"),
    Absence(402, "", "teams are a feature of higher plans"),
)
NO_INSTALLMENTS = (
    Absence(402, "", "instalments need a plan from Growth on; seen by other connectors"),
    Absence(403, OF_THE_PLAN, "below Growth instalments answer 403; the body was not recorded"),
)
# What hangs on projects or boards. A 404 there may be about that one parent.
NOTHING_OF_PROJECTS = (
    Absence(402, "", "projects are an add-on; seen by other connectors' maintainers"),
    Absence(403, OF_THE_PLAN, "projects are an add-on; seen by other connectors' maintainers"),
    Absence(415, "", "status list of Pipedrive's documentation: feature not enabled"),
)
NO_PROJECTS = (
    *NOTHING_OF_PROJECTS,
    Absence(404, "", "projects are an add-on; seen by other connectors' maintainers"),
)
NO_MAILBOX = (Absence(404, "", "the token's user may have no mailbox; not documented"),)
# By the first scope, for rows that do not say otherwise.
ABSENT = {"projects:read": NOTHING_OF_PROJECTS}

# What the token's user has to be, by the OAuth scope that an app would need (the permissions are
# those of users/{id}/permissions). A row may say otherwise.
EVERYBODY = Needs("that every user has")
SELLING = Needs("to use the sales app (deals and leads)", app="sales")
WORKING = Needs("to use contacts and activities", app="global")
ADMIN = Needs("of an admin of account settings", app="account_settings", admin=True)
COLLEAGUES = Needs("can_see_other_users", permission="can_see_other_users")
INSTALLMENTS = Needs(
    SELLING.words, app="sales", unknown="whether the plan has instalments is not told"
)
PROJECTS = Needs("to use projects", unknown="whether the plan has projects is not told")
MAILBOX = Needs("to a mailbox", unknown="whether the user has connected a mailbox is not told")
CALLS = Needs("to log calls", unknown="whether the user logs calls is not told")
CHANGES = Needs("to see changes", unknown="which changes the user may see is not told")
BILLING = Needs("to see what the company pays", unknown="who sees the add-ons is not told")
TEAMS = Needs("to see teams", unknown="whether the plan has teams is not told")
NEEDS = {
    "base": EVERYBODY,
    "deals:read": SELLING,
    "leads:read": SELLING,
    "products:read": SELLING,
    "goals:read": SELLING,
    "contacts:read": WORKING,
    "activities:read": WORKING,
    "users:read": COLLEAGUES,
    "admin": ADMIN,
    "mail:read": MAILBOX,
    "phone-integration": CALLS,
    "projects:read": PROJECTS,
    "recents:read": CHANGES,
}


def row(name: str, path: str, version: int, cost: int, scope: str, **facts: Any) -> Stream:
    """A stream; a scope's `:full` form reads as well."""
    full = [s.replace(":read", ":full") for s in scope.split() if s in WITH_FULL]
    first = scope.partition(" ")[0]
    if "needs" not in facts and first not in NEEDS:
        raise ValueError(
            f'stream "{name}": the scope "{first}" is not in NEEDS of source_pipedrive/rows.py. '
            "Correct it, or add it there with what a user needs"
        )
    facts = {"needs": NEEDS.get(first), "absent": ABSENT.get(first, ()), **facts}
    return Stream(
        name=name, path=path, version=version, cost=cost, scope=(*scope.split(), *full), **facts
    )


def core(name: str, path: str, cost: int, scope: str, **facts: Any) -> Stream:
    """A v2 object read in order of its update_time; each page is a checkpoint."""
    facts = {"limit": 500, "cursor_field": "update_time", "changes": Changes.ASCENDING, **facts}
    return row(name, path, 2, cost, scope, paging=Paging.CURSOR, **facts)


def short(name: str, path: str, scope: str, **facts: Any) -> Stream:
    """A v2 list without a filter that is one request in nearly every company."""
    facts = {"limit": 500, "cursor_field": "update_time", "changes": Changes.ON_CLIENT, **facts}
    return row(name, path, 2, 5, scope, paging=Paging.CURSOR, **facts)


def paged(name: str, path: str, cost: int, scope: str, limit: int = 500, **facts: Any) -> Stream:
    """A v1 list in pages of `start` and `limit`."""
    return row(name, path, 1, cost, scope, paging=Paging.OFFSET, limit=limit, **facts)


def whole(name: str, path: str, cost: int, scope: str, **facts: Any) -> Stream:
    """A v1 list that comes in one answer."""
    return row(name, path, 1, cost, scope, **facts)


def changed(changes: Changes, field: str = "update_time") -> dict[str, Any]:
    """How a v1 list is read incrementally."""
    return {"changes": changes, "cursor_field": field}


def cut(field: str = "update_time") -> dict[str, Any]:
    """The configured history cuts this stream by `field`."""
    return {"history": field}


# What v1 calls fields of deals, and fields of activities, that v2 calls otherwise.
RENAMED = {"user_id": "owner_id", "label": "label_ids", "pipeline": "pipeline_id"}
RENAMED_OF_ACTIVITIES = {
    "user_id": "owner_id",
    "created_by_user_id": "creator_user_id",
    "busy_flag": "busy",
}


def definitions(name: str, path: str, scope: str, shows: str, **facts: Any) -> Stream:
    """The fields that Pipedrive and the account define for one kind of object. Only v1, which costs
    twice as much, tells in which order they were created."""
    about = f"Fields of {name.split('_')[0]}s, the account's own included, with their options"
    older = paged(
        name, path, 20, scope, key=("key",), like="lead_fields", about=about, renamed=RENAMED
    )
    facts = {"key": ("field_code",), "kind": Kind.FIELDS, "older": older, "about": about, **facts}
    return row(
        name,
        path,
        2,
        10,
        scope,
        paging=Paging.CURSOR,
        limit=500,
        params={"include_fields": shows} if shows else {},
        **facts,
    )


def labelled(ids: str) -> dict[str, str]:
    """The columns for what the ids in these fields are called."""
    return {name: "label_names" if name == "label_ids" else f"{name}_name" for name in ids.split()}


def own_fields(fields: Stream, labels: str = "label_ids visible_to") -> dict[str, Any]:
    """The account defines fields of its own for these records of v2."""
    return {"custom_fields": "object", "fields": (fields,), "labels": labelled(labels)}


def inherited_fields(labels: Stream, *fields: Stream) -> dict[str, Any]:
    """Records of v1 that hold the account's fields for other objects, inline. labels: the list that
    their own labels are in."""
    return {
        "custom_fields": "inline",
        "fields": fields,
        "labels": labelled("label_ids visible_to channel"),
        "named": {"label_ids": labels},
    }


def addon(name: str, path: str, paging: Paging = Paging.CURSOR, **facts: Any) -> Stream:
    """A list of v2 that companies with the projects add-on have."""
    limit = None if paging is Paging.WHOLE else 500
    return row(
        name,
        path,
        2,
        10,
        "projects:read projects:full",
        paging=paging,
        limit=limit,
        absent=NO_PROJECTS,
        **facts,
    )


def projects(name: str, path: str, **facts: Any) -> Stream:
    """Projects, and those that were deleted, which have to be asked for."""
    time = changed(Changes.ON_CLIENT)
    return addon(name, path, each=({}, {"status": "deleted"}), **time, **facts)


def deleted(name: str, about: str) -> Stream:
    """What the lists tell that can be asked for deleted records."""

    def part(path: str, version: int, cost: int, scope: str, **facts: Any) -> Stream:
        facts = {"key": ("id",), "kind": Kind.PART, "about": about, **facts}
        return row(name, path, version, cost, scope, **facts)

    v2 = {"paging": Paging.CURSOR, "limit": 500, "params": {"status": "deleted"}}
    addon_ = {**v2, "absent": NO_PROJECTS}
    parts = (
        part("deals", 2, 10, "deals:read", **v2),
        part("deals/archived", 2, 20, "deals:read", **v2),
        part("projects", 2, 10, "projects:read projects:full", **addon_),
        part("projects/archived", 2, 10, "projects:read projects:full", **addon_),
        part(
            "recents",
            1,
            20,
            "recents:read search:read",
            key=("item", "id"),
            paging=Paging.OFFSET,
            limit=500,
            params={"items": "person,organization,product,activity,note,file"},
        ),
    )
    return row(
        name,
        "recents",
        1,
        20,
        "recents:read search:read",
        kind=Kind.DELETED,
        parts=parts,
        key=("object", "id"),
        about=about,
        **changed(Changes.ON_CLIENT, "seen_time"),
    )
