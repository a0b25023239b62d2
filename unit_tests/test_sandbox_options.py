"""The options of a sandbox, which the demo and the integration tests pass to its process.

If one got lost, tests would pass against the wrong account.
"""

from __future__ import annotations

import socket
from argparse import ArgumentParser

import pytest

from pipedrive_sandbox import Options
from pipedrive_sandbox.__main__ import main
from pipedrive_sandbox.options import add_to
from pipedrive_sandbox.service import Service
from pipedrive_sandbox.switches import Switches

from .caller import NOW


def read(*arguments: str) -> Options:
    parser = ArgumentParser()
    add_to(parser)
    return Options.of(parser.parse_args(arguments))


@pytest.mark.parametrize(
    "options", [Options(), Options(7, 0.05, NOW, 30, "forty"), Options(scale=2, deals=0)]
)
def test_the_command_line_has_every_option(options: Options) -> None:
    assert read(*options.arguments()) == options


def test_a_busy_port_is_one_sentence_with_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as stopped:
            main(["--port", f"{port}", "--scale", "0.01"])
    said = str(stopped.value)
    assert said.startswith(f"pipedrive_sandbox: cannot listen on port {port}: ")
    assert said.endswith("Choose another with --port; 0 picks a free one.")


def test_the_command_line_accepts_switches_of_every_type() -> None:
    switches = {"admin": False, "tick": 0.5, "rate_limit": 9, "scopes": "a,b", "apps": ""}
    there = read(*Options(switches=switches).arguments())
    assert there.switches.keys() == switches.keys()
    assert Switches().changed(**there.switches) == Switches().changed(**switches)


def test_three_switches_have_their_own_option() -> None:
    arguments = ("--switch", "rate_limit=1", "--switch", "admin=false")
    short = ("--rate-limit", "2", "--daily-tokens", "3", "--latency-ms", "0.5")
    wanted = {"rate_limit": 2, "admin": "false", "daily_tokens": 3, "latency_ms": 0.5}
    assert read(*arguments, *short).switches == wanted
    with pytest.raises(SystemExit, match="write NAME=VALUE"):
        read("--switch", "admin")


def test_the_service_uses_its_options() -> None:
    service = Service(Options(2, 0.02, NOW, 5, "test", {"admin": False}))
    assert service.world.seed == 2
    assert service.world.sizes.persons == 30
    assert len(service.records("deals")) == 5
    assert service.clock.now() == service.clock.now() == service.world.created_at
    assert len(service.custom_fields("deals")) == 300
    assert service.switches == Switches(admin=False)
