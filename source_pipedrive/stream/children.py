"""Builders of streams that are requested for, or derived from, the records of other streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_pipedrive.stream.definition import Child, Stream
from source_pipedrive.stream.kinds import Changes, Kind, Paging, Touches
from source_pipedrive.stream.lists import stream

# Fields of a deal that the history of its stages is derived from.
STAGE_FACTS = (
    "stage_id",
    "pipeline_id",
    "status",
    "is_deleted",
    "add_time",
    "stage_change_time",
    "won_time",
    "lost_time",
    "close_time",
)


def changed_parents(noun: str, *of: Stream) -> dict[str, Any]:
    """Keywords of a stream that is read for the changed records of `of`."""
    return {"of": of, "key": f"{noun}_id", "time": f"{noun}_update_time"}


def children(
    name: str,
    of: tuple[Stream, ...],
    key: str,
    path: str,
    version: int,
    cost: int,
    scope: str,
    *,
    counter: str | None,
    own_key: str,
    time: str = "",
    paging: Paging = Paging.CURSOR,
    touches: Touches = Touches.UNKNOWN,
    **keywords: Any,
) -> Stream:
    """Records that are requested for the records of `of`; further keywords are those of Child and
    of any stream.

    key:      column for the parent's id
    own_key:  the other columns of the primary key, separated by spaces
    time:     column for the parent's time, if only changed parents are requested
    touches:  whether a change to these records updates the parent's update_time
    """
    child_fields = {k: keywords.pop(k) for k in list(keywords) if k in Child.__dataclass_fields__}
    child = Child(parents=of, key=key, counter=counter, **child_fields)
    incremental: dict[str, Any] = {}
    if time:
        incremental = {"cursor_field": time, "changes": Changes.OF_PARENT}
    if time and not child.month_params:
        incremental["touches"] = {parent.name: touches for parent in of}
    return stream(
        name,
        path,
        version,
        cost,
        scope,
        kind=Kind.CHILD,
        child=child,
        paging=paging,
        key=(key, *own_key.split()),
        **{"limit": None if paging is Paging.WHOLE else 500, **incremental, **keywords},
    )


def derived(name: str, scope: str, *of: Stream, **keywords: Any) -> Stream:
    """A stream that is derived from the records of others."""
    return stream(
        name,
        name,
        of[0].endpoint.version,
        0,
        scope,
        kind=Kind.DERIVED,
        sources=of,
        cursor_field="deal_update_time",
        changes=Changes.OF_PARENT,
        **keywords,
    )


def of_each(
    name: str,
    of: Stream,
    key: str,
    path: str,
    cost: int,
    scope: str,
    own_key: str = "",
    **keywords: Any,
) -> Stream:
    """One v1 object for each record of `of`."""
    return children(
        name,
        (of,),
        key,
        path,
        1,
        cost,
        scope,
        paging=Paging.WHOLE,
        single_object=True,
        own_key=own_key,
        counter=None,
        **keywords,
    )


def months(
    name: str,
    of: Stream,
    key: str,
    path: str,
    cost: int,
    scope: str,
    month_params: tuple[str, str] = ("start_date", "end_date"),
    lifetime_fields: tuple[str, ...] = ("add_time",),
    **keywords: Any,
) -> Stream:
    """One v1 object for each record of `of` and each calendar month."""
    return of_each(
        name,
        of,
        key,
        path,
        cost,
        scope,
        own_key="period_start",
        time="period_start",
        month_params=month_params,
        lifetime_fields=lifetime_fields,
        **keywords,
    )


def changelog(name: str, path: str, of: Mapping[str, Any], **keywords: Any) -> Stream:
    """Every change to a field, newest first."""
    return children(
        name,
        path=f"{path}/{{id}}/changelog",
        version=1,
        cost=20,
        scope="recents:read",
        own_key="time field_key number",
        number_by=("time", "field_key"),
        counter=None,
        about=f"Changes to the fields of {path}",
        touches=Touches.YES,
        **of,
        **keywords,
    )


def followers(name: str, path: str, scope: str, of: Mapping[str, Any]) -> Stream:
    """The users who follow a record now.

    `followers_count` is not used: whoever creates a record follows it, so nearly every record has a
    follower.
    """
    return children(
        name,
        path=f"{path}/{{id}}/followers",
        version=2,
        cost=10,
        scope=scope,
        counter=None,
        own_key="user_id",
        about=f"Users who follow {path}",
        **of,
    )


def followers_changelog(name: str, path: str, scope: str, of: Mapping[str, Any]) -> Stream:
    """Who started and stopped following a record."""
    return children(
        name,
        path=f"{path}/{{id}}/followers/changelog",
        version=2,
        cost=10,
        scope=scope,
        own_key="time follower_user_id action number",
        counter=None,
        number_by=("time", "follower_user_id", "action"),
        about=f"Who started and stopped following {path}, and when",
        **of,
    )


def mail(name: str, path: str, of: Mapping[str, Any]) -> Stream:
    """Mail linked to a record, from anyone's mailbox."""
    return children(
        name,
        path=f"{path}/{{id}}/mailMessages",
        version=1,
        cost=20,
        scope="mail:read",
        paging=Paging.OFFSET,
        nested_under="data",
        own_key="id",
        counter="email_messages_count",
        about=f"Mail linked to {path}, without bodies",
        **of,
    )
