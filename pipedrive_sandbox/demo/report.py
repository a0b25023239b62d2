"""What the demo prints."""

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
from .memory import Batch, DemoError, Totals
from .sync import SCHEMA, Sync

QUESTION = f"""\
SELECT p.name AS pipeline, d.tier, u.name AS owner, d.currency,
       count(*) AS deals, sum(d.value) AS value
FROM {SCHEMA}.deals d
JOIN {SCHEMA}.pipelines p ON p.id = d.pipeline_id
JOIN {SCHEMA}.users u ON u.id = d.owner_id
WHERE d.status = 'open' AND d.tier IS NOT NULL
  AND d.id NOT IN (SELECT id FROM {SCHEMA}.deals_archived)
GROUP BY ALL
ORDER BY value DESC
LIMIT 15"""
KINDS = ("edited", "added", "deleted", "archived")


class Report:
    """Writes to `console`; without a terminal plain text, with neither colour nor progress."""

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
        """Lines that stay whole, so that a path in them can be copied."""
        self._console.print(*lines, sep="\n", markup=False, soft_wrap=True)

    def fail(self, text: str) -> None:
        self._console.print(text, style="red", markup=False, soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[None]:
        """While `advance` is called."""
        with self._progress if self._console.is_terminal else nullcontext():
            yield

    def advance(self, sync: Sync) -> None:
        """How far the sync is."""
        streams = len(sync.streams)
        self._progress.update(
            self._task,
            description="Writing" if sync.all_read else "Reading",
            so_far=f"{len(sync.read)} of {streams} streams, {sync.rows:,} records",
            completed=len(sync.read),
            total=streams + 1,  # the last step is PyAirbyte's: the records go into DuckDB
        )

    def changes(self, batch: Batch) -> None:
        """What the users of the sandbox did since the last run."""
        table = Table(title="What the sandbox changed since the last run", title_justify="left")
        table.add_column("object")
        for kind in KINDS:
            table.add_column(kind, justify="right")
        for name, kinds in batch.changes.items():
            table.add_row(name, *(_count(len(kinds.get(kind, ()))) for kind in KINDS))
        table.add_section()
        table.add_row("all", *(_count(batch.count(kind)) for kind in KINDS))
        self._console.print(table, "")

    def streams(self, sync: Sync, ledger: Ledger, warehouse: Path) -> Totals:
        """The table of streams; returns its last row."""
        table = Table(title="What the connector read", title_justify="left")
        table.add_column("stream")
        for heading in ("rows read", "in DuckDB", "requests", "tokens", "seconds"):
            table.add_column(heading, justify="right")
        held = _held(warehouse, sync.streams)
        spent = {name: (of["requests"], of["tokens"]) for name, of in ledger.items()}
        for name in sync.streams:
            read = sync.read.get(name)
            requests, tokens = spent.pop(name, (0, 0))
            rows, seconds = (read.rows, f"{read.seconds:.1f}") if read else (0, "")
            figures = (rows, held[name], requests, tokens)
            table.add_row(name, *(f"{figure:,}" for figure in figures), seconds)
        for name, (requests, tokens) in spent.items():
            table.add_row(f"({name})", "", "", f"{requests:,}", f"{tokens:,}", "")
        total = Totals(
            rows=sync.rows,
            requests=sum(of["requests"] for of in ledger.values()),
            tokens=sum(of["tokens"] for of in ledger.values()),
        )
        figures = (total.rows, sum(held.values()), total.requests, total.tokens)
        table.add_section()
        table.add_row("all", *(f"{figure:,}" for figure in figures), f"{sync.seconds_reading:.1f}")
        self._console.print(table)
        self.say(*_troubles(sync), f"PyAirbyte took {sync.seconds:.1f} s in all.", "")
        return total

    def answer(self, warehouse: Path) -> None:
        """One joined query on the warehouse, and what it gives."""
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
        self.say("Tier is a field that this company has added to its deals.", "")
        if self._console.is_terminal:
            self._console.print(Syntax(QUESTION, "sql", background_color="default"))
        else:
            self.say(QUESTION)
        self._console.print(table)

    def comparison(self, batch: Batch, sync: Sync, total: Totals, first: Totals) -> None:
        """What this run read, beside what there was to read and what the first one took."""
        lists = sync.rows_of_lists
        self._console.print(
            f"Since the last run {batch.count():,} records changed. "
            f"The connector read {total.rows - lists:,} rows of what carries a time of change (the "
            "last minute before the last run and rows whose time is empty are read again, on "
            f"purpose) and {lists:,} rows of {len(sync.whole)} "
            "lists that carry none and are read whole each time, with "
            f"{total.requests:,} requests and {total.tokens:,} tokens.",
            f"The first run read {first.rows:,} rows with {first.requests:,} requests and "
            f"{first.tokens:,} tokens.",
            sep="\n",
        )
        silent = batch.count("deleted") - len(batch.changes.get("deals", {}).get("deleted", ()))
        if silent:
            self._console.print(
                f"Pipedrive lists only deals after their deletion: {silent} other deleted "
                f"record{'s' if silent > 1 else ''} left its answers, and stayed in DuckDB."
            )


def check(warehouse: Path) -> None:
    """Raises DemoError if the file is there and cannot be opened."""
    if not warehouse.exists():
        return
    try:
        duckdb.connect(str(warehouse), read_only=True).close()
    except duckdb.Error as error:
        if "lock" in str(error):
            raise DemoError(f"{warehouse} is open in another program. Close it first.") from error
        raise DemoError(
            f"{warehouse} is not a DuckDB file of this version. Start afresh with: "
            "make demo FRESH=1"
        ) from error


def _held(warehouse: Path, streams: list[str]) -> dict[str, int]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        held = {}
        for name in streams:
            row = connection.execute(f'SELECT count(*) FROM {SCHEMA}."{name}"').fetchone()
            held[name] = row[0] if row else 0
        return held


def _troubles(sync: Sync) -> list[str]:
    return [
        f"{name}: {read.how}"
        for name, read in sync.read.items()
        if not read.how.startswith("complete to ")
    ]


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
