"""Judges: what the headers about limits mean. They need no requests of their own."""

from __future__ import annotations

from itertools import pairwise

from source_pipedrive.http.pacing import whole_number
from source_pipedrive.tools.probe.answers import Judge, Reply, Seen
from source_pipedrive.tools.probe.findings import Finding, Why, count, flag, found, undecided
from source_pipedrive.tools.probe.refusals import body

LIMIT, REMAINING = "x-ratelimit-limit", "x-ratelimit-remaining"
RESET = "x-ratelimit-reset"
DAILY_LIMIT, DAILY = "x-daily-ratelimit-token-limit", "x-daily-ratelimit-token-remaining"


def present(*names: str) -> Judge:
    """Whether all answers have these headers."""

    def judge(seen: Seen) -> Finding:
        good = [reply for reply in seen.trail if reply.status == 200]
        having = sum(all(name in reply.headers for name in names) for reply in good)
        facts = {"answers": count(len(good)), "with_headers": count(having)}
        return found(having == len(good), **facts) if good else undecided(seen.silence, **facts)

    return judge


def absent(name: str) -> Judge:
    """Whether no answer has the header."""

    def judge(seen: Seen) -> Finding:
        if not seen.trail:
            return undecided(seen.silence)
        having = sum(name in reply.headers for reply in seen.trail)
        return found(not having, with_header=count(having))

    return judge


def limits_are_told(seen: Seen) -> Finding:
    """Whether an answer of 429 has the headers that tell which limit it is about."""
    if seen.limited is None:
        return undecided(Why.NO_LIMIT if seen.trail else seen.silence)
    named = {LIMIT, REMAINING, DAILY} & seen.limited.headers.keys()
    retry = flag("retry-after" in seen.limited.headers)
    return found(named, retry_after=retry, **body(seen.limited))


def daily_is_before(seen: Seen) -> Finding:
    """Whether what remains of the day excludes the cost of the answer's own request.

    Between two answers, the figure falls by the cost of the first request if it excludes it, and by
    that of the second if it includes it. The probe asks one thing after the other, so only other
    integrations interfere.
    """
    before, after, others = 0, 0, 0
    for first, second in pairwise(seen.trail):
        fall = _fall(first, second)
        if fall is None or first.cost == second.cost:
            continue
        before += fall == first.cost
        after += fall == second.cost
        others += fall not in (first.cost, second.cost)
    facts = {"before": count(before), "after": count(after), "neither": count(others)}
    if not before and not after:
        return undecided(Why.OTHERS if others else _why_none(seen), **facts)
    if min(before, after) * 3 > max(before, after):
        return undecided(Why.OTHERS, **facts)
    return found(before > after, **facts)


def _why_none(seen: Seen) -> Why:
    return Why.NO_HEADER if seen.trail else seen.silence


def _fall(first: Reply, second: Reply) -> int | None:
    """By how much the figure fell between two answers; refused requests may cost nothing."""
    left = [whole_number(reply.headers.get(DAILY)) for reply in (first, second)]
    if left[0] is None or left[1] is None or {first.status, second.status} != {200}:
        return None
    return left[0] - left[1]


def burst_counts_itself(seen: Seen) -> Finding:
    """Whether what remains in the burst limit's window counts the request itself."""
    rested = [reply for reply in seen.trail if reply.rested and reply.status == 200]
    numbers = [
        (whole_number(reply.headers.get(LIMIT)), whole_number(reply.headers.get(REMAINING)))
        for reply in rested
    ]
    spent = [limit - left for limit, left in numbers if limit is not None and left is not None]
    if not spent:
        return undecided(_why_none(seen))
    itself, none = spent.count(1), spent.count(0)
    if not itself and not none:
        return undecided(Why.OTHERS)
    return found(not none, itself=count(itself), not_itself=count(none))
