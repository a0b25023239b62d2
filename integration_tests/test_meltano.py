"""docs/recipes/meltano.md: the image that its command makes reads what the wrapper mounts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.generators.meltano import PAGE
from integration_tests.conftest import Box
from unit_tests.test_setup_docs import blocks

OURS = "source-pipedrive:meltano-test"
IMAGE_USER = 1000


@pytest.fixture
def mounted(tmp_path: Path, shared_box: Box) -> Path:
    """A folder as the wrapper makes it: private, with the configuration."""
    (tmp_path / "config.json").write_text(json.dumps(shared_box.config()))
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def made(engine: Any, image: str) -> Iterator[str]:
    """The image that the page's command makes of the connector's."""
    (command,) = [block.text for block in blocks(PAGE.read_text()) if "USER" in block.text]
    assert command.startswith("make image\n")  # the fixture has done that
    text = command.removeprefix("make image\n")
    text = text.replace("source-pipedrive:dev", image).replace("source-pipedrive:meltano", OURS)
    subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True, timeout=300)
    yield OURS
    engine.images.remove(OURS, force=True)


def check(image: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The wrapper's command, with the host's network: the sandbox listens there."""
    docker = ["docker", "run", "--rm", "-i", "--network", "host", "-v", f"{folder}:/tmp", image]
    command = [*docker, "--", "check", "--config", "/tmp/config.json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_image_of_the_page_reads_the_wrappers_folder(made: str, mounted: Path) -> None:
    done = check(made, mounted)
    assert '"status":"SUCCEEDED"' in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(os.getuid() == IMAGE_USER, reason="did not run: these tests run as user 1000")
def test_the_connectors_own_image_cannot(image: str, mounted: Path) -> None:
    """Once it can, the page needs no second image."""
    done = check(image, mounted)
    assert "SUCCEEDED" not in done.stdout
    assert f"may not be read by user {IMAGE_USER}" in done.stdout, done.stdout + done.stderr
