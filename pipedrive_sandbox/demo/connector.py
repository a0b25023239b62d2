"""The connector as PyAirbyte runs it: the installed program, or an image."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .memory import DemoError

NAME = "source-pipedrive"
ANSWERS_WITHIN = 30.0  # seconds
# Its containers run in a virtual machine, which has a loopback of its own.
DESKTOP = "Docker Desktop"
DESKTOP_HINT = (
    f"In {DESKTOP} a container reaches the sandbox only with Settings > Resources > Network > "
    "Enable host networking (4.34 or newer). `make demo` without DOCKER=1 needs none of it."
)


@dataclass(frozen=True)
class Connector:
    """`how` are keywords of PyAirbyte's `get_source`; `hint` is to be said when a sync fails."""

    title: str
    how: dict[str, Any]
    hint: str = ""


def program() -> Connector:
    """The one that is installed beside this Python. Raises DemoError if there is none."""
    executable = Path(sys.executable).with_name(NAME)
    if not executable.exists():
        raise DemoError(f"{executable} is missing. Install it with: pip install -e '.[test]'")
    return Connector(NAME, {"local_executable": executable})


def image(name: str) -> Connector:
    """The image `name`. Raises DemoError if no Docker engine answers or it has no such image."""
    engine = _docker("info", "--format", "{{.OperatingSystem}}")
    if engine is None:
        raise DemoError(
            "No Docker engine answers. Start one (`docker info` says what is wrong), or read "
            "without it: make demo"
        )
    if _docker("image", "inspect", "--format", "{{.Id}}", name) is None:
        raise DemoError(
            f"The Docker engine has no image {name}. Build it with: make image IMAGE={name}"
        )
    # The sandbox listens on this machine's loopback only.
    how = {"docker_image": name, "use_host_network": True}
    return Connector(f"The image {name}", how, DESKTOP_HINT if engine == DESKTOP else "")


def _docker(*arguments: str) -> str | None:
    """What it prints, without the line's end; None if it is missing or fails."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=ANSWERS_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
