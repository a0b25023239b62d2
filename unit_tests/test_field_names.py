"""Column names of custom fields: legal, unique, and never changed by a field added later."""

from __future__ import annotations

import re
from hashlib import sha1

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_pipedrive.fields.names import column_names, contested, plain

LEGAL = re.compile(r"[a-z_][a-z0-9_]{0,62}")
OWN = {"id", "title", "value", "currency", "custom_fields", "label_names"}
SUFFIXES = [
    ("",),
    ("", "_currency"),
    ("", "_until"),
    ("", "_until", "_timezone"),
    ("", "_timezone"),
]
Wanted = list[tuple[str, str, tuple[str, ...]]]


def key_of(number: int) -> str:
    return sha1(str(number).encode()).hexdigest()


# Names that collide in every possible way.
MEETING = st.sampled_from(
    [
        *("Size", "size ", "Size!", "SIZE", "Title", "Price", "Price currency", "price_currency"),
        *("🚀", "!!!", "", "x" * 255, "x" * 254 + "y", "field", "2nd", "_2nd", "Größe", "id"),
    ]
)
fields = st.lists(
    st.tuples(st.one_of(MEETING, st.text(max_size=80)), st.sampled_from(SUFFIXES)), max_size=25
).map(lambda drawn: [(key_of(n), name, parts) for n, (name, parts) in enumerate(drawn)])


@settings(max_examples=400, deadline=None)
@given(fields)
def test_names_are_legal_and_unique(wanted: Wanted) -> None:
    names = column_names(wanted, OWN)
    every = [name for of in names.values() for name in of]
    assert all(LEGAL.fullmatch(name) for name in every)
    assert len(set(every)) == len(every)
    assert not OWN.intersection(every)
    assert [len(of) for of in names.values()] == [len(parts) for _, _, parts in wanted]


@settings(max_examples=400, deadline=None)
@given(fields, st.text(max_size=80) | MEETING, st.sampled_from(SUFFIXES))
def test_adding_a_field_renames_no_other(wanted: Wanted, name: str, parts: tuple[str, ...]) -> None:
    before = column_names(wanted, OWN)
    after = column_names([*wanted, ("f" * 40, name, parts)], OWN)
    assert {key: after[key] for key in before} == before


@settings(max_examples=300, deadline=None)
@given(fields, st.randoms())
def test_order_does_not_matter_if_no_names_collide(wanted: Wanted, chance: object) -> None:
    """So their order of creation need not be requested."""
    if contested(wanted, OWN):
        return
    shuffled = list(wanted)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert column_names(wanted, OWN) == column_names(shuffled, OWN)


@settings(max_examples=300, deadline=None)
@given(fields)
def test_parts_share_the_name_of_their_field(wanted: Wanted) -> None:
    names = column_names(wanted, OWN)
    for key, _, parts in wanted:
        for name, suffix in zip(names[key], parts, strict=True):
            assert name.endswith(suffix)
            assert name.removesuffix(suffix) == names[key][0]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Customer tier", "customer_tier"),
        ("Größe (cm)", "grosse_cm"),
        ("Цена", "tsena"),
        ("🚀", "rocket"),
        ("!!!", "field"),
        ("", "field"),
        ("   ", "field"),
        ("2nd choice", "_2nd_choice"),
        ("select", "select"),
        ("_ab_id", "ab_id"),
        ("a" * 255, "a" * 255),
    ],
)
def test_a_name_is_readable(name: str, column: str) -> None:
    assert plain(name) == column


def test_the_field_that_was_created_first_has_the_plain_name() -> None:
    sizes = [(key_of(n), name, ("",)) for n, name in enumerate(["Size", "size ", "Size!", "Title"])]
    names = [of[0] for of in column_names(sizes, OWN).values()]
    assert names == ["size", *(f"size_{key_of(n)[:6]}" for n in (1, 2)), f"title_{key_of(3)[:6]}"]


def test_names_of_parts_are_reserved_too() -> None:
    money, text = ("a" * 40, "Price", ("", "_currency")), ("b" * 40, "Price currency", ("",))
    assert column_names([money, text], OWN) == {
        "a" * 40: ["price", "price_currency"],
        "b" * 40: ["price_currency_bbbbbb"],
    }
    assert column_names([text, money], OWN) == {
        "b" * 40: ["price_currency"],
        "a" * 40: ["price_aaaaaa", "price_aaaaaa_currency"],
    }


def test_keys_with_a_common_prefix_are_distinguished() -> None:
    one, two, three = "c" * 40, "c" * 10 + "d" * 30, "c" * 20 + "e" * 20
    names = column_names([(key, "Size", ("",)) for key in (one, two, three)], OWN)
    assert names[one] == ["size"]
    assert len({*names[two], *names[three]}) == 2


@settings(max_examples=300, deadline=None)
@given(fields, st.randoms())
def test_without_a_known_order_the_order_of_the_answer_does_not_matter(
    wanted: Wanted, chance: object
) -> None:
    shared = contested(wanted, OWN)
    shuffled = list(wanted)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert contested(shuffled, OWN) == shared
    names = column_names(sorted(wanted), OWN, shared)
    assert names == column_names(sorted(shuffled), OWN, shared)
    assert not shared.intersection(name for of in names.values() for name in of)
