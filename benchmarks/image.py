"""The connector's Docker image, and one with nothing but the CDK to compare it with."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONNECTOR, CDK = "source-pipedrive:bench", "source-pipedrive:bench-cdk"
SPEC = ("docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", CONNECTOR, "spec")
ONLY_THE_CDK = """\
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS build
COPY constraints.txt .
RUN python -m venv /opt/cdk \\
    && /opt/cdk/bin/pip install --no-cache-dir --disable-pip-version-check \\
        -c constraints.txt airbyte-cdk \\
    && /opt/cdk/bin/pip uninstall --yes --quiet pip setuptools
FROM ${BASE}
COPY --from=build /opt/cdk /opt/cdk
"""


def engine() -> bool:
    """Whether a Docker engine responds."""
    return bool(shutil.which("docker")) and not _docker("info", check=False).returncode


def build(files: Path) -> dict[str, int]:
    """Build both images, with `files` for the context; return their sizes in bytes, by name."""
    options = shlex.split(os.environ.get("DOCKER_BUILD_OPTIONS", ""))
    context = files / "only-the-cdk"
    context.mkdir()
    (context / "Dockerfile").write_text(ONLY_THE_CDK, encoding="utf-8")
    shutil.copy(ROOT / "constraints.txt", context)
    for name, folder in ((CONNECTOR, ROOT), (CDK, context)):
        _docker("build", *options, "-t", name, str(folder))
    return {name: _size(name) for name in (CONNECTOR, CDK)}


def remove() -> None:
    """Remove both images, but not the layers that other images use."""
    _docker("rmi", CONNECTOR, CDK, check=False)


def _size(name: str) -> int:
    inspected: Sequence[str] = ("image", "inspect", "--format", "{{.Size}}", name)
    return int(_docker(*inspected).stdout)


def _docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command. If `check`, raises RuntimeError with the end of a failed command's output."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        words = (done.stdout + done.stderr)[-2000:]
        raise RuntimeError(f"docker {arguments[0]} ended with {done.returncode}:\n{words}")
    return done
