"""Judges: pages, cursors, and what requests for missing records answer."""

from __future__ import annotations

from source_pipedrive.tools.probe.answers import Ask, Judge, Seen
from source_pipedrive.tools.probe.findings import (
    Finding,
    Why,
    count,
    flag,
    found,
    status,
    undecided,
)

FULL = 500  # the largest limit that v2 documents


def full_page(ask: Ask) -> Judge:
    """Whether a page before others has as many records as the limit allows."""

    def judge(seen: Seen) -> Finding:
        (reply,) = seen.good(ask)
        facts = {"records": count(len(reply.records)), "more": flag(reply.more)}
        if not reply.more:
            return undecided(Why.FEW, **facts)
        return found(len(reply.records) == FULL, **facts)

    return judge


def last_cursor_is_null(*asks: Ask) -> Judge:
    """Whether the last page of a v2 list has the key next_cursor, with null."""

    def judge(seen: Seen) -> Finding:
        last = [reply.paging for reply in seen.good(*asks) if not reply.more]
        if not last:
            return undecided(Why.EMPTY)
        return found(all("next_cursor" in paging for paging in last), pages=count(len(last)))

    return judge


def last_page_without_next_start(*asks: Ask) -> Judge:
    """Whether the last page of a v1 list lacks next_start."""

    def judge(seen: Seen) -> Finding:
        last = [
            reply.paging
            for reply in seen.good(*asks)
            if reply.paging.get("more_items_in_collection") is False
        ]
        if not last:
            return undecided(Why.EMPTY)
        return found(not any("next_start" in paging for paging in last), pages=count(len(last)))

    return judge


def empty_is_null(ask: Ask) -> Judge:
    """Whether `data` of an empty v1 list is null."""

    def judge(seen: Seen) -> Finding:
        (reply,) = seen.good(ask)
        if reply.records:
            return undecided(Why.ODD)
        return found(reply.data is None and "data" in reply.body)

    return judge


def unpaged(ask: Ask) -> Judge:
    """Whether an answer has no block about pages."""

    def judge(seen: Seen) -> Finding:
        (reply,) = seen.good(ask)
        names = {"pagination", "more_items_in_collection", "next_cursor"}
        extra = reply.body.get("additional_data")
        return found(not (isinstance(extra, dict) and names & extra.keys()))

    return judge


def paged(ask: Ask) -> Judge:
    """Whether an answer says whether other pages follow: API v1 in its block, v2 by additional
    data, whose cursor may be missing on the last page."""

    def judge(seen: Seen) -> Finding:
        (reply,) = seen.good(ask)
        if ask.version == 2:
            return found(isinstance(reply.body.get("additional_data"), dict))
        return found("more_items_in_collection" in reply.paging)

    return judge


def nested(ask: Ask) -> Judge:
    """Whether the block about pages is below `pagination`."""

    def judge(seen: Seen) -> Finding:
        (reply,) = seen.good(ask)
        extra = reply.body.get("additional_data")
        return found(isinstance(extra, dict) and "pagination" in extra)

    return judge


def cursor_lives(first: Ask, later: Ask) -> Judge:
    """Whether a cursor is good for a minute, and leads to other records."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(later)
        assert reply is not None
        if reply.status not in (200, 400, 404, 410):
            return undecided(Why.REFUSED, status=status(reply.status))
        before = {record.get("id") for record in seen.records(first)}
        after = {record.get("id") for record in reply.records}
        facts = {"status": status(reply.status), "again": count(len(before & after))}
        return found(reply.ok and bool(after) and not before & after, **facts)

    return judge


def skips_missing(ask: Ask) -> Judge:
    """Whether a request that names a missing record answers with the others."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        if reply.status not in (200, 400, 403, 404):
            return undecided(Why.REFUSED, status=status(reply.status))
        return found(reply.ok, status=status(reply.status))

    return judge


def served(*asks: Ask) -> Judge:
    """Whether none of the requests answers 404."""

    def judge(seen: Seen) -> Finding:
        replies = [reply for ask in asks if (reply := seen.reply(ask)) is not None]
        missing = [reply for reply in replies if reply.status == 404]
        if missing and len(missing) < len(replies):
            return undecided(Why.REFUSED, not_found=count(len(missing)))
        return found(not missing, not_found=count(len(missing)))

    return judge
