"""What a person sees of a sync whose messages go to a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TCOOFF, TCOON, TIOCSWINSZ, tcflow

import pytest

from source_pipedrive.terminal import watched_line

END = b"\a"
README = Path(__file__).parent.parent / "README.md"


class Screen:
    """A terminal: the end that the program writes to, and the one that a person sees."""

    def __init__(self) -> None:
        self.person, self.program = os.openpty()

    def resize(self, columns: int) -> None:
        """Changes its width."""
        ioctl(self.program, TIOCSWINSZ, pack("HHHH", 24, columns, 0, 0))

    def text(self) -> str:
        """What has been written since the last call."""
        os.write(self.program, END)
        found = b""
        while not found.endswith(END):
            found += os.read(self.person, 10_000)
        return found.removesuffix(END).decode()

    def close(self) -> None:
        """Closes both ends."""
        os.close(self.program)
        os.close(self.person)


@pytest.fixture
def screen() -> Iterator[Screen]:
    found = Screen()
    yield found
    found.close()


@pytest.fixture
def output(tmp_path: Path) -> Iterator[int]:
    with (tmp_path / "records.jsonl").open("wb") as file:
        yield file.fileno()


def test_each_call_replaces_the_line_and_the_end_starts_a_new_one(
    screen: Screen, output: int
) -> None:
    line = watched_line(screen.program, output)
    assert line is not None
    line.show("1 of 3 streams done")
    line.show("2 of 3 streams done")
    line.end()
    assert screen.text() == "\r\x1b[K1 of 3 streams done\r\x1b[K2 of 3 streams done\r\n"


def test_the_line_never_wraps(screen: Screen, output: int) -> None:
    """A line that wraps could not be replaced: each second would add one."""
    line = watched_line(screen.program, output)
    assert line is not None
    for columns, shown in ((10, 9), (200, 120), (0, 79)):  # 0: not reported
        screen.resize(columns)
        line.show("x" * 120)
        assert screen.text().count("x") == shown


def test_a_narrow_terminal_shows_the_price_and_the_time_that_is_left(
    screen: Screen, output: int
) -> None:
    """Both stand at the end, which would be cut off. The line is that of a real log."""
    line = watched_line(screen.program, output)
    assert line is not None
    (progress,) = re.findall(r"^Progress: (.*)\.$", README.read_text(), re.MULTILINE)
    for columns, ends in (
        (120, "streams done, 20,295 records, 23,237 tokens (15.5 % of the day), less than"),
        (80, "streams, 23,237 tokens (15.5 % of the day), less than a minute left"),
        (60, "streams, 23,237 tokens, less than a minute left"),
    ):
        screen.resize(columns)
        line.show(progress)
        shown = screen.text()
        assert ends in shown
        assert len(shown.removeprefix("\r\x1b[K")) < columns


def test_a_failure_before_the_sync_begins_is_shown_alone(screen: Screen, output: int) -> None:
    line = watched_line(screen.program, output)
    assert line is not None
    line.end("Pipedrive rejected the API token (401).")
    assert screen.text() == "Pipedrive rejected the API token (401).\r\n"


def test_nobody_watches_without_a_terminal_or_beside_another_program(
    screen: Screen, output: int, tmp_path: Path
) -> None:
    """An orchestrator's own progress would be overwritten, and a log file filled."""
    reader, pipe = os.pipe()
    assert watched_line(screen.program, pipe) is None
    assert watched_line(screen.program, screen.program) is None, "it shows the messages"
    with (tmp_path / "log").open("w") as log:
        assert watched_line(log.fileno(), output) is None
    os.close(reader)
    os.close(pipe)


def test_a_terminal_that_is_gone_ends_no_sync(output: int) -> None:
    gone = Screen()
    line = watched_line(gone.program, output)
    assert line is not None
    os.close(gone.person)
    line.show("1 of 3 streams done")
    line.end("done")
    os.close(gone.program)


def test_a_terminal_that_is_stopped_holds_no_sync_up(screen: Screen, output: int) -> None:
    line = watched_line(screen.program, output)
    assert line is not None
    tcflow(screen.program, TCOOFF)
    line.show("1 of 3 streams done")
    tcflow(screen.program, TCOON)
    line.show("2 of 3 streams done")
    assert "2 of 3" in screen.text()
