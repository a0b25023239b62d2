"""Judges: whether lists follow the order, and the bounds, that a request asks for."""

from __future__ import annotations

from collections.abc import Sequence

from source_pipedrive.reading.seams import in_order
from source_pipedrive.tools.probe.answers import Ask, Judge, Record, Reply, Seen
from source_pipedrive.tools.probe.asks import SINCE, UNTIL, latest
from source_pipedrive.tools.probe.findings import (
    Fact,
    Finding,
    Why,
    count,
    flag,
    found,
    undecided,
)

TIME = "update_time"


def ordered(*asks: Ask, descending: bool = False) -> Judge:
    """Whether the update times ascend (or descend) within each page and from one to the next."""

    def judge(seen: Seen) -> Finding:
        pages = seen.good(*asks)
        records = seen.records(*asks)
        facts = {"records": count(len(records)), "two_pages": flag(len(pages) > 1)}
        last: int | None = None
        for page in pages:
            times = page.times(TIME)
            if not in_order(times, last, descending):
                return found(False, **facts)
            last = next((time for time in reversed(times) if time is not None), last)
        if len({record.get(TIME) for record in records}) < 2:
            return undecided(Why.FEW, **facts)
        ids = [record.get("id") for record in records]
        return undecided(Why.SAME_ORDER, **facts) if _sorted(ids) else found(True, **facts)

    return judge


def _sorted(ids: Sequence[object]) -> bool:
    """Whether ids ascend or descend. A list that ignores the order would look like that, too."""
    known = [str(id_).zfill(40) for id_ in ids]
    return known in (sorted(known), sorted(known, reverse=True))


def second_key(*asks: tuple[Ask, bool]) -> Judge:
    """Whether records with the same update time follow their ids. asks: each with whether it
    descends."""

    def judge(seen: Seen) -> Finding:
        ties, right = 0, 0
        for ask, descending in asks:
            for ids in _same_time(seen.records(ask)):
                ties += 1
                right += ids == sorted(ids, reverse=descending)
        if not ties:
            return undecided(Why.EMPTY)
        return found(right == ties, ties=count(ties))

    return judge


def _same_time(records: Sequence[Record]) -> list[list[str]]:
    """The ids of records that have the same time, as text that sorts like the ids."""
    groups: dict[object, list[str]] = {}
    for record in records:
        groups.setdefault(record.get(TIME), []).append(str(record.get("id")).zfill(40))
    return [ids for time, ids in groups.items() if time is not None and len(ids) > 1]


def accepted(*asks: Ask) -> Judge:
    """Whether none of the requests is refused as wrong (400)."""

    def judge(seen: Seen) -> Finding:
        replies = [reply for ask in asks if (reply := seen.reply(ask)) is not None]
        refused = [reply for reply in replies if reply.status == 400]
        if not refused and not any(reply.ok for reply in replies):
            return undecided(Why.REFUSED)
        return found(not refused, refused=count(len(refused)))

    return judge


def nulls_first(ascending: tuple[Ask, ...], descending: tuple[Ask, ...]) -> Judge:
    """Whether records without an update time are at the beginning in ascending order."""

    def judge(seen: Seen) -> Finding:
        at_start = [_nulls_at_start(reply) for reply in seen.good(*ascending)]
        at_start += [
            None if (start := _nulls_at_start(reply)) is None else not start
            for reply in seen.good(*descending)
        ]
        known = [start for start in at_start if start is not None]
        if not known:
            return undecided(Why.EMPTY)
        return found(all(known), lists_with_null=count(len(known)))

    return judge


def _nulls_at_start(reply: Reply) -> bool | None:
    """Whether the first record has no time; None if each has one, or none has."""
    times = reply.times(TIME)
    return times[0] is None if None in times and any(times) else None


def since_is_inclusive(seen: Seen) -> Finding:
    """updated_since was the time of a record."""
    return found(_has_latest(seen, SINCE))


def until_is_exclusive(seen: Seen) -> Finding:
    """updated_until was the time of a record."""
    return found(not _has_latest(seen, UNTIL)) if seen.records(UNTIL) else undecided(Why.EMPTY)


def _has_latest(seen: Seen, ask: Ask) -> bool:
    return latest(seen) in [time for reply in seen.good(ask) for time in reply.times(TIME)]


def bounded_without_nulls(*unbounded: Ask) -> Judge:
    """Whether answers bounded by time leave out records without a time."""

    def judge(seen: Seen) -> Finding:
        bounded = [time for reply in seen.good(SINCE, UNTIL) for time in reply.times(TIME)]
        if None in bounded:
            return found(False)
        some = any(record.get(TIME) is None for record in seen.records(*unbounded))
        return found(True) if some else undecided(Why.EMPTY)

    return judge


def refused_as_wrong(ask: Ask, code: str = "ERR_SCHEMA_VALIDATION_FAILED") -> Judge:
    """Whether Pipedrive answers 400 to a request that it documents as wrong."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        facts: dict[str, Fact] = {"validation_code": flag(code in reply.text)}
        if reply.status not in (200, 400):
            return undecided(Why.REFUSED)
        return found(reply.status == 400, **facts)

    return judge


def ids_follow_creation(*asks: Ask) -> Judge:
    """Whether a record with a higher id was added later."""

    def judge(seen: Seen) -> Finding:
        pairs = [
            (record["id"], str(record.get("add_time")))
            for record in seen.records(*asks)
            if isinstance(record.get("id"), int) and record.get("add_time")
        ]
        if len(pairs) < 2:
            return undecided(Why.FEW)
        added = [time for _, time in sorted(pairs)]
        return found(added == sorted(added), records=count(len(pairs)))

    return judge
