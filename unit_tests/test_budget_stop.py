"""budget_stop "succeed": only a budget is no error, so nothing else may hide behind it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import CONFIG, SYSTEM, BudgetError, StreamError, SyncError
from source_pipedrive.http.request import Request
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.schedule import Schedule
from source_pipedrive.sync.selection import Selection
from source_pipedrive.sync.sync import Options, SyncRun
from unit_tests.deals import Deals, deals
from unit_tests.fakes import ACME, NOW
from unit_tests.test_sync import drained

TIMES = [seconds_of(NOW) - 86_400 + 60 * n for n in range(40)]
REFUSED = StreamError("Pipedrive refused it (403).", CONFIG, 403)


def spent() -> BudgetError:
    return BudgetError("The budget is spent.")


def run_of(company: Deals, *names: str, workers: int = 2) -> SyncRun[Any]:
    chosen = [Selection(STREAMS[name], {}, full_refresh=False) for name in names]
    options = Options(workers=workers, budget_succeeds=True)
    return SyncRun(company, ACME, chosen, AsMessages(), options, StopSignal())


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once an error has ended the sync."""
    event, honest = threading.Event(), Schedule.stop

    def stop(self: Any, error: AirbyteTracedException) -> None:
        honest(self, error)
        event.set()

    monkeypatch.setattr(Schedule, "stop", stop)
    return event


FAILURES = {
    "403": REFUSED,
    "KeyError": KeyError("a mistake of ours"),
    "token revoked": SyncError("The token revoked.", CONFIG, 401),
}


@pytest.mark.parametrize(("words", "failure"), FAILURES.items(), ids=FAILURES)
def test_what_fails_while_the_budget_stops_the_sync_is_an_error(
    words: str, failure: Exception, stopped: threading.Event
) -> None:
    """The answer to a request that was under way may be one that nobody would look for."""
    waiting = threading.Event()

    def refuse(request: Request) -> None:
        if request.path == "organizations":
            waiting.set()
            assert stopped.wait(60)
            raise failure
        if request.path == "persons":
            assert waiting.wait(60)
            raise spent()

    company = Deals({"persons": deals(TIMES), "organizations": deals(TIMES)})
    company.refuse = refuse
    _, error = drained(run_of(company, "persons", "organizations"))
    assert error is not None
    assert words in str(error)
    assert "organizations" in str(error)


def test_a_list_of_deletions_that_fails_before_the_budget_is_spent_is_an_error() -> None:
    """The other lists are still read, but this one is missing for another reason."""

    def refuse(request: Request) -> None:
        if request.path == "deals" and request.params.get("status") == "deleted":
            raise REFUSED
        if request.path == "recents":
            raise spent()

    company = Deals({name: [] for name in ("deals", "deals/archived", "projects", "recents")})
    company.lists["projects/archived"] = []
    company.refuse = refuse
    _, error = drained(run_of(company, "deleted_records"))
    assert error is not None
    assert "deleted_records" in str(error)


def test_the_budget_alone_is_none() -> None:
    company = Deals({"persons": deals(TIMES)}, page=5)
    company.refuse = lambda request: (_ for _ in ()).throw(spent())
    _, error = drained(run_of(company, "persons"))
    assert error is None


def test_another_reason_to_stop_replaces_the_budget_while_pages_are_under_way() -> None:
    """Such as the memory: the program runs again and again, and nobody learns of it."""
    run = run_of(Deals({"persons": deals(TIMES)}), "persons")
    (status,) = run.runs
    run.schedule.take(status)  # a page is under way
    for error in (spent(), SyncError("The memory is full.", SYSTEM), spent()):
        run.schedule.stop(error)
    assert "The memory is full" in str(status.error)
