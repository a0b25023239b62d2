"""Spans: what remains to be read. A second that is lost here is never read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from source_pipedrive.reading.progress import OVERLAP, Progress

END = 10_000
seconds = st.integers(0, END)
intervals = st.lists(
    st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair))), max_size=6
)


def remaining(progress: Progress) -> set[int]:
    return {second for span in progress.spans for second in range(span.at, span.end)}


@given(intervals)
def test_what_is_done_and_what_remains_make_up_the_history(done: list[tuple[int, int]]) -> None:
    progress = Progress(0, END, done)
    settled = {s for start, end in done for s in range(start, min(end, END - OVERLAP))}
    assert remaining(progress) == set(range(END)) - settled


@given(intervals, st.lists(st.tuples(st.integers(0, 9), seconds), max_size=30))
def test_no_second_is_lost_while_workers_read_and_split(
    done: list[tuple[int, int]], moves: list[tuple[int, int]]
) -> None:
    progress = Progress(0, END, done)
    before = remaining(progress)
    read: set[int] = set()
    for choice, at in moves:
        if choice < 3:
            progress.split(worthwhile=1, ways=choice + 2)
        elif span := (progress.take() or next(iter(progress.spans), None)):
            at = min(max(at, span.at), span.end)
            read |= set(range(span.at, at))
            progress.advance(span, at, density=1.0)
        assert remaining(progress) | read == before
        assert not remaining(progress) & read


@given(intervals, st.integers(0, 5), seconds)
def test_a_state_includes_nothing_that_remains_to_be_read(
    done: list[tuple[int, int]], which: int, at: int
) -> None:
    progress = Progress(0, END, done)
    if progress.spans:
        span = progress.spans[which % len(progress.spans)]
        progress.advance(span, min(max(at, span.at), span.end))
    named = {second for start, end in progress.done() for second in range(start, end)}
    assert not named & remaining(progress)


def test_the_last_minute_of_the_previous_sync_is_read_again() -> None:
    progress = Progress(0, 1_000, [(0, 1_000)])
    assert [(span.at, span.end) for span in progress.spans] == [(1_000 - OVERLAP, 1_000)]


def test_a_longer_history_adds_only_the_range_before() -> None:
    progress = Progress(0, END, [(4_000, END - OVERLAP)])
    assert [(span.at, span.end) for span in progress.spans] == [(0, 4_000), (END - OVERLAP, END)]


def test_a_bulk_import_does_not_make_the_estimate_absurd() -> None:
    """Five hundred records in one second and a year still to read are not sixteen billion."""
    progress = Progress(0, 31_536_000)
    span = progress.take()
    assert span is not None
    progress.advance(span, 1_000, density=500.0)
    assert progress.expected() == 500 * (31_536_000 - 1_000)
    assert progress.expected(highest=800) == 2_400


def test_the_largest_span_is_split_halfway_through_what_remains() -> None:
    progress = Progress(0, END, [(1_000, 5_000)])
    small, large = progress.take(), progress.take()
    assert small is not None
    assert large is not None
    small.density = large.density = 1.0
    assert progress.split(worthwhile=100) == 1
    later = progress.take()
    assert later is not None
    assert (large.at, large.end, later.at, later.end) == (5_000, 7_500, 7_500, END)
    assert large.density == 0  # not split again before its next page


def test_the_first_split_makes_a_part_for_each_worker_if_parts_are_worthwhile() -> None:
    progress = Progress(0, END)
    span = progress.take()
    assert span is not None
    progress.advance(span, 2_000, density=1.0)
    assert progress.split(worthwhile=2_000, ways=8) == 3
    assert [(s.at, s.end) for s in progress.spans] == [
        (2_000, 4_000),
        (4_000, 6_000),
        (6_000, 8_000),
        (8_000, END),
    ]


def test_a_span_too_small_to_share_is_not_split() -> None:
    progress = Progress(0, END)
    span = progress.take()
    assert span is not None
    assert progress.split(worthwhile=100) == 0  # its density is not known yet
    span.density = 0.001
    assert progress.split(worthwhile=100) == 0
