"""What an account does not have is empty for now, and not read: it may have it later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from source_pipedrive.http.client import Request
from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.waiting import Waiting
from source_pipedrive.reading.dependent import NO_RECORD
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.sync.stream_run import StreamRun
from source_pipedrive.sync.sync import BUFFERED
from unit_tests.deals import Deals, Record, deals
from unit_tests.test_graph import keys_of, small_batch, status_of
from unit_tests.turns import Turns, must_end, read, records_of, run_of, states_of

START = instant("2026-01-01")
PLAN = '{"error":"This feature is not part of your plan"}'
MADE = ("deal_products", "deal_installments", "subscriptions")


def without_plan(*paths: str) -> Callable[[Request], None]:
    """The account lacks what these paths serve."""

    def refuse(request: Request) -> None:
        if request.path.startswith(paths):
            raise StreamError("refused", CONFIG, 402, PLAN)

    return refuse


def company(*absent: str) -> Deals:
    """Seventy deals and a few projects, of an account that lacks some paths."""
    lists = {
        "deals": deals([START + 60 * n for n in range(70)]),
        "deals/archived": deals([START + 60 * n for n in range(25)], first=1_001),
        "projects": deals([START + 60 * n for n in range(9)]),
        "projects/archived": deals([START + 60 * n for n in range(3)], first=101),
    }
    rows = {
        f"projects/{{id}}/{name}": lambda project: [{"id": 10 * project, "time": rfc3339(START)}]
        for name in ("changelog", "groups")
    }
    found = Deals(lists, rows, page=5)
    if absent:
        found.refuse = without_plan(*absent)
    return found


def last_states(messages: Sequence[Any], *names: str) -> dict[str, Record]:
    found = {name: states_of(messages, name) for name in names}
    return {name: states[-1][1] for name, states in found.items() if states}


@pytest.mark.parametrize("workers", [1, 3])
def test_one_request_tells_that_the_account_does_not_have_a_child_and_no_list_is_read_for_it(
    workers: int,
) -> None:
    name = "deal_installments"
    lacking = company("deals/installments")
    messages = Turns(run_of(lacking, name, workers=workers), lacking, 1, workers).messages()
    assert [request.path for request in lacking.asked] == ["deals/installments"]
    assert status_of(messages, name) == "COMPLETE"
    assert states_of(messages, name) == []
    assert len(records_of(read(company(), name), name)) == 95


def test_a_full_refresh_of_what_the_account_does_not_have_claims_nothing() -> None:
    messages = read(company("deals/installments"), "deal_installments", full_refresh=True)
    assert status_of(messages, "deal_installments") == "COMPLETE"
    assert states_of(messages, "deal_installments") == []


@pytest.mark.parametrize(
    "answer",
    [(400, "{}"), (404, "{}"), (403, '{"error":"You do not have permissions to do this"}')],
)
def test_any_other_answer_about_a_deal_that_may_not_exist_means_that_the_account_has_it(
    answer: tuple[int, str],
) -> None:
    strict = company()

    def refuse(request: Request) -> None:
        if request.params.get("deal_ids") == str(NO_RECORD):
            raise StreamError("refused", CONFIG, *answer)

    strict.refuse = refuse
    messages = read(strict, "deal_installments")
    assert len(records_of(messages, "deal_installments")) == 95
    assert status_of(messages, "deal_installments") == "COMPLETE"


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("hidden", [7, 40])
def test_a_deal_that_is_refused_in_any_words_does_not_take_the_instalments_of_all_others(
    hidden: int, later: bool
) -> None:
    """Of a deal that is gone or hidden the 403 may read like that of a plan."""
    name = "deal_installments"
    state = last_states(read(company(), name), name) if later else {}
    strict = company()

    def refuse(request: Request) -> None:
        if str(hidden) in request.params.get("deal_ids", "").split(","):
            raise StreamError("refused", CONFIG, 403, '{"error":"Forbidden"}')

    strict.refuse = refuse
    if later:
        for one in strict.lists["deals"][hidden - 1 : hidden + 2]:
            one["update_time"] = rfc3339(instant("2026-11-23T09:59:30Z"))
        strict.lists["deals"].sort(key=lambda row: row["update_time"])
    messages = read(strict, name, states=state)
    assert len(records_of(messages, name)) == (2 if later else 94)
    assert status_of(messages, name) == "COMPLETE"


def test_when_a_trial_comes_back_what_changed_meanwhile_is_read() -> None:
    name = "deal_installments"
    state = last_states(read(company(), name), name)
    later = rfc3339(instant("2026-11-23T09:59:30Z"))
    lacking, back = company("deals/installments"), company()
    for one in (lacking, back):
        one.lists["deals"][3]["update_time"] = later
        one.lists["deals"].sort(key=lambda row: row["update_time"])
    messages = read(lacking, name, states=state)
    assert status_of(messages, name) == "COMPLETE"
    assert states_of(messages, name) == []
    assert len(lacking.ids("deals/installments")) == 1
    assert [row["deal_id"] for row in records_of(read(back, name, states=state), name)] == [4]


@pytest.mark.parametrize("names", [MADE, ("subscriptions",), ("deals", "subscriptions")], ids=str)
def test_without_instalments_recurring_products_come_and_instalments_once_the_plan_has_them(
    names: tuple[str, ...],
) -> None:
    everything = keys_of(read(company(), *names), "subscriptions")
    assert {kind for _, kind, _ in everything} == {"recurring", "installments"}
    states: dict[str, Record] = {}
    found: set[Any] = set()
    for day in range(3):
        lacking = company("deals/installments")
        messages = read(lacking, *names, states=states)
        states |= last_states(messages, *names)
        found |= keys_of(messages, "subscriptions")
        assert status_of(messages, "subscriptions") == "COMPLETE"
        assert lacking.paths["deals/installments"] == 1
        if day:
            assert not records_of(messages, "subscriptions"), "they have not changed"
            assert lacking.paths["deals"] + lacking.paths["deals/archived"] <= 3
    assert {kind for _, kind, _ in found} == {"recurring"}
    assert "deal_installments" not in states
    found |= keys_of(read(company(), *names, states=states), "subscriptions")
    assert found == everything


def test_a_sync_without_instalments_may_die_anywhere_and_the_plan_come_back() -> None:
    name = "subscriptions"
    everything = keys_of(read(company(), name), name)
    for seed in range(4):
        lacking = company("deals/installments")
        run = run_of(lacking, small_batch("deal_products", 7), name, workers=3)
        messages = Turns(run, lacking, seed, 3).messages()
        for at, state in states_of(messages, name):
            left = keys_of(messages[: at + 1], name)
            assert left | keys_of(read(company(), name, states={name: state}), name) == everything


def test_an_account_without_projects_is_asked_once_for_each_list_and_never_for_what_hangs_on_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    lists = ("projects", "projects_archived")
    names = (*lists, "project_changelog", "project_groups")
    for full_refresh in (False, True):
        lacking = company("projects")
        messages = read(lacking, *names, full_refresh=full_refresh)
        assert [r.path for r in lacking.asked] == ["projects", "projects/archived"]
        for name in names:
            assert status_of(messages, name) == "COMPLETE", name
            assert states_of(messages, name) == [], name
        alone = company("projects")
        read(alone, "project_groups", full_refresh=full_refresh)
        (path,) = [r.path for r in alone.asked]
        assert path == f"projects/{NO_RECORD}/groups", "no list is read for it"
    assert caplog.text.count("projects: this account does not have it") == 2


def test_what_hangs_on_two_lists_of_which_the_account_lacks_one_is_read_of_the_other() -> None:
    name = "project_changelog"
    lacking = company("projects/archived")
    messages = read(lacking, "projects", "projects_archived", name)
    assert status_of(messages, name) == "COMPLETE"
    assert {row["project_id"] for row in records_of(messages, name)} == set(range(1, 10))
    (state,) = last_states(messages, name).values()
    later = read(company(), name, states={name: state})
    assert {101, 102, 103} <= {row["project_id"] for row in records_of(later, name)}


def test_a_sync_that_is_stopped_while_the_last_page_waits_for_a_slow_destination_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stream that nobody has asked anything for hands its last page on when it ends."""
    known = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    known["deal_update_time"] = rfc3339(START + 60 * 80)
    names = ("deal_installments", "subscriptions")
    stop_signal = Waiting()
    run = run_of(company(), *names, states=dict.fromkeys(names, known), stop_signal=stop_signal)
    honest = StreamRun.end

    def end(self: StreamRun[Any]) -> None:
        if self.stream.name == "deal_installments":
            for _ in range(2 + BUFFERED):  # as many pages wait as may
                run.buffer.enter()
            stop_signal.stop()
        honest(self)

    monkeypatch.setattr(StreamRun, "end", end)
    must_end(run)


def test_workers_that_meet_the_same_absence_say_it_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    name = "deal_installments"
    known = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    known["deal_update_time"] = rfc3339(START + 60 * 3)
    met = set()
    for seed in range(20):
        caplog.clear()
        lacking = company("deals/installments")
        run = run_of(lacking, small_batch(name, 2), states={name: known}, workers=4)
        messages = Turns(run, lacking, seed, 4).messages()
        met.add(lacking.paths["deals/installments"])
        assert caplog.text.count("this account does not have it. ") == 1
        assert states_of(messages, name) == []
        found = [m.trace.stream_status.status.value for m in messages if m.trace.stream_status]
        assert found == ["STARTED", "COMPLETE"]
    assert max(met) > 1, "several workers have met it"


def test_a_page_that_an_absence_overtakes_is_not_called_read() -> None:
    """The plan changes while several workers ask: the page of one is dropped because another was
    told that the account lacks the stream. The next sync has to ask for those deals again."""

    def refuse(request: Request) -> None:
        if request.params.get("deal_ids") == "12":
            raise StreamError("refused", CONFIG, 402, PLAN)

    stream = small_batch("deal_installments", 1)
    saved = {"deal_update_time": rfc3339(START + 600), "version": 1, "since": rfc3339(0)}
    for seed in range(120):
        box = company()
        box.refuse = refuse
        run = run_of(box, stream, states={stream.name: saved}, workers=4)
        messages = Turns(run, box, seed, 4).messages()
        state = last_states(messages, stream.name).get(stream.name, saved)
        later = read(company(), stream, states={stream.name: state})
        found = [*records_of(messages, stream.name), *records_of(later, stream.name)]
        assert {row["deal_id"] for row in found} >= {*range(11, 71)}, seed
