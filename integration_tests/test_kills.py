"""Killed anywhere, started again with the last state that reached standard output: nothing lost."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
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
    """What a platform takes from a program that died: its complete lines."""
    return output[: output.rfind(b"\n") + 1]


def signalled(arguments: list[str], after: int, number: signal.Signals) -> tuple[int, bytes, float]:
    """Runs the program in a fork until it has written `after` bytes, then sends it a signal.

    Returns its exit code, all that it has written, and the seconds that it took to end.
    """
    child, read = program.fork(main, arguments)
    output = b""
    with os.fdopen(read, "rb", buffering=0) as pipe:
        while len(output) < after and (piece := pipe.read(65_536)):
            output += piece
        os.kill(child, number)
        asked = time.monotonic()
        while piece := pipe.read(65_536):
            output += piece
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), output, time.monotonic() - asked


def killed_fork(arguments: list[str], after: int) -> tuple[Outcome, bool]:
    """What a program that is killed leaves, and whether it was killed before its end."""
    code, output, _ = signalled(arguments, after, signal.SIGKILL)
    return Outcome(code, whole_lines(output)), code == -signal.SIGKILL


def latest(state: dict[str, Message], outcome: Outcome) -> dict[str, Message]:
    """The last state of each stream, as the platform keeps it."""
    for message in outcome.state:
        state[message["stream"]["stream_descriptor"]["name"]] = message
    return state


def is_everything(truth: Truth, warehouse: Warehouse) -> None:
    for name in LARGE:
        assert warehouse.tables[name] == truth[name], name


@pytest.fixture(scope="module")
def company(start: Start) -> Box:
    """A company that nobody changes, so that every row read twice is the connector's doing."""
    box = start(scale=1.2, clock=CLOCK, rate_limit=1_000_000, null_update_times=5)
    box.control("clock", {"advance_seconds": 10})  # nothing changed in this very second
    return box


@pytest.fixture(scope="module")
def truth(company: Box) -> Truth:
    """What the company has of each stream."""
    return {name: listed(company, name) for name in LARGE}


@pytest.mark.parametrize("seed", range(10))
def test_a_backfill_that_is_killed_again_and_again_loses_nothing(
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
    is_everything(truth, warehouse)
    for name in LARGE:
        twice = warehouse.received[name] - len(warehouse.tables[name])
        # What a run reads again at its start is the last minute before the clock.
        assert twice <= kills * (most * LIMIT.get(name, 500) + 50), name


def test_a_single_worker_reads_at_most_a_page_twice(company: Box, truth: Truth) -> None:
    arguments = begin(company, 1, None)
    whole = len(program.run(*arguments).output)
    for share in (0.1, 0.35, 0.6, 0.85):
        warehouse, state = Warehouse(), dict[str, Message]()
        outcome, killed = killed_fork(arguments, int(whole * share))
        assert killed
        warehouse.load(outcome.messages)
        state = latest(state, outcome)
        warehouse.load(program.run(*begin(company, 1, list(state.values()))).messages)
        is_everything(truth, warehouse)
        for name in LARGE:
            twice = warehouse.received[name] - len(warehouse.tables[name])
            assert twice <= LIMIT.get(name, 500) + 50, (name, share)


@pytest.mark.parametrize("seed", range(5))
def test_the_real_program_is_killed_and_loses_nothing(
    company: Box, truth: Truth, seed: int
) -> None:
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
    is_everything(truth, warehouse)


def test_a_full_refresh_that_is_killed_goes_on_where_it_was(company: Box, truth: Truth) -> None:
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
def test_sigterm_leaves_whole_lines_and_usable_state_within_ten_seconds(
    start: Start, delay_ms: int
) -> None:
    """Also where a request is under way that Pipedrive does not answer."""
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
    is_everything(truth, warehouse)


def test_the_check_of_the_order_is_itself_checked(company: Box, truth: Truth) -> None:
    """With a state and the records of the page before it swapped, it goes red."""
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
    with pytest.raises(AssertionError, match="vouches for"):
        follows_the_protocol(uncounted, truth)
