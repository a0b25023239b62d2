"""One pass over a list serves all that hangs on it, and no state vouches for rows to come."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.client import Request
from source_pipedrive.http.errors import SYSTEM, TRANSIENT, StreamError
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
PRICE = r"deal_changelog: (at least |about |)([\d,]+) deals x 20 tokens = "


def small_batch(name: str, batch: int) -> Stream:
    """A stream whose requests name fewer parents, for chunks that a few pages fill."""
    row = STREAMS[name]
    assert row.child is not None
    return dataclasses.replace(row, child=dataclasses.replace(row.child, batch=batch))


def changes_of(deal: int) -> list[Record]:
    """Three changes, newest first, two of them in one second."""
    times = ("2026-01-03 10:00:00", "2026-01-02 10:00:00", "2026-01-02 10:00:00")
    keys = {"field_key": "stage_id", "old_value": "1", "new_value": "2"}
    return [{"time": time, **keys} for time in times]


def company_of(kind: str) -> Deals:
    """Parents that change all the time, share a second, or have no time."""
    spread: Sequence[int | None] = [START + 60 * n for n in range(70)]
    if kind == "one second":
        spread = [START + 60 * (n // 9) for n in range(70)]
    if kind.startswith("nulls"):
        spread = [*spread, None, None, None]
    lists = {"deals": deals(spread), "deals/archived": deals(spread[:25], first=1_001)}
    return Deals(
        lists,
        {"deals/{id}/changelog": changes_of},
        page=5,
        nulls_last=kind == "nulls last",
    )


def keys_of(messages: Sequence[Any], stream: str) -> set[tuple[Any, ...]]:
    return {
        tuple(row.get(name) for name in STREAMS[stream].key) for row in records_of(messages, stream)
    }


KINDS = ["spread", "one second", "nulls first", "nulls last"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["deal_products", "deal_changelog", "subscriptions"])
def test_whatever_state_a_sync_dies_with_the_next_one_brings_what_is_missing(
    name: str, kind: str
) -> None:
    """Otherwise rows of parents that did not change again are missing for ever."""
    stream = small_batch(name, 7) if name == "deal_products" else STREAMS[name]
    everything = keys_of(read(company_of(kind), stream), name)
    assert len({key[0] for key in everything}) == (98 if kind.startswith("nulls") else 95)
    for workers, seed in ((1, 0), (3, 1), (3, 2), (4, 3)):
        company = company_of(kind)
        messages = Turns(run_of(company, stream), company, seed, workers).messages()
        assert keys_of(messages, name) == everything
        for at, state in states_of(messages, name)[:: 1 + seed]:
            left = keys_of(messages[: at + 1], name)
            rest = keys_of(read(company_of(kind), stream, states={name: state}), name)
            assert left | rest == everything, (workers, seed, state)


def test_a_list_that_is_selected_is_read_once_for_itself_and_for_all_that_hangs_on_it() -> None:
    company = company_of("spread")
    names = ("deals", "deal_products", "deal_changelog", "deal_stage_history", "subscriptions")
    messages = read(company, *names)
    for name in names:
        assert records_of(messages, name), name
    alone = company_of("spread")
    read(alone, "deals")
    assert company.paths["deals"] == alone.paths["deals"]
    assert not records_of(messages, "deals_archived"), "what was not selected stays out"


def test_streams_that_lack_other_times_share_one_more_pass() -> None:
    since = rfc3339(START + 60 * 60)
    known = {"deal_update_time": since, "version": 1, "since": "1970-01-01T00:00:00Z"}
    saved = {"update_time": since, "version": 1, "since": "1970-01-01T00:00:00Z"}
    company = company_of("spread")
    states = {"deals": saved, "deal_products": known}
    read(company, "deals", "deal_products", "deal_changelog", "subscriptions", states=states)
    assert 70 / 5 < company.paths["deals"] <= 70 / 5 + 4


def test_every_entry_of_a_deal_that_changed_leaves_whatever_is_older() -> None:
    """The deal may have entered the history only now, and nobody has its older entries."""
    company = company_of("spread")
    names = ("deal_changelog", "deal_stage_history")
    first = read(company, *names, lower=START + 60 * 10)
    assert {row["deal_id"] for row in records_of(first, "deal_changelog")} == {
        *range(11, 71),
        *range(1_011, 1_026),
    }
    states = {name: states_of(first, name)[-1][1] for name in names}
    company = company_of("spread")
    company.lists["deals"][3]["update_time"] = rfc3339(instant("2026-11-23T09:59:50Z"))
    company.lists["deals"].sort(key=lambda row: row["update_time"])
    later = read(company, *names, states=states, lower=START + 60 * 10)
    rows = records_of(later, "deal_changelog")
    assert [(row["deal_id"], row["time"][:10]) for row in rows] == [
        (4, "2026-01-03"),
        (4, "2026-01-02"),
        (4, "2026-01-02"),
    ]
    assert {row["deal_id"] for row in records_of(later, "deal_stage_history")} == {4}


def test_two_changes_of_one_field_in_one_second_are_two_rows() -> None:
    rows = records_of(read(company_of("spread"), "deal_changelog"), "deal_changelog")
    of_one = sorted((row["time"], row["number"]) for row in rows if row["deal_id"] == 1)
    assert [number for _, number in of_one] == [1, 2, 1]


def test_a_flood_of_parents_waits_and_everything_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "ENOUGH", 8)
    everything = keys_of(read(company_of("spread"), "deal_changelog"), "deal_changelog")
    for seed in range(5):
        company = company_of("spread")
        run = run_of(company, "deal_changelog", small_batch("deal_products", 3))
        messages = Turns(run, company, seed, workers=3).messages()
        assert keys_of(messages, "deal_changelog") == everything


def test_when_the_list_of_parents_fails_so_does_what_hangs_on_it() -> None:
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
    """Fifteen deals in four pages; what `refused` says of a request is its answer."""
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


def of_one(path: str, status: int) -> Callable[[Request], None]:
    """Only requests for that path are refused."""

    def refuse(request: Request) -> None:
        if request.path == path:
            raise StreamError(f"Pipedrive answered {status}", SYSTEM, status)

    return refuse


def of_changelogs(status: int) -> Callable[[Request], tuple[int, str] | None]:
    """Every changelog is refused."""
    permission = '{"error":"You do not have permissions to do this."}'
    return lambda request: (status, permission) if "changelog" in request.path else None


@pytest.mark.parametrize("status", [403, 404])
def test_when_all_parents_are_refused_no_state_vouches_for_any(status: int) -> None:
    """Otherwise, once the permission is given, the changes of those deals are missing for ever, or
    the stream is empty and looks complete."""
    name = "deal_changelog"
    everything = keys_of(read(few_deals(lambda request: None), name), name)
    for seed in range(40):
        company = few_deals(of_changelogs(status))
        run = run_of(company, name, workers=3)
        messages = Turns(run, company, seed, 3).messages()
        assert status_of(messages, name) == "INCOMPLETE", seed
        for _, state in states_of(messages, name):
            later = read(few_deals(lambda request: None), name, states={name: state})
            assert keys_of(later, name) == everything, seed


@pytest.mark.parametrize("status", [403, 404])
def test_a_deleted_deal_among_them_does_not_make_refusals_an_empty_table(status: int) -> None:
    """A deal that is deleted tells nothing of the others, whatever it is answered."""
    company = few_deals(of_changelogs(403))
    refuse = company.refuse
    company.lists["deals"][4]["is_deleted"] = True

    def first(request: Request) -> None:
        if request.path == "deals/5/changelog":
            raise StreamError("gone", SYSTEM, status, '{"error":"You do not have permissions"}')
        refuse(request)

    company.refuse = first
    for seed in range(10):
        messages = Turns(run_of(company, "deal_changelog", workers=3), company, seed, 3).messages()
        assert status_of(messages, "deal_changelog") == "INCOMPLETE"
        for _, state in states_of(messages, "deal_changelog"):
            later = few_deals(lambda request: None)
            read(later, "deal_changelog", states={"deal_changelog": state})
            assert later.paths["deals/{id}/changelog"] == 15, "each of them is asked for again"


def test_when_some_parents_are_refused_the_others_are_read_and_the_stream_is_complete(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hidden = of_changelogs(403)
    for seed in range(10):
        company = few_deals(
            lambda request: hidden(request) if request.path != "deals/9/changelog" else None
        )
        messages = Turns(run_of(company, "deal_changelog", workers=3), company, seed, 3).messages()
        assert status_of(messages, "deal_changelog") == "COMPLETE"
        assert {key[0] for key in keys_of(messages, "deal_changelog")} == {9}
        assert "14 of the deals skipped: 403" in caplog.text
        assert "reads them all once one can be read" in caplog.text
        (_, state) = states_of(messages, "deal_changelog")[-1]
        assert "parents" not in state


@pytest.mark.parametrize(("status", "end"), [(404, "COMPLETE"), (403, "INCOMPLETE")])
def test_a_deal_that_has_vanished_since_is_no_reason_to_fail_in_a_quiet_night(
    status: int, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is all that changed, and no parent of this sync can be read."""
    known = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    known["deal_update_time"] = rfc3339(START + 60 * 14)
    company = few_deals(of_changelogs(status))
    messages = read(company, "deal_changelog", states={"deal_changelog": known})
    assert status_of(messages, "deal_changelog") == end
    assert "of the deals skipped" in caplog.text
    assert company.paths["deals/{id}/changelog"] == 2  # the overlap's and the last


def test_two_streams_that_were_cut_short_at_different_times_share_what_both_lack() -> None:
    """Otherwise one page of difference doubles the price of the changelogs of all deals."""
    known = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    states = {
        "deal_changelog": {**known, "deal_update_time": rfc3339(START + 60 * 30)},
        "deal_stage_history": {**known, "deal_update_time": rfc3339(START + 60 * 27)},
    }
    company = company_of("spread")
    messages = read(company, *states, states=states)
    asked = company.ids("deals/{id}/changelog")
    assert len({row["deal_id"] for row in records_of(messages, "deal_stage_history")}) >= 43
    assert len(asked) <= len(set(asked)) + 1


@pytest.mark.parametrize("workers", [1, 3])
def test_a_budget_for_three_deals_a_sync_reads_them_all_and_none_twice_but_those_of_a_page(
    workers: int,
) -> None:
    """A budget that pays for no whole step would be spent every day, and nothing would ever end."""
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


def test_the_price_is_said_again_when_there_are_more_parents_than_were_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Most deals of an old company are archived, and their list comes last."""
    caplog.set_level("INFO")
    first = set()
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
        said = [m for line in lines if (m := re.match(PRICE, line))]
        first.add(said[0][1])
        assert 670 / 1.5 <= int(said[-1][2].replace(",", "")) <= 1.2 * 670
        rows = [m.trace.estimate.row_estimate for m in messages if m.trace and m.trace.estimate]
        assert 0.6 * 3 * 670 <= rows[-1] <= 1.2 * 3 * 670, "rows, and not parents"
    assert "at least " in first


def test_each_stream_has_a_line_at_its_start_and_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also what hangs on others; lists that nobody has selected have none."""
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
    bill = [line.split() for line in lines if re.match("[a-z_]+ +[0-9,]+ +[0-9,]+ +[0-9,]+$", line)]
    assert {"subscriptions", "deal_stage_history"} <= {line[0] for line in bill}
    records = [int(line[3].replace(",", "")) for line in bill]
    assert sum(records[:-1]) == records[-1], "the rows of the bill are its sum"


def test_deals_that_were_deleted_in_bulk_do_not_end_the_stream() -> None:
    """Their changes are not told any more, and every later sync would fail for them again."""
    company = company_of("spread")
    for row in company.lists["deals"]:
        row["is_deleted"] = True
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
    assert {(row["stage_id"], row["pipeline_id"]) for row in stays} == {(1, 8), (2, 9)}
    company = company_of("spread")
    read(company, "deal_changelog")
    assert company.paths["stages"] == 0


def refuse_stages(status: int) -> Callable[[Request], object]:
    def refuse(request: Request) -> None:
        if request.path == "stages":
            raise StreamError("Pipedrive does not answer.", TRANSIENT, status)

    return refuse


@pytest.mark.parametrize("status", [403, 404])
def test_a_history_without_the_list_of_stages_is_told_of(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    company = company_of("spread")
    company.refuse = refuse_stages(status)
    messages = read(company, "deal_changelog", "deal_stage_history")
    assert status_of(messages, "deal_stage_history") == "COMPLETE"
    assert len(records_of(messages, "deal_stage_history")) > 95
    (line,) = [r.message for r in caplog.records if "without the list of stages" in r.message]
    assert line.startswith("Pipedrive does not answer. Until then deal_stage_history is derived")


def test_a_list_of_stages_that_fails_ends_the_history_alone() -> None:
    """A state would vouch for rows with a pipeline missing, and nobody would read them again."""
    company = company_of("spread")
    company.refuse = refuse_stages(500)
    messages = read(company, "deal_changelog", "deal_stage_history")
    assert status_of(messages, "deal_changelog") == "COMPLETE"
    assert status_of(messages, "deal_stage_history") == "INCOMPLETE"
    assert not records_of(messages, "deal_stage_history")
    assert not states_of(messages, "deal_stage_history")


def test_all_workers_learn_from_one_that_the_list_of_stages_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise each of them tries in turn, for two minutes each, and nothing else is read."""
    company, workers = company_of("spread"), 4
    together = threading.Barrier(workers, timeout=20)
    honest = ReferenceList.records

    def rows(self: ReferenceList) -> Sequence[Any]:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait()
        together.abort()  # later ones need not wait
        return honest(self)

    monkeypatch.setattr(ReferenceList, "records", rows)
    company.refuse = refuse_stages(500)
    with pytest.raises(AirbyteTracedException):
        list(run_of(company, "deal_changelog", "deal_stage_history", workers=workers))
    assert company.paths["stages"] == 1


@pytest.mark.parametrize("beside", ["deals", "deal_stage_history", "deal_products"])
def test_a_child_that_failed_does_not_hold_up_its_list(
    beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one deal whose changelog cannot be had stops `deals` until the sync is killed."""
    monkeypatch.setattr(pending, "ENOUGH", 8)
    for seed in range(5):
        company = company_of("spread")
        company.refuse = of_one("deals/3/changelog", 500)
        other = small_batch(beside, 3) if beside == "deal_products" else beside
        run = run_of(company, "deal_changelog", other)
        messages = Turns(run, company, seed, workers=3).messages()
        assert status_of(messages, "deal_changelog") == "INCOMPLETE"
        if beside != "deal_stage_history":
            assert status_of(messages, beside) == "COMPLETE"


def test_a_list_that_fails_ends_all_that_hangs_on_it_though_it_lets_one_go_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is passed by would wait for ever for parents that nobody reads."""
    honest = StreamRun.fail

    def fail(self: StreamRun[Any], error: AirbyteTracedException) -> None:
        for source in self.sources:  # as another worker of the list does
            source.dependents.remove(self)
        honest(self, error)

    monkeypatch.setattr(StreamRun, "fail", fail)
    company = company_of("spread")
    company.refuse = of_one("deals", 500)
    run = run_of(company, "deals", "deal_changelog", "deal_products")
    must_end(run)


def test_what_a_list_has_let_go_is_read_though_all_others_that_it_is_read_for_have_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pending, "ENOUGH", 8)
    for seed in range(6):
        company = company_of("spread")

        def refuse(request: Request, asked: list[Request] = company.asked) -> None:
            if sum(each.path == "deals/products" for each in asked) > 3:
                of_one("deals/products", 500)(request)

        company.refuse = refuse
        run = run_of(company, "deal_changelog", small_batch("deal_products", 3))
        messages = Turns(run, company, seed, workers=3).messages()
        assert status_of(messages, "deal_changelog") == "COMPLETE", seed
        assert len(keys_of(messages, "deal_changelog")) == 3 * 95


def test_a_list_that_is_read_for_others_only_ends_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody pays for pages that nobody gets."""
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
