"""One pass over a list serves all its dependents, and no state covers records still to come."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import SYSTEM, TRANSIENT, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading import pending
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.reference import ReferenceList
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.stream_run import StreamRun
from unit_tests.deals import Deals, Record, deals
from unit_tests.turns import Turns, must_end, read, records_of, run_of, states_of, status_of

START = instant("2026-01-01")
DAY = 86_400
COST = r"deal_changelog: (at least |about |)([\d,]+) deals x 20 tokens = "


def small_batch(name: str, batch: int) -> Stream:
    """A stream that requests fewer parents at a time, so that a few pages fill a batch."""
    stream = STREAMS[name]
    assert stream.child is not None
    return dataclasses.replace(stream, child=dataclasses.replace(stream.child, batch=batch))


def changes_of(deal: int) -> list[Record]:
    """Three changes, newest first, two of them in the same second."""
    times = ("2026-01-03 10:00:00", "2026-01-02 10:00:00", "2026-01-02 10:00:00")
    keys = {"field_key": "stage_id", "old_value": "1", "new_value": "2"}
    return [{"time": time, **keys} for time in times]


def company_of(kind: str) -> Deals:
    """A company whose deals changed a minute apart, share a second, or have no update time."""
    times: Sequence[int | None] = [START + 60 * n for n in range(70)]
    if kind == "one second":
        times = [START + 60 * (n // 9) for n in range(70)]
    if kind.startswith("nulls"):
        times = [*times, None, None, None]
    lists = {"deals": deals(times), "deals/archived": deals(times[:25], first=1_001)}
    return Deals(
        lists,
        {"deals/{id}/changelog": changes_of},
        page=5,
        nulls_last=kind == "nulls last",
    )


def keys_of(messages: Sequence[Any], stream: str) -> set[tuple[Any, ...]]:
    return {
        tuple(record.get(name) for name in STREAMS[stream].key)
        for record in records_of(messages, stream)
    }


KINDS = ["spread", "one second", "nulls first", "nulls last"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["deal_products", "deal_changelog", "subscriptions"])
def test_a_sync_killed_after_any_state_loses_no_child_records(name: str, kind: str) -> None:
    """Otherwise the children of parents that do not change again are missing forever."""
    stream = small_batch(name, 7) if name == "deal_products" else STREAMS[name]
    everything = keys_of(read(company_of(kind), stream), name)
    assert len({key[0] for key in everything}) == (98 if kind.startswith("nulls") else 95)
    for workers, seed in ((1, 0), (3, 1), (3, 2), (4, 3)):
        company = company_of(kind)
        messages = Turns(run_of(company, stream), company, seed, workers).messages()
        assert keys_of(messages, name) == everything
        for at, state in states_of(messages, name)[:: 1 + seed]:
            emitted = keys_of(messages[: at + 1], name)
            rest = keys_of(read(company_of(kind), stream, states={name: state}), name)
            assert emitted | rest == everything, (workers, seed, state)


def test_a_selected_list_is_read_once_for_itself_and_its_dependents() -> None:
    company = company_of("spread")
    names = ("deals", "deal_products", "deal_changelog", "deal_stage_history", "subscriptions")
    messages = read(company, *names)
    for name in names:
        assert records_of(messages, name), name
    alone = company_of("spread")
    read(alone, "deals")
    assert company.paths["deals"] == alone.paths["deals"]
    assert not records_of(messages, "deals_archived"), "it was not selected"


def test_dependents_with_different_states_share_one_extra_pass() -> None:
    since = rfc3339(START + 60 * 60)
    of_products = {"deal_update_time": since, "version": 1, "since": "1970-01-01T00:00:00Z"}
    of_deals = {"update_time": since, "version": 1, "since": "1970-01-01T00:00:00Z"}
    company = company_of("spread")
    states = {"deals": of_deals, "deal_products": of_products}
    read(company, "deals", "deal_products", "deal_changelog", "subscriptions", states=states)
    assert 70 / 5 < company.paths["deals"] <= 70 / 5 + 4


def test_a_changed_deal_emits_its_whole_changelog_including_old_entries() -> None:
    """The deal may have entered the configured history only now, so its older entries are new."""
    company = company_of("spread")
    names = ("deal_changelog", "deal_stage_history")
    first = read(company, *names, lower=START + 60 * 10)
    assert {record["deal_id"] for record in records_of(first, "deal_changelog")} == {
        *range(11, 71),
        *range(1_011, 1_026),
    }
    states = {name: states_of(first, name)[-1][1] for name in names}
    company = company_of("spread")
    company.lists["deals"][3]["update_time"] = rfc3339(instant("2026-11-23T09:59:50Z"))
    company.lists["deals"].sort(key=lambda deal: deal["update_time"])
    later = read(company, *names, states=states, lower=START + 60 * 10)
    changes = records_of(later, "deal_changelog")
    assert [(change["deal_id"], change["time"][:10]) for change in changes] == [
        (4, "2026-01-03"),
        (4, "2026-01-02"),
        (4, "2026-01-02"),
    ]
    assert {record["deal_id"] for record in records_of(later, "deal_stage_history")} == {4}


def test_two_changes_to_one_field_in_one_second_are_two_records() -> None:
    changes = records_of(read(company_of("spread"), "deal_changelog"), "deal_changelog")
    of_first = sorted((each["time"], each["number"]) for each in changes if each["deal_id"] == 1)
    assert [number for _, number in of_first] == [1, 2, 1]


def test_no_parent_is_lost_if_more_arrive_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "ENOUGH", 8)
    everything = keys_of(read(company_of("spread"), "deal_changelog"), "deal_changelog")
    for seed in range(5):
        company = company_of("spread")
        run = run_of(company, "deal_changelog", small_batch("deal_products", 3))
        messages = Turns(run, company, seed, workers=3).messages()
        assert keys_of(messages, "deal_changelog") == everything


def test_child_streams_fail_if_their_parent_list_fails() -> None:
    company = company_of("spread")
    company.lists.pop("deals")
    run = run_of(company, "deal_products", "subscriptions")
    messages = Turns(run, company).messages()
    for name in ("deal_products", "subscriptions"):
        statuses = [
            m.trace.stream_status.status.value
            for m in messages
            if m.trace and m.trace.stream_status
            if m.trace.stream_status.stream_descriptor.name == name
        ]
        assert statuses[-1] == "INCOMPLETE", name


def few_deals(refused: Callable[[Request], tuple[int, str] | None]) -> Deals:
    """Fifteen deals in four pages. refused: (status, body) of a request to refuse, or None."""
    company = Deals(
        {"deals": deals([START + 60 * n for n in range(15)]), "deals/archived": []},
        {"deals/{id}/changelog": changes_of},
        page=4,
    )

    def refuse(request: Request) -> None:
        if answer := refused(request):
            raise StreamError("refused", SYSTEM, *answer)

    company.refuse = refuse
    return company


SCOPE = '{"error":"Scope and URL mismatch"}'


def refuse_path(path: str, status: int) -> Callable[[Request], None]:
    """Refuses only requests for that path."""

    def refuse(request: Request) -> None:
        if request.path == path:
            raise StreamError(f"Pipedrive answered {status}", SYSTEM, status)

    return refuse


def refuse_changelogs(status: int) -> Callable[[Request], tuple[int, str] | None]:
    """Refuses every changelog."""
    permission = '{"error":"You do not have permissions to do this."}'
    return lambda request: (status, permission) if "changelog" in request.path else None


def test_a_refused_list_is_explained_once_and_its_children_do_not_claim_to_begin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nine children of refused deals would otherwise repeat the sentence nine times."""
    caplog.set_level("INFO")
    company = few_deals(lambda request: (403, SCOPE) if request.path == "deals" else None)
    children = ("deal_changelog", "deal_stage_history", "deal_products")
    with contextlib.suppress(AirbyteTracedException):
        list(run_of(company, "deals", *children))
    lines = [record.message for record in caplog.records]
    (why,) = [line for line in lines if re.match("deals .*incomplete: ", line)]
    assert why.endswith("refused")
    needed = {"deal_changelog": "deals", "deal_stage_history": "deal_changelog"}
    for name in children:
        (line,) = [line for line in lines if re.match(f"{name} .*incomplete: ", line)]
        assert line.endswith(f"needs {needed.get(name, 'deals')}, which is incomplete")
        assert not [line for line in lines if line.startswith(f"{name}: reading")]


@pytest.mark.parametrize("status", [403, 404])
def test_if_every_parent_is_refused_no_state_counts_them_as_read(status: int) -> None:
    """Otherwise the changes of those deals stay missing forever after permission is granted, or
    the stream is empty yet looks complete."""
    name = "deal_changelog"
    everything = keys_of(read(few_deals(lambda request: None), name), name)
    for seed in range(40):
        company = few_deals(refuse_changelogs(status))
        run = run_of(company, name, workers=3)
        messages = Turns(run, company, seed, 3).messages()
        assert status_of(messages, name) == "INCOMPLETE", seed
        for _, state in states_of(messages, name):
            later = read(few_deals(lambda request: None), name, states={name: state})
            assert keys_of(later, name) == everything, seed


@pytest.mark.parametrize("status", [403, 404])
def test_refused_deals_do_not_become_an_empty_table_because_one_was_deleted(status: int) -> None:
    """A deleted deal says nothing about the others, whatever Pipedrive answers for it."""
    company = few_deals(refuse_changelogs(403))
    refuse = company.refuse
    company.lists["deals"][4]["is_deleted"] = True

    def refuse_deleted(request: Request) -> None:
        if request.path == "deals/5/changelog":
            raise StreamError("gone", SYSTEM, status, '{"error":"You do not have permissions"}')
        refuse(request)

    company.refuse = refuse_deleted
    for seed in range(10):
        messages = Turns(run_of(company, "deal_changelog", workers=3), company, seed, 3).messages()
        assert status_of(messages, "deal_changelog") == "INCOMPLETE"
        for _, state in states_of(messages, "deal_changelog"):
            later = few_deals(lambda request: None)
            read(later, "deal_changelog", states={"deal_changelog": state})
            assert later.paths["deals/{id}/changelog"] == 15, "each of them is requested again"


def test_if_some_parents_are_refused_the_others_are_read_and_the_stream_completes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = refuse_changelogs(403)
    for seed in range(10):
        company = few_deals(
            lambda request: refused(request) if request.path != "deals/9/changelog" else None
        )
        messages = Turns(run_of(company, "deal_changelog", workers=3), company, seed, 3).messages()
        assert status_of(messages, "deal_changelog") == "COMPLETE"
        assert {key[0] for key in keys_of(messages, "deal_changelog")} == {9}
        assert "14 of the deals skipped: 403" in caplog.text
        assert "reads them all once one can be read" in caplog.text
        (_, state) = states_of(messages, "deal_changelog")[-1]
        assert "parents" not in state


@pytest.mark.parametrize(("status", "end"), [(404, "COMPLETE"), (403, "INCOMPLETE")])
def test_a_quiet_sync_fails_if_its_only_changed_deals_are_hidden_but_not_if_gone(
    status: int, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They are all that changed, so this sync can read no parent at all."""
    saved = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    saved["deal_update_time"] = rfc3339(START + 60 * 14)
    company = few_deals(refuse_changelogs(status))
    messages = read(company, "deal_changelog", states={"deal_changelog": saved})
    assert status_of(messages, "deal_changelog") == end
    assert "of the deals skipped" in caplog.text
    assert company.paths["deals/{id}/changelog"] == 2  # one in the overlap, and the last


def test_two_streams_interrupted_at_different_points_share_what_both_lack() -> None:
    """Otherwise a difference of one page doubles the cost of every deal's changelog."""
    saved = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    states = {
        "deal_changelog": {**saved, "deal_update_time": rfc3339(START + 60 * 30)},
        "deal_stage_history": {**saved, "deal_update_time": rfc3339(START + 60 * 27)},
    }
    company = company_of("spread")
    messages = read(company, *states, states=states)
    asked = company.ids("deals/{id}/changelog")
    assert len({stay["deal_id"] for stay in records_of(messages, "deal_stage_history")}) >= 43
    assert len(asked) <= len(set(asked)) + 1


@pytest.mark.parametrize("workers", [1, 3])
def test_a_budget_of_three_deals_a_sync_reads_all_and_repeats_few(
    workers: int,
) -> None:
    """If a budget paid for no complete step, it would be spent daily without any progress."""
    found: set[tuple[Any, ...]] = set()
    state: Record = {}
    asked: list[str] = []
    for _ in range(40):
        company = few_deals(lambda request: None)
        company.budget = 10 * 8 + 3 * 20 * workers
        messages = Turns(
            run_of(company, "deal_changelog", states={"deal_changelog": state}, workers=workers),
            company,
            seed=1,
            workers=workers,
        ).messages()
        found |= keys_of(messages, "deal_changelog")
        asked += company.ids("deals/{id}/changelog")
        state = states_of(messages, "deal_changelog")[-1][1]
        if status_of(messages, "deal_changelog") == "COMPLETE":
            break
    assert {key[0] for key in found} == set(range(1, 16))
    assert len(asked) <= 15 + 8 * workers


def test_the_cost_is_logged_again_when_more_parents_turn_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Most deals of an old company are archived, and the archived list is read last."""
    caplog.set_level("INFO")
    first_words = set()
    for seed in range(6):
        caplog.clear()
        company = company_of("spread")
        company.page = 50
        company.lists["deals/archived"] = deals(
            [START + DAY * n // 2 for n in range(600)], first=101
        )
        run = run_of(company, "deal_changelog", workers=3)
        messages = Turns(run, company, seed, workers=3).messages()
        lines = [record.message for record in caplog.records]
        logged = [m for line in lines if (m := re.match(COST, line))]
        first_words.add(logged[0][1])
        assert 670 / 1.5 <= int(logged[-1][2].replace(",", "")) <= 1.2 * 670
        rows = [m.trace.estimate.row_estimate for m in messages if m.trace and m.trace.estimate]
        assert 0.6 * 3 * 670 <= rows[-1] <= 1.2 * 3 * 670, "it counts records, not parents"
    assert "at least " in first_words


def test_each_stream_logs_its_start_and_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Dependents do too; a list that was not selected logs neither."""
    caplog.set_level("INFO")
    names = ("deal_changelog", "deal_products", "subscriptions", "deal_stage_history")
    list(run_of(company_of("spread"), *names))
    lines = [record.message for record in caplog.records]
    for name in names:
        assert (
            len([line for line in lines if line.startswith(f"{name}: reading everything")]) == 1
        ), name
        assert len([line for line in lines if re.match(rf"{name} .* records ", line)]) == 1, name
    assert not [line for line in lines if re.match("deals(_archived)?: | .* s   complete", line)]
    table = [
        line.split() for line in lines if re.match("[a-z_]+ +[0-9,]+ +[0-9,]+ +[0-9,]+$", line)
    ]
    assert {"subscriptions", "deal_stage_history"} <= {line[0] for line in table}
    records = [int(line[3].replace(",", "")) for line in table]
    assert sum(records[:-1]) == records[-1], "the lines of the table add up to its total"


def test_deals_deleted_in_bulk_do_not_fail_the_stream() -> None:
    """Pipedrive no longer returns their changes, so every later sync would fail on them again."""
    company = company_of("spread")
    for deal in company.lists["deals"]:
        deal["is_deleted"] = True
    company.lists["deals/archived"] = []

    def refuse(request: Request) -> None:
        if request.path.endswith("/changelog"):
            raise StreamError("gone", SYSTEM, 404, "{}")

    company.refuse = refuse
    messages = read(company, "deal_changelog")
    (_, state) = states_of(messages, "deal_changelog")[-1]
    assert state["deal_update_time"] == "2026-11-23T10:00:00Z"


def test_stages_are_read_once_for_the_history_and_not_for_the_changelog() -> None:
    company = company_of("spread")
    company.lists["stages"] = deals([None], pipeline_id=8) + deals([None], 2, pipeline_id=9)
    messages = read(company, "deal_changelog", "deal_stage_history")
    assert company.paths["stages"] == 1
    stays = records_of(messages, "deal_stage_history")
    assert {(stay["stage_id"], stay["pipeline_id"]) for stay in stays} == {(1, 8), (2, 9)}
    company = company_of("spread")
    read(company, "deal_changelog")
    assert company.paths["stages"] == 0


def refuse_stages(status: int) -> Callable[[Request], object]:
    def refuse(request: Request) -> None:
        if request.path == "stages":
            raise StreamError("Pipedrive does not answer.", TRANSIENT, status)

    return refuse


@pytest.mark.parametrize("status", [403, 404])
def test_a_history_derived_without_stages_is_reported(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    company = company_of("spread")
    company.refuse = refuse_stages(status)
    messages = read(company, "deal_changelog", "deal_stage_history")
    assert status_of(messages, "deal_stage_history") == "COMPLETE"
    assert len(records_of(messages, "deal_stage_history")) > 95
    (line,) = [r.message for r in caplog.records if "without the list of stages" in r.message]
    assert line.startswith("Pipedrive does not answer. Until then deal_stage_history is derived")


def test_if_stages_fail_only_the_stage_history_fails() -> None:
    """A state would cover records that lack a pipeline, and no sync would read them again."""
    company = company_of("spread")
    company.refuse = refuse_stages(500)
    messages = read(company, "deal_changelog", "deal_stage_history")
    assert status_of(messages, "deal_changelog") == "COMPLETE"
    assert status_of(messages, "deal_stage_history") == "INCOMPLETE"
    assert not records_of(messages, "deal_stage_history")
    assert not states_of(messages, "deal_stage_history")


def test_stages_that_fail_are_requested_once_for_all_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise each worker in turn retries for two minutes, and nothing else is read."""
    company, workers = company_of("spread"), 4
    barrier = threading.Barrier(workers, timeout=20)
    original = ReferenceList.records

    def records(self: ReferenceList) -> Sequence[Any]:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait()
        barrier.abort()  # later calls need not wait
        return original(self)

    monkeypatch.setattr(ReferenceList, "records", records)
    company.refuse = refuse_stages(500)
    with pytest.raises(AirbyteTracedException):
        list(run_of(company, "deal_changelog", "deal_stage_history", workers=workers))
    assert company.paths["stages"] == 1


@pytest.mark.parametrize("beside", ["deals", "deal_stage_history", "deal_products"])
def test_a_failed_child_stream_does_not_hold_up_its_parent_list(
    beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one deal with an unreadable changelog stops `deals` until the sync is killed."""
    monkeypatch.setattr(pending, "ENOUGH", 8)
    for seed in range(5):
        company = company_of("spread")
        company.refuse = refuse_path("deals/3/changelog", 500)
        other = small_batch(beside, 3) if beside == "deal_products" else beside
        run = run_of(company, "deal_changelog", other)
        messages = Turns(run, company, seed, workers=3).messages()
        assert status_of(messages, "deal_changelog") == "INCOMPLETE"
        if beside != "deal_stage_history":
            assert status_of(messages, beside) == "COMPLETE"


def test_a_failing_list_ends_every_dependent_even_one_released_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dependent left out would wait forever for parents that nobody reads."""
    original = StreamRun.fail

    def fail(self: StreamRun[Any], error: AirbyteTracedException) -> None:
        for source in self.sources:  # as another worker of the list would
            source.dependents.remove(self)
        original(self, error)

    monkeypatch.setattr(StreamRun, "fail", fail)
    company = company_of("spread")
    company.refuse = refuse_path("deals", 500)
    run = run_of(company, "deals", "deal_changelog", "deal_products")
    must_end(run)


def test_a_released_dependent_is_read_even_if_all_others_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pending, "ENOUGH", 8)
    for seed in range(6):
        company = company_of("spread")

        def refuse(request: Request, asked: list[Request] = company.asked) -> None:
            if sum(earlier.path == "deals/products" for earlier in asked) > 3:
                refuse_path("deals/products", 500)(request)

        company.refuse = refuse
        run = run_of(company, "deal_changelog", small_batch("deal_products", 3))
        messages = Turns(run, company, seed, workers=3).messages()
        assert status_of(messages, "deal_changelog") == "COMPLETE", seed
        assert len(keys_of(messages, "deal_changelog")) == 3 * 95


def test_a_list_read_only_for_its_dependents_ends_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise users pay for pages that nobody uses."""
    monkeypatch.setattr(pending, "ENOUGH", 2)
    company = few_deals(lambda request: (403, SCOPE) if "changelog" in request.path else None)
    company.page = 1
    read(company, "deal_changelog")
    assert company.paths["deals/{id}/changelog"] == 1
    assert company.paths["deals"] + company.paths["deals/archived"] <= 3


def test_a_list_whose_first_page_fills_a_child_waits_for_it_before_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first page is followed by a look for records without a time, and only then does the child
    receive its parents. Otherwise memory holds a page of parents more than it has room for."""
    monkeypatch.setattr(pending, "ENOUGH", 5)
    company = company_of("spread")
    read(company, "deal_changelog")
    pages = [request.path for request in company.asked if "sort_direction" in request.params]
    assert set(pages) == {"deals", "deals/archived"}
    first = next(n for n, request in enumerate(company.asked) if "changelog" in request.path)
    assert not any("cursor" in request.params for request in company.asked[:first])


@pytest.mark.parametrize("status", [403, 404])
def test_a_list_that_fails_is_no_answer_about_the_deals_that_are_being_asked_for(
    status: int,
) -> None:
    """Otherwise they count as vanished, or hidden, and their products are missing for ever."""
    stream = small_batch("deal_products", 6)
    everything = keys_of(read(company_of("spread"), stream), stream.name)

    def refuse(request: Request) -> None:
        if request.path == "deals" and company.paths["deals"] > 6:
            raise StreamError("the list fails", SYSTEM, status)
        several = "," in request.params.get("deal_ids", "")
        if several and len(company.asked) % 2:
            raise StreamError("one of them spoils the answer for all", TRANSIENT, 500)

    for seed in range(40):
        company = company_of("spread")
        company.refuse = refuse
        messages = Turns(run_of(company, stream, workers=3), company, seed, 3).messages()
        if states := states_of(messages, stream.name):
            state = states[-1][1]
            assert "refused" not in state, seed
            later = read(company_of("spread"), stream, states={stream.name: state})
            found = keys_of(messages, stream.name) | keys_of(later, stream.name)
            assert found == everything, seed


def test_workers_are_woken_for_the_parents_that_waited_for_records_without_a_time() -> None:
    """Otherwise they sleep while the list is read on, although its children could be asked for."""
    company = company_of("spread")
    run = run_of(company, "deals", "deal_changelog")
    deals_run = next(each for each in run.runs if each.stream.name == "deals")
    run.schedule.close()
    task = run.schedule.take(deals_run)
    assert task is not None
    seen: list[Any] = []
    company.before = seen.append
    for news in run.schedule.carry_out(deals_run, task):
        seen.append(news)
        if len(company.asked) == 3:
            break
    second, third = (n for n, each in enumerate(seen) if each in company.asked[1:])
    assert True in seen[second:third]
