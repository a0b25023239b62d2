"""Standard output: every line that the program prints, from whichever thread."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import select
import signal
import threading
import traceback
from typing import Any, NoReturn

from airbyte_cdk.models import AirbyteLogMessage, AirbyteMessage, Level, Type

from source_pipedrive.sync.messages import AsLines, public

logger = logging.getLogger("airbyte")

LEVELS = {
    logging.DEBUG: Level.DEBUG,
    logging.INFO: Level.INFO,
    logging.WARNING: Level.WARN,
    logging.ERROR: Level.ERROR,
    logging.CRITICAL: Level.FATAL,
}
STDERR = 2
CLOSED_PIPE = 128 + signal.SIGPIPE  # the exit code that shells report for SIGPIPE


class Writer(io.TextIOBase):
    """Writes whole lines to a file descriptor. Safe to use from any thread.

    It replaces sys.stdout, so that whatever the CDK prints goes through it too.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def lines(self, data: bytes) -> None:
        """Writes `data`, one or more whole lines, with no other line in between.

        Exits the process if the pipe is closed, or if nothing more can be written. Raising an error
        would end only this thread, with a traceback, and leave the other threads waiting for it.
        """
        view = memoryview(data)
        with self._lock:
            while view:
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BlockingIOError:  # the parent shares a pipe that does not block, and is slow
                    select.select([], [self._descriptor], [])
                except OSError as error:
                    give_up(error)

    def write(self, text: str) -> int:
        """Handles `print`: protocol messages pass through, any other text is logged."""
        for line in text.split("\n"):  # not splitlines: JSON may contain its other ends of lines
            if line.startswith("{"):
                self.lines(line.encode() + b"\n")
            elif line.strip():
                logger.info(line)
        return len(text)


def give_up(error: OSError) -> NoReturn:
    """Ends the process because standard output takes nothing more: without a word if its reader has
    left, otherwise with a sentence on standard error."""
    if isinstance(error, BrokenPipeError):
        os._exit(CLOSED_PIPE)
    with contextlib.suppress(OSError):
        os.write(STDERR, f"Cannot write the output: {error.strerror}.\n".encode())
    os._exit(1)


class WithoutMessages(logging.Formatter):
    """Writes tracebacks without the errors' own messages, which may quote a record."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The lines of code, and the type of the error."""
        kind, _, trace = ei
        lines = "".join(traceback.format_tb(trace))
        return f"Traceback (most recent call last):\n{lines}{kind.__name__ if kind else ''}"


class LogHandler(logging.Handler):
    """Writes log records as LOG messages, with secrets and email addresses masked."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self._lines = AsLines()
        self.setFormatter(WithoutMessages("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line. A traceback is included only if debug logs are on."""
        if not logger.isEnabledFor(logging.DEBUG):
            record.exc_info = None
        record.exc_text = None  # another handler's, with the message
        text = public(self.format(record))
        level = LEVELS.get(record.levelno, Level.INFO)
        message = AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=level, message=text))
        self._writer.lines(b"".join(self._lines.message(message)))
