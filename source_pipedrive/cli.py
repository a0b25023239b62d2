"""The commands of the Airbyte protocol: run one, print its messages, report its failure."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    ConnectorSpecification,
    FailureType,
    Status,
    Type,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.utils.memory_monitor import MemoryMonitor
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.config.errors import config_error
from source_pipedrive.http.errors import REPORT
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.source import SourcePipedrive
from source_pipedrive.stdout import STDERR, LogHandler, Writer
from source_pipedrive.sync.failures import where
from source_pipedrive.sync.messages import AsLines, error_message, public
from source_pipedrive.terminal import ProgressLine, result_line, watched_line
from source_pipedrive.termination import Termination, die

logger = logging.getLogger("airbyte")

T = TypeVar("T")

INTERRUPTED = "Interrupted. The states in the output are valid; the next sync resumes from them."
FAILED = "The check failed."
# Of the files that `read` takes: where one comes from.
HINTS = {
    "catalog": (
        " What `discover` prints is not enough: it does not say what to read, and how. Write one "
        "with `source-pipedrive catalog`."
    ),
    "state": " It is a list of the last state of each stream; docs/scheduled/sync.py keeps one.",
}
M_ARENA_MAX = -8  # from glibc's malloc.h; other C libraries have no mallopt or ignore it
MEMORY_CHECK_INTERVAL = 10  # pages
# Seconds for which a thread may keep Python's lock while others wait for it; by default 0.005. A
# worker gives the lock up by itself at its next request. Until then, switching only costs time: a
# third of what eight workers cost more than one (docs/adr/0011-what-a-request-costs.md).
SWITCH_INTERVAL = 0.05


class Entrypoint(AirbyteEntrypoint):
    """The CDK's entrypoint for spec, check and discover, changed in three ways: it needs no
    writable disk, the source validates the configuration itself, and `line` shows the result of a
    check as a sentence."""

    def __init__(self, source: Source, line: ProgressLine | None = None) -> None:
        super().__init__(source)
        self._line = line

    def run(self, parsed_args: argparse.Namespace) -> Iterable[str]:
        """Yields the command's messages. The CDK's own method first creates a directory for cached
        responses, which fails in a container with a read-only root."""
        specification = self.source.spec(logger)
        commands = {"check": self.check, "discover": self.discover}
        messages: Iterable[AirbyteMessage]
        try:
            if parsed_args.command == "spec":
                messages = [AirbyteMessage(type=Type.SPEC, spec=specification)]
            else:
                config = load_config(self.source, parsed_args.config)
                messages = commands[parsed_args.command](specification, config)
            for message in messages:
                yield self.airbyte_message_to_string(message)
                if self._line is not None and message.connectionStatus is not None:
                    self._line.end(result(message.connectionStatus))
        finally:
            queued = self._emit_queued_messages(self.source)
            yield from map(self.airbyte_message_to_string, queued)

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Any) -> None:
        """Does nothing: the source's own errors name the field and quote no secret."""


def run(arguments: argparse.Namespace, termination: Termination) -> None:
    """Runs one command. Exits with 1 if it fails, or with SIGTERM if that ended it."""
    writer = Writer(sys.stdout.fileno())
    logging.getLogger().handlers = [LogHandler(writer)]
    logging.captureWarnings(True)
    # The CDK's logs during set-up say nothing about the sync.
    logger.setLevel(logging.WARNING)
    watched = {"read": watched_line, "check": result_line}.get(arguments.command)
    line = watched(STDERR, sys.stdout.fileno()) if watched is not None else None
    sys.stdout = writer
    error: AirbyteTracedException | None = None
    try:
        for lines in _messages(arguments, termination, line):
            writer.lines(lines)
    except KeyboardInterrupt:
        if line is not None:
            line.end(INTERRUPTED if arguments.command == "read" else "")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)  # a traceback would explain nothing
    except AirbyteTracedException as failure:
        error = failure
    except Exception as failure:
        logger.debug("Failed", exc_info=True)
        error = _unexpected(failure)
    if line is not None:
        line.end(_sentence(arguments, error) if error is not None else "")
    if error is not None:
        _fail(writer, arguments, error, termination)


def result(status: AirbyteConnectionStatus) -> str:
    """The result of a check, for a person."""
    failed = status.status is not Status.SUCCEEDED
    return f"{FAILED} {public(status.message or '')}" if failed else "The check succeeded."


def _sentence(arguments: argparse.Namespace, error: AirbyteTracedException) -> str:
    sentence = public(str(error))
    return sentence if arguments.command == "read" else f"{FAILED} {sentence}"


def _messages(
    arguments: argparse.Namespace, termination: Termination, line: ProgressLine | None
) -> Iterable[bytes]:
    source = SourcePipedrive()
    if arguments.command == "read":
        return _read(source, arguments, termination, line)
    entrypoint = Entrypoint(source, line)
    logger.setLevel(logging.DEBUG if arguments.debug else logging.INFO)
    return (line.encode() + b"\n" for line in entrypoint.run(arguments))


def _read(
    source: SourcePipedrive,
    arguments: argparse.Namespace,
    termination: Termination,
    line: ProgressLine | None,
) -> Iterable[bytes]:
    """Does what the CDK's entrypoint does for `read`, but encodes whole pages."""
    config = load_config(source, arguments.config)
    specification = source.spec(logger)
    AirbyteEntrypoint.set_up_secret_filter(config, specification.connectionSpecification)
    catalog = load("catalog", arguments.catalog, source.read_catalog)
    state = load("state", arguments.state, source.read_state) if arguments.state else []
    memory = MemoryMonitor(check_interval=MEMORY_CHECK_INTERVAL)
    logger.setLevel(logging.DEBUG if arguments.debug else logging.INFO)
    spare_memory()
    sys.setswitchinterval(SWITCH_INTERVAL)
    stop_signal = StopSignal()
    termination.stop_with(stop_signal.stop)
    show = line.show if line is not None else None
    between_pages = memory.check_memory_usage
    return source.run(config, catalog, state, AsLines(), between_pages, stop_signal, show)


def spare_memory() -> None:
    """Tunes the garbage collector and the allocator for pages, which are allocated and freed whole.

    Saves a quarter of CPU and memory on a large read (benchmarks/README.md). Otherwise glibc keeps
    one arena per thread, each as large as its largest page.
    """
    gc.set_threshold(50_000, 20, 100)
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def load_config(source: Source, path: str) -> Mapping[str, Any]:
    """The configuration in the file `path`, in today's shape. Raises a config error."""
    try:
        return source.configure(source.read_config(path), "")
    except OSError as error:
        raise unreadable("config", path, error) from None
    except ValueError as error:
        cause, place = error.__context__, ""
        if isinstance(cause, json.JSONDecodeError):
            place = f" Line {cause.lineno}, column {cause.colno}: {cause.msg}."
        raise config_error(f"The file {path} is not a JSON object.{place}") from None


def load(what: str, path: str, read: Callable[[str], T]) -> T:
    """The result of `read(path)`. what: "catalog" or "state". Raises a config error."""
    try:
        return read(path)
    except OSError as error:
        raise unreadable(what, path, error) from None
    except Exception:
        raise config_error(
            f"The {what} file {path} does not contain a {what}.{HINTS[what]}"
        ) from None


def unreadable(what: str, path: str, error: OSError) -> AirbyteTracedException:
    """The error for a file that is missing or that this program may not read."""
    if isinstance(error, PermissionError):
        return config_error(
            f"The {what} file {path} may not be read by user {os.geteuid()}, the user that this "
            "program runs as. Add `--user $(id -u)` to docker run, or let everyone read the file "
            "and enter its folder."
        )
    return config_error(f"The {what} file {path} cannot be read: {error.strerror}.")


def _unexpected(error: Exception) -> AirbyteTracedException:
    return AirbyteTracedException(
        message=f"The connector failed: {type(error).__name__}. {REPORT}",
        internal_message=where(error),
        failure_type=FailureType.system_error,
    )


def _fail(
    writer: Writer,
    arguments: argparse.Namespace,
    error: AirbyteTracedException,
    termination: Termination,
) -> None:
    """Prints the error as a protocol message and exits as the CDK would: `check` reports a config
    error as its result, everything else exits with 1."""
    lines = AsLines()
    if arguments.command == "check" and error.failure_type is FailureType.config_error:
        status = AirbyteConnectionStatus(status=Status.FAILED, message=public(str(error)))
        message = AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
        writer.lines(b"".join(lines.message(message)))
        return
    writer.lines(b"".join(lines.message(error_message(error))))
    if termination.requested:
        die()
    sys.exit(1)
