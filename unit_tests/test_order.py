"""Sorted lists: a server may ignore the order, and no record is emitted twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from source_pipedrive.reading.instants import instant
from source_pipedrive.stream import Stream
from unit_tests import single
from unit_tests.deals import Deals
from unit_tests.fakes import FakeClient
from unit_tests.sorted_lists import Record, SortedList, records_at, short_pages
from unit_tests.turns import Turns, records_of, run_of, states_of

START = instant("2026-01-01")
SORTED = ["deals", "persons", "products", "notes", "leads", "files", "leads_archived"]
INTERLEAVINGS = [(1, 0), (3, 1), (3, 2)]  # workers, seed


def shuffled(count: int = 100, seed: int = 1) -> list[Record]:
    """Records that did not change in the order they were created in."""
    times = [START + 60 * n for n in range(count)]
    random.Random(seed).shuffle(times)
    return records_at(times)


def read(
    server: Any, stream: Stream | str, workers: int = 1, seed: int = 0, **options: Any
) -> list[Any]:
    """All messages of a sync."""
    run = run_of(server, stream, workers=workers, **options)
    return Turns(run, server, seed, workers).messages()


def ids_of(messages: Sequence[Any], name: str) -> set[int]:
    return {record["id"] for record in records_of(messages, name)}


def repeats(messages: Sequence[Any], name: str) -> list[Any]:
    """(id, update time) of what was emitted more than once."""
    emitted = Counter((r["id"], r.get("update_time")) for r in records_of(messages, name))
    return [key for key, times in emitted.items() if times > 1]


def status_of(messages: Sequence[Any]) -> str:
    found = [m.trace.stream_status for m in messages if m.trace and m.trace.stream_status]
    return str(found[-1].status.value)


# -- the order


@pytest.mark.parametrize(("workers", "seed"), INTERLEAVINGS)
@pytest.mark.parametrize("lower", [0, START])
@pytest.mark.parametrize("name", SORTED)
def test_a_list_whose_sort_is_ignored_is_still_read_completely(
    name: str, lower: int, workers: int, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Once 100 of 1,000 files and 500 of 1,000 archived leads passed for complete streams."""
    server = SortedList([*shuffled(), *records_at([None], first=1_001)], sort="ignored")
    messages = read(server, short_pages(name), workers, seed, lower=lower)
    assert ids_of(messages, name) == {record["id"] for record in server.records}
    assert status_of(messages) == "COMPLETE"
    warned = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert len(warned) == 1
    assert warned[0].startswith(f'{name}: Pipedrive does not sort this list by "update_time" as')
    *early, (_, end) = states_of(messages, name)
    assert all(not state["done"] for _, state in early), "it has no checkpoints"
    assert end["update_time"] == "2026-11-23T10:00:00Z"


@pytest.mark.parametrize("sort", ["keys", "first", "refused"])
@pytest.mark.parametrize("name", ["notes", "leads", "files", "leads_archived"])
def test_sorting_by_one_key_is_enough(
    name: str, sort: str, caplog: pytest.LogCaptureFixture
) -> None:
    records = records_at([START + 60 * (n // 9) for n in range(100)])
    server = SortedList(records, sort=sort)
    messages = read(server, short_pages(name), lower=START)
    assert ids_of(messages, name) == {record["id"] for record in records}
    assert repeats(messages, name) == []
    assert not [r for r in caplog.records if r.levelname == "WARNING"]
    assert len(states_of(messages, name)) > 5


@pytest.mark.parametrize("kind", ["within a page", "across pages"])
@pytest.mark.parametrize(("workers", "seed"), INTERLEAVINGS)
@pytest.mark.parametrize("name", SORTED)
def test_a_list_that_turns_out_unsorted_retracts_its_checkpoints(
    name: str, workers: int, seed: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A state saved before that covers records that were not read."""
    records = records_at([START + 60 * n for n in range(100)])
    server, pages, v1 = SortedList(records), [0], short_pages(name).endpoint.version == 1

    def disorder(page: list[Record]) -> list[Record]:
        pages[0] += 1
        if pages[0] < 6 or len(page) < 4:
            return page
        pages[0] = -(10**6)
        if kind == "within a page":
            return [*page[:1], *reversed(page[1:])]
        newest_first = name in ("files", "leads_archived")
        misplaced = records_at([START + (10**6 if newest_first else 1)], first=500)
        # A v1 page begins with the last record of the previous page.
        return [*page[:1], *misplaced, *page[2:]] if v1 else [*misplaced, *page[1:]]

    server.disorder = disorder
    messages = read(server, short_pages(name), workers, seed)
    assert "does not sort" in caplog.text
    everything = {record["id"] for record in records}
    assert ids_of(messages, name) >= everything
    assert status_of(messages) == "COMPLETE"
    states = states_of(messages, name)
    retracted = next(n for n, (_, state) in enumerate(states) if state.get("done") == [])
    for at, state in states[retracted:]:
        later = read(SortedList(records), short_pages(name), states={name: state})
        assert ids_of(messages[: at + 1], name) | ids_of(later, name) >= everything


def changes_of(deal: int) -> list[Record]:
    return [{"time": "2026-01-03 10:00:00", "field_key": "x"}]


def company_that_swaps_pages() -> Deals:
    """A company that returns the seventh page of deals for the third, and the third for the
    seventh."""
    company = Deals(
        {"deals": records_at([START + 60 * n for n in range(70)]), "deals/archived": []},
        {"deals/{id}/changelog": changes_of},
        page=5,
    )
    original = company._body

    def swapped(path: str, params: Any) -> Record:
        body = original(path, params)
        cursor = {"10": "30", "30": "10"}.get(params.get("cursor", ""))
        if path != "deals" or cursor is None or "updated_since" in params:
            return body
        return {**body, "data": original(path, {**params, "cursor": cursor})["data"]}

    company._body = swapped  # type: ignore[method-assign]
    return company


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (3, 1), (3, 2), (3, 5), (4, 6)])
def test_children_of_an_unsorted_list_are_complete_too(workers: int, seed: int) -> None:
    company = company_that_swaps_pages()
    run = run_of(company, "deals", "deal_changelog", "deal_stage_history", workers=workers)
    messages = Turns(run, company, seed, workers).messages()
    everything = set(range(1, 71))
    assert ids_of(messages, "deals") == everything
    assert {change["deal_id"] for change in records_of(messages, "deal_changelog")} == everything
    states = states_of(messages, "deal_changelog")
    assert states[-1][1]["deal_update_time"] == "2026-11-23T10:00:00Z"
    retracted = [at for at, state in states_of(messages, "deals") if state.get("done") == []]
    for at, state in states:
        if retracted and at > retracted[0] and state.get("parents", {}).get("deals") == []:
            later = read(
                company_that_swaps_pages(), "deal_changelog", states={"deal_changelog": state}
            )
            changes = [
                *records_of(messages[: at + 1], "deal_changelog"),
                *records_of(later, "deal_changelog"),
            ]
            assert {change["deal_id"] for change in changes} == everything


def test_unsorted_mail_folders_are_read_beyond_the_first_old_page() -> None:
    def thread(number: int, day: str) -> Record:
        return {"id": number, "last_message_timestamp": f"{day}T00:00:00.000Z", "folders": []}

    old = [thread(n, "2020-01-01") for n in range(500)]
    new = [thread(600 + n, "2026-11-20") for n in range(3)]
    order = {
        "sorted": [*new, *old, thread(601, "2026-11-19")],
        "mixed": [thread(999, "2019-01-01"), *old, *new],
    }

    def server(kind: str) -> FakeClient:
        def answer(params: Any) -> Record:
            threads = order[kind] if params["folder"] == "inbox" else []
            start = int(params["start"])
            pagination = {"more_items_in_collection": start + 500 < len(threads)}
            page = threads[start : start + 500] or None
            return {"data": page, "additional_data": {"pagination": pagination}}

        return FakeClient(answer)

    lower = instant("2026-01-01")
    records, _ = single.run_to_end(*single.run_of("mail_threads", server("sorted"), lower))
    assert {r["id"] for r in records} == {600, 601, 602}
    records, _ = single.run_to_end(*single.run_of("mail_threads", server("mixed"), lower))
    assert {r["id"] for r in records} == {600, 601, 602}
