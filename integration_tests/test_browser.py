"""The tests' own Chromium: it leaves nothing behind, and its absence is reported."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from integration_tests import browser as browser_module
from integration_tests.browser import NO_BROWSER, Browser, Driver, programs, running
from integration_tests.engine import ROOT

HELD = """
import time
from integration_tests.browser import programs, running
with running(*programs()) as driver, driver.window() as window:
    print(window.process, flush=True)
    time.sleep(60)
"""


def test_the_browser_ends_when_the_tests_are_killed(driver: Driver, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HELD]
    place = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=place) as tests:
        assert tests.stdout is not None
        process = int(tests.stdout.readline())
        assert _runs(process)
        tests.kill()
    give_up = time.monotonic() + 30
    while _runs(process):
        assert time.monotonic() < give_up, "the browser still runs"
        time.sleep(0.05)


def driver_of(tmp_path: Path, *lines: str) -> str:
    """The path of a program in place of the driver."""
    program = tmp_path / "driver"
    program.write_text("\n".join(["#!/bin/sh", *lines]))
    program.chmod(0o755)
    return str(program)


def test_a_driver_that_ends_is_started_again(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    unreliable = driver_of(
        tmp_path,
        f"if [ ! -e {tried} ]; then touch {tried}; echo No port; exit 1; fi",
        "echo It was started successfully on port 123.",
        "exec sleep 60",
    )
    with running("chromium", unreliable) as driver:
        assert driver.url == "http://127.0.0.1:123"


def test_a_driver_that_never_starts_is_reported(tmp_path: Path) -> None:
    broken = driver_of(tmp_path, "echo No port")
    with pytest.raises(AssertionError, match="did not start: No port"), running("", broken):
        pass


def test_a_silent_driver_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(browser_module, "PATIENCE", 2)
    monkeypatch.setattr(browser_module, "TRIES", 1)
    silent = driver_of(tmp_path, "exec sleep 60")
    with pytest.raises(AssertionError, match="did not start"), running("", silent):
        pass


def _runs(process: int) -> bool:
    """Whether the process is there, and not only waits for its parent to notice its end."""
    command = ["ps", "-o", "stat=", "-p", str(process)]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return bool(found) and not found.startswith("Z")


def test_a_window_shows_what_it_is_told_to(browser: Browser) -> None:
    browser.open("data:text/html,<button>Go on</button>")
    assert "Go on" in browser.wait_for_text("Go on")
    browser.click("Go on")
    with pytest.raises(AssertionError, match="no such element"):
        browser.click("Go back")


@pytest.mark.parametrize(("required", "ends"), [("", pytest.skip), ("1", pytest.fail)])
def test_a_missing_browser_is_reported(
    monkeypatch: pytest.MonkeyPatch, required: str, ends: Any
) -> None:
    """Otherwise a green run would not mean that the pages work."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("REQUIRE_BROWSER_TESTS", required)
    with pytest.raises(ends.Exception) as end:
        programs()
    assert str(end.value) == NO_BROWSER
