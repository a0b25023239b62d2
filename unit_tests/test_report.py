"""The log of a sync, on a fake clock."""

from __future__ import annotations

from typing import Any

import pytest

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.sync.report import EVERY, Report, table
from unit_tests.fakes import NOW, FakeClient
from unit_tests.single import run_of


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


def test_a_long_stream_reports_its_progress_every_half_minute(
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
    assert len(lines) == 300 // EVERY - 1
    assert lines[0] == "deals: 0 records so far, 0 requests, 0 tokens."
    assert lines[1] == "deals: 0 records so far, 0 requests, 0 tokens, waiting for Pipedrive."
    assert lines[3] == "deals: 500 records so far, 1 requests, 10 tokens."


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
    report, clock, run, _ = reported
    clock.now = 100
    report.tick()
    run.start()
    run.end()
    logged(caplog)
    clock.now = 200
    report.tick()
    assert logged(caplog) == []


def test_the_columns_of_the_table_line_up() -> None:
    usage = Usage()
    usage.charge("deals", 1_500, {"x-daily-ratelimit-token-limit": "150000"})
    lines = table([("deals", 150, 1_500, 75_000), ("all", 150, 1_500, 75_000)], usage)
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["deals", "150", "1,500", "75,000", "1.0", "%"]
    assert table([("deals", 1, 10, 5)], Usage())[1].split() == ["deals", "1", "10", "5"]
