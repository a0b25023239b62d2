"""As many parallel requests as the rate limit can use, never more than memory has room for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from source_pipedrive.sync.limits import MEMORY, MOST, WorkerLimits


@dataclass
class Pace:
    parallel: int


@dataclass
class SizedClient:
    """A client whose pages take these bytes; `other` is for all other streams."""

    pacing: Pace
    sizes: dict[str, int] = field(default_factory=dict)
    other: int = 0

    def page_bytes(self, stream: str) -> int:
        return self.sizes.get(stream, self.other)


@pytest.mark.parametrize(
    ("parallel", "size", "number"),
    [(1, 0, 2), (12, 0, 12), (500, 0, MOST), (30, 6_000_000, 16), (30, 96_000_000, 2)],
)
def test_the_workers_of_one_stream_follow_the_pace_within_the_memory_for_its_pages(
    parallel: int, size: int, number: int
) -> None:
    assert WorkerLimits(SizedClient(Pace(parallel), {"deals": size})).max_for("deals") == number


def test_small_answers_are_not_held_back_by_large_ones_of_another_stream() -> None:
    """Otherwise a company's changelogs, at a request each, are read at half the pace because a page
    of its deals is large."""
    limits = WorkerLimits(SizedClient(Pace(30), {"deals": 12_000_000, "deal_changelog": 60_000}))
    assert limits.max_workers == 30
    assert limits.max_for("deals") == 8
    busy = ["deals"] + ["deal_changelog"] * 28
    assert limits.page_bytes("deal_changelog") <= limits.free_bytes(busy)
    assert not limits.over_memory(busy)


def test_work_without_room_in_memory_waits_or_is_given_back() -> None:
    client = SizedClient(Pace(30), {"deals": 12_000_000})
    limits = WorkerLimits(client)
    assert limits.page_bytes("deals") <= limits.free_bytes(["deals"] * 7)
    assert limits.page_bytes("deals") > limits.free_bytes(["deals"] * 8)
    assert not limits.over_memory(["deals"] * 8)
    client.sizes["deals"] = 24_000_000  # pages have grown since
    assert limits.over_memory(["deals"] * 8)
    assert not limits.over_memory(["deals"] * 4)


def test_two_requests_always_run_in_parallel() -> None:
    """Otherwise one page larger than the memory for all pages would stop the sync for good."""
    limits = WorkerLimits(SizedClient(Pace(1), {"deals": MEMORY}))
    assert limits.free_bytes(["deals"]) == math.inf
    assert not limits.over_memory(["deals", "deals"])


def test_a_configured_number_of_workers_holds_whatever_the_size_of_pages() -> None:
    limits = WorkerLimits(SizedClient(Pace(1), other=MEMORY), number=12)
    assert limits.max_workers == limits.max_for("deals") == 12
    assert limits.page_bytes("deals") <= limits.free_bytes(["deals"] * 11)
    assert not limits.over_memory(["deals"] * 12)
