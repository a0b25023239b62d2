"""Runs one sync and stores its messages and state in a folder. Needs only Python.

    python3 sync.py FOLDER COMMAND ...

COMMAND is a read that writes to standard output, with `--state` set to FOLDER/state.json. Its
records and states go to a new file FOLDER/messages-TIME.jsonl, its log to standard error. This
program passes SIGTERM and SIGINT on to COMMAND and exits with COMMAND's exit code.

However the run ends, a state is stored only after its records are on the disk. The states of
streams that a run did not reach stay as they were.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Messages:
    """What a run stores in `folder`: whole lines, and the last state of each stream."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._state = folder / "state.json"
        if not self._state.exists():
            self._state.write_text("[]")
        self._states = {name_of(state): state for state in json.loads(self._state.read_text())}
        name = time.strftime("messages-%Y%m%dT%H%M%SZ.jsonl", time.gmtime())
        self._file = os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        self._lines: list[bytes] = []

    def add(self, line: bytes) -> None:
        """Takes a line from the connector; ignores half a line from a connector that was killed."""
        if not line.endswith(b"\n"):
            return
        if line.startswith(b'{"type":"RECORD"'):
            self._lines.append(line)
            return
        message = json.loads(line)
        if message["type"] == "RECORD":
            self._lines.append(line)
        elif message["type"] == "STATE":
            self._lines.append(line)
            self._states[name_of(message["state"])] = message["state"]
            self.keep()
        elif message["type"] == "LOG":
            say(f"{message['log']['level']} {message['log']['message']}")
        elif message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
            say(f"ERROR {message['trace']['error']['message']}")

    def keep(self) -> None:
        """Writes the lines to the disk, and then the states."""
        write(self._file, b"".join(self._lines))
        self._lines.clear()
        new = self._state.with_suffix(".new")
        file = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
        write(file, json.dumps(list(self._states.values())).encode())
        os.close(file)
        new.replace(self._state)


def name_of(state: dict[str, dict[str, dict[str, str]]]) -> str:
    """The stream that a state belongs to."""
    return state["stream"]["stream_descriptor"]["name"]


def write(file: int, data: bytes) -> None:
    """Returns when all of `data` is on the disk."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)


def say(line: str) -> None:
    """Prints a line for people."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def main(folder: str, *command: str) -> int:
    """The exit code of `command`, or 128 plus the number of the signal that ended it."""
    messages = Messages(Path(folder))
    read = subprocess.Popen(command, stdout=subprocess.PIPE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: read.terminate())
    assert read.stdout is not None
    for line in read.stdout:
        messages.add(line)
    messages.keep()
    code = read.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
