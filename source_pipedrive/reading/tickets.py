"""Parents in the order in which they came, so that a state leaves only behind all before it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from source_pipedrive.reading.fed import Covered
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.records import Row


@dataclass
class Ticket:
    """Parents that came together. open: those whose rows have not left; covered: what is read of
    the stream when they have, and those of all tickets before."""

    covered: Covered
    open: int


def slices_of(parents: Sequence[Row], covered: Covered) -> list[tuple[Sequence[Row], Covered]]:
    """Parents that come in the order of their times, those of one time together, each with what is
    read with them; so a state need not wait for a whole page of parents."""
    times = [instant_or_none(parent["time"]) or 0 for parent in parents]
    found: list[tuple[Sequence[Row], Covered]] = []
    at, since = 0, 0
    if times == sorted(times):
        for n in range(1, len(parents)):
            if times[n - 1] < times[n]:
                found.append((parents[at:n], between(covered, since, times[n])))
                at, since = n, times[n]
    return [*found, (parents[at:], between(covered, since, sys.maxsize))]


def between(covered: Covered, start: int, end: int) -> Covered:
    """What of it lies in [start, end)."""
    return [
        (source, axis, (max(begins, start), min(ends, end)))
        for source, axis, (begins, ends) in covered
        if begins < end and ends > start
    ]
