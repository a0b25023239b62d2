"""budget_stop "succeed": a sync that only a budget has stopped succeeds, if it can be resumed.

Whoever runs the program takes exit code 0 for "replace the tables". So the rule is: never a
successful sync that leaves a table with fewer rows than before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests import program
from integration_tests.conftest import Box, Start
from integration_tests.engine import ROOT
from integration_tests.program import Outcome
from integration_tests.pyairbyte import SCHEMA, PyAirbyte
from integration_tests.test_pyairbyte import EXECUTABLE
from integration_tests.warehouse import follows_the_protocol, listed
from source_pipedrive.stream import Kind
from source_pipedrive.streams import STREAMS
from unit_tests.pyairbyte import needs_pyairbyte

CLOCK = "2026-11-01T10:00:00Z"
DAY = 86_400
LISTS = ("deals", "persons", "organizations", "activities", "notes")
WHOLE = ("currencies", "filters", "roles", "role_assignments", "user_permissions")
SUCCEED: dict[str, Any] = {"budget_stop": {"mode": "succeed"}, "num_workers": 2}


def stopped(outcome: Outcome, *names: str) -> list[str]:
    """The streams that did not reach their end."""
    return [name for name in names if outcome.statuses(name)[-1] == "INCOMPLETE"]


def succeeds(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.sentence()
    assert outcome.errors == []


def fails(outcome: Outcome) -> None:
    assert outcome.code == 1
    assert "stream_descriptor" not in outcome.errors[-1]  # the sync's own


ACCOUNTS = pytest.mark.parametrize(
    ("account", "limits"),
    [
        ({"daily_tokens": 150}, {"daily_token_reserve": 10}),
        ({"daily_tokens": 135}, {"daily_token_reserve": 0}),
        ({"daily_tokens": 135, "daily_headers": False}, {}),
        ({"daily_headers": False}, {"daily_token_budget": 135}),
    ],
    ids=["the reserve", "the whole day", "the day, unreported", "a limit of its own"],
)


@ACCOUNTS
def test_a_budget_alone_is_no_error(
    start: Start, account: dict[str, Any], limits: dict[str, int]
) -> None:
    """What is missing is in the statuses, in the log and in sync_reports, and is read later."""
    box = start(scale=1, clock=CLOCK, rate_limit=100_000, page_limit=100, **account)
    config = box.config(**SUCCEED, **limits)
    outcome = box.read(*LISTS, "sync_reports", config=config)
    succeeds(outcome)
    incomplete = stopped(outcome, *LISTS)
    assert incomplete
    follows_the_protocol(outcome.messages, {name: listed(box, name) for name in LISTS})
    warnings = [log["message"] for log in outcome.of("LOG") if log["level"] == "WARN"]
    (warning,) = [each for each in warnings if each.startswith("Not read to the end: ")]
    assert all(name in warning for name in incomplete)
    assert "The next sync continues where this one stopped." in warning
    rows = {row["stream"]: row for row in outcome.records("sync_reports")}
    assert rows[""]["status"] == "incomplete"
    for name in LISTS:
        is_open = name in incomplete
        assert rows[name]["status"] == ("incomplete" if is_open else "complete"), name
        assert bool(rows[name]["remaining_spans"]) == is_open, name
        assert bool(rows[name]["error"]) == is_open, name


def test_without_the_setting_it_stays_an_error(start: Start) -> None:
    box = start(scale=1, daily_headers=False, page_limit=50)
    for config in ({}, {"budget_stop": {"mode": "fail"}}):
        outcome = box.read("deals", config=box.config(daily_token_budget=100, **config))
        fails(outcome)
        assert len(outcome.errors) == 2


def test_half_of_a_full_refresh_is_an_error(start: Start) -> None:
    """Airbyte would replace a complete table by this part of it."""
    box = start(scale=1, daily_headers=False, page_limit=50)
    config = box.config(daily_token_budget=100, **SUCCEED)
    catalog = program.catalog_of(box.streams(), "deals", "persons")
    for entry in catalog["streams"]:
        if entry["stream"]["name"] == "persons":
            entry |= {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    outcome = box.run("read", config, "--catalog", box.file(catalog))
    fails(outcome)
    assert 0 < len(outcome.records("persons")) < len(listed(box, "persons"))
    assert "persons" in outcome.sentence()
    assert any("stopped it in persons: what replaces a table" in log for log in outcome.logs)


@pytest.mark.parametrize(
    ("minimum", "mode", "code"),
    [
        (0, "append", 0),
        (None, "append", 0),
        (3, "append", 1),
        (3, "append_dedup", 1),
        pytest.param(3, "overwrite", 0, id="as in PyAirbyte, which merges"),
    ],
)
def test_half_of_a_refresh_that_removes_records_is_an_error(
    start: Start, minimum: int | None, mode: str, code: int
) -> None:
    """Airbyte would remove the rows of earlier syncs, also those that were not read again."""
    box = start(scale=1, daily_headers=False, page_limit=50)
    config = box.config(daily_token_budget=100, **SUCCEED)
    catalog = program.catalog_of(box.streams(), "persons")
    for entry in catalog["streams"]:
        entry["destination_sync_mode"] = mode
        if minimum is not None:
            entry |= {"generation_id": 3, "minimum_generation_id": minimum, "sync_id": 7}
    outcome = box.run("read", config, "--catalog", box.file(catalog))
    assert outcome.statuses("persons")[-1] == "INCOMPLETE"
    assert outcome.code == code


def test_any_other_failure_is_an_error(start: Start) -> None:
    box = start(scale=1, daily_headers=False, page_limit=50)
    box.control("fail-next", [{"path_contains": "/stages", "status": 404, "times": 9}])
    config = box.config(daily_token_budget=150, **SUCCEED)
    outcome = box.read("stages", "deals", config=config)
    assert stopped(outcome, "stages", "deals") == ["stages", "deals"]
    fails(outcome)
    (of_stages, of_sync) = outcome.errors  # that of deals is in the sync's
    assert "404" in of_stages["message"]
    for part in ("404", "stages", "deals", "daily_token_budget"):
        assert part in of_sync["message"]


def test_a_parent_that_could_not_be_read_is_an_error(start: Start) -> None:
    """It is missing for another reason than the budget, which nobody would look for."""
    box = start(scale=1, daily_headers=False)
    box.control("fail-next", [{"path_contains": "/mailMessages", "status": 400, "times": 1}])
    config = box.config(daily_token_budget=700, **SUCCEED | {"num_workers": 1})
    outcome = box.read("deals", "deal_mail_messages", config=config)
    assert stopped(outcome, "deal_mail_messages")
    assert len(outcome.records("deal_mail_messages")) > 0
    fails(outcome)
    assert "daily_token_budget" in outcome.sentence()
    assert any("could not be read; the next sync asks" in log for log in outcome.logs)


def test_a_sync_that_cannot_read_anything_is_an_error(start: Start) -> None:
    """There is nothing to lose, and green syncs that read nothing would help nobody."""
    box = start(daily_tokens=2)
    box.read("deals", config=box.config(daily_token_reserve=0))
    fails(box.read("deals", config=box.config(**SUCCEED, daily_token_reserve=0)))


def test_what_cannot_resume_is_read_first(start: Start) -> None:
    """Otherwise a first sync that takes days would fail each day, before it reaches them."""
    box = start(scale=1, clock=CLOCK, daily_headers=False, page_limit=50)
    state: list[Any] = []
    for _ in range(3):
        config = box.config(daily_token_budget=500, **SUCCEED)
        outcome = box.read(*LISTS, "deal_followers", *WHOLE, config=config, state=state)
        succeeds(outcome)
        assert stopped(outcome, *WHOLE) == []
        assert stopped(outcome, *LISTS, "deal_followers")
        state = outcome.state
        box.control("clock", {"advance_seconds": DAY})


def test_of_all_streams_only_those_that_resume_are_left_for_later(start: Start) -> None:
    """A tenth of the sandbox's company, with a budget that pays for a part of it each day."""
    box = start(clock=CLOCK, rate_limit=100_000)
    config = box.config(daily_token_budget=5_000, **SUCCEED)
    names = [name for name, stream in STREAMS.items() if stream.kind is not Kind.REPORT]
    state: dict[str, Any] = {}
    for _ in range(2):
        outcome = box.read(*names, config=config, state=list(state.values()))
        succeeds(outcome)
        left = stopped(outcome, *names)
        assert left
        assert all(STREAMS[name].cursor_field for name in left)
        state |= {s["stream"]["stream_descriptor"]["name"]: s for s in outcome.state}
        box.control("clock", {"advance_seconds": DAY})


# PyAirbyte.


@pytest.fixture
def client(tmp_path: Path) -> Iterator[PyAirbyte]:
    running = PyAirbyte(tmp_path)
    yield running
    running.close()


def held(file: Path, name: str) -> list[tuple[Any, ...]]:
    """The rows of a table, without PyAirbyte's own columns, in order; [] if there is none."""
    with duckdb.connect(str(file), read_only=True) as connection:
        known = connection.execute(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = ? AND table_name = ? AND column_name NOT LIKE '\\_%' ESCAPE '\\' "
            "ORDER BY 1",
            [SCHEMA, name],
        ).fetchall()
        if not known:
            return []
        columns = ", ".join(f'"{column}"' for (column,) in known)
        return connection.execute(f"SELECT {columns} FROM {SCHEMA}.{name} ORDER BY ALL").fetchall()


@needs_pyairbyte
def test_pyairbyte_completes_a_history_that_costs_days(
    start: Start, client: PyAirbyte, tmp_path: Path
) -> None:
    """It stores nothing of a sync that fails, so without the setting each day would start over.
    No table ever loses a row, and at the end all hold what one sync without limits brings."""
    for page in ("recipes/postgresql.md", "budget.md"):
        assert '"budget_stop": {"mode": "succeed"}' in (ROOT / "docs" / page).read_text()
    names = [*LISTS, "deal_products", "deal_followers", "stages", "users", *WHOLE]
    box = start(clock=CLOCK, rate_limit=100_000, page_limit=100)
    box.control("clock", {"advance_seconds": DAY})
    whole, file = tmp_path / "whole.duckdb", tmp_path / "days.duckdb"
    # First, because Pipedrive hides deleted records after a month.
    assert client.sync(EXECUTABLE, box.config(), names, whole).error == ""
    box.control("switches", {"daily_tokens": 1_000})
    days = 0
    before: dict[str, int] = {}
    status = ""
    while status != "complete":
        box.control("clock", {"advance_seconds": DAY})
        days += 1
        assert days < 12
        sync = client.sync(EXECUTABLE, box.config(**SUCCEED), [*names, "sync_reports"], file)
        assert sync.error == "", client.said()[-3_000:]
        now = {name: len(held(file, name)) for name in names}
        assert all(now[name] >= before.get(name, 0) for name in names), (before, now)
        assert now != before or last_status(file) == "complete"
        before, status = now, last_status(file)
    assert days >= 3
    for name in names:
        assert held(whole, name), name
        assert held(file, name) == held(whole, name), name


def last_status(file: Path) -> str:
    """How the last sync ended, according to its report."""
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(
            f"SELECT status FROM {SCHEMA}.sync_reports WHERE stream = '' "
            "ORDER BY sync_ended_time DESC LIMIT 1"
        ).fetchone()
    assert found is not None
    return str(found[0])


@needs_pyairbyte
def test_pyairbyte_keeps_a_table_that_a_full_refresh_could_not_finish(
    start: Start, client: PyAirbyte, tmp_path: Path
) -> None:
    box: Box = start(scale=1, clock=CLOCK, rate_limit=100_000, daily_headers=False)
    file, names = tmp_path / "whole.duckdb", ["deals", "user_permissions", "role_settings"]
    assert client.sync(EXECUTABLE, box.config(), names, file).error == ""
    before = {name: held(file, name) for name in names}
    assert all(before.values())
    config = box.config(daily_token_budget=100, **SUCCEED)
    assert client.sync(EXECUTABLE, config, names, file).error != ""
    assert {name: held(file, name) for name in names} == before
