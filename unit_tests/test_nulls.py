"""Records whose `update_time` is null: a response bounded by time may leave them out."""

from __future__ import annotations

from typing import Any

import pytest

from source_pipedrive.reading.instants import instant
from unit_tests.sorted_lists import Record, SortedList, records_at, short_pages
from unit_tests.test_order import SORTED, ids_of, read, repeats
from unit_tests.turns import states_of

START = instant("2026-01-01")
LOWER = START + 1_000


def company(nulls: int, end: str = "first", count: int = 60) -> SortedList:
    """A list, some of which changed before the start date. nulls: how many have no update time."""
    times: list[int | None] = [START + 60 * n for n in range(count)]
    return SortedList(records_at([*times, *[None] * nulls]), nulls=end)


def state_after(messages: list[Any], name: str) -> Record:
    return dict(states_of(messages, name)[-1][1])


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("end", ["first", "last"])
@pytest.mark.parametrize("name", SORTED)
def test_a_first_sync_reads_null_times_whatever_the_start_date(
    name: str, end: str, bounded: bool
) -> None:
    for nulls in (1, 10, 30):
        server = company(nulls, end)
        server.bounded_nulls = bounded
        messages = read(server, short_pages(name), lower=LOWER)
        assert set(range(61, 61 + nulls)) <= ids_of(messages, name)
        assert repeats(messages, name) == []


@pytest.mark.parametrize("end", ["first", "last"])
@pytest.mark.parametrize("lower", [0, LOWER])
@pytest.mark.parametrize("name", SORTED)
def test_after_a_first_sync_with_null_times_later_ones_need_one_extra_request(
    name: str, end: str, lower: int
) -> None:
    """Such records change without any sign of it."""
    state = state_after(read(company(2, end), short_pages(name), lower=lower), name)
    without_nulls = state_after(read(company(0, end), short_pages(name), lower=lower), name)
    assert state["nulls"] == end
    assert "nulls" not in without_nulls
    later, without = company(3, end), company(0, end)
    messages = read(later, short_pages(name), states={name: state}, lower=lower)
    read(without, short_pages(name), states={name: without_nulls}, lower=lower)
    assert {61, 62, 63} <= ids_of(messages, name)
    assert repeats(messages, name) == []
    assert len(later.asked) <= len(without.asked) + 1
    assert state_after(messages, name)["nulls"] == end


@pytest.mark.parametrize("name", SORTED)
def test_without_null_times_a_quiet_sync_costs_one_request(name: str) -> None:
    state = state_after(read(company(0), short_pages(name), lower=LOWER), name)
    server = company(0)
    read(server, short_pages(name), states={name: state}, lower=LOWER)
    assert len(server.asked) == 1


@pytest.mark.parametrize("end", ["first", "last"])
@pytest.mark.parametrize("name", SORTED)
def test_a_sync_that_ends_before_it_reads_null_times_reads_them_later(name: str, end: str) -> None:
    state: Record = {}
    found: set[int] = set()
    for tokens in (2, 3, 5, 9, 100):
        server = company(9, end)
        server.budget = tokens * short_pages(name).endpoint.cost
        messages = read(server, short_pages(name), states={name: state}, lower=LOWER)
        found |= ids_of(messages, name)
        state = (states_of(messages, name) or [(0, state)])[-1][1]
    assert set(range(17 + 1, 70)) <= found
