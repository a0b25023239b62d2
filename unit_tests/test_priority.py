"""Whose turn it is: a budget buys the lists first, and everything gets its turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading import children
from source_pipedrive.reading.instants import instant
from unit_tests.deals import Deals, deals
from unit_tests.test_wiring import changes_of, company_of, keys_of, small_batch, status_of
from unit_tests.turns import Turns, read, run_of, states_of

START = instant("2026-01-01")
LISTS = ("deals", "deals_archived", "persons", "organizations")
PATHS = {"deals", "deals/archived", "persons", "organizations"}


def company(size: int = 70, tokens: int | None = None) -> Deals:
    """Records of four kinds, and a budget that a sync knows of."""
    times = [START + 60 * n for n in range(size)]
    lists = {
        "deals": deals(times),
        "deals/archived": deals(times[: size // 3], first=10_001),
        "persons": deals(times),
        "organizations": deals(times),
    }
    kinds = ("deals", "persons", "organizations")
    changes = {f"{kind}/{{id}}/changelog": changes_of for kind in kinds}
    found = Deals(lists, changes, page=5)
    if tokens is not None:
        found.usage, found.budget = Usage(most=tokens), tokens
    return found


def ended(messages: Sequence[Any], stream: str) -> int:
    """How many messages come before the last one of a stream."""
    return max(
        n
        for n, m in enumerate(messages)
        if m.trace and m.trace.stream_status
        if m.trace.stream_status.stream_descriptor.name == stream
    )


def begun(messages: Sequence[Any], stream: str) -> int:
    """How many messages come before the first record of a stream."""
    return min(n for n, m in enumerate(messages) if m.record and m.record.stream == stream)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_first_sync_reads_every_list_before_what_hangs_on_its_records(workers: int) -> None:
    """Otherwise a company's day goes to changelogs, and there is not one person to join them to."""
    names = (*LISTS, "deal_changelog", "person_changelog", "organization_changelog")
    for seed in range(5):
        box = company(tokens=1_500)
        messages = Turns(run_of(box, *names, workers=workers), box, seed, workers).messages()
        for name in LISTS:
            assert status_of(messages, name) == "COMPLETE", name
        paths = [request.path in PATHS for request in box.asked]
        assert paths == sorted(paths, reverse=True)
        assert not paths[-1]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_list_waits_for_nobody_who_has_more_parents_than_there_is_room_for(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deals of a company with more than twenty thousand cost a few hundred tokens, their
    changelogs half a million."""
    monkeypatch.setattr(children, "ENOUGH", 8)
    names = ("deals", "deals_archived", "deal_changelog", small_batch("deal_products", 7))
    for seed in range(5):
        box = company()
        messages = Turns(run_of(box, *names, workers=workers), box, seed, workers).messages()
        for name in ("deals", "deals_archived"):
            assert status_of(messages, name) == "COMPLETE"
            assert ended(messages, name) < begun(messages, "deal_changelog")
        of_deals = keys_of(messages, "deal_changelog")
        assert of_deals == keys_of(read(company(), "deal_changelog"), "deal_changelog")
        asked = box.ids("deals/{id}/changelog")
        assert len(asked) <= 1.3 * len(set(asked)), "but for the last second of a page"


@pytest.mark.parametrize("kind", ["spread", "one second", "nulls first", "nulls last"])
@pytest.mark.parametrize("names", [("deal_changelog",), ("subscriptions", "deal_changelog")])
def test_what_a_list_has_left_behind_is_read_whenever_a_sync_dies(
    names: tuple[str, ...], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = small_batch("deal_products", 7)
    beside = ("deals", "deals_archived", products, small_batch("deal_installments", 7))
    everything = {name: keys_of(read(company_of(kind), *names), name) for name in names}
    for workers, seed in ((1, 0), (3, 1), (3, 2), (4, 3)):
        box = company_of(kind)
        run = run_of(box, *beside, *names, workers=workers)
        with monkeypatch.context() as few:
            few.setattr(children, "ENOUGH", 8)
            messages = Turns(run, box, seed, workers).messages()
        for name in names:
            assert keys_of(messages, name) == everything[name], (name, seed)
            for at, state in states_of(messages, name)[:: 3 + seed]:
                left = keys_of(messages[: at + 1], name)
                rest = keys_of(read(company_of(kind), name, states={name: state}), name)
                assert left | rest == everything[name], (workers, seed, state)
