"""Standard output: every line arrives whole, whatever kind of file or pipe it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from source_pipedrive.stdout import CLOSED_PIPE, Writer

ROOT = Path(__file__).parent.parent
LINE = b'{"type": "RECORD"}\n' * 20_000  # more than a pipe holds
WRITE = "from source_pipedrive.stdout import Writer; Writer(1).lines(b'{}\\n' * 100_000)"


def test_a_pipe_that_does_not_block_gets_everything() -> None:
    """Programs in Node.js, for example, make the pipe of a child process so."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    got: list[bytes] = []

    def slowly() -> None:
        while data := os.read(reads, 4_096):
            got.append(data)
            time.sleep(0.001)

    reader = threading.Thread(target=slowly, daemon=True)
    reader.start()
    try:
        Writer(writes).lines(LINE)
    finally:
        os.close(writes)
        reader.join(timeout=60)
        os.close(reads)
    assert b"".join(got) == LINE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_ends_the_program_with_a_sentence() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", WRITE], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == b"Cannot write the output: No space left on device.\n"


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
def test_a_printed_message_stays_one_line_whatever_a_field_is_called(mark: str) -> None:
    """JSON leaves these as they are, and Python takes them for the end of a line."""
    reads, writes = os.pipe()
    message = json.dumps({"type": "LOG", "log": f"a{mark}b"}, ensure_ascii=False)
    print(message, file=Writer(writes))
    os.close(writes)
    with open(reads, encoding="utf-8", newline="\n") as lines:
        assert json.loads(lines.read()) == json.loads(message)


def test_a_reader_that_leaves_ends_the_program_without_a_word() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-c", WRITE], cwd=ROOT, stdout=writes, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (CLOSED_PIPE, b"")


COMMANDS = [["spec"], ["check", "--config", "none.json"], ["probe", "--plan"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_closed_output_is_one_sentence(command: list[str]) -> None:
    """As with `>&-`. Otherwise the first file or connection would take its place."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "main.py", *command],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == b"Cannot write the output: standard output is closed.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [["spec"], ["probe", "--plan"]], ids=lambda each: each[0])
def test_every_command_says_that_the_disk_is_full(command: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "main.py", *command],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == b"Cannot write the output: No space left on device.\n"
