"""Waits that end when the sync is asked to stop."""

from __future__ import annotations

import threading

from source_pipedrive.http.errors import TRANSIENT, SyncError

STOPPED = "The sync was asked to stop. The next one goes on where this one ended."


class StopSignal:
    """Stands in for time.sleep. After `stop` every wait, present or future, raises SyncError."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ends all waits. Safe in a signal handler."""
        self._stopped.set()

    def __call__(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise self.error()

    @staticmethod
    def error() -> SyncError:
        """What a stopped stream ends with."""
        return SyncError(STOPPED, TRANSIENT)
