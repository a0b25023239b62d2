"""The image: what an orchestrator schedules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException

from integration_tests.conftest import Box
from integration_tests.program import Outcome, catalog_of, run

ROOT = Path(__file__).parent.parent
IMAGE = "source-pipedrive:test"


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def image(engine: Any) -> str:
    """The image, built as the README says."""
    build = os.environ.get("DOCKER_BUILD_OPTIONS", "")
    command = ["make", "--no-print-directory", "image", f"IMAGE={IMAGE}", f"BUILD={build}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return IMAGE


def in_container(engine: Any, files: Path, *arguments: str) -> Outcome:
    """One command in a container that sees `files` read-only and this machine's loopback."""
    container = engine.containers.run(
        IMAGE,
        list(arguments),
        detach=True,
        network_mode="host",
        cap_drop=["ALL"],
        volumes={str(files): {"bind": "/config", "mode": "ro"}},
    )
    try:
        code = container.wait(timeout=120)["StatusCode"]
        return Outcome(code, container.logs(stdout=True, stderr=False))
    finally:
        container.remove(force=True)


def test_the_image_answers_spec(engine: Any, image: str, tmp_path: Path) -> None:
    outcome = in_container(engine, tmp_path, "spec")
    assert outcome.code == 0
    assert outcome.of("SPEC") == run("spec").of("SPEC")


def test_the_image_runs_as_nobody_in_particular(engine: Any, image: str) -> None:
    config = engine.images.get(image).attrs["Config"]
    assert config["User"] not in ("", "0", "root")
    assert config["Entrypoint"] == ["python", "/airbyte/integration_code/main.py"]


def test_the_image_reads(engine: Any, image: str, tmp_path: Path, shared_box: Box) -> None:
    (tmp_path / "config.json").write_text(json.dumps(shared_box.config()))
    catalog = catalog_of(shared_box.streams(), "deals", "users", "currencies")
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    tmp_path.chmod(0o755)
    config = ["--config", "/config/config.json"]
    checked = in_container(engine, tmp_path, "check", *config)
    assert checked.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    outcome = in_container(engine, tmp_path, "read", *config, "--catalog", "/config/catalog.json")
    assert outcome.code == 0
    outside = shared_box.read("deals", "users", "currencies")
    for name in ("deals", "users", "currencies"):
        assert outcome.records(name) == outside.records(name), name
