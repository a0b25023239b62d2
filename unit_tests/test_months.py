"""Calendar months: none is skipped, and none lies outside the range of the sync."""

from __future__ import annotations

import pytest

from source_pipedrive.reading.instants import instant
from source_pipedrive.reading.months import months_of


@pytest.mark.parametrize(
    ("since", "until", "life", "expected"),
    [
        ("2026-01-15", "2026-01-20", (), ["2026-01"]),
        ("2025-11-30", "2026-02-01", (), ["2025-11", "2025-12", "2026-01", "2026-02"]),
        ("2025-01-01", "2026-03-09", ("2026-02-10 08:00:00",), ["2026-02", "2026-03"]),
        ("2025-01-01", "2026-03-09", ("2025-12-10", "2026-01-05"), ["2025-12", "2026-01"]),
        ("2026-01-01", "2026-03-09", ("2020-01-01", "2025-12-31"), []),
        ("2026-03-01", "2026-03-09", ("2026-05-01", None), []),
        ("2026-03-01", "2026-03-09", ("?", None), ["2026-03"]),
    ],
)
def test_a_sync_requests_exactly_the_months_of_its_range(
    since: str, until: str, life: tuple[str | None, ...], expected: list[str]
) -> None:
    found = months_of(instant(since), instant(until), *life)
    assert [start for start, _, _ in found] == [f"{month}-01" for month in expected]


def test_a_month_is_requested_only_within_the_life_of_its_goal() -> None:
    """Pipedrive refuses periods that begin before a goal or end after it."""
    life = "2025-12-10", "2026-02-05"
    found = months_of(instant("2025-01-01"), instant("2026-03-09"), *life)
    assert found == [
        ("2025-12-01", "2025-12-31", ("2025-12-10", "2025-12-31")),
        ("2026-01-01", "2026-01-31", ("2026-01-01", "2026-01-31")),
        ("2026-02-01", "2026-02-28", ("2026-02-01", "2026-02-05")),
    ]
