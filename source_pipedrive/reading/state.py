"""The state of a stream: what it says, and which states are believed.

    {"update_time": "2026-11-23T10:00:00Z",  all before this, from `since` on, has been read
     "version": 1, "company_id": 42,
     "since": "2025-11-23T00:00:00Z",        the lower bound of the history
     "done": [["2025-...", "2026-..."]],     only while a history is being read: the parts read
     "skip": 1200,                           and the rows they hold, where a list is newest first
     "nulls": "first"}                       where records without a time stand, if there are any

The state of a stream that hangs on several lists has, in place of "done", "parents": the parts read
of each list. "known" is the time of its last complete sync, while it catches up after it.

While a full refresh is under way it carries `"full_refresh": true` besides, so that nobody takes
it for the state of an incremental sync that was turned into a full refresh.

A state without our `version` is another connector's. It is accepted and not believed: Airbyte's own
streams held one month at most before version 3, and no state says which version wrote it. The
history is then read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_pipedrive.http.errors import CONFIG, SyncError
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.spans import OVERLAP, Interval, Progress, Progresses

VERSION = 1

# What the CDK's streams without a cursor emit at their end.
NO_CURSOR = {"__ab_no_cursor_state_message": True}


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
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SyncError(
            f'The state of "{stream}" cannot be read. Reset the stream to read it anew.', CONFIG
        ) from None
    found = Progress(min(since, lower), until, done, skip)
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
    # What a longer history adds was not there to be read.
    if "version" in state and min(lowers.values()) >= instant(state["since"]):
        found.known = instant(state["known"]) if "known" in state else 0
        if "parents" not in state:
            found.known = instant(state[field]) - OVERLAP
    return found


def _own(state: Mapping[str, Any], field: str) -> tuple[int, list[Interval]]:
    since = instant(state["since"])
    if "done" in state:
        return since, [(instant(start), instant(end)) for start, end in state["done"]]
    return since, [(since, instant(state[field]) - OVERLAP)]


def is_foreign(state: Mapping[str, Any]) -> bool:
    """Whether another connector wrote this state."""
    return "version" not in state and not all(key.startswith("__ab_") for key in state)


def of_full_refresh(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of a full refresh that did not reach its end, or none: then it begins anew."""
    return state if state.get("full_refresh") and "done" in state else {}


def dump(field: str, company_id: int, now: Progress, full_refresh: bool = False) -> dict[str, Any]:
    """The state that vouches for what `now` has done."""
    nulls = {"nulls": now.nulls} if now.nulls else {}
    common = {"version": VERSION, "company_id": company_id, "since": rfc3339(now.since), **nulls}
    if now.complete:
        return dict(NO_CURSOR) if full_refresh else {field: rfc3339(now.until), **common}
    if isinstance(now, Progresses):
        return _of_children(field, common, now)
    done = now.done()
    low = done[0][1] if done and done[0][0] == now.since else now.since
    parts = [[rfc3339(start), rfc3339(end)] for start, end in done]
    skip = {"skip": now.skip} if now.skip else {}
    whole = {"full_refresh": True} if full_refresh else {}
    return {field: rfc3339(low), **common, "done": parts, **skip, **whole}


def _of_children(field: str, common: Mapping[str, Any], now: Progresses) -> dict[str, Any]:
    parents = {
        axis: [[rfc3339(start), rfc3339(end)] for start, end in each.done()]
        for axis, each in now.axes.items()
    }
    known = {"known": rfc3339(now.known)} if now.known else {}
    return {field: rfc3339(now.known or now.since), **common, "parents": parents, **known}
