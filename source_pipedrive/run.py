"""The program: from the command line to the source."""

from __future__ import annotations

import gc

from source_pipedrive.arguments import parse_args
from source_pipedrive.termination import Termination


def main(argv: list[str] | None = None) -> None:
    """Runs one command of the Airbyte protocol; exits with 1 where it failed, and with 2 where the
    command line is wrong."""
    termination = Termination()
    termination.listen()
    arguments = parse_args(argv)
    # Nothing that is imported is ever garbage: scanning it costs a fifth of the start-up.
    gc.disable()
    from source_pipedrive.cli import run

    gc.freeze()
    gc.enable()
    run(arguments, termination)
