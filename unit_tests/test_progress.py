"""Spans: what is left to read. A second that is lost here is lost for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from source_pipedrive.reading.progress import OVERLAP, Progress

END = 10_000
seconds = st.integers(0, END)
intervals = st.lists(
    st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair))), max_size=6
)


def left(progress: Progress) -> set[int]:
    return {second for span in progress.spans for second in range(span.at, span.end)}


@given(intervals)
def test_what_is_done_and_what_is_left_make_up_the_history(done: list[tuple[int, int]]) -> None:
    progress = Progress(0, END, done)
    settled = {s for start, end in done for s in range(start, min(end, END - OVERLAP))}
    assert left(progress) == set(range(END)) - settled


@given(intervals, st.lists(st.tuples(st.integers(0, 9), seconds), max_size=30))
def test_no_second_vanishes_while_workers_read_and_split(
    done: list[tuple[int, int]], moves: list[tuple[int, int]]
) -> None:
    progress = Progress(0, END, done)
    before = left(progress)
    read: set[int] = set()
    for choice, at in moves:
        if choice < 3:
            progress.split(worthwhile=1, ways=choice + 2)
        elif span := (progress.take() or next(iter(progress.spans), None)):
            at = min(max(at, span.at), span.end)
            read |= set(range(span.at, at))
            progress.advance(span, at, density=1.0)
        assert left(progress) | read == before
        assert not left(progress) & read


@given(intervals, st.integers(0, 5), seconds)
def test_a_state_names_nothing_that_is_still_left(
    done: list[tuple[int, int]], which: int, at: int
) -> None:
    progress = Progress(0, END, done)
    if progress.spans:
        span = progress.spans[which % len(progress.spans)]
        progress.advance(span, min(max(at, span.at), span.end))
    named = {second for start, end in progress.done() for second in range(start, end)}
    assert not named & left(progress)


def test_the_last_minute_before_a_sync_is_read_again() -> None:
    progress = Progress(0, 1_000, [(0, 1_000)])
    assert [(span.at, span.end) for span in progress.spans] == [(1_000 - OVERLAP, 1_000)]


def test_a_longer_history_leaves_only_the_part_before() -> None:
    progress = Progress(0, END, [(4_000, END - OVERLAP)])
    assert [(span.at, span.end) for span in progress.spans] == [(0, 4_000), (END - OVERLAP, END)]


def test_a_bulk_import_does_not_make_the_expected_number_absurd() -> None:
    """Five hundred records in one second, and a year to come: not sixteen thousand million."""
    progress = Progress(0, 31_536_000)
    span = progress.take()
    assert span is not None
    progress.advance(span, 1_000, density=500.0)
    assert progress.expected() == 500 * (31_536_000 - 1_000)
    assert progress.expected(highest=800) == 2_400


def test_the_largest_span_is_split_where_half_of_it_is_left() -> None:
    progress = Progress(0, END, [(1_000, 5_000)])
    small, large = progress.take(), progress.take()
    assert small is not None
    assert large is not None
    small.density = large.density = 1.0
    assert progress.split(worthwhile=100) == 1
    later = progress.take()
    assert later is not None
    assert (large.at, large.end, later.at, later.end) == (5_000, 7_500, 7_500, END)
    assert large.density == 0  # not cut again before its next page


def test_the_first_cut_makes_a_part_for_each_worker_as_far_as_it_is_worth_it() -> None:
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


def test_a_span_that_is_not_worth_it_stays_whole() -> None:
    progress = Progress(0, END)
    span = progress.take()
    assert span is not None
    assert progress.split(worthwhile=100) == 0  # nothing is known of it yet
    span.density = 0.001
    assert progress.split(worthwhile=100) == 0
