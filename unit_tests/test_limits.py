"""As many requests side by side as the limit has use for, never more than memory has room for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from source_pipedrive.sync.limits import MEMORY, MOST, PAGE_FACTOR, WorkerLimits


@dataclass
class Pace:
    parallel: int


@dataclass
class Asked:
    """Answers of so many bytes; `other` of streams that are not named."""

    pacing: Pace
    sizes: dict[str, int] = field(default_factory=dict)
    other: int = 0

    def size(self, stream: str) -> int:
        return self.sizes.get(stream, self.other)


@pytest.mark.parametrize(
    ("parallel", "size", "number"),
    [(1, 0, 2), (12, 0, 12), (500, 0, MOST), (30, 500_000, 16), (30, 8_000_000, 2)],
)
def test_the_workers_for_one_stream_follow_the_pace_within_the_memory_for_its_pages(
    parallel: int, size: int, number: int
) -> None:
    assert WorkerLimits(Asked(Pace(parallel), {"deals": size})).max_for("deals") == number


def test_small_answers_are_not_held_back_by_the_large_ones_of_another_stream() -> None:
    """Otherwise a company's changelogs, a request each, are read at half the pace because a page of
    its deals is large."""
    crew = WorkerLimits(Asked(Pace(30), {"deals": 1_000_000, "deal_changelog": 5_000}))
    assert crew.max_workers == 30
    assert crew.max_for("deals") == 8
    busy = ["deals"] + ["deal_changelog"] * 28
    assert crew.page_bytes("deal_changelog") <= crew.free_bytes(busy)
    assert not crew.over_memory(busy)


def test_what_there_is_no_memory_for_waits_or_gives_its_work_back() -> None:
    asked = Asked(Pace(30), {"deals": 1_000_000})
    crew = WorkerLimits(asked)
    assert crew.page_bytes("deals") <= crew.free_bytes(["deals"] * 7)
    assert crew.page_bytes("deals") > crew.free_bytes(["deals"] * 8)
    assert not crew.over_memory(["deals"] * 8)
    asked.sizes["deals"] = 2_000_000  # pages have grown since
    assert crew.over_memory(["deals"] * 8)
    assert not crew.over_memory(["deals"] * 4)


def test_two_requests_always_run_side_by_side() -> None:
    """Or one page that is larger than all memory for pages would stop the sync for ever."""
    crew = WorkerLimits(Asked(Pace(1), {"deals": MEMORY}))
    assert crew.free_bytes(["deals"]) == math.inf
    assert not crew.over_memory(["deals", "deals"])


def test_a_number_in_the_configuration_holds_whatever_the_pages_weigh() -> None:
    crew = WorkerLimits(Asked(Pace(1), other=MEMORY // PAGE_FACTOR), number=12)
    assert crew.max_workers == crew.max_for("deals") == 12
    assert crew.page_bytes("deals") <= crew.free_bytes(["deals"] * 11)
    assert not crew.over_memory(["deals"] * 12)
