"""Builders of streams, for Pipedrive's kinds of lists.

They take the fields of Stream, Endpoint, StreamAccess, Incremental, Columns and Derived as flat
keywords.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from source_pipedrive.stream.access import StreamAccess
from source_pipedrive.stream.definition import Columns, Derived, Part, Stream
from source_pipedrive.stream.endpoint import Endpoint, Incremental
from source_pipedrive.stream.kinds import Changes, Kind, Paging, Touches
from source_pipedrive.stream.needs import NEEDS, NO_PROJECTS, UNAVAILABLE, WITH_FULL

GROUPS: dict[str, type[Any]] = {
    "endpoint": Endpoint,
    "access": StreamAccess,
    "incremental": Incremental,
    "columns": Columns,
    "derived": Derived,
}
# The group of each keyword, "" for a field of Stream itself.
GROUP_OF = {field.name: "" for field in fields(Stream) if field.name not in GROUPS} | {
    field.name: group for group, class_ in GROUPS.items() for field in fields(class_)
}

# Without `deleted`, the answer lacks what was deleted in the last 30 days.
EVERY_STATUS = "open,won,lost,deleted"

# Without an assignee Pipedrive lists only the token owner's goals, and without is_active only
# active ones. type.name is no alternative: it does not accept revenue_forecast.
GOALS = tuple(
    {"assignee.type": kind, "is_active": active}
    for kind in ("person", "company", "team")
    for active in ("true", "false")
)
# Not every plan has teams; how Pipedrive answers without them is not documented.
GOALS_OF_TEAMS = {"assignee.type": "team"}

# Streams whose update_time a change to notes, ... may update, and how certain that is.
TOUCHED_BY_NOTES = {
    **dict.fromkeys(("deals", "persons", "organizations"), Touches.DELETION),
    "leads": Touches.UNKNOWN,
}
TOUCHED_BY_ACTIVITIES = {
    **dict.fromkeys(("persons", "leads"), Touches.LIKELY),
    **dict.fromkeys(("deals", "organizations"), Touches.UNKNOWN),
}
TOUCHED_BY_FILES = dict.fromkeys(("deals", "persons", "organizations", "leads"), Touches.UNKNOWN)

# Keywords of lists whose records carry a mark once they are deleted. That a record is not active
# means the same only where it says so here: users and activity types can be inactive, too.
MARKED: dict[str, Any] = {"deletion_mark": ("is_deleted", True)}
INACTIVE: dict[str, Any] = {"deletion_mark": ("active_flag", False)}


def by_group(name: str, keywords: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The keywords of the stream `name` by group; those of Stream itself are under "".

    Raises TypeError for a keyword that belongs to no group.
    """
    found: dict[str, dict[str, Any]] = {group: {} for group in ("", *GROUPS)}
    unknown = [keyword for keyword in keywords if keyword not in GROUP_OF]
    if unknown:
        raise TypeError(f'stream "{name}": unknown keyword {", ".join(unknown)}')
    for keyword, value in keywords.items():
        found[GROUP_OF[keyword]][keyword] = value
    return found


def stream(name: str, path: str, version: int, cost: int, scope: str, **keywords: Any) -> Stream:
    """A stream. `scope`: OAuth scopes, separated by spaces; their `:full` forms are added.

    Raises TypeError for an unknown keyword, ValueError for an invalid stream.
    """
    scopes = scope.split()
    full = [s.replace(":read", ":full") for s in scopes if s in WITH_FULL]
    if "needs" not in keywords and scopes[0] not in NEEDS:
        raise ValueError(
            f'stream "{name}": the scope "{scopes[0]}" is not in NEEDS of '
            "source_pipedrive/stream/needs.py. Correct it, or add it there with what a user needs"
        )
    defaults = {
        "needs": NEEDS.get(scopes[0]),
        "means_unavailable": UNAVAILABLE.get(scopes[0], ()),
    }
    required = {"path": path, "version": version, "cost": cost, "scopes": (*scopes, *full)}
    groups = by_group(name, {**defaults, **keywords, **required})
    own = groups.pop("")
    return Stream(
        name=name, **own, **{group: GROUPS[group](**values) for group, values in groups.items()}
    )


def core(name: str, path: str, cost: int, scope: str, **keywords: Any) -> Stream:
    """A v2 list, read in the order of its update_time; each page is a checkpoint."""
    time = changed(Changes.ASCENDING)
    keywords = {"limit": 500, **MARKED, **time, **keywords}
    return stream(name, path, 2, cost, scope, paging=Paging.CURSOR, **keywords)


def short(name: str, path: str, scope: str, **keywords: Any) -> Stream:
    """A v2 list without a filter that takes one request in nearly every company."""
    keywords |= {"limit": 500, "deleted_as": name, **MARKED, **changed(Changes.ON_CLIENT)}
    return stream(name, path, 2, 5, scope, paging=Paging.CURSOR, **keywords)


def paged(name: str, path: str, cost: int, scope: str, limit: int = 500, **keywords: Any) -> Stream:
    """A v1 list in pages of `start` and `limit`."""
    return stream(name, path, 1, cost, scope, paging=Paging.OFFSET, limit=limit, **keywords)


def whole(name: str, path: str, cost: int, scope: str, **keywords: Any) -> Stream:
    """A v1 list that is a single response."""
    return stream(name, path, 1, cost, scope, **keywords)


def changed(changes: Changes, field: str = "update_time") -> dict[str, Any]:
    """Keywords of a list that is read incrementally."""
    return {"changes": changes, "cursor_field": field}


def cut(field: str = "update_time") -> dict[str, Any]:
    """Keywords of a list that the configured history limits by `field`."""
    return {"history_field": field}


# v1's keys for fields of deals, and of activities, and v2's keys for them.
RENAMED = {"user_id": "owner_id", "label": "label_ids", "pipeline": "pipeline_id"}
RENAMED_OF_ACTIVITIES = {
    "user_id": "owner_id",
    "created_by_user_id": "creator_user_id",
    "busy_flag": "busy",
}


def definitions(name: str, path: str, scope: str, shows: str, **keywords: Any) -> Stream:
    """The fields that Pipedrive and the account define for one kind of object. shows: the
    `include_fields` to request.

    Only v1, which costs twice as much, reports the order in which fields were created.
    """
    kind = name.split("_")[0]
    about = f"Fields of {kind}s, including the account's own, with their options"
    v1 = paged(
        name, path, 20, scope, key=("key",), schema_of="lead_fields", about=about, renamed=RENAMED
    )
    defaults = {"key": ("field_code",), "v1_fallback": v1, "about": about}
    return stream(
        name,
        path,
        2,
        10,
        scope,
        kind=Kind.FIELDS,
        paging=Paging.CURSOR,
        limit=500,
        params={"include_fields": shows} if shows else {},
        **{**defaults, **keywords},
    )


def labelled(ids: str) -> dict[str, str]:
    """Columns for the names behind the ids in these fields."""
    return {name: "label_names" if name == "label_ids" else f"{name}_name" for name in ids.split()}


def own_fields(fields: Stream, labels: str = "label_ids visible_to") -> dict[str, Any]:
    """Keywords of a v2 list with custom fields, which `fields` lists."""
    return {"custom_fields": "object", "definitions": (fields,), "labels": labelled(labels)}


def inherited_fields(labels: Stream, *fields: Stream) -> dict[str, Any]:
    """Keywords of a v1 list of leads: their records have the custom fields of other objects,
    inline, and a value with its currency. labels: the list of the records' own labels."""
    return {
        "custom_fields": "inline",
        "definitions": fields,
        "labels": labelled("label_ids visible_to channel"),
        "label_lists": {"label_ids": labels},
        "parts": {f"value_{key}": Part("value", key) for key in ("amount", "currency")},
    }


def primary(names: str) -> dict[str, Any]:
    """Keywords of a list whose records have several of each of these, one of them primary."""
    return {"parts": {f"primary_{name}": Part(f"{name}s", "value", True) for name in names.split()}}


def addon(name: str, path: str, paging: Paging = Paging.CURSOR, **keywords: Any) -> Stream:
    """A v2 list that only companies with the projects add-on have."""
    return stream(
        name,
        path,
        2,
        10,
        "projects:read projects:full",
        paging=paging,
        limit=None if paging is Paging.WHOLE else 500,
        means_unavailable=NO_PROJECTS,
        **keywords,
    )


def projects(name: str, path: str, **keywords: Any) -> Stream:
    """Projects, including deleted ones, which take a request of their own."""
    time = changed(Changes.ON_CLIENT)
    keywords |= {"deletion_mark": ("status", "deleted"), "deleted_as": "projects"}
    return addon(name, path, param_sets=({}, {"status": "deleted"}), **time, **keywords)


def reports(name: str, about: str) -> Stream:
    """What each sync did. No request is sent for it."""
    time = changed(Changes.OF_SYNC, "sync_ended_time")
    key = ("sync_id", "stream")
    return stream(name, name, 1, 0, "base", kind=Kind.REPORT, key=key, about=about, **time)


def deleted(name: str, about: str) -> Stream:
    """Deleted records, from every list that can return them."""

    def component(path: str, version: int, cost: int, scope: str, **keywords: Any) -> Stream:
        return stream(
            name, path, version, cost, scope, kind=Kind.COMPONENT, about=about, **keywords
        )

    v2 = {"paging": Paging.CURSOR, "limit": 500, "params": {"status": "deleted"}}
    addon_list = {**v2, "means_unavailable": NO_PROJECTS}
    components = (
        component("deals", 2, 10, "deals:read", **v2),
        component("deals/archived", 2, 20, "deals:read", **v2),
        component("projects", 2, 10, "projects:read projects:full", **addon_list),
        component("projects/archived", 2, 10, "projects:read projects:full", **addon_list),
        component(
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
    return stream(
        name,
        "recents",
        1,
        20,
        "recents:read search:read",
        kind=Kind.DELETED,
        components=components,
        key=("object", "id"),
        about=about,
        **changed(Changes.ON_CLIENT, "seen_time"),
    )
