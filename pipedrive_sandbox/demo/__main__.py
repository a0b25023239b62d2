"""Sync a sandbox into DuckDB. A second run changes its data and reads only the changes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from rich.console import Console

from ..options import Options
from . import answer, connector
from .company import Company
from .report import Report, check
from .state import DemoError, Folder
from .sync import prepare, read
from .views import create_views

STOPPED = 130  # what a shell reports after Ctrl-C


def main(argv: list[str]) -> int:
    """Return 0 if all streams were read, 1 with an explanation if not, 130 if interrupted."""
    options = _parser().parse_args(argv)
    console = Console(file=sys.stdout, highlight=False)
    report = Report(console, options.all)
    # SIGTERM must stop the sandbox just as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.sql:
            warehouse = Folder(options.folder).warehouse
            check(warehouse)
            answer.show(warehouse, options.sql, console.width)
        else:
            _demo(options, report)
    except DemoError as error:
        report.fail(str(error))
        return 1
    except KeyboardInterrupt:
        report.fail("Stopped. The next run reads again whatever was not written.")
        return STOPPED
    return 0


def _demo(options: argparse.Namespace, report: Report) -> None:
    folder = Folder(options.folder)
    state = folder.open(Options(options.seed, options.scale), options.fresh)
    check(folder.warehouse)
    reader = connector.image(options.image) if options.image else connector.program()
    prepare(folder)
    with report.progress(), Company(state, folder.logs / "sandbox.txt") as company:
        company.wait()
        batch = company.catch_up()
        folder.save(state)
        report.say(f"A sandbox of Pipedrive runs at {company.url}, with made-up data.")
        if batch:
            report.changes(batch)
        report.say(f"{reader.title} reads it through PyAirbyte into {folder.warehouse}.", "")
        report.doing("Starting PyAirbyte")
        company.reset_ledger()
        config = {
            "credentials": {"auth_type": "api_token", "api_token": company.api_token},
            "history": {"mode": "all"},
            "api_url": company.url,
        }
        sync = read(reader, config, folder, report.advance)
        ledger, daily_tokens = company.ledger(), company.daily_tokens()
    total = report.streams(sync, ledger, folder.warehouse, state.first)
    report.bill(total, daily_tokens, sync, bool(batch))
    create_views(folder.warehouse)
    now = answer.ask(folder.warehouse)
    report.answer(now, state.answer)
    report.next_commands()
    state.synced = len(state.batches)
    state.first = state.first or total
    state.answer = now
    folder.save(state)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("pipedrive_sandbox.demo", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=Path(".demo"), help="folder for all files (.demo)"
    )
    parser.add_argument("--seed", type=int, default=1, help="random seed of the sandbox (1)")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the sandbox (1)")
    parser.add_argument("--image", help="use this Docker image instead of the installed program")
    parser.add_argument(
        "--fresh",
        action="store_true",
        default=os.environ.get("FRESH", "0") not in ("", "0"),
        help="discard earlier runs, as does FRESH=1 in the environment",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        default=os.environ.get("ALL", "0") not in ("", "0"),
        help="print every stream and every change, as does ALL=1 in the environment",
    )
    parser.add_argument(
        "--sql",
        default=os.environ.get("SQL", ""),
        help="print the result of this query on the data and do nothing else, as does SQL=...",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
