"""What GitHub runs for this project: workflows, the issue form, Renovate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from unit_tests.test_metadata import packaged

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").iterdir())
PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

Json = dict[str, Any]


def jobs() -> dict[str, Json]:
    """Every job of every workflow, by name."""
    found: dict[str, Json] = {}
    for path in WORKFLOWS:
        found |= yaml.safe_load(path.read_text())["jobs"]
    return found


def commands(job: Json) -> str:
    """All commands of a job, as one text."""
    return "\n".join(step["run"] for step in job["steps"] if "run" in step)


def renovate() -> Json:
    return dict(json.loads((ROOT / "renovate.json").read_bytes()))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_hash(path: Path) -> None:
    """A tag can be moved to other code at any time."""
    used = re.findall(r"\buses: *(.+)", path.read_text())
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read(path: Path) -> None:
    """A pull request's code must never get a token that can write."""
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        checkout, *others = job["steps"]
        assert checkout["uses"].startswith("actions/checkout@")
        assert checkout["with"]["persist-credentials"] is False
        assert not any("checkout" in step.get("uses", "") for step in others)


def test_the_tests_run_on_every_python_that_the_package_supports() -> None:
    supported = SpecifierSet(packaged("python_requires"))
    wanted = [version for minor in range(30) if (version := f"3.{minor}") in supported]
    assert wanted
    assert jobs()["test"]["strategy"]["matrix"]["python"] == wanted


def test_a_job_uses_the_python_that_it_set_up() -> None:
    """By default the Makefile uses the first one it finds, and the runner has several."""
    made = [line for job in jobs().values() for line in re.findall("make .*", commands(job))]
    targets = {line.split()[1] for line in made}
    assert targets >= {"test", "coverage", "image", "test-image", "contract"}
    assert [line for line in made if line != "make image" and "PYTHON=python" not in line] == []


def test_the_image_tests_fail_without_an_engine() -> None:
    assert "REQUIRE_IMAGE_TESTS" in jobs()["image"]["env"]


def test_the_weekly_job_reads_the_files_that_the_metadata_names() -> None:
    data = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    pages = [p["url"] for p in data["externalDocumentationUrls"] if p["type"] == "openapi_spec"]
    typed = commands(jobs()["contract"])
    assert len(pages) == 2
    assert re.findall(r"https://\S+", typed) == pages
    assert re.findall(r"openapi-v\d\.yaml(?=\" )", typed) == ["openapi-v1.yaml", "openapi-v2.yaml"]


def test_the_issue_form_asks_for_what_a_report_needs() -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text())
    warning, *questions = form["body"]
    assert "token" in warning["attributes"]["value"]
    assert [question["id"] for question in questions] == ["version", "check", "table", "expected"]
    assert all(question["validations"]["required"] for question in questions)


def test_the_issue_form_does_not_ask_for_names() -> None:
    """Everyone can read an issue, and a check names the company and the user."""
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text())
    warning, _, check, table, expected = (part["attributes"] for part in form["body"])
    connected = re.search(
        r'"(Connected to) \{', (ROOT / "source_pipedrive/http/company.py").read_text()
    )
    assert connected, "the line that names both"
    assert f'Leave out the line "{connected[1]} ..."' in check["description"]
    assert "Everything" not in check["description"]
    assert "names of people, companies and custom fields" in warning["value"]
    assert "customer" in expected["description"]
    assert "lines about incomplete streams" in table["description"]


def test_renovate_watches_the_versions_the_base_image_and_the_actions() -> None:
    config = renovate()
    assert config["enabledManagers"] == ["pip_requirements", "dockerfile", "github-actions"]
    (pattern,) = config["pip_requirements"]["managerFilePatterns"]
    assert re.search(pattern.strip("/"), "constraints.txt")
    assert config["ignorePaths"] == ["requirements.txt"]  # written by `make lock`


def test_renovate_proposes_nothing_that_a_supported_python_cannot_install() -> None:
    config = renovate()
    assert config["constraints"] == {"python": packaged("python_requires")}
    assert config["constraintsFiltering"] == "strict"
