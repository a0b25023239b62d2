"""What a read will cost, in words that a user can act on."""

from __future__ import annotations

import pytest

from source_pipedrive.reading.cost import ABOUT, Estimate

CHANGELOG = Estimate("deal_changelog", 12_400, "deals", 20)


def test_the_cost_of_children_of_every_deal_is_stated_in_days() -> None:
    assert CHANGELOG.sentence(30_000) == (
        "deal_changelog: 12,400 deals x 20 tokens = 248,000, about 8 days of this company's budget."
    )


@pytest.mark.parametrize(
    ("units", "limit", "text"),
    [
        (200_000, 150_000, "400 requests x 10 tokens = 4,000, about 2.7 % of this company's daily"),
        (200_000, 30_000, "= 4,000, about 13 % of this company's daily budget"),
        (200_000, None, "= 4,000 of this company's daily budget, whose size is unknown"),
    ],
)
def test_the_cost_of_a_list_is_stated_in_requests_and_as_a_share_of_the_day(
    units: int, limit: int | None, text: str
) -> None:
    estimate = Estimate("deals", units, "records", 10, each=500, how=ABOUT)
    assert estimate.sentence(limit).startswith("deals: about 200,000 records in 400 requests x")
    assert text in estimate.sentence(limit)


@pytest.mark.parametrize(
    ("units", "limit", "expensive"),
    [(50, 150_000, True), (49, 150_000, False), (10, 10_000, True), (49, None, False)],
)
def test_only_an_expensive_read_gets_a_line_in_the_log(
    units: int, limit: int | None, expensive: bool
) -> None:
    assert Estimate("x", units, "deals", 20).is_expensive(limit) is expensive
