"""Threads that share the tasks of all streams: a stream each while there are enough of them, then
parts of the largest."""

from __future__ import annotations

import threading
from typing import Generic

from source_pipedrive.sync.messages import T
from source_pipedrive.sync.schedule import Schedule

# Seconds after which an idle worker looks for work again, whatever happens.
LOOK_AGAIN = 1.0


class Workers(Generic[T]):
    """Work a schedule off until all its runs have ended. Their number follows its limits."""

    def __init__(self, schedule: Schedule[T]) -> None:
        self._schedule = schedule
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Sets the workers to work; returns at once."""
        self._schedule.close()  # those that have nothing to read from the start
        with self._schedule.changed:
            self._start_threads()

    @property
    def running(self) -> bool:
        """Whether any worker may still write something."""
        alive = any(thread.is_alive() for thread in self._threads)
        return alive and not self._schedule.abandoned

    def have(self, thread: int) -> bool:
        """Whether the thread with this identifier is one of them."""
        return any(each.ident == thread for each in self._threads)

    def join(self, seconds: float) -> bool:
        """Waits for all workers to end, for so many seconds each. Returns whether they have."""
        for thread in self._threads:
            thread.join(timeout=seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def _wake(self) -> None:
        """Wakes one idle worker; after it has taken a task it wakes the next."""
        with self._schedule.changed:
            self._start_threads()
            self._schedule.changed.notify()

    def _start_threads(self) -> None:
        while self._schedule.runs and len(self._threads) < self._schedule.max_workers:
            name = f"worker-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine allows no more threads
                if not self._threads:
                    raise
                return
            self._threads.append(thread)

    def _work(self) -> None:
        schedule = self._schedule
        while True:
            with schedule.changed:
                while (work := schedule.next()) is None:
                    if not schedule.runs or schedule.abandoned:
                        return
                    schedule.changed.wait(LOOK_AGAIN)
                schedule.changed.notify()
            for news in schedule.carry_out(*work):
                if news:
                    self._wake()
