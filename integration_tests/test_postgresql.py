"""The tests' own PostgreSQL server: it leaves nothing behind, and its absence is reported."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from integration_tests.engine import ROOT
from integration_tests.postgresql import NO_SERVER, PostgreSQL, programs

HELD = """
import sys, time
from pathlib import Path
from integration_tests.postgresql import programs, running
with running(programs(), Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_the_server_ends_when_the_tests_are_killed(postgresql: PostgreSQL) -> None:
    folder = postgresql.folder / "other"
    folder.mkdir()
    command = [sys.executable, "-c", HELD, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        assert tests.stdout.readline() == "ready\n"
        server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        tests.kill()
    give_up = time.monotonic() + 30
    while _runs(server):
        assert time.monotonic() < give_up, "the server still runs"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("required", "ends"), [("", pytest.skip), ("1", pytest.fail)])
def test_a_missing_postgresql_is_reported(
    monkeypatch: pytest.MonkeyPatch, required: str, ends: Any
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("REQUIRE_POSTGRESQL_TESTS", required)
    with pytest.raises(ends.Exception) as end:
        programs()
    assert str(end.value) == NO_SERVER
