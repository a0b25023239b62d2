"""A program in a terminal of a given size, and what a person sees there when it has ended."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

_PART = re.compile(r"\x1b\[(?P<code>[?\d;]*)(?P<kind>[A-Za-z])|(?P<char>.)", re.DOTALL)
_NO_EFFECT = "mhl"  # colours, and hiding or showing the cursor


def in_terminal(
    columns: int, rows: int, command: list[str], cwd: Path, environment: Mapping[str, str]
) -> tuple[int, str]:
    """Run `command`; return its exit code and all that it wrote, with control sequences."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {n: v for n, v in environment.items() if n not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**kept, "TERM": "xterm-256color"},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    ) as process:
        os.close(other)
        said = b""
        try:
            while more := os.read(main, 65536):
                said += more
        except OSError:  # how Linux reports that the other end is closed
            pass
    os.close(main)
    return process.returncode, said.decode()


def screen(said: str, columns: int) -> list[str]:
    """The lines that remain, those that scrolled away included, as wide as the terminal at most.

    Raises ValueError for a control sequence that it does not know.
    """
    lines, row, column = [""], 0, 0
    for part in _PART.finditer(said):
        char, kind, count = part["char"], part["kind"], part["code"]
        if char == "\n":
            row += 1
        elif char == "\r":
            column = 0
        elif char is not None:
            if column == columns:
                row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
            lines[row] = f"{lines[row][:column]:{column}}{char}{lines[row][column + 1 :]}"
            column += 1
        elif kind == "A":
            row = max(row - int(count or 1), 0)
        elif kind == "K":
            lines[row] = "" if count == "2" else lines[row][:column]
        elif kind not in _NO_EFFECT:
            raise ValueError(f"unknown sequence {part[0]!r}")
        lines += [""] * (row + 1 - len(lines))
    return lines if lines[-1] else lines[:-1]
