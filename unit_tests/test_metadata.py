"""metadata.yaml is valid and agrees with the connector."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker

from source_pipedrive import __version__
from source_pipedrive.config.form import DOCUMENTATION_URL
from source_pipedrive.http import client, hosts, pacing
from source_pipedrive.stream_sets import CORE
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync import report
from source_pipedrive.version import HOME
from unit_tests.pyairbyte import needs_pyairbyte

ROOT = Path(__file__).parent.parent
WRITTEN = {".md", ".yaml", ".py"}
COMMAND = "source-pipedrive"
MEGABYTES = {"Mi": 2**20 / 1e6, "M": 1.0}


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "metadata.yaml").read_text()))


@pytest.fixture(scope="module")
def data(metadata: dict[str, Any]) -> dict[str, Any]:
    return dict(metadata["data"])


@pytest.fixture(scope="module")
def schema() -> Any:
    """Airbyte's schema, bundled into one file whose references start at its root. The parts still
    have their `$id`s, which a validator would resolve references against instead."""
    file = resources.files("airbyte_connector_models.metadata.v0")
    bundle = json.loads((file / "ConnectorMetadataDefinitionV0.json").read_bytes())
    return without_ids(bundle)


def without_ids(node: Any) -> Any:
    if isinstance(node, list):
        return [without_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    drop = {name for name in ("$id", "$schema") if isinstance(node.get(name), str)}
    return {name: without_ids(value) for name, value in node.items() if name not in drop}


def complaints(metadata: Any, schema: Any) -> list[str]:
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(metadata)]


@needs_pyairbyte
def test_airbyte_can_read_it(metadata: dict[str, Any], schema: Any) -> None:
    assert complaints(metadata, schema) == []


@needs_pyairbyte
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("resourceRequirements", {"jobSpecific": [{"jobType": "sink"}]}),
        ("releases", {"breakingChanges": {"1.0.0": {"message": "no deadline"}}}),
        ("definitionId", "pipedrive"),
        ("supportLevel", "best"),
        ("alowedHosts", {}),
    ],
)
def test_the_schema_catches_mistakes_everywhere(
    data: dict[str, Any], schema: Any, place: str, value: Any
) -> None:
    """Without its references or formats, anything would pass there."""
    assert complaints({"metadataSpecVersion": "1.0", "data": {**data, place: value}}, schema)


def label(name: str) -> str:
    """The value of a LABEL in the Dockerfile, however it is formatted."""
    text = (ROOT / "Dockerfile").read_text()
    (value,) = re.findall(rf'{re.escape(name)}"?[= ]"?([^\s"]+)', text)
    return str(value)


def packaged(name: str) -> str:
    """The value of a keyword argument of setup()."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    (value,) = [
        ast.literal_eval(keyword.value)
        for call in calls
        if getattr(call.func, "id", "") == "setup"
        for keyword in call.keywords
        if keyword.arg == name
    ]
    return str(value)


def test_metadata_package_and_image_have_the_same_name_and_version(data: dict[str, Any]) -> None:
    names = {data["dockerRepository"], label("io.airbyte.name")}
    versions = {data["dockerImageTag"], label("io.airbyte.version")}
    assert (names, versions) == ({COMMAND}, {__version__})
    command = [sys.executable, "setup.py", "--version"]
    assert subprocess.check_output(command, cwd=ROOT, text=True).strip() == __version__
    assert data["githubIssueLabel"] in names
    assert data["remoteRegistries"]["pypi"]["packageName"] == packaged("name")


def test_the_distribution_has_a_name_of_its_own() -> None:
    """At the package index, "source-pipedrive" belongs to another project."""
    assert packaged("name") == "pipedrive-to-warehouse"
    assert "source-pipedrive=source_pipedrive.run:main" in (ROOT / "setup.py").read_text()


def test_no_page_has_users_install_the_package_of_a_stranger() -> None:
    """Its code would run on their machines."""
    pages = [*ROOT.glob("*.*"), *(ROOT / "docs").rglob("*.*"), *(ROOT / ".github").rglob("*.*")]
    pages = [page for page in pages if page.suffix in {*WRITTEN, ".yml"}]
    assert {"README.md", "setup.md", "bug.yml"} <= {page.name for page in pages}
    install = re.compile(rf"\b(?:pip3?|uv|uvx|pipx)\b[^`\n]* [\"']?{COMMAND}\b")
    assert install.search(f"python -m pip install --user {COMMAND}==1.0")
    assert [page.name for page in pages if install.search(page.read_text("utf-8"))] == []


def test_the_docs_name_the_version_of_the_package() -> None:
    """Otherwise users run an old image, or one that does not exist."""
    pages = [ROOT / "README.md", *(p for p in (ROOT / "docs").rglob("*.*") if p.suffix in WRITTEN)]
    named = re.compile(r"source-pipedrive(?::|==)(\d[\w.]*\w)|\btag `(\d[\w.]*)`")
    found = {
        (str(page.relative_to(ROOT)), image or tag)
        for page in pages
        for image, tag in named.findall(page.read_text())
    }
    assert {page for page, _ in found} >= {"docs/setup.md", "docs/kubernetes/cronjob.yaml"}
    assert {(page, version) for page, version in found if version != __version__} == set()


def test_the_changelog_starts_with_this_version() -> None:
    versions = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__


def test_the_image_is_built_on_the_base_image_in_the_metadata(data: dict[str, Any]) -> None:
    """A digest may follow the name; Renovate adds and updates it."""
    base = re.escape(data["connectorBuildOptions"]["baseImage"])
    argument = rf'^ARG BASE="?{base}(@sha256:[0-9a-f]{{64}})?"?$'
    assert re.search(argument, (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_suggested_streams_exist(data: dict[str, Any]) -> None:
    suggested = data["suggestedStreams"]["streams"]
    assert suggested
    assert set(suggested) <= STREAMS.keys()
    assert not [name for name in suggested if STREAMS[name].access.only_own_data]
    assert suggested == sorted(CORE)


def test_every_host_that_the_connector_contacts_is_allowed(data: dict[str, Any]) -> None:
    """Airbyte blocks all other hosts: a sync would hang or fail."""
    company = hosts.company_host("acme-2")
    assert company is not None
    called = {urlsplit(base).hostname or "" for base in (hosts.SHARED, hosts.OAUTH, company.base)}
    assert "" not in called
    allowed = data["allowedHosts"]["hosts"]
    assert {host for host in called if not any(fnmatch(host, a) for a in allowed)} == set()
    assert {host for host in called if host not in allowed} == {company.name}
    assert all(a.endswith(".pipedrive.com") for a in allowed)


def test_every_host_in_the_code_is_known() -> None:
    """A new host has to be added to hosts.py, and so to allowedHosts."""
    found = set()
    for path in (ROOT / "source_pipedrive").rglob("*.py"):
        found |= set(re.findall(r"https://([a-z]+)\.pipedrive\.com", path.read_text()))
    assert found == {"api", "oauth"}


def test_airbyte_waits_longer_than_the_longest_silence(data: dict[str, Any]) -> None:
    """Otherwise it would kill a sync that is waiting for Pipedrive."""
    one_try = sum(client.TIMEOUT) + pacing.LONGEST_WAIT
    assert data["maxSecondsBetweenMessages"] >= 3 * max(one_try, report.EVERY)


def memory(text: str) -> float:
    """A Kubernetes quantity in MB (10^6 bytes)."""
    number, unit = re.fullmatch(r"(\d+)([A-Z]i?)", text).groups()  # type: ignore[union-attr]
    return int(number) * MEGABYTES[unit]


def test_the_container_gets_the_memory_that_was_measured(data: dict[str, Any]) -> None:
    """With less, Kubernetes kills the sync halfway."""
    results = (ROOT / "benchmarks" / "README.md").read_text()
    (measured,) = re.findall(r"^\| memory +\| (\d+) MB", results, re.MULTILINE)
    jobs = {job["jobType"]: job["resourceRequirements"] for job in needs(data)}
    assert jobs.keys() == {"sync", "check_connection", "discover_schema"}
    for job in jobs.values():
        assert memory(job["memory_request"]) > int(measured)
        assert memory(job["memory_limit"]) > 2 * int(measured)


def needs(data: dict[str, Any]) -> list[dict[str, Any]]:
    return list(data["resourceRequirements"]["jobSpecific"])


def test_the_spec_and_the_metadata_link_to_our_guide(data: dict[str, Any]) -> None:
    """The setup guide opens beside Airbyte's form."""
    assert data["documentationUrl"] == DOCUMENTATION_URL
    address, _, page = DOCUMENTATION_URL.partition("/blob/main/")
    assert address == HOME
    assert (ROOT / page).exists()
    pages = [page["url"] for page in data["externalDocumentationUrls"]]
    assert len(pages) == len(set(pages))
    assert all(page.startswith("https://") and "pipedrive." in page for page in pages)
    assert DOCUMENTATION_URL not in pages


def test_the_diagram_in_the_metadata_exists(data: dict[str, Any]) -> None:
    """Otherwise users who open the data model get an empty page."""
    root = ElementTree.parse(ROOT / data["erdUrl"]).getroot()
    assert root.tag.endswith("}svg")
    words = {element.text for element in root.iter() if element.tag.endswith("}text")}
    assert words >= STREAMS.keys()


def test_the_icon_is_a_small_square_without_text(data: dict[str, Any]) -> None:
    icon = ROOT / data["icon"]
    assert icon.stat().st_size < 4096
    root = ElementTree.parse(icon).getroot()
    left, top, width, height = root.attrib["viewBox"].split()
    assert (left, top, width) == ("0", "0", height)
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {"svg", "g", "rect", "path", "circle"}  # no text, image, script or style
