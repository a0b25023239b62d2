"""Runs one tool: sets up its log, prints its report, and turns errors into one line."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.stdout import CLOSED_PIPE, WithoutMessages, give_up
from source_pipedrive.sync.messages import public
from source_pipedrive.tools.config_file import UNSAVED, keep_tokens, load, refresh_token
from source_pipedrive.tools.errors import sentence
from source_pipedrive.tools.report import Job, Notes, Report

logger = logging.getLogger("airbyte")

INTERRUPTED = 130  # the exit code that shells report for Ctrl-C

ENDINGS = (signal.SIGTERM, signal.SIGHUP)  # of a container, and of a terminal

Tool = Callable[[Job], Report]


def run(arguments: argparse.Namespace) -> None:
    """Runs the tool `arguments.command` and prints its report on standard output.

    Exits with 1 after an error, which is one line on standard error. SIGTERM and SIGHUP do what
    Ctrl-C does: the tool saves what has to be saved, and prints a report if it has one. The exit
    code then names the signal.
    """
    _log_to_stderr(arguments.debug)
    ending = Ending()
    ending.listen()
    tool: Tool = import_module(f"source_pipedrive.tools.{arguments.command}").run
    try:
        report = _result(tool, arguments)
        _print(report, arguments.json)
    except KeyboardInterrupt:
        sys.exit(ending.code or INTERRUPTED)
    except BrokenPipeError:
        os._exit(CLOSED_PIPE)
    except AirbyteTracedException as error:
        _fail(arguments, sentence(error))
    except Exception as error:
        logger.debug("Failed", exc_info=True)
        _fail(arguments, f"{type(error).__name__}. Please report this line.")
    if ending.code:
        sys.exit(ending.code)


class Ending:
    """The signal that stops a tool, if one does. code: the exit code that shells report for it, 0
    until it arrives."""

    def __init__(self) -> None:
        self.code = 0

    def listen(self) -> None:
        """From now on, the signals interrupt the main thread, which has to call this."""
        for number in ENDINGS:
            if number == signal.SIGTERM or signal.getsignal(number) is signal.SIG_DFL:  # no nohup
                signal.signal(number, self._interrupt)

    def _interrupt(self, number: int, _frame: object) -> None:
        self.code = self.code or 128 + number
        raise KeyboardInterrupt


def _result(tool: Tool, arguments: argparse.Namespace) -> Report:
    path = getattr(arguments, "config", None)
    # For a platform, renewed tokens are printed; here they go to the file they came from.
    with contextlib.redirect_stdout(io.StringIO()):
        if path is None:  # login, or the plan of the probe
            return tool(Job(arguments, Notes(), {}))
        config = load(path)
        before = refresh_token(config)
        try:
            return tool(Job(arguments, Notes(), config))
        finally:
            if not keep_tokens(path, config, before):
                logger.warning(UNSAVED.format(path=path))


def _print(report: Report, as_json: bool) -> None:
    try:
        report.write(sys.stdout, as_json)
        sys.stdout.flush()
    except OSError as error:
        give_up(error)


def _fail(arguments: argparse.Namespace, sentence: str) -> None:
    sys.stderr.write(f"source-pipedrive {arguments.command}: {public(sentence)}\n")
    sys.exit(1)


class _Lines(WithoutMessages):
    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler's, with the message
        return public(super().format(record))


def _log_to_stderr(debug: bool) -> None:
    """Warnings matter to the person who waits; what a sync would log besides does not."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(levelname)s %(message)s"))
    logging.getLogger().handlers = [handler]
    logging.captureWarnings(True)
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)
