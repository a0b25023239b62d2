"""source-pipedrive login as a person runs it: at a terminal, and in a browser."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integration_tests.browser import Browser
from integration_tests.conftest import Box, Start
from integration_tests.test_tools import ROOT, run

PATIENCE = 60  # seconds
CONSENT = re.compile(r"^http\S+/oauth/authorize\?\S+$", re.MULTILINE)
AT_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
ELSEWHERE = "https://localhost:1/callback"  # where nothing listens


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Command:
    """The command while it runs; what it prints is read as it comes."""

    process: subprocess.Popen[str]
    port: int
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            self.said += lines

    def wait_for(self, pattern: re.Pattern[str]) -> str:
        """What the command prints that matches."""
        give_up = time.monotonic() + PATIENCE
        while not (found := pattern.search(self.stderr)):
            assert time.monotonic() < give_up, self.stderr
            time.sleep(0.05)
        return found[0]

    @property
    def address(self) -> str:
        """The address to open, once the command waits for the callback."""
        self.wait_for(re.compile("Ctrl-C cancels|address bar here"))
        return self.wait_for(CONSENT)

    @property
    def stderr(self) -> str:
        """What it has printed for the person so far."""
        return "".join(list(self.said))

    def type(self, line: str) -> None:
        """At the terminal, with Enter."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """The exit code, and standard output."""
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        self.reader.join(PATIENCE)
        return self.process.wait(timeout=PATIENCE), output


@dataclass
class Desk:
    """A folder and a company, where somebody logs in."""

    box: Box
    folder: Path
    commands: list[Command] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "config.json"

    def login(self, *more: str, port: int = 0, **environment: str) -> Command:
        """Start the command, without a display unless `environment` has one."""
        port = port or free_port()
        typed = ["login", "--client-id", self.box.client_id, "--port", str(port)]
        typed += ["--out", str(self.path), "--api-url", self.box.url, *more]
        displays = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
        clean = {name: value for name, value in os.environ.items() if name not in displays}
        secret = {"PIPEDRIVE_CLIENT_SECRET": self.box.client_secret}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *typed],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**clean, **secret, **environment},
        )
        self.commands.append(Command(process, port))
        return self.commands[-1]

    def close(self) -> None:
        """End what a failed test has left."""
        for command in self.commands:
            command.process.kill()
            command.process.wait()
            command.reader.join(PATIENCE)
            for pipe in (command.process.stdin, command.process.stdout):
                assert pipe is not None
                pipe.close()

    def secrets(self) -> list[str]:
        """What nobody may see."""
        credentials = json.loads(self.path.read_text())["credentials"]
        return [credentials[name] for name in ("access_token", "refresh_token", "client_secret")]


@pytest.fixture(scope="module")
def company(start: Start) -> Box:
    return start(rate_limit=100_000)


@pytest.fixture
def desk(company: Box, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(company, tmp_path)
    yield desk
    desk.close()
    company.control("switches", {"callback_url": "", "scopes": "all", "denial_state": True})


def allow(address: str) -> requests.Response:
    """Click Allow, without a browser."""
    query = parse_qs(urlsplit(address).query)
    form = {**{name: value for name, (value,) in query.items()}, "decision": "allow"}
    return requests.post(address.partition("?")[0], data=form, timeout=PATIENCE)


# At the terminal


def test_without_a_display_the_address_is_printed_and_the_next_commands_work(desk: Desk) -> None:
    command = desk.login()
    page = allow(command.address)
    assert "Open this address in a browser:" in command.stderr
    code, output = command.end()
    assert code == 0, command.stderr
    assert urlsplit(page.url).path == "/done"
    assert f"has to be http://localhost:{command.port}/callback\n" in command.stderr
    for secret in desk.secrets():
        assert secret not in output + command.stderr + page.text
    assert desk.path.stat().st_mode & 0o777 == 0o600
    typed = re.findall(r"  source-pipedrive (.*)$", output, re.MULTILINE)
    assert [line.split()[0] for line in typed] == ["check", "estimate", "catalog", "read"]
    for line in typed:
        arguments, _, target = line.partition(" > ")
        done = run(*shlex.split(arguments.replace("catalog.json", f"{desk.folder}/catalog.json")))
        assert done.returncode == 0, done.stdout[-500:] + done.stderr
        if target:
            (desk.folder / target).write_text(done.stdout)


def test_the_browser_is_opened(desk: Desk) -> None:
    seen = desk.folder / "address.txt"
    program = desk.folder / "browser"
    program.write_text(
        f'#!/bin/sh\nprintf %s "$1" >"{seen}.new"; mv "{seen}.new" "{seen}"\n'
        "exec sleep 60 >/dev/null 2>&1\n"
    )
    program.chmod(0o755)
    command = desk.login(BROWSER=str(program))
    give_up = time.monotonic() + PATIENCE
    while not seen.exists():
        assert time.monotonic() < give_up, command.stderr
        time.sleep(0.05)
    assert seen.read_text() == command.address
    allow(command.address)
    assert command.end()[0] == 0  # although this browser keeps its caller waiting
    quiet = desk.login("--no-browser", BROWSER=str(program))
    seen.unlink()
    allow(quiet.address)
    assert quiet.end()[0] == 0
    assert not seen.exists()


def test_json_for_programs(desk: Desk) -> None:
    desk.box.control("switches", {"scopes": "base,deals:read"})
    command = desk.login("--json", "--debug")
    allow(command.address)
    code, output = command.end()
    assert code == 0, command.stderr
    report = json.loads(output)
    assert report["missing_scopes"].keys() >= {"contacts:read", "mail:read", "admin"}
    for secret in desk.secrets():
        assert secret not in output + command.stderr


def test_ctrl_c_is_one_sentence_and_leaves_no_file(desk: Desk) -> None:
    command = desk.login()
    assert command.address
    command.process.send_signal(signal.SIGINT)
    code, output = command.end()
    assert (code, output) == (130, "")
    assert command.stderr.endswith("\nThe login was cancelled. Nothing was saved.\n")
    assert os.listdir(desk.folder) == []


def test_a_busy_port_is_one_line(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = desk.login(port=port)
        assert command.end() == (1, "")
    assert command.stderr.startswith(f"source-pipedrive login: Port {port} cannot be used: ")
    assert command.stderr.count("\n") == 1


def test_without_a_terminal_the_secret_has_to_be_in_the_environment(desk: Desk) -> None:
    command = desk.login(PIPEDRIVE_CLIENT_SECRET="")
    assert command.end()[0] == 1
    assert "environment variable PIPEDRIVE_CLIENT_SECRET" in command.stderr


def test_the_secret_that_is_typed_is_not_shown(desk: Desk) -> None:
    master, slave = os.openpty()
    typed = ["login", "--client-id", desk.box.client_id, "--port", str(free_port())]
    typed += ["--out", str(desk.path), "--api-url", desk.box.url, "--no-browser"]
    environment = {n: v for n, v in os.environ.items() if n != "PIPEDRIVE_CLIENT_SECRET"}
    process = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, sys.executable, str(ROOT / "main.py"), *typed],
        stdin=slave,
        env=environment,
    )
    os.close(slave)
    shown = ""

    def until(pattern: str) -> str:
        nonlocal shown
        while not (found := re.search(pattern, shown, re.MULTILINE)):
            try:
                shown += os.read(master, 65_536).decode()
            except OSError:  # the terminal's other end has closed
                raise AssertionError(shown) from None
        return found[0]

    try:
        until(r"it is not shown\): $")
        os.write(master, f"{desk.box.client_secret}\n".encode())
        address = until(r"^http\S+authorize\S+(?=\r)")
        until("Ctrl-C cancels")
        allow(address)
        until("--catalog catalog.json")
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert desk.box.client_secret not in shown
    assert json.loads(desk.path.read_text())["credentials"]["refresh_token"]


# In a browser


def test_a_person_clicks_allow(desk: Desk, browser: Browser) -> None:
    command = desk.login()
    browser.open(command.address)
    browser.wait_for_text("Install the sandbox's app?")
    browser.click("Allow and install")
    page = browser.wait_for_text("You can close this window.")
    done = f"http://localhost:{command.port}/done"
    assert browser.wait_for_address(done) == done
    code, output = command.end()
    assert code == 0, command.stderr
    assert re.findall("Connected to (.+)", page)[0] in output
    for secret in desk.secrets():
        assert secret not in browser.source
    assert "code=" not in browser.source


def test_a_person_clicks_cancel(desk: Desk, browser: Browser) -> None:
    command = desk.login()
    browser.open(command.address)
    browser.click("Cancel")
    browser.wait_for_text("someone clicked Cancel")
    done = f"http://localhost:{command.port}/done"
    assert browser.wait_for_address(done) == done
    assert command.end() == (1, "")
    assert "someone clicked Cancel" in command.stderr
    assert not desk.path.exists()


def test_an_old_address_is_refused_and_the_login_goes_on(desk: Desk, browser: Browser) -> None:
    command = desk.login()
    wanted = command.address
    browser.open(re.sub("state=[^&]+", "state=of-an-earlier-login", wanted))
    browser.click("Allow and install")
    browser.wait_for_text("This is not the login that is waiting")
    assert command.process.poll() is None
    browser.open(wanted)
    browser.click("Allow and install")
    browser.wait_for_text("You can close this window.")
    assert command.end()[0] == 0


def test_a_code_that_is_refused_is_a_page(desk: Desk, browser: Browser) -> None:
    command = desk.login()
    browser.open(command.address)
    desk.box.control("fail-next", [{"path_contains": "oauth/token", "status": 400}])
    browser.click("Allow and install")
    browser.wait_for_text("lasts five minutes and can be used once")
    assert command.end()[0] == 1
    assert not desk.path.exists()


def test_an_address_is_pasted_from_the_browser(desk: Desk, browser: Browser) -> None:
    """For an app whose only callback URL is on another machine."""
    desk.box.control("switches", {"callback_url": ELSEWHERE})
    command = desk.login("--callback-url", ELSEWHERE)
    browser.open(command.address)
    browser.click("Allow and install")
    command.type(browser.wait_for_address(f"{ELSEWHERE}?code="))
    code, output = command.end()
    assert code == 0, command.stderr
    assert "code=" not in output + command.stderr
