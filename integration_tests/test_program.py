"""The program end to end: a sync as a scheduler sees it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from integration_tests.conftest import Box, Start
from integration_tests.program import LISTS, Outcome, catalog_of, run
from source_pipedrive.streams import STREAMS

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def first(shared_box: Box) -> Outcome:
    shared_box.control("reset-ledger", {})
    return shared_box.read(*STREAMS)


def test_a_sync_succeeds_and_writes_nothing_but_messages(first: Outcome) -> None:
    assert first.code == 0
    assert {m["type"] for m in first.messages} == {"LOG", "RECORD", "STATE", "TRACE"}
    assert first.errors == []


def test_every_stream_reports_its_status(shared_box: Box, first: Outcome) -> None:
    for stream in shared_box.streams():
        name = stream["name"]
        running = ["RUNNING"] if first.records(name) else []
        assert first.statuses(name) == ["STARTED", *running, "COMPLETE"], name
        assert [s for s in first.state if s["stream"]["stream_descriptor"]["name"] == name]


def test_every_record_of_the_sandbox_arrives(shared_box: Box, first: Outcome) -> None:
    for stream in shared_box.streams():
        name = stream["name"]
        if name not in LISTS or name in ("global_messages", "user_settings", "user_connections"):
            continue  # children: test_children.py
        (key,) = stream["source_defined_primary_key"][0]
        if name == "deals_summary":
            assert len(first.records(name)) == 3
            continue
        every = "?status=open,won,lost,deleted" if name.startswith("deals") else ""
        listed = shared_box.control(f"records/{name}{every}")
        if name.startswith("projects"):
            every_one = [*listed, *shared_box.control(f"records/{name}?status=deleted")]
            listed = list({record["id"]: record for record in every_one}.values())
        assert {r[key] for r in first.records(name)} == {r[key] for r in listed}, name
        assert len(first.records(name)) >= len(listed) > 0, name


def test_every_record_matches_the_catalog(shared_box: Box, first: Outcome) -> None:
    for stream in shared_box.streams():
        checker = Draft7Validator(
            stream["json_schema"], format_checker=Draft7Validator.FORMAT_CHECKER
        )
        for record in first.records(stream["name"]):
            errors = [f"{list(e.path)}: {e.message}" for e in checker.iter_errors(record)]
            assert not errors, stream["name"]


def test_times_have_one_type_in_the_warehouse(shared_box: Box, first: Outcome) -> None:
    for stream in shared_box.streams():
        properties: dict[str, Any] = stream["json_schema"]["properties"]
        times = [n for n, p in properties.items() if p.get("format") == "date-time"]
        for record in first.records(stream["name"]):
            for name in times:
                assert record.get(name) is None or record[name].endswith("Z"), (
                    stream["name"],
                    name,
                )


def test_the_report_agrees_with_what_the_sandbox_charged(shared_box: Box) -> None:
    shared_box.control("reset-ledger", {})
    outcome = shared_box.read()
    ledger = shared_box.control("ledger")
    for name, charged in ledger.items():
        if name == "users_me":
            assert charged == {"requests": 1, "tokens": 2, "refused": 0}
            continue
        (line,) = [log for log in outcome.logs if log.startswith(f"{name} ") and "tokens" in log]
        words = line.replace(",", "").split()
        reported = int(words[words.index("requests") - 1]), int(words[words.index("tokens") - 1])
        assert reported == (charged["requests"], charged["tokens"]), name
    total = sum(charged["tokens"] for charged in ledger.values())
    assert f"used {total:,} API tokens of this company's 150,000" in outcome.logs[-1]


def test_archives_are_read_after_the_lists_that_records_move_out_of(shared_box: Box) -> None:
    """Otherwise a record that is archived in between would be in neither."""
    shared_box.control("reset-ledger", {})
    shared_box.read("deals", "deals_archived", "leads", "leads_archived")
    paths = [request["path"] for request in shared_box.control("requests")]
    for name in ("v2/deals", "v1/leads"):
        live = [n for n, path in enumerate(paths) if path.endswith(name)]
        archived = [n for n, path in enumerate(paths) if path.endswith(f"{name}/archived")]
        assert max(live) < min(archived)


def test_a_second_sync_reads_only_what_changed(start: Start) -> None:
    box = start(scale=0.05, clock="2026-11-23T10:00:00Z", rate_limit=100_000)
    first = box.read()
    box.control("clock", {"advance_seconds": 3600})
    caught_up = box.read(state=first.state)  # deliberately reads the last minute again
    box.control("clock", {"advance_seconds": 3600})
    quiet = box.read(state=caught_up.state)
    for name in ("deals", "persons", "organizations", "activities", "notes", "leads", "files"):
        assert quiet.records(name) == [], name
    box.control("clock", {"advance_seconds": 3600})
    box.control("mutate", {"seed": 5, "edits": 40, "adds": 20, "deletes": 0, "archives": 0})
    box.control("clock", {"advance_seconds": 5})
    later = box.read(state=quiet.state)
    assert later.code == 0
    changed = [r for r in later.of("RECORD") if r["stream"] in ("deals", "persons", "notes")]
    assert changed
    assert all(r["data"]["update_time"] == "2026-11-23T13:00:00Z" for r in changed)


def test_a_full_refresh_ignores_the_state(shared_box: Box, first: Outcome) -> None:
    again = shared_box.read("deals", state=first.state, mode="full_refresh")
    assert len(again.records("deals")) == len(first.records("deals"))


def test_the_history_limits_deals_but_not_persons(shared_box: Box, first: Outcome) -> None:
    config = shared_box.config(history={"mode": "duration", "duration": "1 month"})
    cut = shared_box.read("deals", "persons", "call_logs", "mail_threads", config=config)
    assert 0 < len(cut.records("deals")) < len(first.records("deals"))
    assert len(cut.records("persons")) == len(first.records("persons"))
    assert len(cut.records("call_logs")) < len(first.records("call_logs"))
    assert any("from 20" in log for log in cut.logs)


def test_a_longer_history_reads_the_missing_range(shared_box: Box, first: Outcome) -> None:
    config = shared_box.config(history={"mode": "duration", "duration": "1 month"})
    cut = shared_box.read("deals", "notes", "files", config=config)
    more = shared_box.read("deals", "notes", "files", state=cut.state)
    for name in ("deals", "notes", "files"):
        both = {r["id"] for r in cut.records(name)} | {r["id"] for r in more.records(name)}
        assert both == {r["id"] for r in first.records(name)}
        assert len(more.records(name)) < len(first.records(name))


@pytest.mark.parametrize("nulls", ["first", "last"])
def test_records_without_a_time_arrive(start: Start, nulls: str) -> None:
    box = start(scale=0.5, null_update_times=7, nulls=nulls, rate_limit=100_000)
    outcome = box.read("persons", "organizations", "deals", "products")
    for name in ("persons", "organizations", "deals", "products"):
        unknown = [r["id"] for r in outcome.records(name) if "update_time" not in r]
        assert len(set(unknown)) == 7, name


def test_what_the_documentation_leaves_open_makes_no_difference(start: Start) -> None:
    """Where Pipedrive's documentation is silent, either answer leads to the same records."""
    clock = "2026-11-23T10:00:00Z"
    plain = start(scale=0.3, clock=clock, rate_limit=100_000).read()
    other = start(
        scale=0.3,
        clock=clock,
        rate_limit=100_000,
        empty_list="list",
        next_cursor="absent",
        cursor_marks="last",
        lead_pagination="flat",
        mail_pagination="absent",
        nulls="last",
        v1_sort_keys=1,
        daily_headers=False,
        mail_folders="inconsistent",
    ).read()
    assert other.code == 0
    for stream in ("deals", "leads", "leads_archived", "notes", "files", "mail_threads", "users"):
        mine, theirs = plain.records(stream), other.records(stream)
        assert {r["id"] for r in mine} == {r["id"] for r in theirs}, stream


@pytest.mark.parametrize("answer", ["402", "403", "404", "410"])
def test_a_plan_without_teams_makes_an_empty_stream_and_a_successful_sync(
    start: Start, shared_box: Box, answer: str
) -> None:
    shared_box.control("switches", {"legacy_teams": answer})
    try:
        outcome = shared_box.read("legacy_teams", "currencies")
    finally:
        shared_box.control("switches", {"legacy_teams": "ok"})
    assert outcome.code == 0
    assert outcome.statuses("legacy_teams") == ["STARTED", "COMPLETE"]
    assert any("legacy_teams" in log and answer in log for log in outcome.logs)


def test_removed_messages_make_an_empty_stream_and_a_successful_sync(first: Outcome) -> None:
    assert first.statuses("global_messages") == ["STARTED", "COMPLETE"]
    assert any("2022" in log for log in first.logs if log.startswith("global_messages"))


@pytest.mark.parametrize(("status", "words"), [(200, b'"RECORD"'), (503, b'"STARTED"')])
def test_a_closed_pipe_ends_the_program_quietly(start: Start, status: int, words: bytes) -> None:
    """Whichever thread writes to it: when a page is retried, a worker thread logs."""
    box = start(rate_limit=100_000)
    catalog = box.file(catalog_of(box.streams(), "deals"))
    command = [sys.executable, "main.py", "read", "--config", box.file(box.config())]
    if status != 200:
        box.control("fail-next", [{"path_contains": "v2/deals", "status": status, "times": 50}])
    with subprocess.Popen(
        [*command, "--catalog", catalog], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert any(words in line for line in process.stdout)
        process.stdout.close()
        assert process.wait(timeout=20) == 128 + signal.SIGPIPE
        assert process.stderr is not None
        assert process.stderr.read() == b""


def on_a_terminal(box: Box, path: Path, config: str, output: int | None = None) -> tuple[int, str]:
    """Reads two streams into a file, or into `output`, with standard error at a terminal. Returns
    the exit code and what the terminal received."""
    catalog = box.file(catalog_of(box.streams(), "deals", "currencies"))
    command = [sys.executable, "main.py", "read", "--config", config, "--catalog", catalog]
    person, terminal = os.openpty()
    with path.open("wb") as file:
        code = subprocess.run(command, stdout=output or file, stderr=terminal, cwd=ROOT).returncode
    return code, all_seen(person, terminal)


def all_seen(person: int, terminal: int) -> str:
    """What the terminal received. Closes both ends; a bell marks the end of the text."""
    os.write(terminal, b"\a")
    seen = b""
    while not seen.endswith(b"\a"):
        seen += os.read(person, 10_000)
    os.close(terminal)
    os.close(person)
    return seen.removesuffix(b"\a").decode()


def test_a_person_at_a_terminal_sees_one_line_of_progress(start: Start, tmp_path: Path) -> None:
    box, records = start(rate_limit=100_000), tmp_path / "records.jsonl"
    code, seen = on_a_terminal(box, records, box.file(box.config()))
    assert code == 0
    assert seen.endswith("\r\n")
    lines = [line for line in seen.removesuffix("\r\n").split("\r\x1b[K") if line]
    assert all(re.fullmatch(r"\d of 2 streams done, [\w ,.%()]+", line) for line in lines), lines
    assert lines[-1].startswith("2 of 2 streams done, ")
    assert b'"type":"LOG"' in records.read_bytes()


def test_a_person_at_a_terminal_sees_why_a_sync_failed(start: Start, tmp_path: Path) -> None:
    box, records = start(rate_limit=100_000), tmp_path / "records.jsonl"
    wrong = {"auth_type": "api_token", "api_token": "wrong"}
    code, seen = on_a_terminal(box, records, box.file(box.config(credentials=wrong)))
    assert code == 1
    assert seen.count("\n") == 1
    assert "401" in seen


def test_ctrl_c_ends_a_sync_without_a_traceback(start: Start, tmp_path: Path) -> None:
    box, records = start(rate_limit=100_000, latency_ms=500), tmp_path / "records.jsonl"
    catalog = box.file(catalog_of(box.streams(), "deals", "deal_changelog"))
    command = [sys.executable, "main.py", "read", "--config", box.file(box.config())]
    person, terminal = os.openpty()
    with (
        records.open("wb") as file,
        subprocess.Popen(
            [*command, "--catalog", catalog], stdout=file, stderr=terminal, cwd=ROOT
        ) as process,
    ):
        while b"STARTED" not in records.read_bytes():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == -signal.SIGINT
    seen = all_seen(person, terminal)
    assert "Traceback" not in seen
    assert "Interrupted. The states in the output are valid" in seen


def test_an_orchestrator_at_a_terminal_has_it_to_itself(start: Start, tmp_path: Path) -> None:
    """PyAirbyte, for example, reads a pipe and draws its own progress."""
    box = start(rate_limit=100_000)
    reads = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(reads, stdin=subprocess.PIPE) as orchestrator:
        assert orchestrator.stdin is not None
        pipe = orchestrator.stdin.fileno()
        seen = on_a_terminal(box, tmp_path / "unused", box.file(box.config()), pipe)
    assert seen == (0, "")


def test_main_py_and_the_console_script_are_the_same_program() -> None:
    script = Path(sys.executable).with_name("source-pipedrive")
    by_name = subprocess.run([script, "spec"], capture_output=True, check=True, cwd=ROOT)
    by_file = subprocess.run(
        [sys.executable, "main.py", "spec"], capture_output=True, check=True, cwd=ROOT
    )
    assert by_name.stdout == by_file.stdout == run("spec").output
    assert by_name.stderr == by_file.stderr == b""
