"""A headless Chromium for the tests, driven by its own driver.

The driver speaks the W3C's WebDriver protocol (https://www.w3.org/TR/webdriver2/). A handful of its
commands suffice; Selenium would bring eight packages and a downloader.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from integration_tests.attached import attached

NO_BROWSER = (
    "did not run: Chromium and its driver are not installed (on Debian: apt-get install chromium "
    "chromium-driver)"
)
PATIENCE = 60  # seconds to wait for each command
READY = re.compile(r"started successfully on port (\d+)")
TRIES = 3  # to start the driver


@dataclass
class Browser:
    """One window. `url` is that of its session at the driver; `process` is Chromium's."""

    url: str
    http: requests.Session = field(repr=False)
    process: int = 0

    def open(self, address: str) -> None:
        """Go to an address, as if it had been typed."""
        self.call("POST", "url", {"url": address})

    def click(self, text: str) -> None:
        """Click the button with this text. The next page may take a moment."""
        xpath = {"using": "xpath", "value": f"//button[normalize-space()='{text}']"}
        (element,) = self.call("POST", "element", xpath).values()
        self.call("POST", f"element/{element}/click", {})

    def wait_for_text(self, text: str) -> str:
        """All that the page shows, once `text` is in it."""
        shown = "return document.body ? document.body.innerText : ''"
        script = {"script": shown, "args": []}
        return self._wait_for(lambda: str(self.call("POST", "execute/sync", script)), text)

    def wait_for_address(self, start: str) -> str:
        """What the address bar shows, once it begins with `start`."""
        return self._wait_for(lambda: str(self.call("GET", "url")), start)

    def _wait_for(self, look: Callable[[], str], text: str) -> str:
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                seen = look()
            except AssertionError as error:  # the page was just being replaced
                seen = repr(error)
            if text in seen:
                return seen
            assert time.monotonic() < give_up, f"{text!r} is not in {seen!r}"
            time.sleep(0.05)

    @property
    def source(self) -> str:
        """All of the page."""
        return str(self.call("GET", "source"))

    def call(self, method: str, command: str, body: Any = None) -> Any:
        """One command of the protocol. Fails if the driver reports an error."""
        found = self.http.request(method, f"{self.url}/{command}", json=body, timeout=PATIENCE)
        assert found.status_code == 200, found.text[:500]
        return found.json()["value"]


@dataclass(frozen=True)
class Driver:
    """A driver that runs at the address `url`, and the path of the program it drives."""

    url: str
    chromium: str

    @contextmanager
    def window(self) -> Iterator[Browser]:
        """A new window with an empty profile."""
        profile = tempfile.mkdtemp(prefix="chromium-")
        arguments = ["--headless=new", "--no-proxy-server", "--disable-dev-shm-usage"]
        arguments += [
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
        ]  # ends with the driver
        if os.geteuid() == 0:
            # As root, it refuses to run with its sandbox; the tests load only their own pages.
            arguments.append("--no-sandbox")
        options = {"binary": self.chromium, "args": arguments}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options}
        with requests.Session() as http:
            http.trust_env = False  # no proxy on the way to the driver
            new = {"capabilities": {"alwaysMatch": wanted}}
            session = Browser(self.url, http).call("POST", "session", new)
            url = f"{self.url}/session/{session['sessionId']}"
            try:
                yield Browser(url, http, session["capabilities"]["goog:processID"])
            finally:
                http.delete(url, timeout=PATIENCE)
                shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """A driver that is ready for windows."""
    with running(*programs()) as found:
        yield found


@pytest.fixture
def browser(driver: Driver) -> Iterator[Browser]:
    """A new window with an empty profile."""
    with driver.window() as found:
        yield found


def programs() -> tuple[str, str]:
    """The paths of Chromium and of its driver.

    Where one is missing, the test is skipped, or fails if REQUIRE_BROWSER_TESTS is set.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if chromium and driver:
        return chromium, driver
    if os.environ.get("REQUIRE_BROWSER_TESTS"):
        pytest.fail(NO_BROWSER, pytrace=False)
    pytest.skip(NO_BROWSER)


@contextmanager
def running(chromium: str, driver: str) -> Iterator[Driver]:
    """Run the driver on a port that it chooses; it accepts connections from this machine alone."""
    shell, port = _started(driver)
    try:
        yield Driver(f"http://127.0.0.1:{port}", chromium)
    finally:
        _end(shell)


def _started(driver: str) -> tuple[subprocess.Popen[str], str]:
    """The driver, and its port. On a busy machine one may end, or say nothing."""
    said = ""
    for _ in range(TRIES):
        shell = attached(driver, "--port=0")
        assert shell.stdin is not None
        assert shell.stdout is not None
        silence = threading.Timer(PATIENCE, shell.stdin.close)
        silence.start()
        for line in shell.stdout:
            said += line
            if ready := READY.search(line):
                silence.cancel()
                return shell, ready[1]
        silence.cancel()
        _end(shell)
    raise AssertionError(f"the driver did not start: {said}")


def _end(shell: subprocess.Popen[str]) -> None:
    assert shell.stdin is not None
    assert shell.stdout is not None
    shell.stdin.close()
    shell.wait(timeout=PATIENCE)
    shell.stdout.close()
