"""The demo: what a day's work changes, what its lines say, and what `make demo` installs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from pipedrive_sandbox import Options
from pipedrive_sandbox.demo.answer import as_table, changed
from pipedrive_sandbox.demo.company import A_DAYS_WORK
from pipedrive_sandbox.demo.report import Report
from pipedrive_sandbox.demo.state import Answer, Figures, Totals
from pipedrive_sandbox.demo.sync import StreamResult, Sync
from pipedrive_sandbox.service import Service

ROOT = Path(__file__).parents[1]
INSTALL = ROOT / "pipedrive_sandbox" / "demo" / "install.py"


def figures(deals: int, usd: float) -> Figures:
    return Figures(deals=deals, tier_1=1, usd=Decimal(str(usd)))


def open_deals(box: Service) -> dict[str, tuple[int, float]]:
    found: dict[str, tuple[int, float]] = {}
    for deal in box.records("deals"):
        if deal["status"] == "open" and deal["currency"] == "USD":
            count, usd = found.get(deal["pipeline_id"], (0, 0.0))
            found[deal["pipeline_id"]] = count + 1, usd + deal["value"]
    return found


@pytest.mark.parametrize("since", ["2026-01-05T08:00:00Z", "2026-07-31T19:30:00Z"])
def test_each_days_work_changes_the_answer(since: str) -> None:
    """Otherwise the second run would show the same result, as if nothing had been synced."""
    box = Service(Options(scale=0.1, clock=since))
    before = open_deals(box)
    for day in range(1, 61):
        box.clock.advance(86_400)
        box.mutate(day, **A_DAYS_WORK)
        after = open_deals(box)
        assert after != before, day
        before = after


def test_the_days_work_changes_other_records_too() -> None:
    box = Service(Options(scale=0.1, clock="2026-01-05T08:00:00Z"))
    assert len(box.mutate(1, **A_DAYS_WORK)) > 4


def printed(before: Answer | None, now: Answer) -> list[str]:
    out = StringIO()
    Report(Console(file=out, width=80)).answer(now, before)
    return out.getvalue().splitlines()


def test_the_answer_says_what_changed() -> None:
    now = {"Sales": figures(4, 900.5), "New": figures(1, 10)}
    before = {"Sales": figures(6, 100), "Old": figures(2, 20)}
    assert changed(now, before) == 3
    lines = printed(before, now)
    assert "Since the last run, 3 of 3 rows changed:" in lines
    words = [line.split() for line in lines[-4:-1]]
    assert words == [
        ["Sales", "4", "-2", "1", "900", "+800"],
        ["New", "1", "+1", "1", "+1", "10", "+10"],
        ["Old", "0", "-2", "0", "-1", "0", "-20"],
    ]


def test_an_answer_that_has_not_changed_is_not_called_changed() -> None:
    now = {"Sales": figures(4, 900)}
    lines = printed(now, now)
    assert "Since the last run, no row changed:" in lines
    assert lines[-2].split() == ["Sales", "4", "1", "900"]


def test_the_first_answer_has_no_changes() -> None:
    assert not re.search("last run|change", "\n".join(printed(None, {"Sales": figures(4, 900)})))
    assert len(as_table({}, None).columns) == 4


def report_of(sync: Sync, tmp_path: Path, everything: bool = False) -> list[str]:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("CREATE SCHEMA crm")
        for name in sync.streams:
            connection.execute(f"CREATE TABLE crm.{name} (id INTEGER)")
    out = StringIO()
    report = Report(Console(file=out, width=80), everything)
    first = Totals(rows=1_234_567, requests=12_345, tokens=123_456, seconds=1234.5)
    ledger = {"users_me": {"requests": 1, "tokens": 2}}
    report.streams(sync, ledger, tmp_path / "a.duckdb", first)
    return out.getvalue().splitlines()


def failed(streams: int) -> Sync:
    names = [f"organization_relationships_{at}" for at in range(streams)]
    result = StreamResult(123_456, 1234.5, "INCOMPLETE: Pipedrive did not answer")
    return Sync(streams=names, read=dict.fromkeys(names, result))


def test_a_sync_that_failed_everywhere_fits_a_screen_too(tmp_path: Path) -> None:
    lines = report_of(failed(60), tmp_path)
    assert len(lines) <= 21
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "57 more are incomplete: make demo ALL=1"


def test_all_streams_are_listed_on_request(tmp_path: Path) -> None:
    lines = report_of(failed(60), tmp_path, everything=True)
    assert sum("INCOMPLETE" in line for line in lines) == 60
    assert not any("more" in line for line in lines)


def fake_python(folder: Path, code: str) -> Path:
    """A Python of a finished environment whose pip runs `code`."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\n[ "$3" = --version ] && exit 0\n{code}\n')
    python.chmod(0o755)
    return python


def install(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", str(INSTALL), str(folder), "demo", "Installing"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_an_installation_is_one_line(tmp_path: Path) -> None:
    fake_python(tmp_path / "env", 'echo "Collecting a"; echo "$@" >&2')
    done = install(tmp_path / "env")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Installing.\n", "")
    log = (tmp_path / "env" / "install.log").read_text()
    assert log.startswith("Collecting a\n-m pip install ")
    assert log.endswith(" -c constraints.txt -e .[demo]\n")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by "
            "'NewConnectionError(x)': /simple/a/\nERROR: No matching distribution found for a",
            "The package index cannot be reached: check the network",
        ),
        (
            "      ERROR: Could not find a version that satisfies the requirement setuptools "
            "(from versions: none)\nerror: subprocess-exited-with-error",
            "The package index cannot be reached: check the network",
        ),
        (
            "  ERROR: Could not install packages due to an OSError: No space left on device",
            "The packages could not be installed: Could not install packages due to an OSError: "
            "No space left on device.",
        ),
        (
            "The virtual environment was not created successfully because ensurepip is not "
            "available.",
            "This Python lacks its venv module: install it",
        ),
    ],
)
def test_a_failed_installation_is_one_sentence_with_a_remedy(
    tmp_path: Path, said: str, sentence: str
) -> None:
    (tmp_path / "said").write_text(said + "\n")
    fake_python(tmp_path / "env", f"cat {tmp_path / 'said'} >&2; exit 1")
    done = install(tmp_path / "env")
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert done.stderr.endswith(f"The details are in {tmp_path}/env/install.log.\n")
    assert done.stderr.count("\n") == 1


def make(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    kept = {n: v for n, v in os.environ.items() if n not in ("MAKEFLAGS", "MAKELEVEL", "DOCKER")}
    command = ["make", "-f", str(ROOT / "Makefile"), *words]
    return subprocess.run(
        command, cwd=cwd, env=kept, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_demo_installs_less_than_the_tests() -> None:
    """Which of the extras; test_packaging.py knows what they hold."""
    again = ("-n", "-W", "setup.py")
    installed = re.compile(r"install\.py \.venv (\w+)")
    assert installed.findall(make(*again, "demo").stdout) == ["demo"]
    assert installed.findall(make(*again, "unit").stdout) == ["demo", "test"]


@pytest.mark.parametrize(
    ("version", "goal", "sentence"),
    [
        ("(3, 10, 9)", "demo", "make demo needs Python 3.11 or 3.12: install one"),
        ("(3, 13, 0)", "demo", "then type make clean demo PYTHON=python3.12"),
        ("(3, 12, 9)", "demo", ""),
        ("(3, 13, 0)", "lint", ""),
        ("(3, 14, 0)", "lint", "make lint needs Python 3.11 to 3.13: install one"),
    ],
)
def test_a_wrong_python_is_one_sentence_with_a_remedy(
    tmp_path: Path, version: str, goal: str, sentence: str
) -> None:
    """A user with a newer Python must not wait a minute for an error of pip."""
    python = tmp_path / "python"
    pretend = f'"import sys; sys.version_info = {version}; $2"'
    python.write_text(
        f"#!/bin/sh\n"
        f'[ "$1" = -c ] && exec {sys.executable} -c {pretend}\n'
        "echo It would install now.; exit 1\n"
    )
    python.chmod(0o755)
    for name in ("setup.py", "constraints.txt"):
        (tmp_path / name).touch()
    done = make(goal, f"PYTHON={python}", cwd=tmp_path)
    assert done.returncode != 0
    assert ("It would install now." in done.stdout) is not bool(sentence)
    assert sentence in done.stderr
    assert ("needs Python" in done.stderr) is bool(sentence)
