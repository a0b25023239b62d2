"""The benchmark must compare programs that do the same work, or its ratios mean nothing."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from benchmarks import commands, floor, report
from benchmarks.bench import Bench
from benchmarks.fetching import next_cursor
from benchmarks.pace import Pace, stream_seconds
from benchmarks.programs import run
from benchmarks.records import Records, check_same, records_of
from benchmarks.row import Measured, Row
from benchmarks.rows import ROWS
from benchmarks.service import Service, sandbox
from docs.generators import blocks

DEALS = 1_200


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with sandbox(DEALS) as running:
        yield running


@pytest.fixture(scope="module")
def connector(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Records:
    """The records that the connector reads; afterwards the sandbox has recorded its requests."""
    return output_of(commands.read(service, "deals", 2, tmp_path_factory.mktemp("bench")))


@pytest.fixture(scope="module")
def asked(connector: Records, service: Service) -> dict[str, str]:
    return service.asked(commands.PATHS["deals"])


def output_of(command: list[str]) -> Records:
    output = BytesIO()
    run(command, output)
    return records_of(output.getvalue().splitlines())


def line(**data: Any) -> bytes:
    record = {"stream": "deals", "data": data, "emitted_at": 1}
    return json.dumps({"type": "RECORD", "record": record}).encode()


def test_floor_and_connector_read_the_same_deals(
    service: Service, connector: Records, asked: dict[str, str]
) -> None:
    expected = output_of(commands.floor(service, "deals", asked))
    assert expected.count == expected.unique >= DEALS
    check_same("connector", connector, expected)


def test_the_floor_follows_the_cursor_to_the_end(service: Service, asked: dict[str, str]) -> None:
    found = {}
    for limit in ("500", "100"):
        output, url = BytesIO(), service.url + commands.PATHS["deals"]
        pages = floor.read("deals", url, service.token, {**asked, "limit": limit}, output)
        found[limit] = records_of(output.getvalue().splitlines())
        assert pages == -(-found[limit].count // int(limit))
    assert found["500"] == found["100"]
    assert found["500"].count >= DEALS


def test_the_floor_fails_if_a_page_is_refused(service: Service) -> None:
    with pytest.raises(RuntimeError, match="401 for page 1"):
        floor.read("deals", service.url + commands.PATHS["deals"], "wrong", {}, BytesIO())


def test_the_floor_drops_only_top_level_nulls() -> None:
    row: dict[str, object] = {"id": 1, "title": None, "custom_fields": {"a": None}}
    (message,) = map(json.loads, floor.lines("deals", [row]).splitlines())
    assert message["record"]["data"] == {"id": 1, "custom_fields": {"a": None}}


def test_order_does_not_matter_and_other_messages_are_ignored() -> None:
    log = b'{"type":"LOG","log":{"level":"INFO","message":"x"}}'
    one = records_of([line(id=1, title="a"), line(id=2), log])
    assert one == records_of([line(id=2), line(title="a", id=1)])
    assert one.count == one.unique == 2


def test_missing_different_and_duplicate_records_are_detected() -> None:
    expected = records_of([line(id=1), line(id=2)])
    for lines in ([line(id=1)], [line(id=1), line(id=3)], [line(id=1), line(id=2), line(id=2)]):
        with pytest.raises(RuntimeError, match="connector"):
            check_same("connector", records_of(lines), expected)


def test_a_failing_program_is_an_error_with_the_end_of_its_output() -> None:
    with pytest.raises(RuntimeError, match="ended with 3:\nno more"):
        run([sys.executable, "-c", "print('no more'); raise SystemExit(3)"], BytesIO())


def test_the_cursor_is_found_at_the_end_of_a_page() -> None:
    start = b'{"success":true,"data":[{"a":{"additional_data":1}}],'
    assert next_cursor(start + b'"additional_data":{"next_cursor":"abc"}}') == "abc"
    assert next_cursor(start + b'"additional_data":{"next_cursor":null}}') == ""
    assert next_cursor(start + b'"additional_data":{}}') == ""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in ("PARENTS", "RECORDS", "AUDITED"):
        monkeypatch.setattr(f"benchmarks.bench.{name}", 300)
    with Bench(DEALS, repetitions=1) as bench:
        yield bench


def test_each_parent_takes_one_request(small: Bench) -> None:
    costs, requests = small.asking
    assert set(costs) == {"connector 1", "connector 1 start"}
    assert 300 < requests < 400, "the archived deals are parents too, and the lists take a few more"


def test_the_second_sync_reads_only_what_changed(small: Bench) -> None:
    costs, records = small.changed
    assert set(costs) == {"connector", "connector start"}
    assert records == 3


def test_an_audit_costs_what_it_announces(small: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.audit.DELETED", 8)
    monkeypatch.setattr("benchmarks.audit.MERGED", 3)
    monkeypatch.setattr("benchmarks.audit.PURGED", 2)
    figures = small.audit
    assert figures.found >= 8 + 2 + 2, "and the children of deals"
    assert figures.announced < figures.spent < 2 * figures.announced
    assert figures.records > DEALS
    assert 0 < figures.bytes < 10_000
    assert figures.lead_bytes > 16 * figures.leads > 0


def test_the_connector_logs_a_streams_duration_if_it_chooses_the_workers(
    service: Service, tmp_path: Path
) -> None:
    command = commands.read(service, "deals", None, tmp_path)
    assert "num_workers" not in json.loads(Path(command[3]).read_text(encoding="utf-8"))
    output = BytesIO()
    cost = run(command, output)
    assert 0 <= stream_seconds(output.getvalue().splitlines()) < cost.wall


def test_an_incomplete_stream_has_no_pace() -> None:
    log = b'{"type":"LOG","log":{"message":"deals 9 records 1 requests 10 tokens 2.0 s  %s"}}'
    with pytest.raises(LookupError):
        stream_seconds([log % b"incomplete: Pipedrive refused it", line(id=1)])


def test_a_pace_is_a_share_of_the_limit_and_names_what_limits_it() -> None:
    def paced(requests: int, connector: float = 0.3, sandbox: float = 0.1) -> Pace:
        return Pace(80, requests, 2, 10.0, connector, sandbox)

    assert paced(300).used == 0.75
    assert str(paced(1_200)) == "1,200 requests in 10.0 s, 2 refused; bounded by the rate limit"
    assert paced(360, connector=0.97).bound == "bounded by the rate limit"
    slow = paced(300, connector=0.97)
    assert slow.bound == "bounded by the connector's CPU (97 % of a core)"
    assert paced(300, 0.97, 0.95).bound == "bounded by the sandbox's CPU (95 % of a core)"
    assert "neither the limit nor a CPU" in paced(300).bound


def test_a_row_shows_whether_its_target_is_met() -> None:
    most = Row("a", "x", lambda _: Measured(2, ""), at_most=2.5)
    least = Row("b", "pages", lambda _: Measured(400, "half the time"), at_least=500)
    assert most.holds(2.5)
    assert not most.holds(2.51)
    assert "| b    | 400 pages | at least 500 | MISSED  |" in report.table(
        [(most, Measured(2, "")), (least, Measured(400, "half the time"))]
    )


def test_a_target_may_have_two_ends() -> None:
    row = Row("a", "x", lambda _: Measured(1, ""), at_most=1.05, at_least=0.95)
    assert row.wanted == "0.95 to 1.05"
    assert [row.holds(value) for value in (0.94, 0.95, 1, 1.05, 1.06)] == [
        *(False, True, True, True, False)
    ]


def test_a_row_without_a_measurement_is_neither_met_nor_missed() -> None:
    row = Row("size", "MB", lambda bench: Measured(1, ""), at_most=2)
    assert row.holds(math.nan) is None
    text = report.table([(row, Measured(math.nan, "no engine"))])
    assert "| size | not measured | at most 2 |         | no engine |" in text


def test_the_readme_has_a_result_for_every_row() -> None:
    lines = blocks.read(report.README, report.BLOCK).splitlines()
    named = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert named[2:] == [row.what for row in ROWS]


def test_results_are_written_between_the_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = tmp_path / "README.md"
    monkeypatch.setattr(report, "README", readme)
    begin, end = "<!-- results: generated by `make bench` -->", "<!-- /results -->"
    for old in ("\n\n", "\n\nold\n\n"):
        text = f"before\n\n{begin}{old}{end}\n\nafter\n"
        readme.write_text(text, encoding="utf-8")
        report.write("| new |")
        expected = f"before\n\n{begin}\n\n| new |\n\n{end}\n\nafter\n"
        assert readme.read_text(encoding="utf-8") == expected
    readme.write_text("no place", encoding="utf-8")
    with pytest.raises(ValueError, match=r"README.md has no place for the block 'results'"):
        report.write("| new |")
