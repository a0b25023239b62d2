"""Formats the table and writes it to the README."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.row import Measured, Row
from docs.generators import blocks

README = Path(__file__).with_name("README.md")
BLOCK = "results"
HEAD = ("what", "measured", "wanted", "verdict", "how")


def table(results: Sequence[tuple[Row, Measured]]) -> str:
    """The rows as a Markdown table with aligned columns."""
    lines = [HEAD, *(cells(row, measured) for row, measured in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    padded = ([c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def cells(row: Row, measured: Measured) -> tuple[str, ...]:
    """The cells of one line of the table."""
    verdict = {True: "ok", False: "MISSED", None: ""}[row.holds(measured.value)]
    digits = 0 if measured.value >= 100 else 2
    value = f"{measured.value:,.{digits}f} {row.unit}"
    if math.isnan(measured.value):
        value = "not measured"
    return row.what, value, row.wanted, verdict, measured.how


def machine(deals: int, repetitions: int) -> str:
    """The date, the machine and the size of the benchmark."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{date}, {os.cpu_count()} cores ({platform.machine()}), {python}, {deals:,} deals, "
        f"medians of {repetitions}."
    )


def write(results: str) -> None:
    """Replace the README's block with `results`. Raises ValueError if it has no such block."""
    blocks.write(README, BLOCK, f"\n{results}\n\n")
