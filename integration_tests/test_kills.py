"""A connector that is killed anywhere loses nothing if it restarts with the last state it wrote."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from select import select
from typing import Any

import pytest

from integration_tests import program
from integration_tests.conftest import Box, Start
from integration_tests.program import Message, Outcome
from integration_tests.warehouse import Record, Warehouse, follows_the_protocol, listed
from source_pipedrive.run import main

CLOCK = "2026-11-23T10:00:00Z"
LARGE = ("activities", "deals", "deals_archived", "persons", "organizations", "notes", "files")
LIMIT = {"files": 100}
ROOT = Path(__file__).parent.parent
Truth = dict[str, dict[Any, Record]]


def begin(box: Box, workers: int, state: list[Message] | None) -> list[str]:
    """The arguments of a sync of the large streams."""
    catalog = program.catalog_of(box.streams(), *LARGE)
    arguments = ["--config", box.file(box.config(num_workers=workers))]
    arguments += ["--catalog", box.file(catalog)]
    return ["read", *arguments, *(["--state", box.file(state)] if state else [])]


def whole_lines(output: bytes) -> bytes:
    """The complete lines, which is what a platform uses of a program that died."""
    return output[: output.rfind(b"\n") + 1]


def signalled(
    arguments: list[str], after: int, number: signal.Signals, pause: float = 0
) -> tuple[int, bytes, float]:
    """Run the program in a fork until it has written `after` bytes, then, after a pause in seconds,
    send it a signal.

    Returns its exit code, its whole output, and the seconds it took to exit.
    """
    child, read = program.fork(main, arguments)
    output = b""
    with os.fdopen(read, "rb", buffering=0) as pipe:
        while len(output) < after and (piece := pipe.read(65_536)):
            output += piece
        end = time.monotonic() + pause
        while pause and select([pipe], [], [], max(0, end - time.monotonic()))[0]:
            if not (piece := pipe.read(65_536)):
                break
            output += piece
        os.kill(child, number)
        asked = time.monotonic()
        while piece := pipe.read(65_536):
            output += piece
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), output, time.monotonic() - asked


def killed_fork(arguments: list[str], after: int, pause: float = 0) -> tuple[Outcome, bool]:
    """The outcome of a program that is killed, and whether that was before its end."""
    code, output, _ = signalled(arguments, after, signal.SIGKILL, pause)
    return Outcome(code, whole_lines(output)), code == -signal.SIGKILL


def latest(state: dict[str, Message], outcome: Outcome) -> dict[str, Message]:
    """The last state of each stream, as the platform stores it."""
    for message in outcome.state:
        state[message["stream"]["stream_descriptor"]["name"]] = message
    return state


def assert_complete(truth: Truth, warehouse: Warehouse) -> None:
    for name in LARGE:
        assert warehouse.tables[name] == truth[name], name


@pytest.fixture(scope="module")
def company(start: Start) -> Box:
    """A company that nobody changes, so that every row read twice is due to the connector."""
    box = start(scale=1.2, clock=CLOCK, rate_limit=1_000_000, null_update_times=5)
    box.control("clock", {"advance_seconds": 10})  # nothing changed in the current second
    return box


@pytest.fixture(scope="module")
def truth(company: Box) -> Truth:
    """The company's records of each stream."""
    return {name: listed(company, name) for name in LARGE}


@pytest.mark.parametrize("seed", range(10))
def test_a_backfill_that_is_killed_repeatedly_loses_nothing(
    company: Box, truth: Truth, seed: int
) -> None:
    chance = random.Random(seed)
    warehouse, state = Warehouse(), dict[str, Message]()
    most = 1
    for _ in range(10):
        workers = chance.choice([1, 2, 4, 8])
        most = max(most, workers)
        arguments = begin(company, workers, list(state.values()))
        outcome, killed = killed_fork(arguments, chance.randrange(1_000, 6_000_000))
        if killed:
            partial = [m for m in outcome.messages if m["type"] != "TRACE"]
            assert partial or not outcome.output
        state = latest(state, outcome)
        warehouse.load(outcome.messages)
    kills = 10
    last = program.run(*begin(company, 4, list(state.values())))
    assert last.code == 0
    follows_the_protocol(last.messages, truth, warehouse)
    warehouse.load(last.messages)
    assert_complete(truth, warehouse)
    for name in LARGE:
        twice = warehouse.received[name] - len(warehouse.tables[name])
        # At its start a run reads the last minute before the current time again.
        assert twice <= kills * (most * LIMIT.get(name, 500) + 50), name


def test_a_single_worker_reads_at_most_one_page_twice(company: Box, truth: Truth) -> None:
    arguments = begin(company, 1, None)
    whole = len(program.run(*arguments).output)
    for share in (0.1, 0.35, 0.6, 0.85):
        warehouse, state = Warehouse(), dict[str, Message]()
        outcome, killed = killed_fork(arguments, int(whole * share))
        assert killed
        warehouse.load(outcome.messages)
        state = latest(state, outcome)
        warehouse.load(program.run(*begin(company, 1, list(state.values()))).messages)
        assert_complete(truth, warehouse)
        for name in LARGE:
            twice = warehouse.received[name] - len(warehouse.tables[name])
            assert twice <= LIMIT.get(name, 500) + 50, (name, share)


@pytest.mark.parametrize("seed", range(5))
def test_the_real_program_loses_nothing_when_killed(company: Box, truth: Truth, seed: int) -> None:
    chance = random.Random(seed)
    warehouse, state = Warehouse(), dict[str, Message]()
    command = [str(Path(sys.executable).with_name("source-pipedrive"))]
    process = subprocess.Popen(
        [*command, *begin(company, 4, None)], stdout=subprocess.PIPE, cwd=ROOT, bufsize=0
    )
    assert process.stdout is not None
    with process.stdout as pipe:
        output, enough = b"", chance.randrange(1_000, 5_000_000)
        while len(output) < enough and (piece := pipe.read(65_536)):
            output += piece
        process.kill()
        while piece := pipe.read(65_536):
            output += piece
    assert process.wait() == -signal.SIGKILL
    outcome = Outcome(process.returncode, whole_lines(output))
    warehouse.load(outcome.messages)
    state = latest(state, outcome)
    warehouse.load(program.run(*begin(company, 8, list(state.values()))).messages)
    assert_complete(truth, warehouse)


def test_a_killed_full_refresh_resumes_where_it_stopped(company: Box, truth: Truth) -> None:
    catalog = program.catalog_of(company.streams(), "activities", mode="full_refresh")
    arguments = ["read", "--config", company.file(company.config(num_workers=1))]
    arguments += ["--catalog", company.file(catalog)]
    outcome, killed = killed_fork(arguments, 2_500_000)
    assert killed
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    read = len(warehouse.tables["activities"])
    rest = program.run(*arguments, "--state", company.file(outcome.state))
    warehouse.load(rest.messages)
    assert warehouse.tables["activities"] == truth["activities"]
    assert len(rest.records("activities")) <= len(warehouse.tables["activities"]) - read + 550
    again = program.run(*arguments, "--state", company.file(rest.state))
    assert len(again.records("activities")) == len(warehouse.tables["activities"])


@pytest.mark.parametrize("delay_ms", [0, 120_000])
def test_after_sigterm_lines_are_complete_and_the_state_is_usable(
    start: Start, delay_ms: int
) -> None:
    """Within ten seconds, even during a request that Pipedrive does not answer."""
    box = start(scale=1.2, clock=CLOCK, rate_limit=1_000_000, latency_ms=40)
    box.control("clock", {"advance_seconds": 10})
    stuck = {"path_contains": "/persons", "delay_ms": delay_ms, "times": 1, "after_requests": 1}
    box.control("fail-next", [stuck])
    code, output, seconds = signalled(begin(box, 2, None), 1_500_000, signal.SIGTERM)
    assert seconds < 10
    assert code == -signal.SIGTERM
    assert output.endswith(b"\n")
    outcome = Outcome(code, output)
    truth = {name: listed(box, name) for name in LARGE}
    follows_the_protocol(outcome.messages, truth)
    unfinished = [name for name in LARGE if outcome.statuses(name)[-1] == "INCOMPLETE"]
    assert unfinished
    assert "asked to stop" in outcome.errors[-1]["message"]
    assert outcome.errors[-1]["failure_type"] == "transient_error"
    box.control("clear-faults", {})
    warehouse = Warehouse()
    warehouse.load(outcome.messages)
    warehouse.load(program.run(*begin(box, 4, outcome.state)).messages)
    assert_complete(truth, warehouse)


def test_the_order_check_detects_a_wrong_order(company: Box, truth: Truth) -> None:
    """It fails if a state is swapped with the records of the page before it."""
    messages = program.run(*begin(company, 4, None)).messages
    follows_the_protocol(messages, truth)
    deals = [
        at
        for at, message in enumerate(messages)
        if message["type"] == "STATE"
        and message["state"]["stream"]["stream_descriptor"]["name"] == "deals"
        and message["state"]["sourceStats"]["recordCount"]
    ]
    at = deals[-1]
    swapped = list(messages)
    count = int(messages[at]["state"]["sourceStats"]["recordCount"])
    page = [
        n
        for n in range(at)
        if messages[n]["type"] == "RECORD" and messages[n]["record"]["stream"] == "deals"
    ][-count:]
    swapped.insert(page[0], swapped.pop(at))
    with pytest.raises(AssertionError):
        follows_the_protocol(swapped, truth)
    uncounted = json.loads(json.dumps(swapped))
    uncounted[page[0]]["state"]["sourceStats"]["recordCount"] = 0
    with pytest.raises(AssertionError, match="the state covers"):
        follows_the_protocol(uncounted, truth)
