"""The connector as a program: its command line, output and exit code."""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import source_pipedrive.cli  # noqa: F401  (forks find everything imported)
from source_pipedrive.run import main
from source_pipedrive.stream import Kind
from source_pipedrive.streams import STREAMS

Message = dict[str, Any]
LISTS = frozenset(
    name
    for name, row in STREAMS.items()
    if not (row.sources or row.components or row.kind is Kind.REPORT)
)


@dataclass(frozen=True)
class Outcome:
    """The result of one run of the program: its exit code and standard output."""

    code: int
    output: bytes

    @cached_property
    def messages(self) -> list[Message]:
        """Every line, decoded once. Fails if a line is not a JSON object."""
        found = [json.loads(line) for line in self.output.splitlines()]
        assert all(isinstance(message, dict) for message in found)
        return found

    def of(self, kind: str) -> list[Any]:
        """The bodies of the messages of one type, e.g. `of("LOG")`."""
        key = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[key] for message in self.messages if message["type"] == kind]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """The data of a stream's records, in order."""
        return [record["data"] for record in self.of("RECORD") if record["stream"] == stream]

    def statuses(self, stream: str) -> list[str]:
        """STARTED, RUNNING, ... of a stream, in order."""
        found = [t["stream_status"] for t in self.of("TRACE") if t["type"] == "STREAM_STATUS"]
        return [s["status"] for s in found if s["stream_descriptor"]["name"] == stream]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The traced errors."""
        return [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]

    @property
    def logs(self) -> list[str]:
        """The log lines."""
        return [log["message"] for log in self.of("LOG")]

    @property
    def state(self) -> list[Message]:
        """The last state of each stream, as the platform passes it to the next run."""
        last = {s["stream"]["stream_descriptor"]["name"]: s for s in self.of("STATE")}
        return list(last.values())

    def sentence(self) -> str:
        """The line that explains to a user why the command failed."""
        for status in self.of("CONNECTION_STATUS"):
            return str(status["message"])
        return str(self.errors[-1]["message"])


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> Outcome:
    """Run the program to its end."""
    child, read = fork(main, arguments, environment)
    with os.fdopen(read, "rb") as pipe:
        output = pipe.read()
    _, status = os.waitpid(child, 0)
    return Outcome(os.waitstatus_to_exitcode(status), output)


def fork(
    program: Callable[[list[str]], Any],
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> tuple[int, int]:
    """Run a `program` in a fork of this process, which has already imported everything.

    Returns its process id and the read end of a pipe with its standard output.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _become(program, write, arguments, environment or {})
    os.close(write)
    return child, read


def _become(
    program: Callable[[list[str]], Any],
    write: int,
    arguments: Sequence[str],
    environment: Mapping[str, str],
) -> None:
    """Run the program in a fork, writing to the pipe `write`. Never returns."""
    code = 70
    try:
        gc.freeze()  # the collector would touch, and so copy, the tests' memory
        os.dup2(write, 1)
        os.closerange(3, 4_096)  # otherwise this process would keep other programs' pipes open
        os.environ.update(environment)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        program(list(arguments))
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def write(value: Any) -> str:
    """The path of a new file with `value` as JSON."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(value, file)
    return file.name


def catalog_of(streams: Iterable[Message], *names: str, mode: Mode | None = None) -> Message:
    """A configured catalog of the discovered `streams` in `names`, or else of all lists (child
    streams have their own tests).

    mode: "full_refresh" for all; by default incremental wherever a stream supports it.
    """
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": mode or stream["supported_sync_modes"][-1],
                "destination_sync_mode": "append",
            }
            for stream in streams
            if stream["name"] in (names or LISTS)
        ]
    }


Mode = Literal["full_refresh", "incremental"]


def remove(*paths: str) -> None:
    """Delete files that `write` created."""
    for path in paths:
        Path(path).unlink()
