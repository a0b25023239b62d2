"""The state of a child stream covers only what was read and written, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, TRANSIENT, StreamError, SyncError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.children import SLICE
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.refusals import AGAIN
from source_pipedrive.reading.remembered import (
    MOST_REFUSED,
    MOST_TIMES,
    PROBES,
    Refused,
    Remembered,
    load,
)
from source_pipedrive.streams import STREAMS
from unit_tests.deals import Deals, Record, deals
from unit_tests.turns import Turns, read, records_of, run_of, states_of, status_of

START = instant("2026-01-01")
NOW = instant("2026-11-23T10:00:00Z")
PERMISSION = '{"error":"You do not have permissions to do this."}'
CHANGELOG = "deal_changelog"
BOTH = (CHANGELOG, "deal_stage_history")


def changes_of(deal: int) -> list[Record]:
    return [{"time": "2026-01-02 10:00:00", "field_key": "stage_id", "new_value": "2"}]


def company_of(number: int = 40, page: int = 7, **lists: list[Record]) -> Deals:
    """A company whose deals changed a minute apart, none of them archived."""
    parents = {"deals": deals([START + 60 * n for n in range(number)]), "deals/archived": []}
    children = {"deals/{id}/changelog": changes_of}
    return Deals({**parents, **lists}, children, page=page)


def refusing(company: Deals, status: int, *ids: int, body: str = PERMISSION) -> Deals:
    """The same company, which answers this status for the changelogs of these deals."""

    def refuse(request: Request) -> None:
        match = re.fullmatch(r"deals/(\d+)/changelog", request.path)
        if match and int(match[1]) in ids:
            kind = SYSTEM if status < 500 else TRANSIENT
            raise StreamError(f"refused {status}", kind, status, body)

    company.refuse = refuse
    return company


def last_state(messages: list[Any], stream: str) -> Record:
    states = states_of(messages, stream)
    return dict(states[-1][1]) if states else {}


def parents_in(messages: list[Any], stream: str = CHANGELOG) -> set[int]:
    return {record["deal_id"] for record in records_of(messages, stream)}


@pytest.mark.parametrize("seed", range(6))
def test_a_failing_deal_costs_one_request_a_sync_and_nothing_else(seed: int) -> None:
    company = refusing(company_of(), 500, 17)
    messages = Turns(run_of(company, CHANGELOG, workers=3), company, seed, 3).messages()
    assert status_of(messages, CHANGELOG) == "INCOMPLETE"
    assert parents_in(messages) == {*range(1, 41)} - {17}
    state = last_state(messages, CHANGELOG)
    again = refusing(company_of(), 500, 17)
    later = read(again, CHANGELOG, states={CHANGELOG: state})
    assert again.ids("deals/{id}/changelog") == ["17"], "only the gap is left"
    assert status_of(later, CHANGELOG) == "INCOMPLETE"
    fixed = company_of()
    last = read(fixed, CHANGELOG, states={CHANGELOG: last_state(later, CHANGELOG) or state})
    assert fixed.ids("deals/{id}/changelog") == ["17"]
    assert status_of(last, CHANGELOG) == "COMPLETE"
    assert parents_in(last) == {17}


@pytest.mark.parametrize("lower", [0, START])
def test_a_failing_deal_without_an_update_time_is_requested_again(lower: int) -> None:
    def company() -> Deals:
        parents = deals([None, *(START + 60 * n for n in range(1, 40))])
        return company_of(deals=parents)

    messages = read(refusing(company(), 500, 1), CHANGELOG, lower=lower)
    assert parents_in(messages) == {*range(2, 41)}
    state = last_state(messages, CHANGELOG)
    later = read(company(), CHANGELOG, states={CHANGELOG: state}, lower=lower)
    assert parents_in(later) >= {1}
    assert status_of(later, CHANGELOG) == "COMPLETE"


def test_no_state_skips_a_failing_deal() -> None:
    for seed in range(10):
        company = refusing(company_of(), 500, 9, 17)
        messages = Turns(run_of(company, CHANGELOG, workers=3), company, seed, 3).messages()
        for at, state in states_of(messages, CHANGELOG):
            emitted = parents_in(messages[: at + 1])
            rest = parents_in(read(company_of(), CHANGELOG, states={CHANGELOG: state}))
            assert emitted | rest == {*range(1, 41)}, (seed, state)


def test_a_stream_derived_from_a_failing_deal_reads_it_later_too() -> None:
    name = "deal_stage_history"
    company = refusing(company_of(), 500, 17)
    messages = Turns(run_of(company, name, CHANGELOG, workers=2), company, 1, 2).messages()
    assert status_of(messages, name) == "INCOMPLETE"
    states = {each: last_state(messages, each) for each in (name, CHANGELOG)}
    later = read(company_of(), name, CHANGELOG, states=states)
    assert parents_in(later, name) == {17}
    assert status_of(later, name) == "COMPLETE"


def test_a_failed_child_stream_does_not_hold_up_its_parents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise `deals` stops until someone kills the sync."""
    monkeypatch.setattr("source_pipedrive.reading.pending.ENOUGH", 8)
    for seed in range(6):
        company = refusing(company_of(200), 500, *range(1, 201))
        run = run_of(company, CHANGELOG, "deals", workers=3)
        messages = Turns(run, company, seed, 3).messages()
        assert status_of(messages, "deals") == "COMPLETE"
        assert len(records_of(messages, "deals")) >= 200
        assert status_of(messages, CHANGELOG) == "INCOMPLETE"


@pytest.mark.parametrize("seed", range(4))
def test_hidden_deals_are_read_once_they_are_visible(seed: int) -> None:
    hidden = {5, 6, 30}
    company = refusing(company_of(), 403, *hidden)
    messages = Turns(run_of(company, CHANGELOG, workers=3), company, seed, 3).messages()
    assert status_of(messages, CHANGELOG) == "COMPLETE"
    state = last_state(messages, CHANGELOG)
    still = refusing(company_of(), 403, *hidden)
    quiet = read(still, CHANGELOG, states={CHANGELOG: state})
    assert len(still.ids("deals/{id}/changelog")) <= PROBES, "only a few are requested again"
    assert status_of(quiet, CHANGELOG) == "COMPLETE"
    visible = company_of()
    later = read(visible, CHANGELOG, states={CHANGELOG: last_state(quiet, CHANGELOG)})
    assert parents_in(later) == hidden
    assert len(visible.ids("deals/{id}/changelog")) <= PROBES + len(hidden)
    last = company_of()
    read(last, CHANGELOG, states={CHANGELOG: last_state(later, CHANGELOG)})
    assert not last.ids("deals/{id}/changelog"), "nothing is left to read"


@pytest.mark.parametrize("selected", [("deal_stage_history",), ("deal_stage_history", CHANGELOG)])
def test_records_derived_from_hidden_deals_arrive_once_those_are_visible(
    selected: tuple[str, ...],
) -> None:
    name = "deal_stage_history"
    messages = read(refusing(company_of(), 403, 5, 30), *selected)
    states = {each: last_state(messages, each) for each in selected}
    assert parents_in(messages, name) == {*range(1, 41)} - {5, 30}
    later = read(company_of(), *selected, states=states)
    assert parents_in(later, name) == {5, 30}


def test_a_state_with_many_refusals_stays_small() -> None:
    refused = Refused()
    for n in range(10_000):
        refused.add(n, START + 120 * n)
    assert len(refused.times) <= MOST_TIMES
    assert refused.ids == [*range(10_000 - MOST_REFUSED, 10_000)]
    for n in range(10_000):
        time = START + 120 * n
        assert any(first <= time < end for first, end in refused.times)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_one_deal_that_breaks_a_bulk_request_does_not_hide_the_others(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows what Pipedrive answers if one deal of a bulk request is deleted, merged or
    hidden."""
    caplog.set_level("INFO", "airbyte")
    company = company_of(250, 500)

    def refuse(request: Request) -> None:
        if "77" in request.params.get("deal_ids", "").split(","):
            raise StreamError(f"refused {status}", SYSTEM, status, PERMISSION)

    company.refuse = refuse
    for seed in range(3):
        company.asked.clear()
        run = run_of(company, "deal_products", workers=2)
        messages = Turns(run, company, seed, 2).messages()
        assert parents_in(messages, "deal_products") == {*range(1, 251)} - {77}
        assert status_of(messages, "deal_products") == "COMPLETE"
        assert company.paths["deals/products"] <= 3 + 2 * 8
        asks_again = "refused" in last_state(messages, "deal_products")
        assert asks_again == (status != 404)
        (line,) = [each for each in caplog.messages if "skipped" in each]
        assert (AGAIN in line) == asks_again
        caplog.clear()


def recently(number: int) -> dict[str, list[Record]]:
    """A list of deals that changed in the last minute before the sync."""
    return {"deals": deals([NOW - 40 + n for n in range(number)])}


def test_changes_in_the_last_minute_of_a_sync_are_not_paid_for_twice() -> None:
    names = (CHANGELOG, "deal_stage_history", "deal_products")
    first = read(company_of(**recently(12)), *names)
    states = {name: last_state(first, name) for name in names}
    company = company_of(**recently(12))
    read(company, *names, states=states)
    assert not company.ids("deals/{id}/changelog")
    assert not company.ids("deals/products")
    company = company_of(**recently(12))
    company.lists["deals"][11]["update_time"] = rfc3339(NOW - 1)
    read(company, *names, states=states)
    assert company.ids("deals/{id}/changelog") == ["12"], "only that one has changed again"


def test_an_incomplete_sync_does_not_remember_its_last_minute() -> None:
    """Records derived from a deal may not have been written when the sync ended."""
    names = (CHANGELOG, "deal_stage_history")
    for seed in range(20):
        company = company_of(**recently(12))
        company.budget = 20 + 20 * (seed % 12)
        messages = Turns(run_of(company, *names, workers=3), company, seed, 3).messages()
        states = {name: last_state(messages, name) for name in names}
        later = read(company_of(**recently(12)), *names, states=states)
        for name in names:
            assert parents_in(messages, name) | parents_in(later, name) == {*range(1, 13)}


def test_a_reset_stream_gets_the_last_minute_even_if_another_stream_had_it() -> None:
    names = (CHANGELOG, "deal_stage_history")
    first = read(company_of(**recently(12)), *names)
    states = {CHANGELOG: last_state(first, CHANGELOG)}
    later = read(company_of(**recently(12)), *names, states=states)
    assert parents_in(later, "deal_stage_history") == {*range(1, 13)}


def test_what_a_state_remembers_survives_saving_and_loading() -> None:
    remembered = Remembered()
    remembered.fresh = {"deals": {7: NOW - 5}}
    remembered.refuse(CHANGELOG, 9, START)
    for month in ("2026-01", "2025-12", "2026-03", "2026-02", "2026-06"):
        remembered.add_month(3, month)
    loaded = load(remembered.dump(complete=True))
    assert loaded.recent == {"deals": {7: NOW - 5}}
    assert loaded.refused == remembered.refused
    assert loaded.months == {"3": [("2025-12", "2026-03"), ("2026-06", "2026-06")]}
    assert "recent" not in remembered.dump(complete=False)


def pipelines(number: int, since: str = "2026-01-01 00:00:00") -> list[Record]:
    return [
        {"id": n, "update_time": None if n == 2 else "2026-02-01T00:00:00Z", "add_time": since}
        for n in range(1, number + 1)
    ]


STATISTICS = "pipeline_movement_statistics"


class Pipelines(Deals):
    """Pipelines with statistics for each month."""

    def __init__(self, number: int = 3, **facts: Any) -> None:
        super().__init__({"pipelines": pipelines(number, **facts)}, {})

    def _body(self, path: str, params: Mapping[str, str]) -> Record:
        if path == "pipelines":
            return {"data": self.lists[path], "additional_data": {"next_cursor": None}}
        return {"data": {"new_deals": {"count": 1}}}

    @property
    def months(self) -> Counter[tuple[str, str]]:
        return Counter(
            (r.path.split("/")[1], r.params["start_date"][:7])
            for r in self.asked
            if r.path != "pipelines"
        )


JANUARY, JULY = instant("2026-01-01"), instant("2026-07-01")


def test_months_that_have_ended_are_not_requested_again() -> None:
    company = Pipelines()
    first = read(company, STATISTICS, lower=JULY)
    assert company.months == Counter(
        {(str(p), f"2026-{m:02}"): 1 for p in (1, 2, 3) for m in range(7, 12)}
    )
    later = Pipelines(4)
    read(later, STATISTICS, lower=JULY, states={STATISTICS: last_state(first, STATISTICS)})
    new = {("4", f"2026-{m:02}") for m in range(7, 12)}
    assert later.months.keys() == new | {(str(p), "2026-11") for p in (1, 2, 3)}


def test_an_earlier_start_date_reads_the_missing_months() -> None:
    first = read(Pipelines(), STATISTICS, lower=JULY)
    later = Pipelines()
    read(later, STATISTICS, lower=JANUARY, states={STATISTICS: last_state(first, STATISTICS)})
    assert {month for _, month in later.months} == {f"2026-{m:02}" for m in (*range(1, 7), 11)}


def test_no_pipeline_is_requested_twice_if_its_list_is_selected_too() -> None:
    """Not even one without an update time, which every read of the list returns."""
    names = ("pipelines", STATISTICS)
    first = read(Pipelines(), *names, lower=JULY)
    states = {name: last_state(first, name) for name in names}
    later = Pipelines()
    messages = read(later, *names, lower=JULY, states=states)
    assert set(later.months.values()) == {1}
    keys = [(r["pipeline_id"], r["period_start"]) for r in records_of(messages, STATISTICS)]
    assert len(keys) == len(set(keys)) == 3


def test_one_failing_month_does_not_cost_the_others() -> None:
    company = Pipelines()

    def refuse(request: Request) -> None:
        if request.params.get("start_date") == "2026-08-01" and request.path.startswith(
            "pipelines/1/"
        ):
            raise StreamError("refused 500", TRANSIENT, 500, "{}")

    company.refuse = refuse
    messages = read(company, STATISTICS, lower=JULY)
    assert status_of(messages, STATISTICS) == "INCOMPLETE"
    assert len(records_of(messages, STATISTICS)) == 3 * 5 - 1
    fixed = Pipelines()
    later = read(
        fixed, STATISTICS, lower=JULY, states={STATISTICS: last_state(messages, STATISTICS)}
    )
    assert fixed.months.keys() == {("1", "2026-08"), *((str(p), "2026-11") for p in (1, 2, 3))}
    assert status_of(later, STATISTICS) == "COMPLETE"


@pytest.mark.parametrize("full_refresh", [False, True])
def test_months_take_no_more_syncs_than_their_cost_requires(full_refresh: bool) -> None:
    state: Record = {}
    asked: Counter[tuple[str, str]] = Counter()
    syncs = 0
    for _ in range(30):
        syncs += 1
        company = Pipelines(4)
        company.budget = 5 + 40 * 13
        run = run_of(
            company,
            STATISTICS,
            states={STATISTICS: state},
            lower=0,
            full_refresh=full_refresh,
            workers=1,
        )
        messages = Turns(run, company).messages()
        asked += company.months
        state = last_state(messages, STATISTICS)
        if status_of(messages, STATISTICS) == "COMPLETE":
            break
    assert len(asked) == 4 * 11
    assert syncs <= -(-4 * 11 // 13) + 1


class Filters(Deals):
    """A list that arrives whole and in no order, and one request for each of its records."""

    def __init__(self) -> None:
        rows = [
            {"id": n, "update_time": rfc3339(START + 60 * ((7 * n) % 40))} for n in range(1, 41)
        ]
        super().__init__({"filters": rows}, {})

    def _body(self, path: str, params: Mapping[str, str]) -> Record:
        if path == "filters":
            return {"data": self.lists[path], "additional_data": {"pagination": {}}}
        return {"data": {"id": int(path.split("/")[1]), "conditions": {}}}


@pytest.mark.parametrize("full_refresh", [False, True])
def test_children_of_a_whole_list_resume_where_the_budget_ran_out(
    full_refresh: bool,
) -> None:
    name = "filter_conditions"
    state: Record = {}
    asked: list[str] = []
    syncs = 0
    for _ in range(30):
        syncs += 1
        company = Filters()
        company.budget = 20 + 2 * 8
        run = run_of(company, name, states={name: state}, full_refresh=full_refresh, workers=1)
        messages = Turns(run, company).messages()
        asked += company.ids("filters/{id}")
        state = last_state(messages, name)
        if status_of(messages, name) == "COMPLETE":
            break
    assert set(asked) == {str(n) for n in range(1, 41)}
    assert syncs <= 40 / 8 + 1
    assert len(asked) <= 40 + syncs


class WholeLists(Deals):
    """Lists that arrive whole, and children of each of their records."""

    def _body(self, path: str, params: Mapping[str, str]) -> Record:
        if path in self.lists:
            return {"data": self.lists[path], "additional_data": {"next_cursor": None}}
        return {"data": {"can_see": True} if "permissions" in path else [{"time": rfc3339(START)}]}


@pytest.mark.parametrize(
    ("source", "field", "child", "path"),
    [
        ("users", "modified", "user_permissions", "users/{id}/permissions"),
        ("projects", "update_time", "project_changelog", "projects/{id}/changelog"),
    ],
)
def test_children_of_a_selected_whole_list_are_requested_once(
    source: str, field: str, child: str, path: str
) -> None:
    """The list's own stream lacks the changes, its child stream lacks everything."""
    rows = [{"id": n, field: rfc3339(START + 60 * n) if n else None} for n in range(12)]
    state = {field: rfc3339(START + 60 * 8), "version": 1, "since": rfc3339(0)}
    company = WholeLists({source: rows, "projects/archived": []})
    messages = read(company, source, child, states={source: state})
    asked = company.ids(path)
    # A first request shows whether the account has the stream.
    trial = STREAMS[child].access.means_unavailable != ()
    assert sorted(asked[trial:], key=int) == [str(n) for n in range(12)]
    assert len(records_of(messages, child)) == 12


@pytest.mark.parametrize("full_refresh", [False, True])
def test_a_full_refresh_of_changelogs_resumes_where_the_budget_ran_out(full_refresh: bool) -> None:
    state: Record = {}
    found: set[int] = set()
    asked: list[str] = []
    syncs = 0
    for _ in range(30):
        syncs += 1
        company = company_of(60)
        company.budget = 60 + 20 * 12
        run = run_of(
            company, CHANGELOG, states={CHANGELOG: state}, full_refresh=full_refresh, workers=1
        )
        messages = Turns(run, company).messages()
        asked += company.ids("deals/{id}/changelog")
        found |= parents_in(messages)
        state = last_state(messages, CHANGELOG) or state
        if status_of(messages, CHANGELOG) == "COMPLETE":
            break
    assert found == {*range(1, 61)}
    assert syncs <= 60 / 12 + 2
    assert len(asked) <= 60 + syncs


def test_an_error_that_ends_the_sync_loses_no_parent() -> None:
    company = company_of()

    def refuse(request: Request) -> None:
        if request.path == "deals/17/changelog":
            raise SyncError("the account is closed", SYSTEM)

    company.refuse = refuse
    messages = read(company, CHANGELOG)
    assert status_of(messages, CHANGELOG) == "INCOMPLETE"
    rest = read(company_of(), CHANGELOG, states={CHANGELOG: last_state(messages, CHANGELOG)})
    assert parents_in(messages) | parents_in(rest) == {*range(1, 41)}


def test_three_streams_are_read_month_by_month() -> None:
    monthly = [name for name, each in STREAMS.items() if each.child and each.child.month_params]
    assert len(monthly) == 3


class Counted(Deals):
    """Deals with a counter of participants. empty: deals whose list is null all the same."""

    def __init__(self, *empty: int, number: int = 40) -> None:
        rows = deals([START + 60 * n for n in range(number)], participants_count=1)
        super().__init__({"deals": rows, "deals/archived": []}, {}, page=7)
        self.empty = empty

    def _body(self, path: str, params: Mapping[str, str]) -> Record:
        if path in self.lists:
            return super()._body(path, params)
        deal = int(path.split("/")[1])
        block = {"pagination": {"more_items_in_collection": False}}
        rows = None if deal in self.empty else [{"id": deal, "person_id": 1}]
        return {"data": rows, "additional_data": block}


def test_a_deal_with_counted_participants_is_not_mistaken_for_an_empty_one() -> None:
    """Null may be a fault, and the counter may include mail that the user may not see."""
    name = "deal_participants"
    company = Counted(5, 30)
    messages = read(company, name)
    assert parents_in(messages, name) == {*range(1, 41)} - {5, 30}
    assert status_of(messages, name) == "COMPLETE"
    state = last_state(messages, name)
    still = Counted(5, 30)
    quiet = read(still, name, states={name: state})
    assert set(still.ids("deals/{id}/participants")) <= {"5", "30"}
    later = read(Counted(), name, states={name: last_state(quiet, name) or state})
    assert parents_in(later, name) == {5, 30}


def test_many_deals_with_a_wrong_counter_cost_one_request_each() -> None:
    company = Counted(*(n for n in range(1, 121) if n % 4), number=120)
    messages = read(company, "deal_participants")
    assert parents_in(messages, "deal_participants") == {n for n in range(1, 121) if not n % 4}
    assert len(company.ids("deals/{id}/participants")) <= 120 + 4 * 10 + 4


def one_second() -> dict[str, list[Record]]:
    """60 deals of a bulk import, with one before it and one after."""
    return {"deals": deals([START - 9, *[START] * 60, START + 9])}


@pytest.mark.parametrize("names", [(CHANGELOG,), ("deal_stage_history",), BOTH], ids=str)
@pytest.mark.parametrize("full_refresh", [False, True])
def test_a_second_that_exceeds_a_days_budget_takes_only_the_days_that_it_costs(
    names: tuple[str, ...], full_refresh: bool
) -> None:
    """A state never covers part of a second."""
    states: dict[str, Record] = {}
    found: dict[str, set[int]] = {name: set() for name in names}
    asked: list[str] = []
    day = 0
    while day < 20:
        day += 1
        company = company_of(page=500, **one_second())
        company.budget = 40 + 20 * 15
        run = run_of(company, *names, states=states, workers=1, full_refresh=full_refresh)
        messages = Turns(run, company).messages()
        for name in names:
            found[name] |= parents_in(messages, name)
            states[name] = last_state(messages, name) or states.get(name, {})
        asked += company.ids("deals/{id}/changelog")
        if all(status_of(messages, name) == "COMPLETE" for name in names):
            break
    assert all(parents == {*range(1, 63)} for parents in found.values())
    assert day <= 62 / 15 + 2
    assert len(asked) <= 62 + day


def test_a_kill_within_a_second_or_a_reset_loses_nothing() -> None:
    """What a stream remembers of a second is not what its derived streams have written."""
    everyone = {*range(1, 63)}
    for seed in range(12):
        company = company_of(page=500, **one_second())
        company.budget = 40 + 20 * (10 + 4 * seed)
        run = run_of(company, *BOTH, workers=3)
        messages = Turns(run, company, seed, 3).messages()
        for at in range(0, len(messages), 37):
            before = messages[:at]
            emitted = {name: parents_in(before, name) for name in BOTH}
            states = {name: last_state(before, name) for name in BOTH}
            for kept in (BOTH, BOTH[:1], BOTH[1:], ()):
                again = company_of(page=500, **one_second())
                later = read(again, *BOTH, states={n: states[n] for n in kept})
                for name in BOTH:
                    had = emitted[name] if name in kept else set()
                    assert had | parents_in(later, name) == everyone, (seed, at, kept, name)


def test_a_deal_that_changed_after_the_sync_began_and_cannot_be_read_leaves_it_complete() -> None:
    """The state ends before that change, so the next sync asks for the deal anyway; a stream that
    has everything up to its state would be reported as failed."""
    times = [*(START + 60 * n for n in range(8)), NOW + 5]
    messages = read(refusing(company_of(deals=deals(times)), 500, 9), CHANGELOG)
    assert parents_in(messages) == {*range(1, 9)}
    assert last_state(messages, CHANGELOG)["deal_update_time"] == rfc3339(NOW)
    assert status_of(messages, CHANGELOG) == "COMPLETE"


@pytest.mark.parametrize("names", [("deal_changelog",), ("deal_changelog", "deal_stage_history")])
def test_states_do_not_list_the_parents_of_a_list_that_has_been_read(
    names: tuple[str, ...],
) -> None:
    """While the archived deals of 10,000 were still to come, the states took 155 MB."""
    times = [START + 60 * n for n in range(200)]
    lists = {"deals": deals(times), "deals/archived": deals(times[:20], first=1_001)}
    changes = {"deals/{id}/changelog": lambda deal: [{"time": "2026-01-02 10:00:00"}]}
    messages = read(Deals(lists, changes, page=50), *names)
    for name in names:
        noted = [
            sum(map(len, state.get("partial", {}).values()))
            for _, state in states_of(messages, name)
        ]
        assert len(noted) > 5
        assert max(noted) <= 2 * SLICE


def test_deals_of_the_last_minute_are_not_requested_again_while_another_list_is_unread() -> None:
    """No state includes that minute, so the next sync reads those deals once more."""
    lists = {"deals": deals([NOW - 30] * 40), "deals/archived": deals([START], first=1_001)}
    changes = {"deals/{id}/changelog": lambda deal: [{"time": "2026-01-02 10:00:00"}]}

    def refuse(request: Request) -> None:
        if request.path == "deals/1001/changelog":
            raise SyncError("the budget is spent", TRANSIENT)

    finished = 0
    for seed in range(12):
        box = Deals(lists, changes, page=50)
        box.refuse = refuse
        messages = Turns(run_of(box, CHANGELOG), box, seed).messages()
        read_first = {*box.ids("deals/{id}/changelog")} - {"1001"}
        finished += len(read_first) == 40
        states = states_of(messages, CHANGELOG)
        later = Deals(lists, changes, page=50)
        read(later, CHANGELOG, states={CHANGELOG: states[-1][1]} if states else {})
        again = read_first & {*later.ids("deals/{id}/changelog")}
        assert not again or not states, seed
    assert finished
