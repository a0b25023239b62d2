"""Derived streams: a deal's path through the stages, and recurring payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from source_pipedrive.reading.derived import stays, subscriptions, total
from source_pipedrive.reading.reference import ReferenceList
from unit_tests.deals import Deals

DAY = "2026-01-{:02} 10:00:00"
NOW = {"id": 7, "pipeline_id": 1, "status": "open", "add_time": "2026-01-01T10:00:00Z"}
LATER = "2026-01-20T10:00:00Z"
PIPELINES = {1: 1, 2: 1, 3: 1, 5: 2, 6: 2, 9: 1}  # of stages
NOTHING = ReferenceList(Deals({}), None, "subscriptions")


def deal(stage: int, **facts: Any) -> dict[str, Any]:
    return {**NOW, "stage_id": stage, "time": LATER, **facts}


def change(day: int, field: str, old: Any, new: Any, number: int = 1) -> dict[str, Any]:
    values = {"old_value": old, "new_value": new}
    return {"deal_id": 7, "time": DAY.format(day), "field_key": field, "number": number, **values}


def path(
    now: dict[str, Any], *entries: dict[str, Any], pipelines: Mapping[int, int] = PIPELINES
) -> list[tuple[Any, ...]]:
    """(stage, pipeline, day entered, day left) of each stay."""
    found = stays(now, list(reversed(entries)), pipelines)  # newest first, as Pipedrive lists them
    assert found == stays(now, list(entries), pipelines) or len({e["time"] for e in entries}) == 1
    assert [stay["number"] for stay in found] == list(range(1, len(found) + 1))
    for stay in found:
        assert stay["deal_id"] == 7
        assert (stay["seconds"] is None) == (stay["left_time"] is None)
    return [
        (
            s["stage_id"],
            s["pipeline_id"],
            s["entered_time"][8:10],
            s["left_time"] and s["left_time"][8:10],
        )
        for s in found
    ]


@pytest.mark.parametrize(
    ("now", "entries", "expected"),
    [
        (deal(1), [], [(1, 1, "01", None)]),
        (
            deal(2),
            [change(3, "stage_id", "1", "2")],
            [(1, 1, "01", "03"), (2, 1, "03", None)],
        ),
        (
            deal(1),
            [change(3, "stage_id", "1", "2"), change(5, "stage_id", "2", "1")],
            [(1, 1, "01", "03"), (2, 1, "03", "05"), (1, 1, "05", None)],
        ),
        (
            deal(1, status="won", won_time="2026-01-09T10:00:00Z"),
            [change(9, "status", "open", "won")],
            [(1, 1, "01", "09")],
        ),
        (
            deal(1, status="lost", lost_time="2026-01-08T10:00:00Z"),
            [],
            [(1, 1, "01", "08")],
        ),
        (
            deal(1),
            [change(4, "status", "open", "lost"), change(6, "status", "lost", "open")],
            [(1, 1, "01", "04"), (1, 1, "06", None)],
        ),
        (deal(1, is_deleted=True), [], [(1, 1, "01", "20")]),
        (
            deal(5, pipeline_id=2),
            [change(3, "stage_id", "1", "5"), change(3, "pipeline", "1", "2")],
            [(1, 1, "01", "03"), (5, 2, "03", None)],
        ),
        (
            deal(3),
            [change(3, "stage_id", "1", "2"), change(3, "stage_id", "2", "3", number=2)],
            [(1, 1, "01", "03"), (2, 1, "03", "03"), (3, 1, "03", None)],
        ),
        (
            deal(6, pipeline_id=2),
            [
                change(3, "stage_id", "1", "5"),
                change(3, "stage_id", "5", "2", number=2),
                change(3, "stage_id", "2", "6", number=3),
            ],
            [(1, 1, "01", "03"), (5, 2, "03", "03"), (2, 1, "03", "03"), (6, 2, "03", None)],
        ),
        (
            deal(5, pipeline_id=2),
            [change(3, "pipeline", "1", "2"), change(4, "stage_id", "1", "5")],
            [(1, 1, "01", "04"), (5, 2, "04", None)],
        ),
        (
            deal(2, status="won", won_time="2026-01-03T10:00:00Z"),
            [change(3, "stage_id", "1", "2"), change(3, "status", "open", "won")],
            [(1, 1, "01", "03"), (2, 1, "03", "03")],
        ),
        (
            deal(9, stage_change_time="2026-01-11T10:00:00Z"),
            [change(3, "stage_id", "1", "2")],
            [(1, 1, "01", "03"), (2, 1, "03", "11"), (9, 1, "11", None)],
        ),
    ],
    ids=[
        "never moved",
        "moved",
        "moved back",
        "won",
        "lost, as the deal says",
        "opened again",
        "deleted",
        "another pipeline",
        "twice in a second",
        "through two pipelines in a second",
        "a pipeline that changes before the stage",
        "moved and won in a second",
        "a changelog that misses a move",
    ],
)
def test_each_stay_of_a_deal_in_a_stage_is_a_record(
    now: dict[str, Any], entries: list[dict[str, Any]], expected: list[tuple[Any, ...]]
) -> None:
    assert path(now, *entries) == expected


MOVES = (change(3, "stage_id", "1", "5"), change(5, "stage_id", "5", "6"))
NAMED = (change(3, "pipeline", "1", "2"), *MOVES)
BACK = (
    *(change(3, "pipeline", "1", "2"), change(3, "stage_id", "1", "5")),
    *(change(3, "pipeline", "2", "1", number=2), change(3, "stage_id", "5", "2", number=2)),
)


@pytest.mark.parametrize(
    ("now", "entries", "pipelines", "expected"),
    [
        (deal(6, pipeline_id=2), NAMED, {}, [1, 2, 2]),
        (deal(6, pipeline_id=2), MOVES, {}, [None, None, 2]),
        (deal(6, pipeline_id=2), MOVES, {5: 2}, [None, 2, 2]),
        (deal(2), BACK, {}, [1, None, 1]),
        (deal(1), (), {}, [1]),
    ],
    ids=[
        "the changelog names them",
        "nobody names them",
        "one stage is listed",
        "two moves in a second",
        "never moved",
    ],
)
def test_the_pipeline_of_an_unlisted_stage_is_never_guessed(
    now: dict[str, Any],
    entries: tuple[dict[str, Any], ...],
    pipelines: Mapping[int, int],
    expected: list[int | None],
) -> None:
    """An unknown pipeline is null, never a wrong one."""
    assert [stay[1] for stay in path(now, *entries, pipelines=pipelines)] == expected


def test_seconds_are_counted_from_entering_a_stage_to_leaving_it() -> None:
    (first, last) = stays(deal(2), [change(3, "stage_id", "1", "2")], PIPELINES)
    assert (first["seconds"], last["seconds"]) == (2 * 86_400, None)


def test_only_recurring_products_are_subscriptions() -> None:
    rows = [
        {"id": 1, "deal_id": 7, "billing_frequency": "one-time"},
        {"id": 2, "deal_id": 7, "billing_frequency": None},
        {"id": 3, "deal_id": 7, "billing_frequency": "monthly", "sum": 9.5, "currency": "EUR"},
    ]
    (found,) = subscriptions("deal_products", rows, [], NOTHING)
    assert (found["deal_id"], found["kind"], found["id"]) == (7, "recurring", 3)
    assert (found["cadence"], found["amount"], found["currency"]) == ("monthly", 9.5, "EUR")


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([404.34, 339.28, 495.34], 1238.96),
        ([0.1] * 10, 1.0),
        ([19.99, None, 0.01], 20.0),
        ([30, 20], 50),
        ([2**60, 1], 2**60 + 1),
        ([], 0),
    ],
)
def test_money_adds_up_to_the_cent(amounts: list[Any], expected: float) -> None:
    """In binary floating point, the first amounts add up to 1238.9599999999998."""
    rows = [{"id": n, "deal_id": 7, "amount": amount} for n, amount in enumerate(amounts)]
    if rows:
        (found,) = subscriptions("deal_installments", rows, [], NOTHING)
        assert found["amount"] == expected
    assert repr(total(amounts)) == repr(expected)


def test_the_installments_of_a_deal_are_one_plan_with_all_its_payments() -> None:
    rows = [
        {"id": 5, "deal_id": 7, "amount": 30, "billing_date": "2026-03-01", "description": "2"},
        {"id": 4, "deal_id": 7, "amount": 20, "billing_date": "2026-02-01", "description": "1"},
        {"id": 6, "deal_id": 8, "amount": 1, "billing_date": "2026-02-01"},
    ]
    deals = [{"id": 7, "currency": "EUR"}]
    first, second = subscriptions("deal_installments", rows, deals, NOTHING)
    assert (first["kind"], first["id"], first["cycles"]) == ("installments", 7, 2)
    assert (first["amount"], first["start_date"], first["currency"]) == (50, "2026-02-01", "EUR")
    assert [payment["id"] for payment in first["payments"]] == [4, 5]
    assert (second["deal_id"], second["currency"]) == (8, None)
