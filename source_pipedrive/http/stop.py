"""The signal that asks a sync to stop, and ends its waits."""

from __future__ import annotations

import threading

from source_pipedrive.http.errors import TRANSIENT, SyncError

STOPPED = "The sync was asked to stop. The next sync continues where this one stopped."


class StoppedError(SyncError):
    """The platform, or the user, has asked the sync to stop."""

    brief = "sync stopped"
    says_what_is_next = True


class StopSignal:
    """Replaces time.sleep. After `stop`, every current or later wait raises SyncError."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether `stop` has been called."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ends all waits. Safe in a signal handler."""
        self._stopped.set()

    def __call__(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise self.error()

    @staticmethod
    def error() -> StoppedError:
        """The error that ends a stopped stream."""
        return StoppedError(STOPPED, TRANSIENT)
