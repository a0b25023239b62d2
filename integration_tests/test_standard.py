"""The CDK's standard tests, run against the connector's source and its image.

They read acceptance-test-config.yml. Each runs in its own process and in a copy of the files it
needs, because the CDK takes a connector's name from its folder and leaves files there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest
import yaml

from integration_tests.conftest import Box, Start
from integration_tests.engine import ROOT

STANDARD = Path("integration_tests/standard")
CONFIGS = STANDARD / "configs"
SANDBOX_URL = "http://127.0.0.1:8080"  # the address in the configurations
PLUGIN = "airbyte_cdk.test.standard_tests.pytest_hooks"
CATALOG_WARNING = "airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning"

# Which scenario runs which command; an entry missing from the file fails here.
RUNS = {
    "spec": {"every_option"},
    "check": {"config", "oauth", "wrong_token", "wrong_secret", "missing_field"},
    "discover": {"config", "raw"},
    "read": {"config", "raw", "oauth"},
}
PYTHON_TESTS = {
    "test_config_matches_spec": "spec",
    "test_check": "check",
    "test_discover": "discover",
    "test_basic_read": "read",
    "test_fail_read_with_bad_catalog": "read",
}
IMAGE_TESTS = {
    "test_docker_image_build_and_config_matches_spec": "spec",
    "test_docker_image_build_and_check": "check",
    "test_docker_image_build_and_discover": "discover",
    "test_docker_image_build_and_read": "read",
}
# The CDK skips a test for each scenario whose section does not include the command ...
NOT_ASKED_FOR = re.compile(r"`(spec|check|discover|read)` does not run for scenario '\w+'")
# ... and cannot compare the spec until a version is in Airbyte's registry.
COMPARISON = "test_docker_image_spec_backward_compatibility"
NOT_PUBLISHED = re.compile("has no published version|the connector registry could not be reached")


@dataclass(frozen=True)
class Report:
    """The result of a suite: exit code, output, test names, reasons for skips."""

    code: int
    output: str
    passed: set[str]
    failed: set[str]
    skipped: dict[str, str]


def connector_root(folder: Path, url: str = SANDBOX_URL) -> Path:
    """A folder named like the connector, with the files that the standard tests read.

    url: the sandbox's address, which replaces the one in the configurations.
    """
    root = folder / "source-pipedrive"
    shutil.copytree(ROOT / CONFIGS, root / CONFIGS)
    for name in ("acceptance-test-config.yml", "metadata.yaml", STANDARD / "suite.py"):
        shutil.copy(ROOT / name, root / name)
    for file in (root / CONFIGS).iterdir():
        file.write_text(file.read_text().replace(SANDBOX_URL, url))
    return root


def run(root: Path, report: Path, command: list[str], options: str = "") -> Report:
    """Run a command that writes a JUnit `report`, with extra `options` for its pytest."""
    temporary = root.parent / "tmp"
    temporary.mkdir(exist_ok=True)  # the CDK leaves configurations in it
    more = {"PYTEST_ADDOPTS": f"-p no:cacheprovider {options}", "TMPDIR": str(temporary)}
    done = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert report.is_file(), done.stdout[-5000:]
    passed, failed, skipped = set(), set(), {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["name"]
        skip = case.find("skipped")
        if skip is not None:
            skipped[name] = skip.attrib["message"]
        elif len(case.findall("failure")) + len(case.findall("error")):
            failed.add(name)
        else:
            passed.add(name)
    return Report(done.returncode, done.stdout, passed, failed, skipped)


def python_suite(root: Path, *more: str) -> Report:
    """Run the suite against the Python source."""
    report = root.parent / "report.xml"
    pytest_ = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-W", f"error::{CATALOG_WARNING}"]
    chosen = ["-m", "not image_tests", str(STANDARD / "suite.py")]
    return run(root, report, [*pytest_, *chosen, f"--junitxml={report}", *more])


def image_suite(root: Path, image: str) -> Report:
    """Run the suite against an image with `airbyte-cdk image test`, including reads."""
    report = root / "build/test-results/standard-tests-junit.xml"
    program = str(Path(sys.executable).with_name("airbyte-cdk"))
    reads = f"--read-from-streams=all --read-scenarios={','.join(sorted(RUNS['read']))}"
    return run(root, report, [program, "image", "test", str(root), "--image", image], reads)


def named(test: str, scenario: str) -> str:
    return f"{test}['{scenario}' Test Scenario]"


def expected(tests: dict[str, str]) -> set[str]:
    """The names of the tests that must pass for each scenario."""
    return {named(test, scenario) for test, what in tests.items() for scenario in RUNS[what]}


def unexplained(report: Report) -> dict[str, str]:
    """The unexpected skips, with their reasons."""
    return {
        name: reason
        for name, reason in report.skipped.items()
        if not (NOT_PUBLISHED if name == COMPARISON else NOT_ASKED_FOR).search(reason)
    }


def sections(root: Path) -> dict[str, Any]:
    """The sections of acceptance-test-config.yml."""
    text = (root / "acceptance-test-config.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["acceptance_tests"]
    return found


@pytest.fixture(scope="module")
def company(start: Start) -> Box:
    """An account with custom fields of every type and records in every stream."""
    return start(scale=0.05, fields="test", rate_limit=100_000)


def test_every_configuration_is_used_and_every_skipped_stream_has_a_reason() -> None:
    entries = [entry for section in sections(ROOT).values() for entry in section["tests"]]
    listed = {ROOT / entry["config_path"] for entry in entries}
    assert listed == set((ROOT / CONFIGS).iterdir())
    empty = [stream for entry in entries for stream in entry.get("empty_streams", [])]
    assert {stream["name"] for stream in empty} == {"global_messages"}
    assert all(stream["bypass_reason"] for stream in empty)


def test_the_connector_passes_the_standard_tests(tmp_path: Path, company: Box) -> None:
    """Spec, check, discover and read, which Airbyte requires of every connector."""
    report = python_suite(connector_root(tmp_path, company.url))
    assert report.code == 0, report.output[-10_000:]
    assert report.passed == {"test_spec"} | expected(PYTHON_TESTS)
    assert unexplained(report) == {}


def test_the_standard_tests_can_fail(tmp_path: Path, company: Box) -> None:
    """An empty stream and a check with the wrong outcome are detected."""
    root = connector_root(tmp_path, company.url)
    shutil.copy(root / CONFIGS / "config.json", root / CONFIGS / "wrong_token.json")
    file = root / "acceptance-test-config.yml"
    document = yaml.safe_load(file.read_text())
    del document["acceptance_tests"]["basic_read"]["tests"][0]["empty_streams"]
    file.write_text(yaml.safe_dump(document))
    chosen = "(test_check and wrong_token) or (test_basic_read and config)"
    report = python_suite(root, "-k", chosen)
    assert report.code == 1
    assert report.failed == {named("test_check", "wrong_token"), named("test_basic_read", "config")}
    assert "these returned none: 'global_messages'." in report.output


@pytest.fixture(scope="module")
def image_with_sandbox(
    engine: Any, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The id of an image based on the connector's, with a running sandbox."""
    context = tmp_path_factory.mktemp("context")
    for name in ("Dockerfile", "entrypoint.py"):
        shutil.copy(ROOT / STANDARD / name, context)
    shutil.copy(ROOT / "constraints.txt", context)
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipedrive_sandbox", context / "pipedrive_sandbox", ignore=unwanted)
    options = shlex.split(os.environ.get("DOCKER_BUILD_OPTIONS", ""))
    # The label makes the image's id unique to this run, so that it can be removed.
    mine = ["--build-arg", f"IMAGE={image}", "--label", f"run={uuid4().hex}"]
    command = ["docker", "build", "--quiet", *options, *mine, str(context)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    built = done.stdout.strip()
    yield built
    engine.images.remove(built)


def test_the_image_passes_the_standard_tests(tmp_path: Path, image_with_sandbox: str) -> None:
    """The same for the image, which an orchestrator schedules."""
    report = image_suite(connector_root(tmp_path), image_with_sandbox)
    assert report.code == 0, report.output[-10_000:]
    assert report.passed == {"test_docker_image_build_and_spec"} | expected(IMAGE_TESTS)
    assert unexplained(report) == {}
