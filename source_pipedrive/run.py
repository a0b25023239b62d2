"""The program: from the command line to the source."""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType

TERMINATED = 128 + signal.SIGTERM


def main(argv: list[str] | None = None) -> None:
    """Runs one command of the Airbyte protocol; exits with 1 where it failed."""
    # The first process of a container is not ended by a SIGTERM that it does not handle; a read
    # takes it over once it has states to leave.
    signal.signal(signal.SIGTERM, terminate)
    # What is imported is never garbage: to look for it among it takes a fifth of the start.
    gc.disable()
    from source_pipedrive.program import run

    gc.freeze()
    gc.enable()
    run(argv)


def terminate(number: int, frame: FrameType | None) -> None:
    """Ends the process at once: nothing has been read that a state would have to speak for."""
    os._exit(TERMINATED)
