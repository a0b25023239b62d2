"""SIGTERM: ends the program within ten seconds, whatever it is waiting for."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn

TERMINATED = 128 + signal.SIGTERM
# Seconds that a read gets to end its streams in order. Docker kills after ten.
GRACE = 8.0


class Termination:
    """Waits for SIGTERM in a thread of its own.

    A handler would run in the main thread, which may be resolving a host name, waiting for an
    answer, or writing to a pipe that nobody reads.
    """

    def __init__(self) -> None:
        self.asked = False
        self._stop: Callable[[], None] | None = None

    def listen(self) -> None:
        """Hears SIGTERM from now on, and ends the program at once. For the main thread, before any
        other thread starts."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever the parent left
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=self._hear, name="termination", daemon=True).start()

    def stop_with(self, stop: Callable[[], None]) -> None:
        """From now on SIGTERM calls `stop`, and ends the program only after the grace period."""
        self._stop = stop

    def _hear(self) -> None:
        signal.sigwait({signal.SIGTERM})
        self.asked = True
        if self._stop is not None:
            self._stop()
            time.sleep(GRACE)
        die()


def die() -> NoReturn:
    """Ends the process by SIGTERM, so that its parent sees that it did as it was told: PyAirbyte,
    which ends `check` this way, takes any exit code but 0 and -15 for a crash."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(TERMINATED)  # process 1: the kernel ignores the signal
