"""The sets of ids that the audit keeps in the state."""

from __future__ import annotations

from base64 import b64encode
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_pipedrive.reading.audit.ids import Numbers, Uuids

IDS = st.sets(st.integers(1, 20_000) | st.integers(1, 2**61))
UUIDS = st.sets(st.uuids().map(str))


@given(IDS, IDS)
def test_numbers_are_a_set(one: set[int], other: set[int]) -> None:
    a, b = Numbers(one), Numbers(other)
    assert list(a) == sorted(one)
    assert len(a) == len(one)
    assert (set(a | b), set(a & b), set(a - b)) == (one | other, one & other, one - other)
    assert a.highest == max(one, default=0)
    assert all((id_ in a) == (id_ in one) for id_ in other)


@given(IDS)
def test_a_state_gives_the_same_numbers_back(ids: set[int]) -> None:
    assert Numbers.load(Numbers(ids).dump()) == Numbers(ids)


@given(st.integers(0, 9_000), st.integers(0, 9_000))
def test_all_numbers_of_a_range(after: int, to: int) -> None:
    assert list(Numbers.between(after, to)) == list(range(after + 1, to + 1))
    many = Numbers(range(1, 20_000, 7))
    assert many.within(after, to) == many & Numbers.between(after, to)


@given(UUIDS, UUIDS)
def test_uuids_are_a_set(one: set[str], other: set[str]) -> None:
    a, b = Uuids(one), Uuids(other)
    assert list(a) == sorted(one)
    assert (set(a | b), set(a & b), set(a - b)) == (one | other, one & other, one - other)


@given(UUIDS, UUIDS)
def test_a_state_gives_the_same_uuids_back(seen: set[str], before: set[str]) -> None:
    assert Uuids.load(Uuids(seen).dump()) == Uuids(seen)
    text = Uuids(seen).dump(Uuids(before))
    assert Uuids.load(text, Uuids(before)) == Uuids(seen)


def test_what_is_no_id_is_passed_over() -> None:
    """An answer without its ids must not end a sync."""
    assert not len(Numbers([None, "7", -1, 0, 1.5]))
    assert not len(Uuids([None, 7, "seven"]))
    assert 0 not in Numbers([1])
    assert "seven" not in Uuids()


@pytest.mark.parametrize("text", ["!", "aGVsbG8=", b64encode(b"x\x9c").decode(), "e"])
def test_a_damaged_state_is_an_error_and_not_an_empty_set(text: str) -> None:
    """An empty set would turn every record into a deletion."""
    for kind in (Numbers, Uuids):
        with pytest.raises(ValueError):  # noqa: PT011
            kind.load(text)
    with pytest.raises(ValueError, match="UUIDs"):
        Uuids.load(Uuids([str(UUID(int=1))]).dump(), among=Uuids([str(UUID(int=2))]))


def with_gaps(count: int, part: float) -> list[int]:
    random = Random(1)
    return [n for n in range(1, count + 1) if random.random() >= part]


def test_a_state_of_a_million_records_and_twenty_thousand_leads_is_small() -> None:
    """The sizes of a pass that is half done: what was there, what was seen, what was reported."""
    ids = with_gaps(1_000_000, 0.05)
    present, seen = Numbers(ids), Numbers(Random(2).sample(ids, len(ids) // 2))
    reported = Numbers.between(0, 1_000_000) - present
    random = Random(3)
    leads = Uuids(str(UUID(int=random.getrandbits(128))) for _ in range(20_000))
    half = Uuids(list(leads)[::2])
    sizes = [
        len(text)
        for text in (present.dump(), seen.dump(), reported.dump(), leads.dump(), half.dump(leads))
    ]
    assert sizes[0] < 80_000
    assert sizes[1] < 170_000
    assert sizes[3] < 430_000
    assert sizes[4] < 4_000
    assert sum(sizes) < 800_000, sizes
