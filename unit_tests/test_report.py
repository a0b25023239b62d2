"""The log of a sync, on a fake clock."""

from __future__ import annotations

from typing import Any

import pytest

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.sync.outlook import Outlook
from source_pipedrive.sync.report import EVERY, Report, table
from source_pipedrive.sync.stream_run import StreamRun
from unit_tests.fakes import NOW, FakeClient
from unit_tests.single import run_of, stopped

LIMIT, REMAINING = "x-daily-ratelimit-token-limit", "x-daily-ratelimit-token-remaining"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["selected", "unselected"])
def reported(request: Any, caplog: pytest.LogCaptureFixture) -> tuple[Report, Clock, Any, Usage]:
    caplog.set_level("INFO")
    client = FakeClient(lambda params: {"data": []})
    run, _ = run_of("deals", client)
    clock = Clock()
    both = ([run], []) if request.param == "selected" else ([], [run])
    report = Report(client.usage, seconds_of(NOW), *both, clock=clock)
    return report, clock, run, client.usage


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.message for record in caplog.records]
    caplog.clear()
    return lines


def overall(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("Progress: ")]


def test_a_sync_reports_its_progress_every_half_minute_and_the_streams_that_moved(
    reported: tuple[Report, Clock, Any, Usage], caplog: pytest.LogCaptureFixture
) -> None:
    """Even while it waits, so that no platform takes it for dead."""
    report, clock, run, usage = reported
    run.start()
    logged(caplog)
    lines = []
    for second in range(300):
        clock.now = float(second)
        if second == 100:
            usage.charge("deals", 10, {})
            run.output.count(500)
        report.tick()
        lines += logged(caplog)
    assert len(overall(lines)) == 300 // EVERY - 1
    assert lines[0].endswith("done, 0 records, 0 tokens.")
    assert [line for line in lines if line not in overall(lines)] == [
        "deals: 500 records, 1 request, 10 tokens."
    ]
    assert lines.index("deals: 500 records, 1 request, 10 tokens.") == 4, "after its overall line"


def test_the_overall_line_sums_up_the_streams(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client, clock = FakeClient(lambda params: {"data": []}), Clock()
    runs = [run_of(name, client)[0] for name in ("deals", "persons")]
    other = run_of("organizations", client)[0]
    third = run_of("products", client)[0]
    report = Report(client.usage, seconds_of(NOW), [*runs, third], [other], clock=clock)
    third.start()
    third.output.ended(None)
    for run in (*runs, other):
        run.start()
        run.output.count(700)
    client.usage.charge("deals", 1_500, {LIMIT: "150000"})
    runs[0].fail_here(stopped())
    runs[0].end()
    logged(caplog)
    clock.now = EVERY
    report.tick()
    (line,) = overall(logged(caplog))
    assert line.startswith(
        "Progress: 1 of 3 streams done, 1 incomplete, 1,400 records, "
        "1,500 tokens (1.0 % of the day)"
    )


def test_only_a_sync_that_waits_for_an_answer_says_so(
    reported: tuple[Report, Clock, Any, Usage], caplog: pytest.LogCaptureFixture
) -> None:
    """Not one that waits for its turn, or for the destination."""
    report, clock, run, usage = reported
    run.start()
    turn = 0
    for half_minute in range(1, 7):
        clock.now = half_minute * EVERY
        if half_minute == 2:
            turn = usage.admit(10)
        if half_minute == 4:
            usage.charge("deals", 10, {}, turn)
        report.tick()
    waits = [line.endswith(", waiting for Pipedrive.") for line in overall(logged(caplog))]
    assert waits == [False, True, True, False, False, False]


def test_progress_shows_how_many_records_are_expected(
    reported: tuple[Report, Clock, Any, Usage], caplog: pytest.LogCaptureFixture
) -> None:
    report, clock, run, _ = reported
    run.start()
    run.output.count(500)
    span = run.reader.progress.spans[0]
    run.reader.progress.advance(span, span.at + 1, density=1_000 / (span.end - span.at))
    clock.now = EVERY
    report.tick()
    assert logged(caplog)[-1].startswith("deals: 500 of about 1,")


def test_a_stream_that_has_not_started_or_has_ended_logs_no_progress(
    reported: tuple[Report, Clock, Any, Usage], caplog: pytest.LogCaptureFixture
) -> None:
    report, clock, run, usage = reported
    usage.charge("deals", 10, {})
    clock.now = 100
    report.tick()
    run.start()
    run.end()
    clock.now = 200
    report.tick()
    assert [line for line in logged(caplog) if line.startswith("deals: ")] == [
        "deals: reading everything from 2025-11-23T00:00:00Z on."
    ]


def test_a_person_sees_a_new_line_each_second_and_the_last_one_at_the_end() -> None:
    client, clock, seen = FakeClient(lambda params: {"data": []}), Clock(), []
    run, _ = run_of("deals", client)
    report = Report(client.usage, seconds_of(NOW), [run], [], seen.append, clock)
    for tenth in range(1, 51):
        clock.now = tenth / 10
        report.tick()
    assert len(seen) == 5
    run.output.count(1)
    report.bill()
    assert seen[-1] == "0 of 1 stream done, 1 record, 0 tokens"


def test_the_bill_counts_one_record_as_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client = FakeClient(lambda params: {"data": []})
    run, _ = run_of("deals", client)
    run.output.count(1)
    client.usage.charge("deals", 10, {LIMIT: "100"})
    Report(client.usage, seconds_of(NOW), [run]).bill()
    assert logged(caplog)[-1] == (
        "Read 1 record; used 10 API tokens of this company's 100 tokens a day (10.0 %)."
    )


def outlook_of(
    records: int, spent: int, seconds: float, **left: int
) -> tuple[Outlook, list[StreamRun[Any]]]:
    """A sync of a list of so many records that has spent so many requests, ten tokens each, on it.

    left: of the company's daily budget.
    """
    client = FakeClient(lambda params: {"data": []})
    run, _ = run_of("deals", client)
    run.start()
    run.output.count(spent * 500)
    span = run.reader.progress.spans[0]
    density = (records - spent * 500) / (span.end - span.at)
    run.reader.progress.advance(span, span.at, density=density)
    outlook = Outlook(client.usage, 0.0)
    headers = {LIMIT: "1000000", REMAINING: str(left["left"] + 10)} if left else {}
    for _ in range(spent):
        client.usage.charge("deals", 10, headers)
    outlook.note(seconds)
    return outlook, [run]


@pytest.mark.parametrize(
    ("seconds", "sure", "expected"),
    [
        (1, True, "less than a minute left"),
        (60, True, "about 9 min left"),
        (60, False, "at least 9 min left"),
        (3_600, True, "about 9 hours left"),
        (36_000, True, "about 4 days left"),
    ],
)
def test_the_time_that_is_left_follows_from_the_pace(
    seconds: float, sure: bool, expected: str
) -> None:
    outlook, runs = outlook_of(records=50_000, spent=10, seconds=seconds)
    assert outlook.sentence(runs, sure) == expected


def test_a_budget_that_ends_sooner_is_what_counts() -> None:
    """Ten requests a minute, 90 to go, and tokens for 20."""
    outlook, runs = outlook_of(50_000, 10, 60, left=200)
    assert outlook.sentence(runs, True) == "about 2 min until the budget stops it"
    outlook, runs = outlook_of(50_000, 10, 60, left=900)
    assert outlook.sentence(runs, True) == "about 9 min left"


def test_nothing_is_guessed_before_the_first_answer_and_after_the_last() -> None:
    outlook, runs = outlook_of(50_000, 0, 60)
    assert outlook.sentence(runs, True) == ""
    outlook, runs = outlook_of(50_000, 10, 60)
    runs[0].fail_here(stopped())
    assert outlook.sentence(runs, True) == ""


def test_the_columns_of_the_table_line_up() -> None:
    usage = Usage()
    usage.charge("deals", 1_500, {"x-daily-ratelimit-token-limit": "150000"})
    lines = table([("deals", 150, 1_500, 75_000), ("all", 150, 1_500, 75_000)], usage)
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["deals", "150", "1,500", "75,000", "1.0", "%"]
    assert table([("deals", 1, 10, 5)], Usage())[1].split() == ["deals", "1", "10", "5"]
