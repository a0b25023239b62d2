"""Priority: a budget is spent on the lists first, and every stream gets its turn."""

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
    """A company with four lists of records. tokens: the budget, which the sync knows."""
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


def last_status(messages: Sequence[Any], stream: str) -> int:
    """The position of a stream's last status."""
    return max(
        n
        for n, m in enumerate(messages)
        if m.trace and m.trace.stream_status
        if m.trace.stream_status.stream_descriptor.name == stream
    )


def first_record(messages: Sequence[Any], stream: str) -> int:
    """The position of a stream's first record."""
    return min(n for n, m in enumerate(messages) if m.record and m.record.stream == stream)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_first_sync_reads_every_list_before_any_changelog(workers: int) -> None:
    """Otherwise changelogs use up the day's budget, and there is no person to join them to."""
    names = (*LISTS, "deal_changelog", "person_changelog", "organization_changelog")
    for seed in range(5):
        fake = company(tokens=1_500)
        messages = Turns(run_of(fake, *names, workers=workers), fake, seed, workers).messages()
        for name in LISTS:
            assert status_of(messages, name) == "COMPLETE", name
        paths = [request.path in PATHS for request in fake.asked]
        assert paths == sorted(paths, reverse=True)
        assert not paths[-1]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_list_does_not_wait_for_a_child_stream_that_is_full(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than twenty thousand deals cost only a few hundred tokens, but their changelogs half a
    million."""
    monkeypatch.setattr(pending, "ENOUGH", 8)
    names = ("deals", "deals_archived", "deal_changelog", small_batch("deal_products", 7))
    for seed in range(5):
        fake = company()
        messages = Turns(run_of(fake, *names, workers=workers), fake, seed, workers).messages()
        for name in ("deals", "deals_archived"):
            assert status_of(messages, name) == "COMPLETE"
            assert last_status(messages, name) < first_record(messages, "deal_changelog")
        of_deals = keys_of(messages, "deal_changelog")
        assert of_deals == keys_of(read(company(), "deal_changelog"), "deal_changelog")
        asked = fake.ids("deals/{id}/changelog")
        assert len(asked) <= 1.3 * len(set(asked)), "only the last second of a page may repeat"


@pytest.mark.parametrize("kind", ["spread", "one second", "nulls first", "nulls last"])
@pytest.mark.parametrize("names", [("deal_changelog",), ("subscriptions", "deal_changelog")])
def test_a_sync_killed_after_any_state_loses_nothing_of_a_released_child_stream(
    names: tuple[str, ...], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = small_batch("deal_products", 7)
    beside = ("deals", "deals_archived", products, small_batch("deal_installments", 7))
    everything = {name: keys_of(read(company_of(kind), *names), name) for name in names}
    for workers, seed in ((1, 0), (3, 1), (3, 2), (4, 3)):
        fake = company_of(kind)
        run = run_of(fake, *beside, *names, workers=workers)
        with monkeypatch.context() as patch:
            patch.setattr(pending, "ENOUGH", 8)
            messages = Turns(run, fake, seed, workers).messages()
        for name in names:
            assert keys_of(messages, name) == everything[name], (name, seed)
            for at, state in states_of(messages, name)[:: 3 + seed]:
                emitted = keys_of(messages[: at + 1], name)
                rest = keys_of(read(company_of(kind), name, states={name: state}), name)
                assert emitted | rest == everything[name], (workers, seed, state)


def sync(fake: Deals, *names: str, states: Mapping[str, Record] | None = None) -> list[Any]:
    """The messages of a sync with one worker, in the order that the connector chooses."""
    messages: list[Any] = []
    with contextlib.suppress(AirbyteTracedException):
        messages.extend(run_of(fake, *names, states=states, workers=1))
    return messages


def test_cheap_streams_do_not_wait_for_expensive_ones() -> None:
    """One request returns the products of a hundred deals, but the changes of only one."""
    fake = company(size=300, tokens=100_000)
    sync(fake, "deal_changelog", "deal_products", "person_changelog")
    asked = [request.stream for request in fake.asked]
    assert asked.count("deal_products") <= 6
    assert asked.index("deal_changelog") > max(
        n for n, name in enumerate(asked) if name == "deal_products"
    )


def test_complete_streams_stay_current_during_a_backfill_of_several_days() -> None:
    """Otherwise `deals` is stale until the changelogs of many years have been read."""
    names = (*LISTS, "deal_changelog", "deal_products")
    states: dict[str, Record] = {}
    for day in range(2):
        fake = company(size=300, tokens=4_000)
        messages = sync(fake, *names, states=states)
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
        fake = company(size=15, tokens=budget)
        messages = sync(fake, *names, states=states)
        for name in names:
            found[name] |= keys_of(messages, name)
            if after := states_of(messages, name):
                states[name] = after[-1][1]
        if found == everything:
            return
    missing = {name: len(everything[name] - found[name]) for name in names}
    raise AssertionError(f"these records never arrive: {missing}")


def test_a_list_that_yields_to_others_reads_a_second_of_many_pages_once() -> None:
    """Otherwise each turn rereads the first page of a bulk import until the day's budget is
    spent."""
    times = [START + 60 * n for n in range(50)] + [START + DAY] * 15 + [START + 2 * DAY]
    fake = Deals({"deals": deals(times, products_count=0), "deals/archived": []}, page=5)
    fake.usage, fake.budget = Usage(most=400), 400
    assert status_of(sync(fake, "deal_products"), "deal_products") == "COMPLETE"
    assert fake.paths["deals"] <= 20


def test_a_large_list_that_cannot_resume_does_not_block_others() -> None:
    """It may cost more than the day's budget, every day."""
    fake = company(tokens=10_000)
    run = run_of(fake, "call_logs", "currencies", "deals", "deal_changelog")
    by_name = {each.stream.name: each for each in run.schedule.runs}
    priority = run.schedule.priority
    in_order = sorted(run.schedule.runs, key=priority.key)
    assert [each.stream.name for each in in_order if each.selected] == [
        *("currencies", "deals", "call_logs", "deal_changelog")
    ]
    assert priority.holds(by_name["deal_changelog"])
    for name in ("currencies", "deals"):
        assert priority.holds(by_name["deal_changelog"])
        priority.ended(by_name[name])
    assert not priority.holds(by_name["deal_changelog"])


def test_a_large_list_reread_in_each_sync_does_not_block_others_forever() -> None:
    """A hundred thousand tasks cost more than a small budget, in every sync."""
    fake = company(tokens=1_000)
    run = run_of(fake, "tasks", "deals", "deal_changelog")
    by_name = {each.stream.name: each for each in run.schedule.runs}
    priority = run.schedule.priority
    priority.ended(by_name["deals"])
    fake.usage.charge("tasks", 250, {})
    assert priority.holds(by_name["deal_changelog"])
    fake.usage.charge("tasks", 10, {})
    assert not priority.holds(by_name["deal_changelog"])


def test_one_log_line_estimates_the_cost_of_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fake = company(size=300)
    fake.usage.charge("users_me", 2, {"x-daily-ratelimit-token-limit": "30000"})
    sync(fake, *LISTS, "deal_changelog", "person_changelog")
    lines = [r.message for r in caplog.records if r.message.startswith("All selected streams")]
    (found,) = [
        re.match(
            r"All selected streams: about ([\d,]+) tokens, about (\d+) % of this company's "
            r"daily budget\. Lists are read first, then what takes a request for each record\.",
            line,
        )
        for line in lines
    ]
    assert found
    spent = fake.usage.tokens
    assert 0.9 * spent <= int(found[1].replace(",", "")) <= 1.1 * spent


def test_a_small_sync_logs_no_estimate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    sync(company(size=3), *LISTS)
    assert "All selected streams" not in caplog.text
