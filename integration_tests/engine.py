"""The Docker engine and the connector's image, for tests that need them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

ROOT = Path(__file__).parent.parent
IMAGE = "source-pipedrive:test"
NO_ENGINE = "the image tests did not run: no Docker engine responds (`docker version` shows why)"
PATIENCE = 60  # seconds to wait for the engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the engine that the `docker` program uses. Without an engine the tests that need
    it are skipped, or fail if REQUIRE_IMAGE_TESTS is set."""
    host = engine_host()
    if host is None:
        if os.environ.get("REQUIRE_IMAGE_TESTS"):
            pytest.fail(NO_ENGINE, pytrace=False)
        pytest.skip(NO_ENGINE)
    client = docker.from_env(environment={**os.environ, "DOCKER_HOST": host})
    yield client
    client.close()


def engine_host() -> str | None:
    """The engine's address; None if no engine responds.

    It comes from the `docker` program, because docker's Python client leaves a socket open if
    nothing listens, and the warning about that is an error here.
    """
    if _docker("version") is None:
        return None
    return _docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")


def _docker(*arguments: str) -> str | None:
    """The output of the `docker` program; None if it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@pytest.fixture(scope="session")
def image(engine: Any) -> str:
    """The image's name, built once for all tests, as in the README."""
    build = os.environ.get("DOCKER_BUILD_OPTIONS", "")
    command = ["make", "--no-print-directory", "image", f"IMAGE={IMAGE}", f"BUILD={build}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return IMAGE
