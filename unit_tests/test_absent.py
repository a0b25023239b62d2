"""An unavailable stream is empty and saves no state, since the account may get it later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.dependent import NO_RECORD
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.stream_run import StreamRun
from source_pipedrive.sync.sync import BUFFERED
from unit_tests.deals import Deals, Record, deals
from unit_tests.test_graph import keys_of, small_batch, status_of
from unit_tests.turns import Turns, must_end, read, records_of, run_of, states_of

START = instant("2026-01-01")
PLAN = '{"error":"This feature is not part of your plan"}'
SUBSCRIPTIONS = ("deal_products", "deal_installments", "subscriptions")


def without_plan(*paths: str) -> Callable[[Request], None]:
    """Answers that the account's plan does not include these paths."""

    def refuse(request: Request) -> None:
        if request.path.startswith(paths):
            raise StreamError("refused", CONFIG, 402, PLAN)

    return refuse


def company(*absent: str) -> Deals:
    """An account with deals and a few projects. absent: paths that its plan does not include."""
    lists = {
        "deals": deals([START + 60 * n for n in range(70)]),
        "deals/archived": deals([START + 60 * n for n in range(25)], first=1_001),
        "projects": deals([START + 60 * n for n in range(9)]),
        "projects/archived": deals([START + 60 * n for n in range(3)], first=101),
    }
    children = {
        f"projects/{{id}}/{name}": lambda project: [{"id": 10 * project, "time": rfc3339(START)}]
        for name in ("changelog", "groups")
    }
    found = Deals(lists, children, page=5)
    if absent:
        found.refuse = without_plan(*absent)
    return found


def last_states(messages: Sequence[Any], *names: str) -> dict[str, Record]:
    found = {name: states_of(messages, name) for name in names}
    return {name: states[-1][1] for name, states in found.items() if states}


@pytest.mark.parametrize("workers", [1, 3])
def test_one_request_shows_that_a_child_stream_is_unavailable_and_no_list_is_read(
    workers: int,
) -> None:
    name = "deal_installments"
    lacking = company("deals/installments")
    messages = Turns(run_of(lacking, name, workers=workers), lacking, 1, workers).messages()
    assert [request.path for request in lacking.asked] == ["deals/installments"]
    assert status_of(messages, name) == "COMPLETE"
    assert states_of(messages, name) == []
    assert len(records_of(read(company(), name), name)) == 95


def test_a_full_refresh_of_an_unavailable_stream_saves_no_state() -> None:
    messages = read(company("deals/installments"), "deal_installments", full_refresh=True)
    assert status_of(messages, "deal_installments") == "COMPLETE"
    assert states_of(messages, "deal_installments") == []


@pytest.mark.parametrize(
    "answer",
    [(400, "{}"), (404, "{}"), (403, '{"error":"You do not have permissions to do this"}')],
)
def test_any_other_answer_about_a_nonexistent_deal_means_the_stream_is_available(
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
def test_one_refused_deal_does_not_cost_all_others_their_installments(
    hidden: int, later: bool
) -> None:
    """The 403 for a deal that is gone or hidden may read like that for a missing plan."""
    name = "deal_installments"
    state = last_states(read(company(), name), name) if later else {}
    strict = company()

    def refuse(request: Request) -> None:
        if str(hidden) in request.params.get("deal_ids", "").split(","):
            raise StreamError("refused", CONFIG, 403, '{"error":"Forbidden"}')

    strict.refuse = refuse
    if later:
        for deal in strict.lists["deals"][hidden - 1 : hidden + 2]:
            deal["update_time"] = rfc3339(instant("2026-11-23T09:59:30Z"))
        strict.lists["deals"].sort(key=lambda deal: deal["update_time"])
    messages = read(strict, name, states=state)
    assert len(records_of(messages, name)) == (2 if later else 94)
    assert status_of(messages, name) == "COMPLETE"


def test_once_a_trial_is_back_the_changes_made_meanwhile_are_read() -> None:
    name = "deal_installments"
    state = last_states(read(company(), name), name)
    later = rfc3339(instant("2026-11-23T09:59:30Z"))
    lacking, restored = company("deals/installments"), company()
    for account in (lacking, restored):
        account.lists["deals"][3]["update_time"] = later
        account.lists["deals"].sort(key=lambda deal: deal["update_time"])
    messages = read(lacking, name, states=state)
    assert status_of(messages, name) == "COMPLETE"
    assert states_of(messages, name) == []
    assert len(lacking.ids("deals/installments")) == 1
    payments = records_of(read(restored, name, states=state), name)
    assert [payment["deal_id"] for payment in payments] == [4]


@pytest.mark.parametrize(
    "names", [SUBSCRIPTIONS, ("subscriptions",), ("deals", "subscriptions")], ids=str
)
def test_recurring_products_arrive_now_and_installments_once_the_plan_has_them(
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
            assert not records_of(messages, "subscriptions"), "the deals have not changed"
            assert lacking.paths["deals"] + lacking.paths["deals/archived"] <= 3
    assert {kind for _, kind, _ in found} == {"recurring"}
    assert "deal_installments" not in states
    found |= keys_of(read(company(), *names, states=states), "subscriptions")
    assert found == everything


def test_a_sync_killed_without_installments_loses_nothing_once_the_plan_is_back() -> None:
    name = "subscriptions"
    everything = keys_of(read(company(), name), name)
    for seed in range(4):
        lacking = company("deals/installments")
        run = run_of(lacking, small_batch("deal_products", 7), name, workers=3)
        messages = Turns(run, lacking, seed, 3).messages()
        for at, state in states_of(messages, name):
            emitted = keys_of(messages[: at + 1], name)
            rest = keys_of(read(company(), name, states={name: state}), name)
            assert emitted | rest == everything


def test_without_projects_each_list_is_requested_once_and_no_child_stream_is(
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
    assert caplog.text.count("projects: not part of this Pipedrive plan (402). Empty; safe") == 2


def test_if_one_of_two_parent_lists_is_unavailable_children_of_the_other_are_read() -> None:
    name = "project_changelog"
    lacking = company("projects/archived")
    messages = read(lacking, "projects", "projects_archived", name)
    assert status_of(messages, name) == "COMPLETE"
    assert {change["project_id"] for change in records_of(messages, name)} == set(range(1, 10))
    (state,) = last_states(messages, name).values()
    later = read(company(), name, states={name: state})
    assert {101, 102, 103} <= {change["project_id"] for change in records_of(later, name)}


def test_a_sync_stopped_while_its_last_page_waits_for_the_destination_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stream that has requested nothing hands its last page on when it ends."""
    saved = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    saved["deal_update_time"] = rfc3339(START + 60 * 80)
    names = ("deal_installments", "subscriptions")
    stop_signal = StopSignal()
    run = run_of(company(), *names, states=dict.fromkeys(names, saved), stop_signal=stop_signal)
    original = StreamRun.end

    def end(self: StreamRun[Any]) -> None:
        if self.stream.name == "deal_installments":
            for _ in range(2 + BUFFERED):  # fill the buffer
                run.buffer.take_slot()
            stop_signal.stop()
        original(self)

    monkeypatch.setattr(StreamRun, "end", end)
    must_end(run)


def test_workers_that_find_a_stream_unavailable_log_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    name = "deal_installments"
    saved = {"version": 1, "since": "1970-01-01T00:00:00Z"}
    saved["deal_update_time"] = rfc3339(START + 60 * 3)
    requests = set()
    for seed in range(20):
        caplog.clear()
        lacking = company("deals/installments")
        run = run_of(lacking, small_batch(name, 2), states={name: saved}, workers=4)
        messages = Turns(run, lacking, seed, 4).messages()
        requests.add(lacking.paths["deals/installments"])
        assert caplog.text.count("Empty; safe to deselect.") == 1
        assert states_of(messages, name) == []
        statuses = [m.trace.stream_status.status.value for m in messages if m.trace.stream_status]
        assert statuses == ["STARTED", "COMPLETE"]
    assert max(requests) > 1, "several workers have requested it"


def test_a_page_dropped_because_the_stream_is_unavailable_is_not_called_read() -> None:
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


def test_a_user_reads_what_an_answer_means_and_not_how_that_is_known() -> None:
    plain, strange = '{"error": "The plan has no projects."}', '{"error": "Forbidden"}'
    projects = STREAMS["projects"]
    for status, body, expected in (
        (402, plain, "not part of this Pipedrive plan (402)"),
        (403, strange, 'not part of this Pipedrive plan (403 "Forbidden")'),
        (404, "", "not part of this Pipedrive plan (404)"),
    ):
        answer = projects.unavailable_answer(status, body)
        assert answer is not None
        assert answer.words_for(body) == expected
    answers = [a for stream in STREAMS.values() for a in stream.access.means_unavailable]
    assert len(answers) > 40
    for answer in answers:
        for note in ("maintainers", "connectors", "recorded", "documentation", "changelog"):
            assert note not in answer.words_for("{}")
