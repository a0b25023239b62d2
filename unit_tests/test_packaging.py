"""The image installs exactly what the connector needs, in the versions that were tested."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from unit_tests.pyairbyte import needs_pyairbyte

ROOT = Path(__file__).parents[1]
BUILDS = {"setuptools"}  # builds the package in the image and is then removed
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}( \\)?")


def pins(text: str) -> dict[str, str]:
    """{name: version} from a requirements file."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ \n]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def needed(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """The names of all packages that `name` needs, from the metadata of the installed packages."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    names = set()
    for requirement in map(Requirement, requires(name) or ()):
        marker = requirement.marker
        if not marker or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            names.add(canonicalize_name(requirement.name))
            names |= needed(requirement.name, frozenset(requirement.extras), seen)
    return names


def test_the_image_installs_the_versions_that_the_tests_ran_with() -> None:
    installed = pins((ROOT / "requirements.txt").read_text())
    tested = pins((ROOT / "constraints.txt").read_text())
    assert installed
    assert installed == {name: tested.get(name) for name in installed}


def test_the_image_installs_what_the_connector_needs_and_nothing_else() -> None:
    """Run `make lock` after a change to setup.py or constraints.txt."""
    installed = set(pins((ROOT / "requirements.txt").read_text()))
    assert installed == needed("pipedrive-to-warehouse", frozenset(), set()) | BUILDS


def test_every_package_that_the_tests_install_has_a_fixed_version() -> None:
    """Otherwise the same commit could pass today and fail tomorrow."""
    wanted = needed("pipedrive-to-warehouse", frozenset({"test"}), set())
    assert wanted - set(pins((ROOT / "constraints.txt").read_text())) == set()


def imported(package: str) -> set[str]:
    """The first names of all that the modules of `package` import from other packages."""
    names: set[str] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - {package} - sys.stdlib_module_names


def test_the_demo_installs_no_tools_of_the_tests() -> None:
    """A new user would wait for them."""
    demo = needed("pipedrive-to-warehouse", frozenset({"demo"}), set())
    tests = needed("pipedrive-to-warehouse", frozenset({"test"}), set())
    tools = {"check-jsonschema", "coverage", "docker", "hypothesis", "kubernetes-validate"}
    tools |= {"mypy", "pytest", "ruff", "zizmor"}
    assert demo < tests
    assert tools <= tests - demo


@needs_pyairbyte
def test_the_demo_installs_all_that_it_imports() -> None:
    """Its own environment has less than the one in which the other tests run."""
    demo = needed("pipedrive-to-warehouse", frozenset({"demo"}), set())
    packages = packages_distributions()
    missing = {
        name
        for name in imported("pipedrive_sandbox")
        if not {canonicalize_name(each) for each in packages[name]} & demo
    }
    assert imported("pipedrive_sandbox") >= {"airbyte", "duckdb", "rich", "starlette"}
    assert missing == set()


def test_every_package_has_a_hash_and_no_url() -> None:
    """A package that was replaced in transit must not get into the image."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if "==" in line:
            assert HASH.fullmatch(following.strip()), line
        assert line.startswith("#") or "==" in line or HASH.fullmatch(line.strip()), line
