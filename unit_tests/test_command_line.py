"""The command line, and the package as other programs import it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import source_pipedrive
from source_pipedrive.arguments import parse_args
from source_pipedrive.source import SourcePipedrive

ROOT = Path(__file__).parents[1]


def run(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "main.py", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.fixture
def closed() -> Iterator[int]:
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def imported(statement: str) -> set[str]:
    """The packages that have been imported after `statement`."""
    program = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT)
    return set(done.stdout.decode().split())


def test_without_a_command_it_prints_the_usage() -> None:
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: source-pipedrive ")
    assert all(command in done.stderr for command in ("spec", "check", "discover", "read"))


def test_the_command_may_follow_two_dashes() -> None:
    """Meltano's tap-airbyte-wrapper runs `docker run ... IMAGE -- spec`."""
    done = run("--", "spec")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("spec").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bogus"], "invalid choice: 'bogus'"),
        (["check"], "--config"),
        (["read", "--config", "x"], "--catalog"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
    assert words in done.stderr


def test_a_plan_needs_no_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    """A person may want to know what will be asked before there are any."""
    assert parse_args(["probe", "--plan"]).config is None
    with pytest.raises(SystemExit) as ended:
        parse_args(["probe", "--out", "report"])
    assert ended.value.code == 2
    assert "probe needs --config FILE" in capsys.readouterr().err


def test_help_and_version() -> None:
    assert run("--version").stdout == f"source-pipedrive {source_pipedrive.__version__}\n"
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: source-pipedrive ")
    assert "--state FILE" in run("read", "--help").stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["spec"]])
def test_a_closed_pipe_causes_no_traceback(closed: int, arguments: list[str]) -> None:
    done = run(*arguments, stdout=closed)
    assert done.returncode != 0
    assert done.stderr == ""


def test_the_class_is_where_tools_look_for_it() -> None:
    """`airbyte-cdk connector test` derives package and class from the connector's name."""
    package = "source-pipedrive".replace("-", "_")
    name = package.title().replace("_", "")
    assert getattr(importlib.import_module(package), name) is SourcePipedrive
    with pytest.raises(AttributeError, match="SourcePipedriv'"):
        source_pipedrive.SourcePipedriv  # type: ignore[attr-defined]  # noqa: B018


def test_the_package_and_the_command_line_do_not_import_the_cdk() -> None:
    assert "airbyte_cdk" not in imported("import source_pipedrive.run")
    assert "typing" not in imported("import source_pipedrive") - imported("pass")
    assert "airbyte_cdk" in imported("from source_pipedrive import SourcePipedrive")
