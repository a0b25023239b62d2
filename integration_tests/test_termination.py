"""SIGTERM ends the program within ten seconds, whatever it is waiting for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import LISTS, Outcome, catalog_of
from integration_tests.test_audit import found

ROOT = Path(__file__).parent.parent
SOON = 10  # seconds that Docker and PyAirbyte wait before SIGKILL


class Running:
    """The program as a process. Its output is read only when a test asks for it."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "main.py", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._lines: list[bytes] = []
        self._pending = b""  # read, but not asked for yet

    def until(self, words: str) -> None:
        """Reads lines up to the first that contains `words`."""
        while True:
            line, end, rest = self._pending.partition(b"\n")
            if end:
                self._lines.append(line + end)
                self._pending = rest
                if words.encode() in line:
                    return
            elif chunk := os.read(self._output, 1 << 16):
                self._pending += chunk
            else:
                raise AssertionError(f"the program ended before it printed {words!r}")

    def terminate(self, drain: bool = True) -> Outcome:
        """Sends SIGTERM and waits. drain: read what the program still writes."""
        asked = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        if drain:
            rest, errors = self._process.communicate(timeout=2 * SOON)
        else:
            self._process.wait(timeout=2 * SOON)
            rest, errors = self._process.communicate()
        assert time.monotonic() - asked < SOON
        assert errors == b""
        return Outcome(self._process.returncode, b"".join(self._lines) + self._pending + rest)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


Begin = Callable[..., Running]


@pytest.fixture
def begin() -> Iterator[Begin]:
    running: list[Running] = []

    def start(*arguments: str) -> Running:
        running.append(Running(*arguments))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def address(server: socket.socket) -> str:
    return "http://{}:{}".format(*server.getsockname())


def read(box: Box, *streams: str, config: dict[str, Any]) -> list[str]:
    """The arguments of a sync."""
    catalog = catalog_of(box.streams(), *streams)
    return ["read", "--config", box.file(config), "--catalog", box.file(catalog)]


@pytest.mark.parametrize("kind", ["config", "oauth"])
@pytest.mark.parametrize("command", ["check", "discover", "read"])
def test_a_first_request_that_is_never_answered(
    begin: Begin, silent: socket.socket, shared_box: Box, command: str, kind: str
) -> None:
    """With OAuth, the first request renews the access token."""
    config = getattr(shared_box, kind)()
    config["api_url"] = address(silent)
    config["custom_fields"] = "columns_and_raw"
    arguments = [command, "--config", shared_box.file(config)]
    if command == "read":
        arguments = read(shared_box, "currencies", config=config)
    running = begin(*arguments)
    connection, _ = silent.accept()
    with connection:
        outcome = running.terminate()
    assert outcome.code == -signal.SIGTERM
    assert outcome.of("TRACE") == []


def test_a_first_request_that_is_retried(begin: Begin, start: Start) -> None:
    box = start()
    box.control("fail-next", [{"path_contains": "/users/me", "status": 503, "times": 50}])
    running = begin(*read(box, "currencies", config=box.config()))
    running.until("Trying again")
    outcome = running.terminate()
    assert outcome.code == -signal.SIGTERM
    assert "asked to stop" in outcome.errors[-1]["message"]


@pytest.mark.parametrize("option", ["--config", "--catalog", "--state"])
def test_a_file_that_never_arrives(
    begin: Begin, shared_box: Box, tmp_path: Path, option: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    arguments = read(shared_box, "currencies", config=shared_box.config())
    files = {**dict(zip(arguments[1::2], arguments[2::2], strict=True)), option: str(pipe)}
    running = begin("read", *(word for pair in files.items() for word in pair))
    descriptor = os.open(pipe, os.O_WRONLY)  # blocks until the program opens it too
    try:
        outcome = running.terminate()
    finally:
        os.close(descriptor)
    assert outcome.code == -signal.SIGTERM


@pytest.mark.parametrize("path", ["dealFields", "v2/deals"])
def test_a_stream_that_has_started_is_ended_in_order(begin: Begin, start: Start, path: str) -> None:
    """Even while its fields are still being requested."""
    box = start()
    config = box.config(custom_fields="columns_and_raw")
    arguments = read(box, "deals", "currencies", config=config)
    box.control("fail-next", [{"path_contains": path, "delay_ms": 120_000, "times": 9}])
    running = begin(*arguments)
    running.until('"COMPLETE"')  # of currencies
    outcome = running.terminate()
    assert outcome.code == -signal.SIGTERM
    assert outcome.statuses("currencies") == ["STARTED", "RUNNING", "COMPLETE"]
    assert outcome.statuses("deals") == ["STARTED", "INCOMPLETE"]
    assert "asked to stop" in outcome.errors[-1]["message"]


def test_an_audit_is_resumed_where_it_was_stopped(begin: Begin, start: Start) -> None:
    """While one list does not answer. Streams that only wait for its records are complete."""
    box = start(rate_limit=1_000_000)
    audit = {"mode": "verify", "share_of_day": 100, "write_again": True}
    config = box.config(find_deleted_records=audit, num_workers=8)
    catalog = catalog_of(box.streams(), "deals", "deleted_records")
    for each in catalog["streams"]:
        each["destination_sync_mode"] = "append_dedup"
    command = ["read", "--config", box.file(config), "--catalog", box.file(catalog)]
    first = box.run(command[0], config, *command[3:])
    purged = {name: box.control(f"records/{name}")[3]["id"] for name in ("activities", "persons")}
    for name, id_ in purged.items():
        box.control("change-records", {"action": "purge", "object": name, "ids": [id_]})
    box.control("clock", {"advance_seconds": 7 * 86_400})
    box.control("fail-next", [{"path_contains": "v2/persons", "delay_ms": 120_000, "times": 99}])

    running = begin(*command, "--state", box.file(first.state))
    running.until("audited activities: ")
    cut = running.terminate()
    # All streams have been read; only the audit waits, as it does when its share is spent.
    assert cut.code == 0
    assert {cut.statuses(name)[-1] for name in ("deals", "deleted_records")} == {"COMPLETE"}
    assert any("The next sync resumes it" in line for line in cut.logs)
    assert found(cut) == {("activities", str(purged["activities"]))}
    assert cut.records("deals"), "the audit wrote them again"

    box.control("clear-faults", {})
    box.control("reset-ledger", {})
    states = {str(each["stream"]["stream_descriptor"]): each for each in (*first.state, *cut.state)}
    last = box.run(command[0], config, *command[3:], "--state", box.file([*states.values()]))
    assert last.code == 0, last.sentence()
    assert found(last) == {("persons", str(purged["persons"]))}
    assert "activities" not in box.control("ledger"), "their audit was complete"


def test_output_that_nobody_reads(begin: Begin, shared_box: Box) -> None:
    """PyAirbyte ends the program this way when it has enough records."""
    running = begin(*read(shared_box, *LISTS, config=shared_box.config()))
    running.until('"RECORD"')
    outcome = running.terminate(drain=False)
    assert outcome.code == -signal.SIGTERM


def test_process_1_exits_with_the_code_of_the_signal() -> None:
    """The kernel does not deliver a signal that the first process of a container sends itself."""
    program = "import os; os.kill = print; from source_pipedrive import termination as t; t.die()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert done.returncode == 128 + signal.SIGTERM


def test_a_sigterm_that_the_parent_ignored_works(silent: socket.socket, shared_box: Box) -> None:
    config = shared_box.file(shared_box.config(api_url=address(silent)))
    command = json.dumps([sys.executable, "main.py", "check", "--config", config])
    ignoring = (
        "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"command = {command}; os.execv(command[0], command)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", ignoring], cwd=ROOT, stdout=subprocess.DEVNULL
    ) as process:
        connection, _ = silent.accept()
        with connection:
            process.terminate()
            assert process.wait(timeout=SOON) == -signal.SIGTERM


@pytest.mark.parametrize("parent", ["SIG_IGN", "SIG_DFL"])
def test_a_tool_listens_while_it_is_still_being_imported(parent: str) -> None:
    """As the first process of a container, it would otherwise not be sent the signal at all."""
    program = (
        "import os, signal; from contextlib import contextmanager; "
        "from source_pipedrive import run; "
        f"signal.signal(signal.SIGTERM, signal.{parent}); "
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}); "
        "run.hidden_sources = contextmanager("
        "lambda: (yield os.kill(os.getpid(), signal.SIGTERM))); "
        "run.main(['probe', '--plan'])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, b"", b"")
