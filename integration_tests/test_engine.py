"""Without Docker the tests that need an image report it, and nothing else fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration_tests.engine import NO_ENGINE, ROOT

ONE = "integration_tests/test_image.py::test_the_image_has_the_right_metadata"


def run(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one image test without a Docker engine."""
    closed = {"DOCKER_HOST": f"unix://{tmp_path}/closed.sock", "REQUIRE_IMAGE_TESTS": ""}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ONE],
        cwd=ROOT,
        env={**os.environ, **closed, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("path", [os.environ["PATH"], "/nothing"], ids=["closed", "no program"])
def test_without_an_engine_an_image_test_reports_that_it_did_not_run(
    tmp_path: Path, path: str
) -> None:
    done = run(tmp_path, PATH=path)
    assert done.returncode == 0, done.stdout
    assert NO_ENGINE in done.stdout
    assert "1 skipped" in done.stdout.splitlines()[-1]


def test_a_missing_engine_fails_if_image_tests_are_required(tmp_path: Path) -> None:
    done = run(tmp_path, REQUIRE_IMAGE_TESTS="1")
    assert done.returncode == 1, done.stdout
    assert NO_ENGINE in done.stdout
    assert "1 error" in done.stdout.splitlines()[-1]
