"""The program: from the command line to the source."""

from __future__ import annotations

import gc


def main(argv: list[str] | None = None) -> None:
    """Runs one command of the Airbyte protocol; exits with 1 where it failed."""
    # What is imported is never garbage: to look for it among it takes a fifth of the start.
    gc.disable()
    from source_pipedrive.program import run

    gc.freeze()
    gc.enable()
    run(argv)
