"""Whose turn it is: a budget buys the lists first, and everything gets its turn."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading import pending
from source_pipedrive.reading.instants import instant
from unit_tests.deals import Deals, Record, deals
from unit_tests.test_graph import changes_of, company_of, keys_of, small_batch, status_of
from unit_tests.turns import Turns, read, run_of, states_of

START = instant("2026-01-01")
DAY = 86_400
LISTS = ("deals", "deals_archived", "persons", "organizations")
PATHS = {"deals", "deals/archived", "persons", "organizations"}


def company(size: int = 70, tokens: int | None = None) -> Deals:
    """Records of four kinds, and a budget that a sync knows of."""
    times = [START + 300 * DAY * n // size for n in range(size)]
    lists = {
        "deals": deals(times),
        "deals/archived": deals(times[::3], first=size + 1),
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
def test_a_first_sync_reads_every_list_before_any_changelog(workers: int) -> None:
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
def test_a_list_does_not_wait_for_a_child_stream_that_is_full(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deals of a company with more than twenty thousand cost a few hundred tokens, their
    changelogs half a million."""
    monkeypatch.setattr(pending, "ENOUGH", 8)
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
def test_a_sync_killed_after_any_state_loses_nothing_of_a_released_child_stream(
    names: tuple[str, ...], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = small_batch("deal_products", 7)
    beside = ("deals", "deals_archived", products, small_batch("deal_installments", 7))
    everything = {name: keys_of(read(company_of(kind), *names), name) for name in names}
    for workers, seed in ((1, 0), (3, 1), (3, 2), (4, 3)):
        box = company_of(kind)
        run = run_of(box, *beside, *names, workers=workers)
        with monkeypatch.context() as few:
            few.setattr(pending, "ENOUGH", 8)
            messages = Turns(run, box, seed, workers).messages()
        for name in names:
            assert keys_of(messages, name) == everything[name], (name, seed)
            for at, state in states_of(messages, name)[:: 3 + seed]:
                left = keys_of(messages[: at + 1], name)
                rest = keys_of(read(company_of(kind), name, states={name: state}), name)
                assert left | rest == everything[name], (workers, seed, state)


def worked_off(box: Deals, *names: str, states: Mapping[str, Record] | None = None) -> list[Any]:
    """The messages of a sync by one worker, in the order that the connector chooses."""
    messages: list[Any] = []
    with contextlib.suppress(AirbyteTracedException):
        messages.extend(run_of(box, *names, states=states, workers=1))
    return messages


def test_cheap_streams_do_not_wait_for_expensive_ones() -> None:
    """A deal's products come for a hundred deals a request, its changes one by one."""
    box = company(size=300, tokens=100_000)
    worked_off(box, "deal_changelog", "deal_products", "person_changelog")
    asked = [request.stream for request in box.asked]
    assert asked.count("deal_products") <= 6
    assert asked.index("deal_changelog") > max(
        n for n, name in enumerate(asked) if name == "deal_products"
    )


def test_complete_streams_stay_current_during_a_backfill_of_several_days() -> None:
    """Otherwise deals stand still for as long as the changelogs of years are being read."""
    names = (*LISTS, "deal_changelog", "deal_products")
    states: dict[str, Record] = {}
    for day in range(2):
        box = company(size=300, tokens=4_000)
        messages = worked_off(box, *names, states=states)
        states |= {name: after[-1][1] for name in names if (after := states_of(messages, name))}
        if day:
            for name in (*LISTS, "deal_products"):
                assert status_of(messages, name) == "COMPLETE", (day, name)
        assert status_of(messages, "deal_changelog") == "INCOMPLETE"


@pytest.mark.parametrize("budget", [70, 90, 200])
def test_everything_arrives_in_the_end_however_small_the_budget(budget: int) -> None:
    names = (*LISTS, "deal_changelog", "person_changelog", "organization_changelog")
    everything = {name: keys_of(read(company(size=15), name), name) for name in names}
    states: dict[str, Record] = {}
    found: dict[str, set[Any]] = {name: set() for name in names}
    for _ in range(80):
        box = company(size=15, tokens=budget)
        messages = worked_off(box, *names, states=states)
        for name in names:
            found[name] |= keys_of(messages, name)
            if after := states_of(messages, name):
                states[name] = after[-1][1]
        if found == everything:
            return
    missing = {name: len(everything[name] - found[name]) for name in names}
    raise AssertionError(f"these never come: {missing}")


def test_a_list_that_yields_to_others_reads_a_second_of_many_pages_once() -> None:
    """Otherwise each of its turns reads the first page of a bulk import again, for the whole day's
    budget."""
    times = [START + 60 * n for n in range(50)] + [START + DAY] * 15 + [START + 2 * DAY]
    box = Deals({"deals": deals(times, products_count=0), "deals/archived": []}, page=5)
    box.usage, box.budget = Usage(most=400), 400
    assert status_of(worked_off(box, "deal_products"), "deal_products") == "COMPLETE"
    assert box.paths["deals"] <= 20


def test_a_large_list_that_cannot_resume_does_not_block_others() -> None:
    """It may cost more than the day's budget, every day anew."""
    box = company(tokens=10_000)
    run = run_of(box, "call_logs", "currencies", "deals", "deal_changelog")
    by_name = {one.stream.name: one for one in run.schedule.runs}
    priority = run.schedule.priority
    in_order = sorted(run.schedule.runs, key=priority.key)
    assert [one.stream.name for one in in_order if one.selected] == [
        *("currencies", "deals", "call_logs", "deal_changelog")
    ]
    assert priority.holds(by_name["deal_changelog"])
    for name in ("currencies", "deals"):
        assert priority.holds(by_name["deal_changelog"])
        priority.ended(by_name[name])
    assert not priority.holds(by_name["deal_changelog"])


def test_a_large_full_refresh_list_does_not_block_others_forever() -> None:
    """A hundred thousand tasks cost more than a small budget, in every sync anew."""
    box = company(tokens=1_000)
    run = run_of(box, "tasks", "deals", "deal_changelog")
    by_name = {one.stream.name: one for one in run.schedule.runs}
    priority = run.schedule.priority
    priority.ended(by_name["deals"])
    box.usage.charge("tasks", 250, {})
    assert priority.holds(by_name["deal_changelog"])
    box.usage.charge("tasks", 10, {})
    assert not priority.holds(by_name["deal_changelog"])


def test_one_log_line_estimates_the_cost_of_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    box = company(size=300)
    box.usage.charge("users_me", 2, {"x-daily-ratelimit-token-limit": "30000"})
    worked_off(box, *LISTS, "deal_changelog", "person_changelog")
    lines = [r.message for r in caplog.records if r.message.startswith("Everything")]
    (found,) = [
        re.match(
            r"Everything that is selected: about ([\d,]+) tokens, about (\d+) % of this company's "
            r"daily budget\. Lists are read first, then what is requested record by record\.",
            line,
        )
        for line in lines
    ]
    assert found
    spent = box.usage.tokens
    assert 0.9 * spent <= int(found[1].replace(",", "")) <= 1.1 * spent


def test_a_small_sync_logs_no_estimate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    worked_off(company(size=3), *LISTS)
    assert "Everything" not in caplog.text
