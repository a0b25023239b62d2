"""What a tool prints: its result on standard output, notes while it works on standard error."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any, Protocol, TextIO

GAP = "  "
WIDTH = 100  # columns of text


@dataclass(frozen=True)
class Table:
    """Rows under a head. Numbers have commas; they and percentages are aligned to the right.
    None is "-"."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]

    def lines(self) -> list[str]:
        """The table as lines of text, without trailing blanks."""
        texts = [[_text(cell) for cell in row] for row in self.rows]
        columns = list(zip(self.head, *texts, strict=True))
        right = [any(_is_number(row[at]) for row in self.rows) for at in range(len(self.head))]
        widths = [max(map(len, column)) for column in columns]
        return [
            GAP.join(
                cell.rjust(width) if is_number else cell.ljust(width)
                for cell, width, is_number in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in [list(self.head), *texts]
        ]


class Block(Protocol):
    """A part of a report that is not a paragraph."""

    def lines(self) -> list[str]:
        """The lines, as they are written."""


@dataclass(frozen=True)
class Report:
    """The result of a tool.

    data: for programs; it can be written as JSON. parts: the same for people, paragraphs and
    blocks such as tables; None if the result is a file, which is JSON for both.
    """

    data: Mapping[str, Any]
    parts: Sequence[str | Block] | None = None

    def write(self, out: TextIO, as_json: bool) -> None:
        """Writes the report to `out`."""
        if as_json or self.parts is None:
            json.dump(self.data, out, indent=2, ensure_ascii=False)
            out.write("\n")
            return
        blocks = [
            [_filled(line) for line in part.splitlines()] if isinstance(part, str) else part.lines()
            for part in self.parts
        ]
        out.write("\n\n".join("\n".join(block) for block in blocks) + "\n")


class Notes:
    """Sentences for the person who waits, on standard error."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr

    def say(self, sentence: str) -> None:
        """Writes one line at once."""
        self._out.write(sentence + "\n")
        self._out.flush()


@dataclass(frozen=True)
class Job:
    """What a tool is asked to do. config: the configuration in today's shape, which `parse` takes;
    empty for a tool that has none."""

    arguments: argparse.Namespace
    notes: Notes
    config: dict[str, Any]


def _filled(line: str) -> str:
    """Lines of text; no path and no name of a scope is broken in two."""
    return fill(line, WIDTH, break_on_hyphens=False, break_long_words=False)


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) or str(cell).endswith(" %")


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)
