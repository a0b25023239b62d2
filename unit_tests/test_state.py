"""State: what a later run, another process or another connector makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from source_pipedrive.http.errors import SyncError
from source_pipedrive.reading import state
from source_pipedrive.reading.instants import instant
from source_pipedrive.reading.spans import Progress

LOWER, UNTIL = instant("2025-11-23"), instant("2026-11-23T10:00:00Z")
MINUTE = 60


def left(saved: dict[str, Any], lower: int = LOWER) -> list[tuple[int, int]]:
    found = state.progress("deals", "update_time", saved, 42, lower, UNTIL)
    return [(span.at, span.end) for span in found.spans]


def test_without_a_state_everything_is_left() -> None:
    assert left({}) == [(LOWER, UNTIL)]
    assert left(dict(state.NO_CURSOR)) == [(LOWER, UNTIL)]


def test_a_finished_sync_leaves_its_last_minute_and_what_came_since() -> None:
    earlier = Progress(LOWER, instant("2026-11-22"))
    (span,) = earlier.spans
    earlier.advance(span, span.end)
    saved = state.dump("update_time", 42, earlier)
    assert saved == {
        "update_time": "2026-11-22T00:00:00Z",
        "version": 1,
        "company_id": 42,
        "since": "2025-11-23T00:00:00Z",
    }
    assert left(saved) == [(instant("2026-11-22") - MINUTE, UNTIL)]


def test_a_backfill_that_died_leaves_exactly_what_was_not_read() -> None:
    earlier = Progress(LOWER, instant("2026-11-22"))
    first = earlier.take()
    assert first is not None
    first.density = 1
    later = earlier.split(0)
    assert later is not None
    cut = later.at
    earlier.advance(first, LOWER + 1_000)
    earlier.advance(later, cut + 500)
    saved = state.dump("update_time", 42, earlier)
    assert saved["update_time"] == "2025-11-23T00:16:40Z"  # no gap for who knows only this
    assert left(saved) == [(LOWER + 1_000, cut), (cut + 500, UNTIL)]


def test_a_longer_history_reads_only_the_missing_range() -> None:
    saved = {
        "update_time": "2026-11-22T00:00:00Z",
        "version": 1,
        "company_id": 42,
        "since": "2025-11-23T00:00:00Z",
    }
    longer = instant("2024-11-23")
    assert left(saved, longer) == [(longer, LOWER), (instant("2026-11-22") - MINUTE, UNTIL)]


def test_a_history_that_moves_on_with_the_days_reads_nothing_again() -> None:
    saved = {
        "update_time": "2026-11-22T00:00:00Z",
        "version": 1,
        "company_id": 42,
        "since": "2025-01-01T00:00:00Z",
    }
    assert left(saved) == [(instant("2026-11-22") - MINUTE, UNTIL)]


@pytest.mark.parametrize("text", ["2026-11-22 00:00:00", "2026-11-22T00:00:00Z"])
def test_another_connectors_state_goes_on_where_it_ends(text: str) -> None:
    assert left({"update_time": text}) == [(instant("2026-11-22") - MINUTE, UNTIL)]


def test_a_state_from_the_future_does_not_hide_the_present() -> None:
    assert left({"update_time": "2027-01-01T00:00:00Z"}) == [(UNTIL - MINUTE, UNTIL)]


@pytest.mark.parametrize(
    ("saved", "why"),
    [
        ({"update_time": 5}, "cannot be read"),
        ({"update_time": "soon"}, "cannot be read"),
        ({"modified": "2026-11-22T00:00:00Z"}, "cannot be read"),
        ({"version": 1, "done": "all"}, "cannot be read"),
        ({"version": 9, "since": "2026-01-01", "update_time": "2026-01-02"}, "newer version"),
        (
            {"version": 1, "company_id": 7, "since": "2026-01-01", "update_time": "2026-01-02"},
            "belongs to company 7, the credentials to company 42",
        ),
    ],
)
def test_a_state_that_cannot_be_used_says_why(saved: dict[str, Any], why: str) -> None:
    with pytest.raises(SyncError, match=why) as caught:
        left(saved)
    assert "\n" not in str(caught.value)
