"""SIGTERM ends the program within ten seconds, whatever it is waiting for."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

TERMINATED = 128 + signal.SIGTERM
# Seconds for a read to end its streams cleanly. Docker sends SIGKILL after ten.
GRACE = 8.0


class Termination:
    """Waits for SIGTERM in a separate thread.

    A signal handler would run in the main thread, which may be blocked: resolving a host name,
    waiting for a response, or writing to a pipe that nobody reads.
    """

    def __init__(self) -> None:
        self.requested = False
        self._stop: Callable[[], None] | None = None

    def listen(self) -> None:
        """From now on, SIGTERM ends the program at once. Call this in the main thread, before any
        other thread starts."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the parent may have ignored it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=self._wait, name="termination", daemon=True).start()

    def stop_with(self, stop: Callable[[], None]) -> None:
        """From now on, SIGTERM calls `stop` and ends the program after the grace period."""
        self._stop = stop

    def _wait(self) -> None:
        signal.sigwait({signal.SIGTERM})
        self.requested = True
        if self._stop is not None:
            self._stop()
            time.sleep(GRACE)
        die()


def exit_at_sigterm() -> None:
    """From now on, SIGTERM raises SystemExit in the main thread, which has to call this. Without a
    handler, process 1 would not get the signal at all."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def die() -> NoReturn:
    """Ends the process by SIGTERM, so that its parent sees the signal and not an error: PyAirbyte,
    which ends `check` this way, treats any exit code except 0 and -15 as a crash."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(TERMINATED)  # for process 1, the kernel ignores the signal
