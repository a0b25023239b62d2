"""What a state contains, and which states are trusted.

    {"update_time": "2026-11-23T10:00:00Z",  everything from `since` to this time has been read
     "version": 1, "company_id": 42,
     "since": "2025-11-23T00:00:00Z",        the lower bound of the history
     "done": [["2025-...", "2026-..."]],     only while a history is being read: the parts read
     "skip": 1200,                           records above the unread part, if sorted newest first
     "nulls": "first",                       where records without a time are, if there are any
     "lacking": {"projects": "2025-..."},    lists that the account did not have, unread since then
     "audit": {...}}                         what audits keep (reading/audit/)

The state of a stream that depends on several root lists has "parents" instead of "done": the parts
read of each list. "known" is the time of its last complete sync, until the next is complete. If
it is derived from several streams that have read different parts of a list, "sources" has the
parts by stream: an account may lack one of these streams and have it later. remembered.py describes
the other keys, and sync/tombstones.py "removed".

During a full refresh the state also carries `"full_refresh": true`, so that it is never mistaken
for the state of an incremental sync whose stream is now in full refresh.

A state without our `version` was written by another connector. It is accepted but not trusted:
before version 3, Airbyte's own streams read at most a month, and no state names the version that
wrote it. The history is then read once. So is whatever a state claims well beyond Pipedrive's
clock: it was written by hand, or by a sync that was given a wrong time, and what has changed since
that sync is unknown. If it is ahead by minutes, one answer had an old time, and only the last hour
is in doubt.

sync/stream_run.py decides when a state is saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from source_pipedrive.http.errors import CONFIG, SyncError
from source_pipedrive.reading.instants import instant, instant_or_none, rfc3339
from source_pipedrive.reading.multi_progress import MultiProgress, whole
from source_pipedrive.reading.progress import (
    OVERLAP,
    Interval,
    Progress,
    lower_bound,
    without,
)
from source_pipedrive.reading.remembered import load
from source_pipedrive.stream import SORTED, Stream

VERSION = 1
DOUBT = 3_600  # seconds by which one of Pipedrive's answers may be dated before another

# What the CDK's streams without a cursor emit when they end.
NO_CURSOR = {"__ab_no_cursor_state_message": True}

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def restore(
    stream: Stream,
    saved: Mapping[str, Any],
    full_refresh: bool,
    company_id: int,
    lower: int,
    until: int,
) -> Progress | None:
    """What remains of a stream for a sync of [lower, until), given the state that the last sync
    `saved`; None if the stream keeps no state. Raises SyncError as `progress` does."""
    field, name = stream.cursor_field, stream.name
    saved = of_full_refresh(saved) if full_refresh else saved
    if field is None:
        return None
    if stream.sources:
        lowers = {name: lower_bound(root, lower) for name, root in stream.roots.items()}
        found = multi_progress(name, field, saved, company_id, lowers, until)
        if stream.child and stream.child.month_params:  # each month is remembered on its own
            return whole(stream, lower, until, found.known, found.remembered)
        return found
    if full_refresh and stream.incremental.changes not in SORTED:
        return None  # the list is read from its beginning each time
    return progress(name, field, saved, company_id, lower_bound(stream, lower), until)


def progress(
    stream: str,
    field: str,
    state: Mapping[str, Any],
    company_id: int,
    lower: int,
    until: int,
) -> Progress:
    """What remains of `stream` for a sync of [lower, until) after `state`.

    Raises SyncError for a state of ours that cannot be read, or that belongs to a newer version or
    another company.
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
    theirs = state.get("company_id")
    # An answer without the company's id says nothing about whose state this is.
    if theirs and company_id and theirs != company_id:
        raise SyncError(
            f'The state of "{stream}" belongs to company {theirs}, the credentials to '
            f"company {company_id}. Use the first company's credentials, or reset the stream.",
            CONFIG,
        )
    try:
        since, done = _own(state, field)
        done = _without_doubt(done, until)
        skip = int(state.get("skip") or 0)
        lacking = {path: instant(time) for path, time in state.get("lacking", {}).items()}
    except UNREADABLE:
        raise unreadable(stream) from None
    nulls = state["nulls"] if state.get("nulls") in ("first", "last") else ""
    audit = state.get("audit") if isinstance(state.get("audit"), Mapping) else None
    return Progress(min(since, lower), until, done, skip, nulls, lacking, audit)


def multi_progress(
    stream: str,
    field: str,
    state: Mapping[str, Any],
    company_id: int,
    lowers: Mapping[str, int],
    until: int,
) -> MultiProgress:
    """As `progress`, for a stream that depends on root lists. lowers: where the history of each
    list begins."""
    state = {} if is_foreign(state) else state
    parts = state.get("parents", {})
    if not isinstance(parts, Mapping):
        raise unreadable(stream)
    states = {
        root: {**state, "done": parts.get(root, [])} if "parents" in state else state
        for root in lowers
    }
    by_root = {
        root: progress(stream, field, states[root], company_id, lower, until)
        for root, lower in lowers.items()
    }
    if "version" not in state:
        return MultiProgress(by_root)
    try:
        remembered = load(state)
        sources = {
            source: {root: _without_doubt(_intervals(done.get(root, [])), until) for root in lowers}
            for source, done in state.get("sources", {}).items()
        }
        known = instant(state["known"]) if "known" in state else 0
        if "parents" not in state:
            known = instant(state[field]) - OVERLAP
    except UNREADABLE:
        raise unreadable(stream) from None
    # The last complete sync did not read what a longer history adds.
    known = 0 if min(lowers.values()) < instant(state["since"]) else _believed(known, until)
    return MultiProgress(by_root, known, remembered, sources)


def unreadable(stream: str) -> SyncError:
    """The error for a state that cannot be read."""
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


def is_ahead(field: str, state: Mapping[str, Any], until: int) -> bool:
    """Whether a state of ours, which `restore` can read, claims what lies well after `until`."""
    if "version" not in state:
        return False
    lists = state.get("parents", {"": state["done"]} if "done" in state else {})
    try:
        ends = [end for parts in lists.values() for _, end in _intervals(parts)]
    except UNREADABLE:  # this stream has no such lists, so nobody reads them
        return False
    return max(ends or [(instant_or_none(state.get(field)) or 0) - OVERLAP]) > until + DOUBT


def _believed(end: int, until: int) -> int:
    """Up to when a state that claims everything before `end` is believed in a sync at `until`; 0 if
    it is not."""
    if end <= until:
        return end
    return until - DOUBT if end <= until + DOUBT else 0


def _without_doubt(done: Iterable[Interval], until: int) -> list[Interval]:
    believed = ((start, _believed(end, until)) for start, end in done)
    return [(start, end) for start, end in believed if start < end]


def of_full_refresh(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state of a full refresh that did not reach its end; otherwise none, so it starts over."""
    under_way = not {"done", "parents"}.isdisjoint(state)
    return state if state.get("full_refresh") and under_way else {}


def dump(field: str, company_id: int, now: Progress, full_refresh: bool = False) -> dict[str, Any]:
    """The state that includes everything that `now` has done."""
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
    if isinstance(now, MultiProgress):
        more = {**whole, **now.remembered.dump(now.complete)}
        return {**_of_children(field, common, now), **more}
    if now.complete:
        return {field: rfc3339(now.until), **common}
    done = now.done()
    low = done[0][1] if done and done[0][0] == now.since else now.since
    parts = _texts(done)
    skip = {"skip": now.skip} if now.skip else {}
    return {field: rfc3339(low), **common, "done": parts, **skip, **whole}


def _of_children(field: str, common: Mapping[str, Any], now: MultiProgress) -> dict[str, Any]:
    if now.complete:
        return {field: rfc3339(now.until), **common}
    parents = {root: _texts(progress.done()) for root, progress in now.by_root.items()}
    known = {"known": rfc3339(now.known)} if now.known else {}
    return {field: rfc3339(now.known or now.since), **common, "parents": parents, **known}


def by_source(
    now: MultiProgress, remaining: Mapping[str, Mapping[str, list[Interval]]]
) -> dict[str, Any]:
    """What to add to the state of a stream whose sources have read different parts of a list.
    remaining: by source and root list."""
    lists = [
        [tuple(roots[root]) for roots in remaining.values() if root in roots]
        for root in now.by_root
    ]
    if all(len(set(parts)) == 1 for parts in lists):
        return {}
    done = {
        source: {
            root: _texts(without([(now.by_root[root].since, now.until - OVERLAP)], intervals))
            for root, intervals in roots.items()
        }
        for source, roots in remaining.items()
    }
    return {"sources": done}
