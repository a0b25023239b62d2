"""A command of the protocol, and the way of its messages to standard output."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteLogMessage,
    AirbyteMessage,
    ConnectorSpecification,
    FailureType,
    Level,
    Status,
    Type,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils.memory_monitor import MemoryMonitor
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.complaints import config_error
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.messages import AsLines, error_message, public
from source_pipedrive.source import SourcePipedrive
from source_pipedrive.termination import Termination, die

logger = logging.getLogger("airbyte")

LEVELS = {
    logging.DEBUG: Level.DEBUG,
    logging.INFO: Level.INFO,
    logging.WARNING: Level.WARN,
    logging.ERROR: Level.ERROR,
    logging.CRITICAL: Level.FATAL,
}
UNREAD = 128 + signal.SIGPIPE  # as shells report a program that a closed pipe has ended
M_ARENA_MAX = -8  # of glibc's malloc.h; other libraries have no mallopt or ignore it
MEMORY_CHECK = 10  # pages between two looks at the container's memory


class Writer(io.TextIOBase):
    """The one way out: whole lines to a file descriptor, from any thread.

    Stands in for sys.stdout, so that what the CDK prints takes the same way.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def lines(self, data: bytes) -> None:
        """Writes `data`, one or more whole lines, without another's line in between.

        Ends the program where nobody reads them any more: an error would end one thread, with a
        traceback, and leave the others waiting for it.
        """
        view = memoryview(data)
        with self._lock:
            while view:
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BrokenPipeError:
                    os._exit(UNREAD)

    def write(self, text: str) -> int:
        """A print; anything but a message of the protocol becomes a log line."""
        for line in text.splitlines():
            if line.startswith("{"):
                self.lines(line.encode() + b"\n")
            elif line.strip():
                logger.info(line)
        return len(text)


class Entrypoint(AirbyteEntrypoint):
    """The CDK's entrypoint for spec, check and discover, which needs no disk to write to and has
    sentences about a wrong configuration that people understand."""

    def run(self, parsed_args: argparse.Namespace) -> Iterable[str]:
        """The command's messages. The CDK's own makes a directory for a cache of answers first,
        which a container with a read-only root has no place for."""
        specification = self.source.spec(logger)
        commands = {"check": self.check, "discover": self.discover}
        messages: Iterable[AirbyteMessage]
        try:
            if parsed_args.command == "spec":
                messages = [AirbyteMessage(type=Type.SPEC, spec=specification)]
            else:
                config = _config(self.source, parsed_args)
                messages = commands[parsed_args.command](specification, config)
            yield from map(self.airbyte_message_to_string, messages)
        finally:
            queued = self._emit_queued_messages(self.source)
            yield from map(self.airbyte_message_to_string, queued)

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Any) -> None:
        """Leaves that to the source, which names the field and quotes no secret."""


class LogHandler(logging.Handler):
    """LOG messages of every level, through the writer: no secret, and no e-mail address."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self._lines = AsLines()
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """One line; a traceback stays out of it unless debug logs are asked for."""
        if not logger.isEnabledFor(logging.DEBUG):
            record.exc_info = record.exc_text = None
        text = public(self.format(record))
        level = LEVELS.get(record.levelno, Level.INFO)
        message = AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=level, message=text))
        self._writer.lines(b"".join(self._lines.message(message)))


def run(arguments: argparse.Namespace, termination: Termination) -> None:
    """Runs one command; exits with 1 where it failed, or ends by SIGTERM where that was asked."""
    writer = Writer(sys.stdout.fileno())
    logging.getLogger().handlers = [LogHandler(writer)]
    logging.captureWarnings(True)
    # What the CDK logs while it sets itself up says nothing about a sync.
    logger.setLevel(logging.WARNING)
    sys.stdout = writer
    try:
        for lines in _messages(arguments, termination):
            writer.lines(lines)
    except AirbyteTracedException as error:
        _fail(writer, arguments, error, termination)
    except Exception as error:
        logger.debug("Failed", exc_info=True)
        _fail(writer, arguments, _unexpected(error), termination)


def _messages(arguments: argparse.Namespace, termination: Termination) -> Iterable[bytes]:
    source = SourcePipedrive()
    if arguments.command == "read":
        return _read(source, arguments, termination)
    entrypoint = Entrypoint(source)
    logger.setLevel(logging.DEBUG if arguments.debug else logging.INFO)
    return (line.encode() + b"\n" for line in entrypoint.run(arguments))


def _config(source: Source, arguments: argparse.Namespace) -> dict[str, Any]:
    try:
        return dict(source.configure(source.read_config(arguments.config), ""))
    except OSError as error:
        raise unreadable("config", arguments.config, error) from None
    except ValueError:
        raise config_error(f"The file {arguments.config} is not a JSON object.") from None


def _read(
    source: SourcePipedrive, arguments: argparse.Namespace, termination: Termination
) -> Iterable[bytes]:
    """As the CDK's entrypoint reads, but a page at a time and already rendered."""
    config = _config(source, arguments)
    specification = source.spec(logger)
    AirbyteEntrypoint.set_up_secret_filter(config, specification.connectionSpecification)
    catalog = _load("catalog", arguments.catalog, source.read_catalog)
    state = _load("state", arguments.state, source.read_state) if arguments.state else []
    memory = MemoryMonitor(check_interval=MEMORY_CHECK)
    logger.setLevel(logging.DEBUG if arguments.debug else logging.INFO)
    spare_memory()
    stop_signal = StopSignal()
    termination.stop_with(stop_signal.stop)
    return source.run(config, catalog, state, AsLines(), memory.check_memory_usage, stop_signal)


def spare_memory() -> None:
    """Tells the collector and the allocator that pages come and go as a whole.

    A quarter less CPU and memory on a large read (benchmarks/README.md). glibc otherwise keeps an
    arena a thread, each as large as its largest page.
    """
    gc.set_threshold(50_000, 20, 100)
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _load(what: str, path: str, load: Any) -> Any:
    try:
        return load(path)
    except OSError as error:
        raise unreadable(what, path, error) from None
    except Exception:
        raise config_error(f"The {what} file {path} does not hold a {what}.") from None


def unreadable(what: str, path: str, error: OSError) -> AirbyteTracedException:
    """The sentence for a file that is missing or may not be read."""
    if isinstance(error, PermissionError):
        return config_error(
            f"The {what} file {path} may not be read by user {os.geteuid()}, which this program "
            "runs as. Add `--user $(id -u)` to docker run, or let everybody read the file and "
            "enter its folder."
        )
    return config_error(f"The {what} file {path} cannot be read: {error.strerror}.")


def _unexpected(error: Exception) -> AirbyteTracedException:
    return AirbyteTracedException(
        message=f"The connector failed: {type(error).__name__}. Please report this line.",
        internal_message=repr(error),
        failure_type=FailureType.system_error,
    )


def _fail(
    writer: Writer,
    arguments: argparse.Namespace,
    error: AirbyteTracedException,
    termination: Termination,
) -> None:
    """One sentence on the protocol's own channel, with the exit code that the CDK defines."""
    lines = AsLines()
    if arguments.command == "check" and error.failure_type is FailureType.config_error:
        status = AirbyteConnectionStatus(status=Status.FAILED, message=public(str(error)))
        message = AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
        writer.lines(b"".join(lines.message(message)))
        return
    writer.lines(b"".join(lines.message(error_message(error))))
    if termination.asked:
        die()
    sys.exit(1)
