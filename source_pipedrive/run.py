"""The program's entry point. Imports almost nothing until the command line has been parsed."""

from __future__ import annotations

import gc
import sys

from source_pipedrive.arguments import TOOLS, parse_args
from source_pipedrive.importing import hidden_sources
from source_pipedrive.termination import Termination, exit_at_sigterm


def main(argv: list[str] | None = None) -> None:
    """Runs one command of the Airbyte protocol, or one tool.

    Exits with 1 if it fails, and with 2 if the command line is wrong.
    """
    arguments = parse_args(argv)
    if sys.stdout is None:  # closed, so the next file or connection would get its descriptor
        sys.exit("Cannot write the output: standard output is closed.")
    is_tool = arguments.command in TOOLS
    termination = Termination()
    if is_tool:  # it may have something to save or to print, and then listens in its own way
        exit_at_sigterm()
    else:
        termination.listen()
    # Imported objects are never garbage, and scanning them costs a fifth of start-up.
    gc.disable()
    with hidden_sources():
        if is_tool:
            from source_pipedrive.tools.command import run as run_tool
        else:
            from source_pipedrive.cli import run

    gc.freeze()
    gc.enable()
    if is_tool:
        run_tool(arguments)
    else:
        run(arguments, termination)
