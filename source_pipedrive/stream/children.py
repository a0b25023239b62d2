"""How a row is written whose records hang on those of other streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_pipedrive.stream.child import Child, Moves
from source_pipedrive.stream.definition import Changes, Kind, Paging, Stream
from source_pipedrive.stream.lists import row

# Facts of a deal that the history of its stages is made with.
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
    """The rows of those records of `of` that changed."""
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
    rows_key: str,
    time: str = "",
    paging: Paging = Paging.CURSOR,
    **facts: Any,
) -> Stream:
    """Rows that are asked for by the records of `of`; see Child. rows_key: the primary key beside
    the parent's; time: the column of the parent's time, for those that are read of changed parents
    only."""
    own = {k: facts.pop(k) for k in list(facts) if k in Child.__dataclass_fields__}
    whole_ = paging is Paging.WHOLE
    incremental = {"cursor_field": time, "changes": Changes.OF_PARENT} if time else {}
    facts = {"limit": None if whole_ else 500, **incremental, **facts}
    child = Child(of=of, key=key, counter=counter, **own)
    return row(
        name,
        path,
        version,
        cost,
        scope,
        kind=Kind.CHILD,
        child=child,
        paging=paging,
        key=(key, *rows_key.split()),
        **facts,
    )


def made(name: str, scope: str, *of: Stream, **facts: Any) -> Stream:
    """A stream that is made of what is read for others."""
    time = {"cursor_field": "deal_update_time", "changes": Changes.OF_PARENT}
    return row(name, name, of[0].version, 0, scope, kind=Kind.MADE, made_of=of, **time, **facts)


def of_each(
    name: str,
    of: Stream,
    key: str,
    path: str,
    cost: int,
    scope: str,
    rows_key: str = "",
    **facts: Any,
) -> Stream:
    """One object of v1 for each record of `of`."""
    return children(
        name,
        (of,),
        key,
        path,
        1,
        cost,
        scope,
        paging=Paging.WHOLE,
        one=True,
        rows_key=rows_key,
        counter=None,
        **facts,
    )


def months(
    name: str,
    of: Stream,
    key: str,
    path: str,
    cost: int,
    scope: str,
    params: tuple[str, str] = ("start_date", "end_date"),
    life: tuple[str, ...] = ("add_time",),
    **facts: Any,
) -> Stream:
    """One object of v1 for each record of `of` and each calendar month."""
    return of_each(
        name,
        of,
        key,
        path,
        cost,
        scope,
        rows_key="period_start",
        time="period_start",
        months=params,
        life=life,
        **facts,
    )


def changelog(name: str, path: str, of: Mapping[str, Any], **facts: Any) -> Stream:
    """Every change of a field, newest first."""
    return children(
        name,
        path=f"{path}/{{id}}/changelog",
        version=1,
        cost=20,
        scope="recents:read",
        rows_key="time field_key number",
        number=("time", "field_key"),
        counter=None,
        about=f"Changes of the fields of {path}",
        moves=Moves.YES,
        **of,
        **facts,
    )


def followers(name: str, path: str, scope: str, of: Mapping[str, Any]) -> Stream:
    """The users who follow a record now. Whoever creates a record follows it, so that
    `followers_count` would spare hardly any request."""
    return children(
        name,
        path=f"{path}/{{id}}/followers",
        version=2,
        cost=10,
        scope=scope,
        counter=None,
        rows_key="user_id",
        about=f"Users who follow {path}",
        **of,
    )


def followers_changelog(name: str, path: str, scope: str, of: Mapping[str, Any]) -> Stream:
    """Who began and ceased to follow a record."""
    return children(
        name,
        path=f"{path}/{{id}}/followers/changelog",
        version=2,
        cost=10,
        scope=scope,
        rows_key="time follower_user_id action number",
        counter=None,
        number=("time", "follower_user_id", "action"),
        about=f"Who began and ceased to follow {path}, and when",
        **of,
    )


def mail(name: str, path: str, of: Mapping[str, Any]) -> Stream:
    """The mail that is linked to a record, whoever's mailbox it is in."""
    return children(
        name,
        path=f"{path}/{{id}}/mailMessages",
        version=1,
        cost=20,
        scope="mail:read",
        paging=Paging.OFFSET,
        inside="data",
        rows_key="id",
        counter="email_messages_count",
        about=f"Mail that is linked to {path}, without bodies",
        **of,
    )
