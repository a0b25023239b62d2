"""Measure the connector and print a table. Exits with 1 if a row misses its target."""

from __future__ import annotations

import argparse
import sys

from benchmarks import report
from benchmarks.bench import DEALS, REPETITIONS, Bench
from benchmarks.rows import ROWS


def main(argv: list[str]) -> int:
    """Run the benchmark and return the exit code."""
    options = parser().parse_args(argv)
    if options.write and options.only:
        parser().error("--write needs the whole table, so it excludes --only")
    rows = [row for row in ROWS if row.what.startswith(options.only)]
    with Bench(options.deals, options.repetitions) as bench:
        results = [(row, row.measure(bench)) for row in rows]
    text = f"{report.table(results)}\n\n{report.machine(options.deals, options.repetitions)}"
    print(text)
    if options.write:
        report.write(text)
    return int(any(row.holds(measured.value) is False for row, measured in results))


def parser() -> argparse.ArgumentParser:
    """The command line options."""
    parser = argparse.ArgumentParser("benchmarks", description=__doc__)
    parser.add_argument("--deals", type=int, default=DEALS, help=f"deals to read ({DEALS:,})")
    parser.add_argument(
        "--repetitions",
        type=int,
        default=REPETITIONS,
        help=f"repetitions, preferably an odd number ({REPETITIONS})",
    )
    parser.add_argument(
        "--only", default="", metavar="WORD", help="measure only rows that start with this word"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the table to benchmarks/README.md"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
