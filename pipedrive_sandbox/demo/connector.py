"""The connector that PyAirbyte runs: the installed program, or a Docker image."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .state import DemoError

NAME = "source-pipedrive"
ANSWERS_WITHIN = 30.0  # seconds
# Its containers run in a virtual machine with its own loopback interface.
DESKTOP = "Docker Desktop"
DESKTOP_HINT = (
    f"In {DESKTOP}, a container can reach the sandbox only with Settings > Resources > Network > "
    "Enable host networking (version 4.34 or newer). `make demo` without DOCKER=1 does not need it."
)


@dataclass(frozen=True)
class Connector:
    """`options`: keyword arguments of PyAirbyte's `get_source`; `hint`: shown when a sync fails."""

    title: str
    options: dict[str, Any]
    hint: str = ""


def program() -> Connector:
    """The program installed beside this Python. Raises DemoError if there is none."""
    executable = Path(sys.executable).with_name(NAME)
    if not executable.exists():
        raise DemoError(f"{executable} is missing. Install it with: pip install -e '.[test]'")
    return Connector(NAME, {"local_executable": executable})


def image(name: str) -> Connector:
    """The image `name`. Raises DemoError without a Docker engine, or if it has no such image."""
    engine = _docker("info", "--format", "{{.OperatingSystem}}")
    if engine is None:
        raise DemoError(
            "No Docker engine responds. Start one (`docker info` shows what is wrong), or run the "
            "demo without Docker: make demo"
        )
    if _docker("image", "inspect", "--format", "{{.Id}}", name) is None:
        raise DemoError(
            f"The Docker engine has no image {name}. Build it with: make image IMAGE={name}"
        )
    # The sandbox listens only on this machine's loopback interface.
    options = {"docker_image": name, "use_host_network": True}
    return Connector(name, options, DESKTOP_HINT if engine == DESKTOP else "")


def _docker(*arguments: str) -> str | None:
    """Docker's output without trailing whitespace; None if it is missing or fails."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=ANSWERS_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
