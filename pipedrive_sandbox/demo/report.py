"""The output of the demo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

from .company import Ledger
from .state import START_OVER, Batch, DemoError, Totals
from .sync import SCHEMA, Sync

QUESTION = f"""\
SELECT p.name AS pipeline, d.tier, u.name AS owner, d.currency,
       count(*) AS deals, sum(d.value) AS value
FROM {SCHEMA}.deals_now d
JOIN {SCHEMA}.pipelines p ON p.id = d.pipeline_id
JOIN {SCHEMA}.users u ON u.id = d.owner_id
WHERE d.status = 'open' AND NOT d.is_archived AND d.tier IS NOT NULL
GROUP BY ALL
ORDER BY value DESC
LIMIT 15"""
KINDS = ("edited", "added", "deleted", "archived")


class Report:
    """Writes to `console`; if it is not a terminal, plain text without colour or progress."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[so_far]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("Starting PyAirbyte", total=None, so_far="")

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
        table = Table(title="Changes in the sandbox since the last run", title_justify="left")
        table.add_column("object")
        for kind in KINDS:
            table.add_column(kind, justify="right")
        for name, kinds in batch.changes.items():
            table.add_row(name, *(_count(len(kinds.get(kind, ()))) for kind in KINDS))
        table.add_section()
        table.add_row("all", *(_count(batch.count(kind)) for kind in KINDS))
        self._console.print(table, "")

    def streams(self, sync: Sync, ledger: Ledger, warehouse: Path) -> Totals:
        """Print the table of streams and return its totals."""
        table = Table(title="Streams read by the connector", title_justify="left")
        table.add_column("stream")
        for heading in ("rows read", "in DuckDB", "requests", "tokens", "seconds"):
            table.add_column(heading, justify="right")
        counts = _row_counts(warehouse, sync.streams)
        spent = {name: (of["requests"], of["tokens"]) for name, of in ledger.items()}
        for name in sync.streams:
            read = sync.read.get(name)
            requests, tokens = spent.pop(name, (0, 0))
            rows, seconds = (read.rows, f"{read.seconds:.1f}") if read else (0, "")
            figures = (rows, counts[name], requests, tokens)
            table.add_row(name, *(f"{figure:,}" for figure in figures), seconds)
        for name, (requests, tokens) in spent.items():
            table.add_row(f"({name})", "", "", f"{requests:,}", f"{tokens:,}", "")
        total = Totals(
            rows=sync.rows,
            requests=sum(of["requests"] for of in ledger.values()),
            tokens=sum(of["tokens"] for of in ledger.values()),
        )
        figures = (total.rows, sum(counts.values()), total.requests, total.tokens)
        table.add_section()
        table.add_row("all", *(f"{figure:,}" for figure in figures), f"{sync.seconds_reading:.1f}")
        self._console.print(table)
        self.say(*_problems(sync), f"PyAirbyte took {sync.seconds:.1f} s in total.", "")
        return total

    def answer(self, warehouse: Path) -> None:
        """Print a query that joins a view and tables of the warehouse, and its result."""
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.execute(QUESTION)
            headings = [column[0] for column in found.description]
            rows = found.fetchall()
        table = Table()
        for heading in headings:
            table.add_column(heading, justify="right" if heading in ("deals", "value") else "left")
        for *names, deals, value in rows:
            table.add_row(*map(str, names), f"{deals:,}", f"{value:,.0f}")
        self.say(f"Open deals by pipeline, tier and owner, from {warehouse}.")
        self.say("deals_now is a view (see docs/sql): every deal once, without deleted ones.")
        self.say("Tier is a custom field of this company's deals.", "")
        if self._console.is_terminal:
            self._console.print(Syntax(QUESTION, "sql", background_color="default"))
        else:
            self.say(QUESTION)
        self._console.print(table)

    def comparison(self, batch: Batch, sync: Sync, total: Totals, first: Totals) -> None:
        """Compare what this run read with the changes and with the first run."""
        lists = sync.full_refresh_rows
        self._console.print(
            f"Since the last run, {batch.count():,} records changed. "
            f"The connector read {total.rows - lists:,} rows of incremental streams (rows from the "
            "last minute before the last run and rows without an update time are read again, on "
            f"purpose) and {lists:,} rows of {len(sync.full_refresh)} "
            "full refresh streams, using "
            f"{total.requests:,} requests and {total.tokens:,} tokens.",
            f"The first run read {first.rows:,} rows, using {first.requests:,} requests and "
            f"{first.tokens:,} tokens.",
            sep="\n",
        )
        unlisted = batch.count("deleted") - len(batch.changes.get("deals", {}).get("deleted", ()))
        if unlisted:
            self._console.print(
                "Pipedrive still lists deleted deals, but no other deleted records: "
                f"{unlisted} deleted record{'s are' if unlisted > 1 else ' is'} no longer listed, "
                "but still in DuckDB."
            )


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


def _problems(sync: Sync) -> list[str]:
    return [
        f"{name}: {read.outcome}"
        for name, read in sync.read.items()
        if not read.outcome.startswith("complete to ")
    ]


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
