"""docs/scheduled: the program that stores messages and states, tested with a scripted connector."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from unit_tests.test_setup_docs import DOCS

SYNC = DOCS / "scheduled" / "sync.py"


def sync(folder: Path, *lines: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A sync with a connector that prints `lines`, adding no line breaks, and exits."""
    text = "".join(lines)
    connector = f"import sys; sys.stdout.write({text!r}); sys.exit({code})"
    return subprocess.run(
        [sys.executable, str(SYNC), str(folder), sys.executable, "-c", connector],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def line(kind: str, **body: Any) -> str:
    return json.dumps({"type": kind, kind.lower(): body}, separators=(",", ":")) + "\n"


def state(stream: str, at: int) -> str:
    described = {"stream_descriptor": {"name": stream}, "stream_state": {"at": at}}
    return line("STATE", type="STREAM", stream=described)


def kept(folder: Path) -> dict[str, int]:
    return {
        s["stream"]["stream_descriptor"]["name"]: s["stream"]["stream_state"]["at"]
        for s in json.loads((folder / "state.json").read_text())
    }


def test_a_failed_sync_keeps_its_states_and_those_of_streams_not_reached(tmp_path: Path) -> None:
    assert sync(tmp_path, state("deals", 1), state("users", 1)).returncode == 0
    (first,) = tmp_path.glob("*.jsonl")
    first.unlink()
    record = line("RECORD", stream="deals", data={"id": 1}, emitted_at=1)
    error = line("TRACE", type="ERROR", error={"message": "The day's tokens are spent."})
    log = line("LOG", level="WARN", message="Nearly.")
    control = line("CONTROL", connectorConfig={"config": {"secret": 1}})
    done = sync(tmp_path, log, control, record, state("deals", 2), record, error, code=3)
    assert done.returncode == 3
    assert done.stderr == "WARN Nearly.\nERROR The day's tokens are spent.\n"
    assert kept(tmp_path) == {"deals": 2, "users": 1}
    (file,) = tmp_path.glob("*.jsonl")
    assert file.read_text() == record + state("deals", 2) + record


def test_the_folder_is_made(tmp_path: Path) -> None:
    """Each company's pod has one of its own on the shared volume."""
    folder = tmp_path / "data" / "3"
    assert sync(folder, state("deals", 1)).returncode == 0
    assert kept(folder) == {"deals": 1}


def test_an_incomplete_line_of_a_killed_connector_is_dropped(tmp_path: Path) -> None:
    """A loader would fail on it."""
    record = line("RECORD", stream="deals", data={"id": 1}, emitted_at=1)
    assert sync(tmp_path, record, state("deals", 1), record[:30], code=1).returncode == 1
    (file,) = tmp_path.glob("*.jsonl")
    assert file.read_text() == record + state("deals", 1)


def test_a_sync_that_cannot_start_is_reported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SYNC), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "COMMAND" in done.stderr


def test_sigterm_reaches_the_connector_and_its_last_output_is_kept(tmp_path: Path) -> None:
    """Otherwise a deleted pod would lose what it has read, or be killed."""
    text = state("deals", 7)
    connector = (
        "import signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (print({text!r}, end=''), sys.exit(4)))\n"
        'print(\'{"type":"LOG","log":{"level":"INFO","message":"Here."}}\', flush=True)\n'
        "time.sleep(60)"
    )
    command = [sys.executable, str(SYNC), str(tmp_path), sys.executable, "-c", connector]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "INFO Here.\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 4
    assert kept(tmp_path) == {"deals": 7}


def test_the_exit_code_after_a_signal_is_that_of_a_shell(tmp_path: Path) -> None:
    """Pods do the same: 143 is known to mean SIGTERM, while 241 means nothing."""
    ended = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    command = [sys.executable, str(SYNC), str(tmp_path), sys.executable, "-c", ended]
    assert subprocess.run(command).returncode == 128 + signal.SIGTERM


def test_a_state_is_on_disk_before_the_sync_continues(tmp_path: Path) -> None:
    """So a killed sync never repeats what was read before."""
    record = line("RECORD", stream="deals", data={"id": 1}, emitted_at=1)
    text = record + state("deals", 5) + line("LOG", level="INFO", message="Here.")
    connector = f"import time; print({text!r}, end='', flush=True); time.sleep(60)"
    command = [sys.executable, str(SYNC), str(tmp_path), sys.executable, "-c", connector]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "INFO Here.\n"
        os.killpg(running.pid, signal.SIGKILL)
    assert kept(tmp_path) == {"deals": 5}
    (file,) = tmp_path.glob("*.jsonl")
    assert file.read_text() == record + state("deals", 5)
