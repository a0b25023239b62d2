"""The program's entry point. Imports almost nothing until the command line has been parsed."""

from __future__ import annotations

import gc

from source_pipedrive.arguments import parse_args
from source_pipedrive.importing import hidden_sources
from source_pipedrive.termination import Termination


def main(argv: list[str] | None = None) -> None:
    """Runs one command of the Airbyte protocol.

    Exits with 1 if it fails, and with 2 if the command line is wrong.
    """
    termination = Termination()
    termination.listen()
    arguments = parse_args(argv)
    # Imported objects are never garbage, and scanning them costs a fifth of start-up.
    gc.disable()
    with hidden_sources():
        from source_pipedrive.cli import run

    gc.freeze()
    gc.enable()
    run(arguments, termination)
