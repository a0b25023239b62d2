"""The warnings of one sync, for its report."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from source_pipedrive.sync.messages import public

logger = logging.getLogger("airbyte")

MOST = 100  # sentences


class WarningLog(logging.Handler):
    """Keeps what the threads of one sync log as a warning or an error, as it is logged: without
    secrets and email addresses. Other syncs may run in the same process."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []
        self._thread = threading.get_ident()
        self._is_worker: Callable[[int], bool] = lambda thread: False

    def follow(self, is_worker: Callable[[int], bool]) -> None:
        """Listens to those threads as well, by their identifiers."""
        self._is_worker = is_worker

    def emit(self, record: logging.LogRecord) -> None:
        thread = record.thread or self._thread
        if len(self.sentences) >= MOST or (thread != self._thread and not self._is_worker(thread)):
            return
        sentence = public(record.getMessage())
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def about(self, stream: str) -> list[str]:
        """The sentences about one stream."""
        return [sentence for sentence in self.sentences if sentence.startswith(f"{stream}: ")]


@contextmanager
def collected_warnings() -> Iterator[WarningLog]:
    """Collects what is logged meanwhile."""
    warnings = WarningLog()
    logger.addHandler(warnings)
    try:
        yield warnings
    finally:
        logger.removeHandler(warnings)
