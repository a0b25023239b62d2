"""How workers share a backfill, in virtual time: every request takes 200 ms."""

from __future__ import annotations

import bisect
import heapq
import random

import pytest

from source_pipedrive.reading.incremental import (
    LONG,
    PAGES_A_SPLIT,
    SPLITS_A_WORKER,
    WORTH_SPLITTING,
)
from source_pipedrive.reading.progress import Progress, Span

LIMIT = 500
REQUEST = 0.2  # seconds
HISTORY = 3 * 365 * 86_400  # seconds
DEALS = 200_000


def times_of(kind: str, seed: int) -> list[int]:
    """The times at which a company's deals were last changed, oldest first."""
    chance = random.Random(seed)
    if kind == "even":
        return sorted(chance.randrange(HISTORY) for _ in range(DEALS))
    if kind == "growing":
        return sorted(int(HISTORY * chance.random() ** 0.5) for _ in range(DEALS))
    if kind == "exploding":
        return sorted(int(HISTORY * (1 - min(1, chance.expovariate(4)))) for _ in range(DEALS))
    if kind == "imports":  # three in ten were imported, thousands within minutes
        times = [int(HISTORY * chance.random() ** 0.5) for _ in range(DEALS * 7 // 10)]
        while len(times) < DEALS:
            at = chance.randrange(HISTORY - 300)
            size = chance.choice([50, 300, 800, 3_000])
            times += [at + chance.randrange(300) for _ in range(size)]
        return sorted(times[:DEALS])
    start = int(HISTORY * float(kind))  # 90 % are within 1 % of the time
    crowd = [start + chance.randrange(HISTORY // 100) for _ in range(DEALS * 9 // 10)]
    return sorted([*crowd, *(chance.randrange(HISTORY) for _ in range(DEALS // 10))])


def read(times: list[int], workers: int) -> tuple[float, int]:
    """(seconds, requests) of a backfill, with the real spans and a fake list of sorted times."""
    progress = Progress(times[0], HISTORY)
    under_way: list[tuple[float, int, Span, int, int]] = []
    idle, order, requests, splits, now = workers, 0, 0, 0, 0.0

    def ask(span: Span, start: int, until: int) -> None:
        nonlocal order
        order += 1
        heapq.heappush(under_way, (now + REQUEST, order, span, start, until))

    def take() -> Span | None:
        nonlocal splits
        span = progress.take()
        more = max(0, requests - LONG) // PAGES_A_SPLIT
        if span is None and splits < SPLITS_A_WORKER * workers + more:
            splits += progress.split(WORTH_SPLITTING * LIMIT, 2 if splits else workers)
            span = progress.take()
        return span

    def begin(span: Span | None) -> bool:
        nonlocal idle
        if span is None:
            return False
        idle -= 1
        ask(span, bisect.bisect_left(times, span.at), bisect.bisect_left(times, span.end))
        return True

    begin(take())
    while under_way:
        now, _, span, start, until = heapq.heappop(under_way)
        requests += 1
        page = times[start : min(start + LIMIT, until)]
        last = page[-1] if page else span.at
        ended = start + LIMIT >= until or last >= span.end
        density = len(page) / max(1, last - page[0]) if page else 0.0
        progress.advance(span, span.end if ended else min(last, span.end), density)
        if ended or span.at >= span.end:
            idle += 1
        else:
            ask(span, start + LIMIT, until)
        while idle and begin(take()):
            pass
    assert progress.complete
    return now, requests


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "kind", ["even", "growing", "exploding", "imports", "0.0", "0.1", "0.33", "0.6", "0.8", "0.99"]
)
def test_eight_workers_are_six_times_as_fast_and_waste_almost_nothing(kind: str, seed: int) -> None:
    times = times_of(kind, seed)
    alone, fewest = read(times, 1)
    together, requests = read(times, 8)
    assert fewest == DEALS // LIMIT
    assert alone / together >= 6
    assert requests <= fewest + 2 * 8


def test_a_small_stream_uses_one_worker() -> None:
    times = [n * 1_000 for n in range(LIMIT)]
    assert read(times, 8) == (REQUEST, 1)
