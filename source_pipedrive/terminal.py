"""The line of progress that a person sees who runs `source-pipedrive read > records.jsonl`, and the
result of a check."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from select import select

COLUMNS = 80  # of a terminal that does not report its size
# What a line of progress can do without, the first one first, so that it still says what has been
# paid and how long the rest will take.
SPARED = (" done", r", [\d,]+ records?", r", [\d,]+ incomplete", r" \([^)]*\)")


class ProgressLine:
    """One line of a terminal, which each call replaces.

    Nothing else goes to standard error: the logs are messages on standard output. A terminal that
    is gone ends no sync.
    """

    def __init__(self, screen: int) -> None:
        self._screen = screen
        self._begun = False

    def show(self, text: str) -> None:
        """Replaces the line. In a narrow terminal it is shortened, and at last cut off."""
        with suppress(OSError):
            width = os.get_terminal_size(self._screen).columns or COLUMNS
            self._write(f"\r\x1b[K{fitted(text, width - 1)}")
            self._begun = True

    def end(self, text: str = "") -> None:
        """Leaves the line as it is, and writes `text`, if any, below it."""
        with suppress(OSError):
            self._write(("\n" if self._begun else "") + (f"{text}\n" if text else ""))
            self._begun = False

    def _write(self, text: str) -> None:
        # A terminal that Ctrl-S has stopped holds no sync up.
        if not select([], [self._screen], [], 0)[1]:
            return
        os.write(self._screen, text.encode())


def fitted(text: str, width: int) -> str:
    """The line of progress `text` in at most `width` characters."""
    for part in SPARED:
        if len(text) > width:
            text = re.sub(part, "", text, count=1)
    return text[:width]


def watched_line(screen: int, output: int) -> ProgressLine | None:
    """The line for a person at the terminal `screen` who sent the output to a file; None if nobody
    watches. In a terminal, the output shows the messages themselves.

    screen, output: the descriptors of standard error and standard output.
    """
    return None if os.isatty(output) else result_line(screen, output)


def result_line(screen: int, output: int) -> ProgressLine | None:
    """The line for a person at the terminal `screen`, even if the messages are shown there, too;
    None if nobody watches. A pipe leads to another program, such as an orchestrator, which has the
    terminal for its own progress. screen, output: as in `watched_line`.
    """
    if not os.isatty(screen):
        return None
    mode = os.fstat(output).st_mode
    return ProgressLine(screen) if stat.S_ISREG(mode) or stat.S_ISCHR(mode) else None
