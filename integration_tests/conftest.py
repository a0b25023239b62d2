"""The sandbox in its own process, and the connector that reads from it."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from integration_tests import program
from integration_tests.browser import browser, driver  # noqa: F401  (fixtures)
from integration_tests.engine import engine, image  # noqa: F401  (fixtures)
from integration_tests.postgresql import postgresql  # noqa: F401  (fixture)
from integration_tests.program import Message, Mode, Outcome
from pipedrive_sandbox import Options
from pipedrive_sandbox.__main__ import main as serve
from pipedrive_sandbox.data.plans import Company

# A shell starts background jobs with Ctrl-C ignored, and what these tests start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def call(url: str, name: str, body: Any = None) -> Any:
    """Call one of the own routes of the sandbox at `url`: GET without a body, POST with one."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_sandbox/{name}", data)
    # Minutes, because 200,000 records take long on a busy machine.
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


@dataclass
class Box:
    """A running sandbox, and the connector's input files for it."""

    url: str
    api_token: str
    client_id: str
    client_secret: str
    refresh_token: str
    process: int = field(repr=False)  # its id
    files: list[str] = field(default_factory=list, repr=False)
    debug: bool = False  # whether reads log in debug
    outcomes: list[Outcome] = field(default_factory=list, repr=False)

    def control(self, name: str, body: Any = None) -> Any:
        """Call one of the sandbox's own routes: GET without a body, POST with one."""
        return call(self.url, name, body)

    def config(self, **changes: Any) -> Message:
        """A configuration with an API token; `changes` replace its keys."""
        token = {"auth_type": "api_token", "api_token": self.api_token}
        everything = {"mode": "all"}
        raw = {"custom_fields": "raw"}  # columns have their own tests
        return {"credentials": token, "api_url": self.url, "history": everything, **raw, **changes}

    def oauth(self, **changes: Any) -> Message:
        """A configuration with an OAuth app; `changes` replace keys of the credentials."""
        keys = {
            "auth_type": "oauth2.0",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }
        return self.config(credentials={**keys, **changes})

    def file(self, value: Any) -> str:
        """The path of a file with `value` as JSON, removed with the sandbox."""
        self.files.append(program.write(value))
        return self.files[-1]

    def run(self, command: str, config: Message | None = None, *more: str) -> Outcome:
        """Run one command of the program."""
        config_file = self.file(self.config() if config is None else config)
        if self.debug and command == "read":
            more = ("--debug", *more)
        self.outcomes.append(program.run(command, "--config", config_file, *more))
        return self.outcomes[-1]

    def streams(self) -> list[Message]:
        """The discovered streams."""
        return list(self.run("discover").of("CATALOG")[0]["streams"])

    def read(
        self,
        *names: str,
        config: Message | None = None,
        state: Any = None,
        mode: Mode | None = None,
    ) -> Outcome:
        """Sync the named streams, or all lists."""
        catalog = program.catalog_of(self.streams(), *names, mode=mode)
        more = ["--catalog", self.file(catalog)]
        if state is not None:
            more += ["--state", self.file(state)]
        return self.run("read", config, *more)


class Sandboxes:
    """Starts sandboxes: `start(scale=0.1, clock=..., null_update_times=3)`."""

    def __init__(self) -> None:
        self._running: list[Box] = []

    def __call__(
        self,
        scale: float = 0.1,
        clock: str | None = None,
        seed: int = 1,
        fields: Company = "small",
        **switches: Any,
    ) -> Box:
        options = Options(seed, scale, clock, fields=fields, switches=switches)
        process, output = program.fork(serve, ["--port", "0", *options.arguments()])
        with os.fdopen(output) as lines:
            ready = lines.readline()
        assert ready, "the sandbox did not start"
        box = Box(process=process, **json.loads(ready))
        self._running.append(box)
        return box

    def end(self) -> None:
        """Kill all running sandboxes. They store nothing, so they need no time to stop."""
        for box in self._running:
            os.kill(box.process, signal.SIGKILL)
            os.waitpid(box.process, 0)
            program.remove(*box.files)
        self._running.clear()


Start = Callable[..., Box]


@pytest.fixture(scope="session")
def start() -> Start:
    """Starts sandboxes, which stop at the end of the module that started them."""
    return Sandboxes()


@pytest.fixture(scope="module", autouse=True)
def _sandboxes_end_with_their_module(start: Sandboxes) -> Iterator[None]:
    yield
    start.end()


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Box]:
    """A sandbox for tests that only read."""
    sandboxes = Sandboxes()
    box = sandboxes(scale=0.1, rate_limit=100_000)
    # A record from the second in which the sandbox started would wait for the next sync.
    box.control("clock", {"advance_seconds": 5})
    yield box
    sandboxes.end()


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that needs the Docker engine, so that none is forgotten."""
    for item in items:
        if isinstance(item, pytest.Function) and "engine" in item.fixturenames:
            item.add_marker("image")
