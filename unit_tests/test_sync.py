"""Whole syncs against a fake Pipedrive."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import (
    CONFIG,
    TRANSIENT,
    BudgetError,
    StreamError,
    UnreachableError,
)
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.incremental import Incremental
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync import workers
from source_pipedrive.sync.messages import AsLines, AsMessages
from source_pipedrive.sync.schedule import Schedule
from source_pipedrive.sync.selection import Selection
from source_pipedrive.sync.stream_run import StreamRun
from source_pipedrive.sync.sync import Options, SyncRun
from unit_tests.deals import Deals, deals
from unit_tests.fakes import ACME, NOW, FakeClient, Params, v2_list
from unit_tests.test_limits import Pace

CHANGELOGS = {
    "deals/{id}/changelog": lambda deal: [{"time": "2026-01-01 00:00:00", "field_key": "status"}]
}


def run_of(client: FakeClient, *names: str, lower: int = 0, workers: int = 2) -> SyncRun[Any]:
    selected = [Selection(STREAMS[name], {}, full_refresh=False) for name in names]
    options = Options(lower, workers=workers)
    return SyncRun(client, ACME, selected, AsMessages(), options, StopSignal())


def drained(run: SyncRun[Any]) -> tuple[list[Any], AirbyteTracedException | None]:
    """All messages of a sync, and the error that ended it, if any."""
    messages: list[Any] = []
    try:
        messages.extend(run)
    except AirbyteTracedException as error:
        return messages, error
    return messages, None


def statuses(messages: list[Any]) -> list[str]:
    found = [m.trace.stream_status for m in messages if m.trace and m.trace.stream_status]
    return [status.status.value for status in found]


class Weak(dict[str, Any]):
    """A record that can tell whether anything still holds it."""


def test_a_page_is_freed_before_the_next_one_is_requested() -> None:
    """Otherwise each worker takes the memory of two pages."""
    rows, held, pages = v2_list(deals(range(1, 401)), 100), [], []

    def answer(params: Params) -> dict[str, Any]:
        held.append(sum(record() is not None for page in pages for record in page))
        body = rows(params)
        body["data"] = [Weak(record) for record in body["data"]]
        pages.append([weakref.ref(record) for record in body["data"]])
        return body

    selected = [Selection(STREAMS["deals"], {}, full_refresh=False)]
    options, stop = Options(0, workers=1), StopSignal()
    list(SyncRun(FakeClient(answer), ACME, selected, AsLines(), options, stop))
    assert held[1] == 100, "the second request looks for records without a time"
    assert held[2:] == [0, 0, 0]


def test_a_history_that_begins_now_is_empty_rather_than_endless() -> None:
    client = FakeClient(lambda params: {"data": []})
    messages = list(run_of(client, "deals", "notes", lower=seconds_of(NOW)))
    assert statuses(messages) == ["STARTED", "COMPLETE"] * 2
    assert client.asked == []


def test_a_catalog_without_streams_is_an_empty_sync() -> None:
    assert list(run_of(FakeClient(lambda params: {}))) == []


def test_a_stream_that_fails_does_not_stop_the_others() -> None:
    def answer(params: Params) -> dict[str, Any]:
        if "status" in params:
            raise StreamError("no", CONFIG, 403)
        return {"data": [{"id": 1}]}

    messages, error = drained(run_of(FakeClient(answer), "deals", "currencies", "filters"))
    assert str(error) == "Not read to the end: deals. no"
    assert error is not None
    assert error.failure_type is CONFIG
    assert sorted(statuses(messages)).count("COMPLETE") == 2
    assert statuses(messages).count("INCOMPLETE") == 1


def spends(tokens: int) -> Callable[[Params], dict[str, Any]]:
    """An endless account in which a budget stops the sync after so many requests."""
    requests = 0

    def answer(params: Params) -> dict[str, Any]:
        nonlocal requests
        requests += 1
        if requests > tokens:
            raise BudgetError(
                "The budget is spent. The next sync continues where this one stopped."
            )
        return {"data": [{"id": 1}]}

    return answer


def test_a_stop_for_the_budget_is_told_once_and_then_in_two_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once for each of 80 streams, it would bury everything else."""
    caplog.set_level("INFO")
    names = ("currencies", "filters", "users", "roles", "webhooks")
    _, error = drained(run_of(FakeClient(spends(2)), *names, workers=1))
    lines = [record.getMessage() for record in caplog.records]
    full = [record for record in caplog.records if "The budget is spent" in record.getMessage()]
    assert [record.levelname for record in full] == ["WARNING"]
    assert sum(line.endswith("   incomplete: budget reached") for line in lines) == 3
    assert str(error).count("The budget is spent") == 1
    assert error is not None
    assert error.failure_type is TRANSIENT


def test_streams_that_the_network_cut_say_that_the_next_sync_resumes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    def answer(params: Params) -> dict[str, Any]:
        raise UnreachableError("Could not reach acme.pipedrive.com.", TRANSIENT)

    _, error = drained(run_of(FakeClient(answer), "deals", "persons"))
    lines = [record.getMessage() for record in caplog.records]
    ends = [line.partition("   incomplete: ")[2] for line in lines if "   incomplete: " in line]
    assert ends == ["connection lost. The next sync resumes it."] * 2
    assert lines.count("Could not reach acme.pipedrive.com.") == 1
    assert str(error) == (
        "Not read to the end: deals, persons. Could not reach acme.pipedrive.com. "
        "The next sync resumes them."
    )


def test_a_bug_fails_its_streams_with_an_error_and_never_hangs_the_sync(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(params: Params) -> dict[str, Any]:
        if "status" in params:
            return {"data": [{"id": 1, "update_time": "2026-01-01T00:00:00Z"}]}
        return {"data": [{"id": 1}]}

    monkeypatch.setattr(AsMessages, "records", lambda self, stream, rows: 1 / 0)
    messages, error = drained(run_of(FakeClient(answer), "deals", "currencies"))
    assert "ZeroDivisionError" in str(error)
    assert statuses(messages).count("INCOMPLETE") == 2


def test_no_worker_outlives_a_caller_that_stops_reading() -> None:
    pages = {"data": [{"id": n} for n in range(500)], "additional_data": {"next_cursor": None}}
    run = run_of(FakeClient(lambda params: pages), "deals", "persons", "organizations")
    messages = iter(run)
    next(messages)
    messages.close()  # type: ignore[attr-defined]
    assert run.workers.join(60)


@pytest.mark.parametrize("parallel", [2, 30])
def test_a_machine_that_allows_no_more_threads_makes_do_with_those_it_has(
    parallel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that cannot start another must not die of it: the sync would end without a word
    about the streams that it has not read."""

    class Scarce(threading.Thread):
        started = 0

        def start(self) -> None:
            if Scarce.started >= 2:
                raise RuntimeError("can't start new thread")
            Scarce.started += 1
            super().start()

    monkeypatch.setattr(workers, "threading", SimpleNamespace(Thread=Scarce))
    times = [seconds_of(NOW) - 86_400 + 60 * n for n in range(40)]
    company = Deals({"deals": deals(times), "deals/archived": []}, CHANGELOGS, page=5)
    monkeypatch.setattr(company, "pacing", pace := Pace(parallel))
    company.before = lambda request: setattr(pace, "parallel", 30)
    chosen = [Selection(STREAMS[name], {}, full_refresh=False) for name in ("deals", "persons")]
    company.lists["persons"] = deals(times)
    run = SyncRun(company, ACME, chosen, AsMessages(), Options(), StopSignal())
    messages, error = drained(run)
    assert error is None
    assert statuses(messages).count("COMPLETE") == 2


def test_a_stream_whose_end_fails_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure ended only a worker, and the sync succeeded without the stream's last words."""

    def fail(self: Any, failed: bool, unavailable: bool) -> bool:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(Incremental, "close", fail)
    times = [seconds_of(NOW) - 86_400]
    company = Deals({"deals": deals(times), "deals/archived": []}, CHANGELOGS)
    chosen = [Selection(STREAMS["deals"], {}, full_refresh=False)]
    run = SyncRun(company, ACME, chosen, AsMessages(), Options(), StopSignal())
    messages, error = drained(run)
    assert statuses(messages)[-1] == "INCOMPLETE"
    assert error is not None
    assert "KeyError" in str(error)
    assert "a mistake of ours" not in str(error)


def test_a_slow_destination_and_a_spent_budget_do_not_hang_a_sync(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page that is dropped because its stream has ended frees its place in the queue. Otherwise
    the sync hangs until somebody kills it."""
    times = [seconds_of(NOW) - 86_400 + 60 * n for n in range(400)]
    company = Deals({"deals": deals(times), "deals/archived": []}, CHANGELOGS)
    company.budget = 30 + 31 * 20
    stopped = threading.Event()
    honest = Schedule.stop

    def stop(self: Any, error: AirbyteTracedException) -> None:
        honest(self, error)
        stopped.set()

    monkeypatch.setattr(Schedule, "stop", stop)
    monkeypatch.setattr(company, "pacing", Pace(parallel=30))
    chosen = [Selection(STREAMS["deal_stage_history"], {}, full_refresh=False)]
    options = Options(between_pages=lambda: cast("None", stopped.wait(20)))  # a slow destination
    run = SyncRun(company, ACME, chosen, AsMessages(), options, StopSignal())
    found: list[Any] = []
    reading = threading.Thread(target=lambda: found.append(drained(run)), daemon=True)
    reading.start()
    reading.join(timeout=30)
    assert found, "the sync hangs"
    assert statuses(found[0][0])[-1] == "INCOMPLETE"


def one_of_each(params: Params) -> dict[str, Any]:
    return {"data": [{"id": 1}], "additional_data": {"next_cursor": None}}


def test_a_stream_that_never_has_a_task_ends_the_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our mistake must not become a container that runs for ever."""
    honest = StreamRun.take
    monkeypatch.setattr(
        StreamRun, "take", lambda run: None if run.stream.name == "persons" else honest(run)
    )
    messages, error = drained(run_of(FakeClient(one_of_each), "deals", "persons"))
    assert "Nothing is left to do for persons, which should have ended." in str(error)
    assert statuses(messages).count("COMPLETE") == 1
    assert statuses(messages)[-1] == "INCOMPLETE"


def test_a_stream_that_ends_when_it_is_asked_for_a_task_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No end of a task closes it then."""
    honest, exhausted = StreamRun.take, StreamRun.exhausted
    asked: list[str] = []

    def take(run: StreamRun[Any]) -> Any:
        if run.stream.name != "persons":
            return honest(run)
        asked.append(run.stream.name)
        return None

    monkeypatch.setattr(StreamRun, "take", take)
    monkeypatch.setattr(
        StreamRun,
        "exhausted",
        property(
            lambda run: bool(asked) if run.stream.name == "persons" else exhausted.__get__(run)
        ),
    )
    messages, error = drained(run_of(FakeClient(one_of_each), "persons"))
    assert error is None
    assert statuses(messages)[-1] == "COMPLETE"
