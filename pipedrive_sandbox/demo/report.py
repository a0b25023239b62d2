"""The output of the demo: at most 40 lines of 80 characters, of which the last 24 matter most."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from . import answer
from .answer import QUERY
from .company import Ledger
from .connector import NAME
from .layout import plain_table
from .state import START_OVER, Answer, Batch, DemoError, Totals
from .sync import SCHEMA, Sync

KINDS = ("edited", "added", "deleted", "archived")
LARGEST = 10  # streams in the table
PROBLEMS = 3  # streams that could not be read, told in full


class Report:
    """Writes to `console`; if it is not a terminal, plain text without colour or progress.

    `everything`: print all streams and all changes, however many lines that takes.
    """

    def __init__(self, console: Console, everything: bool = False) -> None:
        self._console = console
        self._everything = everything
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[so_far]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("Starting the sandbox", total=None, so_far="")

    def say(self, *lines: str) -> None:
        """Print lines without wrapping them, so that a path in them can be copied."""
        self._console.print(*lines, sep="\n", markup=False, soft_wrap=True)

    def fail(self, text: str) -> None:
        self._console.print(text, style="red", markup=False, soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show the progress bar, which `advance` updates."""
        with self._progress if self._console.is_terminal else nullcontext():
            yield

    def doing(self, what: str) -> None:
        """Say in the progress bar what is under way."""
        self._progress.update(self._task, description=what)

    def advance(self, sync: Sync) -> None:
        """Update the progress bar."""
        streams = len(sync.streams)
        self._progress.update(
            self._task,
            description="Writing" if sync.all_read else "Reading",
            so_far=f"{len(sync.read)} of {streams} streams, {sync.rows:,} records",
            completed=len(sync.read),
            total=streams + 1,  # in the last step PyAirbyte writes the records into DuckDB
        )

    def changes(self, batch: Batch) -> None:
        """Print what the sandbox's users changed since the last run."""
        edited, added, deleted, archived = map(batch.count, KINDS)
        self.say(
            f"Since the last run, users edited {edited} records, added {added}, "
            f"deleted {deleted}, archived {archived}."
        )
        if not self._everything:
            return
        table = plain_table(footer=False)
        table.add_column("object")
        for kind in KINDS:
            table.add_column(kind, justify="right")
        for name, of in batch.changes.items():
            table.add_row(name, *(_count(len(of.get(kind, ()))) for kind in KINDS))
        self._console.print("", table, "")

    def streams(
        self, sync: Sync, ledger: Ledger, warehouse: Path, first: Totals | None = None
    ) -> Totals:
        """Print the table of streams and return its totals. `first`: those of the first run."""
        total = Totals(
            rows=sync.rows,
            requests=sum(of["requests"] for of in ledger.values()),
            tokens=sum(of["tokens"] for of in ledger.values()),
            seconds=sync.seconds_reading,
        )
        lines = _lines(sync, ledger, _row_counts(warehouse, sync.streams))
        footers = [("all", *_cells(total, sum(line.held for line in lines)))]
        footers += [("first run", *_cells(first))] if first else []
        headings = ("stream", "rows read", "in DuckDB", "requests", "tokens", "seconds")
        table = plain_table(footer=True)
        for heading, *cells in zip(headings, *footers, strict=True):
            table.add_column(
                heading,
                footer="\n".join(cells),
                justify="left" if heading == "stream" else "right",
            )
        shown = lines if self._everything else lines[:LARGEST]
        for line in shown:
            table.add_row(line.name, *line.cells(), f"{line.seconds:.1f}")
        if rest := lines[len(shown) :]:
            name = f"{len(sync.streams) - len(shown)} more, `make demo ALL=1`"
            table.add_row(name, *_Line.total(name, rest).cells())
        self._console.print(table)
        for problem in self._problems(sync):
            self.say(problem)
        return total

    def bill(self, total: Totals, daily_tokens: int, sync: Sync, repeated: bool) -> None:
        """Print what the sync cost. `repeated`: explain why it read more than what changed."""
        percent = 100 * total.tokens / daily_tokens
        self.say(
            f"The bill: {total.tokens:,} API tokens, {percent:.1f} % of this company's "
            f"{daily_tokens:,} a day."
        )
        if repeated:
            self.say(
                f"{sync.full_refresh_rows:,} of the rows come from {len(sync.full_refresh)} "
                "lists that Pipedrive always returns in full."
            )
        self.say("")

    def answer(self, now: Answer, before: Answer | None) -> None:
        """Print the query and its result; after the first run, also what has changed in it."""
        self.say("Open deals in USD (docs/sql has the view deals_now; tier is a custom field):")
        for line in QUERY.splitlines():
            self._console.print(f"  {line}", style="cyan", markup=False, soft_wrap=True)
        if before is not None:
            changed, of = answer.changed(now, before), len({**now, **before})
            self.say(
                f"Since the last run, {changed} of {of} rows changed:"
                if changed
                else "Since the last run, no row changed:"
            )
        self._console.print(answer.as_table(now, before))
        self.say("")

    def next_commands(self) -> None:
        """Print the three commands that a user may want to type now."""
        program = Path(sys.executable).with_name(NAME)
        if program.is_relative_to(Path.cwd()):
            program = program.relative_to(Path.cwd())
        self.say(
            "Next (docs/setup.md shows what goes into config.json):",
            "  read only changes       make demo",
            '  run your own query      make demo SQL="FROM deals_now"',
            f"  check your own account  {program} check --config config.json",
        )

    def _problems(self, sync: Sync) -> list[str]:
        found = [
            f"{name}: {read.outcome}"
            for name, read in sync.read.items()
            if not read.outcome.startswith("complete to ")
        ]
        if self._everything or len(found) <= PROBLEMS:
            return found
        return [*found[:PROBLEMS], f"{len(found) - PROBLEMS} more are incomplete: make demo ALL=1"]


def check(warehouse: Path) -> None:
    """Raise DemoError if the file exists but cannot be opened."""
    if not warehouse.exists():
        return
    try:
        duckdb.connect(str(warehouse), read_only=True).close()
    except duckdb.Error as error:
        if "lock" in str(error):
            raise DemoError(f"{warehouse} is open in another program. Close it first.") from error
        raise DemoError(
            f"{warehouse} is not a DuckDB file of this version. {START_OVER}"
        ) from error


def _row_counts(warehouse: Path, streams: list[str]) -> dict[str, int]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        counts = {}
        for name in streams:
            row = connection.execute(f'SELECT count(*) FROM {SCHEMA}."{name}"').fetchone()
            counts[name] = row[0] if row else 0
        return counts


@dataclass(frozen=True)
class _Line:
    """A stream in the table: rows read, rows in DuckDB, and the cost."""

    name: str
    rows: int
    held: int
    requests: int
    tokens: int
    seconds: float

    @classmethod
    def total(cls, name: str, lines: list[_Line]) -> _Line:
        """The sums of `lines`. Their seconds overlap, so there is no sum of them."""
        columns = zip(*(line.figures() for line in lines), strict=True)
        rows, held, requests, tokens = map(sum, columns)
        return cls(name, rows, held, requests, tokens, seconds=0)

    def figures(self) -> tuple[int, int, int, int]:
        return self.rows, self.held, self.requests, self.tokens

    def cells(self) -> list[str]:
        return [f"{figure:,}" for figure in self.figures()]


def _lines(sync: Sync, ledger: Ledger, held: dict[str, int]) -> list[_Line]:
    """A line for each stream, largest first; then, in brackets, the requests of no stream."""
    spent = {name: (of["requests"], of["tokens"]) for name, of in ledger.items()}
    lines = []
    for name in sorted(sync.streams, key=lambda name: (-held[name], name)):
        read = sync.read.get(name)
        rows, seconds = (read.rows, read.seconds) if read else (0, 0.0)
        lines.append(_Line(name, rows, held[name], *spent.pop(name, (0, 0)), seconds=seconds))
    lines += [_Line(f"({name})", 0, 0, *cost, seconds=0) for name, cost in spent.items()]
    return lines


def _cells(total: Totals, held: int | None = None) -> list[str]:
    counts = [total.rows, held, total.requests, total.tokens]
    return [*("" if n is None else f"{n:,}" for n in counts), f"{total.seconds:.1f}"]


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
