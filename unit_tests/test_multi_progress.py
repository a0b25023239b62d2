"""The progress and the state of a stream that depends on several lists."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_pipedrive.http.errors import SyncError
from source_pipedrive.reading import state
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.multi_progress import MultiProgress
from source_pipedrive.reading.progress import OVERLAP, Progress, union, without

UNTIL = instant("2026-11-23T10:00:00Z")
FIELD = "deal_update_time"
LOWERS = {"deals": 0, "deals_archived": 0}

intervals = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair) + 1)),
    max_size=6,
)


def seconds(parts: list[tuple[int, int]]) -> set[int]:
    return {second for start, end in parts for second in range(start, end)}


@given(intervals, intervals)
def test_no_second_is_lost_when_intervals_are_joined_or_subtracted(
    some: list[Any], others: list[Any]
) -> None:
    assert seconds(union([some, others])) == seconds(some) | seconds(others)
    assert seconds(without(some, others)) == seconds(some) - seconds(others)
    merged = union([some, others])
    assert all(a[1] < b[0] for a, b in pairwise(merged))


def read(saved: dict[str, Any], lowers: dict[str, int] | None = None) -> MultiProgress:
    return state.multi_progress("deal_products", FIELD, saved, 42, lowers or LOWERS, UNTIL)


def test_what_remains_of_any_list_remains_of_the_stream() -> None:
    by_root = {"deals": Progress(0, 100), "deals_archived": Progress(0, 100)}
    progress = MultiProgress(by_root)
    progress.set_remaining_of("deals", [])
    assert not progress.complete
    assert progress.remaining == [(0, 100)]
    progress.set_remaining_of("deals_archived", [(40, 60)])
    assert progress.remaining == [(40, 60)]
    progress.set_remaining_of("deals_archived", [])
    assert progress.complete


def test_a_state_records_each_list_separately() -> None:
    """The archive is read last; a backfill that takes days must not wait for it."""
    progress = read({})
    progress.set_remaining_of("deals", [(instant("2026-05-01"), UNTIL)])
    saved = state.dump(FIELD, 42, progress)
    assert saved["parents"] == {
        "deals": [["1970-01-01T00:00:00Z", "2026-05-01T00:00:00Z"]],
        "deals_archived": [],
    }
    again = read(saved)
    assert again.by_root["deals"].remaining == [(instant("2026-05-01"), UNTIL)]
    assert again.by_root["deals_archived"].remaining == [(0, UNTIL)]
    assert again.known == 0, "an incomplete sync has not read everything that its lists showed"


def test_a_complete_state_stays_known_while_the_next_sync_catches_up() -> None:
    progress = read({})
    progress.finish()
    saved = state.dump(FIELD, 42, progress)
    assert saved[FIELD] == rfc3339(UNTIL)
    later = state.multi_progress("deal_products", FIELD, saved, 42, LOWERS, UNTIL + 3600)
    assert later.known == UNTIL - OVERLAP
    assert later.remaining == [(UNTIL - OVERLAP, UNTIL + 3600)]
    caught_up_half = state.dump(FIELD, 42, later)
    assert read(caught_up_half).known == UNTIL - OVERLAP


def test_the_range_that_a_longer_history_adds_is_not_known() -> None:
    saved = {FIELD: "2026-11-01T00:00:00Z", "version": 1, "since": "2026-01-01T00:00:00Z"}
    assert read(saved).known == 0
    lowers = dict.fromkeys(LOWERS, instant("2026-01-01"))
    assert read(saved, lowers).known == instant("2026-11-01") - OVERLAP


def test_another_companys_state_is_refused() -> None:
    saved = state.dump(FIELD, 43, read({}))
    with pytest.raises(SyncError, match="belongs to company 43"):
        read(saved)
