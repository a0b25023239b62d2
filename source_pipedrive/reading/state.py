"""The state of a stream: what it says, and which states are believed.

    {"update_time": "2026-11-23T10:00:00Z",  all before this, from `since` on, has been read
     "version": 1, "company_id": 42,
     "since": "2025-11-23T00:00:00Z",        the lower bound of the history
     "done": [["2025-...", "2026-..."]],     only while a history is being read: the parts read
     "skip": 1200,                           and the rows they hold, where a list is newest first
     "nulls": "first",                       where records without a time stand, if there are any
     "lacking": {"projects": "2025-..."}}    lists that the account did not have, unread since then

The state of a stream that hangs on several lists has, in place of "done", "parents": the parts read
of each list. "known" is the time of its last complete sync, while it catches up after it. Where it
is made of several streams that have read different parts of a list, "sources" holds them by stream:
an account may lack one of these streams and have it later. remembered.py describes the other keys.

While a full refresh is under way it carries `"full_refresh": true` besides, so that nobody takes
it for the state of an incremental sync that was turned into a full refresh.

A state without our `version` is another connector's. It is accepted and not believed: Airbyte's own
streams held one month at most before version 3, and no state says which version wrote it. The
history is then read once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from source_pipedrive.http.errors import CONFIG, SyncError
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.progresses import Progresses
from source_pipedrive.reading.remembered import load
from source_pipedrive.reading.spans import OVERLAP, Interval, Progress, without

VERSION = 1

# What the CDK's streams without a cursor emit at their end.
NO_CURSOR = {"__ab_no_cursor_state_message": True}

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)


def progress(
    stream: str,
    field: str,
    state: Mapping[str, Any],
    company_id: int,
    lower: int,
    until: int,
) -> Progress:
    """What is left of `stream` for a sync of [lower, until) after `state`.

    Raises SyncError for a state of ours that cannot be read, is of a newer version or another
    company's.
    """
    if "version" not in state:
        return Progress(lower, until)
    version = state["version"]
    if isinstance(version, int) and version > VERSION:
        raise SyncError(
            f'The state of "{stream}" was written by a newer version of this connector. '
            "Update the connector.",
            CONFIG,
        )
    if state.get("company_id", company_id) != company_id:
        raise SyncError(
            f'The state of "{stream}" belongs to company {state["company_id"]}, the credentials to '
            f"company {company_id}. Use the credentials of the former, or reset the stream.",
            CONFIG,
        )
    try:
        since, done = _own(state, field)
        skip = int(state.get("skip") or 0)
        lacking = {path: instant(since) for path, since in state.get("lacking", {}).items()}
    except UNREADABLE:
        raise _unreadable(stream) from None
    found = Progress(min(since, lower), until, done, skip)
    found.lacking = lacking
    found.nulls = state["nulls"] if state.get("nulls") in ("first", "last") else ""
    return found


def progresses(
    stream: str,
    field: str,
    state: Mapping[str, Any],
    company_id: int,
    lowers: Mapping[str, int],
    until: int,
) -> Progresses:
    """What is left of a stream that hangs on lists, with the lower bound of each list's history."""
    state = {} if is_foreign(state) else state
    parts = state.get("parents", {})
    of_each = {
        axis: {**state, "done": parts.get(axis, [])} if "parents" in state else state
        for axis in lowers
    }
    found = Progresses(
        {
            axis: progress(stream, field, of_each[axis], company_id, lower, until)
            for axis, lower in lowers.items()
        }
    )
    if "version" not in state:
        return found
    try:
        found.remembered = load(state)
        found.sources = {
            source: {axis: _intervals(done.get(axis, [])) for axis in lowers}
            for source, done in state.get("sources", {}).items()
        }
    except UNREADABLE:
        raise _unreadable(stream) from None
    # What a longer history adds was not there to be read.
    if min(lowers.values()) >= instant(state["since"]):
        found.known = instant(state["known"]) if "known" in state else 0
        if "parents" not in state:
            found.known = instant(state[field]) - OVERLAP
    return found


def _unreadable(stream: str) -> SyncError:
    return SyncError(
        f'The state of "{stream}" cannot be read. Reset the stream to read it again from its '
        "beginning.",
        CONFIG,
    )


def _own(state: Mapping[str, Any], field: str) -> tuple[int, list[Interval]]:
    since = instant(state["since"])
    if "done" in state:
        return since, _intervals(state["done"])
    return since, [(since, instant(state[field]) - OVERLAP)]


def _intervals(parts: Any) -> list[Interval]:
    return [(instant(start), instant(end)) for start, end in parts]


def _texts(intervals: Iterable[Interval]) -> list[list[str]]:
    return [[rfc3339(start), rfc3339(end)] for start, end in intervals]


def is_foreign(state: Mapping[str, Any]) -> bool:
    """Whether another connector wrote this state."""
    return "version" not in state and not all(key.startswith("__ab_") for key in state)


def of_full_refresh(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of a full refresh that did not reach its end, or none: then it begins anew."""
    under_way = not {"done", "parents"}.isdisjoint(state)
    return state if state.get("full_refresh") and under_way else {}


def dump(field: str, company_id: int, now: Progress, full_refresh: bool = False) -> dict[str, Any]:
    """The state that vouches for what `now` has done."""
    common: dict[str, Any] = {
        "version": VERSION,
        "company_id": company_id,
        "since": rfc3339(now.since),
    }
    if now.nulls:
        common["nulls"] = now.nulls
    if now.lacking:
        common["lacking"] = {path: rfc3339(time) for path, time in now.lacking.items()}
    whole = {"full_refresh": True} if full_refresh else {}
    if now.complete and full_refresh:
        return dict(NO_CURSOR)
    if isinstance(now, Progresses):
        more = {**whole, **now.remembered.dump(now.complete)}
        return {**_of_children(field, common, now), **more}
    if now.complete:
        return {field: rfc3339(now.until), **common}
    done = now.done()
    low = done[0][1] if done and done[0][0] == now.since else now.since
    parts = _texts(done)
    skip = {"skip": now.skip} if now.skip else {}
    return {field: rfc3339(low), **common, "done": parts, **skip, **whole}


def _of_children(field: str, common: Mapping[str, Any], now: Progresses) -> dict[str, Any]:
    if now.complete:
        return {field: rfc3339(now.until), **common}
    parents = {axis: _texts(each.done()) for axis, each in now.axes.items()}
    known = {"known": rfc3339(now.known)} if now.known else {}
    return {field: rfc3339(now.known or now.since), **common, "parents": parents, **known}


def by_source(now: Progresses, lefts: Mapping[str, Mapping[str, list[Interval]]]) -> dict[str, Any]:
    """What to add to the state of a stream whose sources have read different parts of a list.
    lefts: what is left, by source and list."""
    lists = [[tuple(left[axis]) for left in lefts.values() if axis in left] for axis in now.axes]
    if all(len(set(each)) == 1 for each in lists):
        return {}
    done = {
        source: {
            axis: _texts(without([(now.axes[axis].since, now.until - OVERLAP)], left))
            for axis, left in of_each.items()
        }
        for source, of_each in lefts.items()
    }
    return {"sources": done}
