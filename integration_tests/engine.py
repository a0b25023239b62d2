"""The Docker engine and the connector's image, for the tests that need them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException

ROOT = Path(__file__).parent.parent
IMAGE = "source-pipedrive:test"


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """A client of the Docker engine; without one these tests say that they did not run."""
    try:
        client = docker.from_env()
    except DockerException:
        if os.environ.get("REQUIRE_IMAGE_TESTS"):
            raise
        pytest.skip("the image tests did not run: no Docker engine answers")
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: Any) -> str:
    """The image's name, built as the README says, once for all tests."""
    build = os.environ.get("DOCKER_BUILD_OPTIONS", "")
    command = ["make", "--no-print-directory", "image", f"IMAGE={IMAGE}", f"BUILD={build}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return IMAGE
