"""The probe as a person runs it: what it says before, what it prints, and the files it writes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.test_tools import ROOT, config_file, run
from source_pipedrive.tools.probe.findings import Why
from source_pipedrive.tools.probe.probe import MOST, PRICE
from source_pipedrive.tools.probe.questions import QUESTIONS

OBJECTS = (
    *("deals", "deals_archived", "persons", "organizations", "activities", "products", "leads"),
    *("notes", "files", "users", "pipelines", "stages", "goals", "mail_threads", "legacy_teams"),
    *("deal_products", "filters", "projects", "tasks", "lead_labels", "webhooks"),
)
DAY = re.compile(r"\d{4}-\d\d-\d\d")
FEW = 0.03  # scale at which persons have one page, so that no cursor has to live for a minute


@pytest.fixture
def box(start: Start) -> Box:
    return start(scale=FEW, rate_limit=100_000, fields="test")


def texts(value: Any) -> Iterator[str]:
    """Texts in a JSON value that are not words of Pipedrive's: names, addresses, titles, times."""
    if isinstance(value, str) and re.search(r"[\s@:/.]|\d{4}|[A-Z]", value) and len(value) > 3:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def secrets(box: Box) -> set[str]:
    """What the account contains: every text, the keys and names of custom fields, their options."""
    found = {text for name in OBJECTS for text in texts(box.control(f"records/{name}"))}
    for name in ("deals", "persons", "organizations", "products"):
        for field in box.control(f"fields/{name}"):
            found |= {field["key"], field["name"], *(o["label"] for o in field["options"])}
    return {text for text in found if not DAY.fullmatch(text)}


def test_the_report_contains_nothing_of_the_account(box: Box, tmp_path: Path) -> None:
    config, out = config_file(tmp_path, box.config()), tmp_path / "report"
    done = run("probe", "--config", str(config), "--out", str(out))
    assert done.returncode == 0, done.stderr
    as_json = (out / "probe.json").read_text()
    text = as_json + (out / "probe.md").read_text() + done.stdout + done.stderr
    names = {question.name for question in QUESTIONS}
    known = {question.assumes for question in QUESTIONS}
    values = [value for value in secrets(box) if len(value) > 4]
    assert len(values) > 300
    assert names <= {answer["name"] for answer in json.loads(as_json)["questions"]}
    leaked = [value for value in values if value in text and not any(value in k for k in known)]
    assert leaked == []
    assert box.api_token not in text


def test_it_says_what_it_asks_and_costs_before_it_starts(box: Box, tmp_path: Path) -> None:
    config = str(config_file(tmp_path, box.config()))
    before = sum(request["tokens"] for request in box.control("requests"))
    planned = run("probe", "--plan", "--json")
    assert json.loads(planned.stdout)["tokens"] == PRICE <= MOST
    assert sum(request["tokens"] for request in box.control("requests")) == before
    done = run("probe", "--config", config, "--json")
    report = json.loads(done.stdout)
    assert done.stderr.startswith("The probe sends ")
    assert f"for {PRICE} API tokens, never more than {MOST}" in done.stderr
    used = box.control("requests")[-len(report["requests"]) - 1 :]
    assert {request["method"] for request in used} == {"GET"}
    spent = sum(request["tokens"] for request in box.control("requests")) - before
    assert spent == report["tokens"] <= PRICE


def test_a_folder_that_cannot_be_made_costs_nothing(box: Box, tmp_path: Path) -> None:
    config = config_file(tmp_path, box.config())
    before = len(box.control("requests"))
    done = run("probe", "--config", str(config), "--out", str(config / "report"))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert len(box.control("requests")) == before


def test_markdown_is_what_a_terminal_shows(box: Box, tmp_path: Path) -> None:
    done = run("probe", "--config", str(config_file(tmp_path, box.config())))
    assert done.stdout.startswith("# What a Pipedrive account told the probe\n")
    assert "| deals_sorted | `deals` is sorted by update_time" in done.stdout


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_a_probe_that_is_stopped_reports_what_it_has_paid_for(
    start: Start, tmp_path: Path, number: int, code: int
) -> None:
    """By Ctrl-C or by `docker stop`, during the longest wait."""
    box = start(scale=1, rate_limit=100_000)
    config, out = config_file(tmp_path, box.config()), tmp_path / "report"
    command = [sys.executable, str(ROOT / "main.py"), "probe", "--json"]
    with subprocess.Popen(
        [*command, "--config", str(config), "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stderr is not None
            while not running.stderr.readline().startswith("Waiting "):
                assert running.poll() is None, "it ended before it was stopped"
            running.send_signal(number)
            printed, said = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == code
    report = json.loads(printed)
    assert json.loads((out / "probe.json").read_text()) == report
    whys = {each["name"]: each.get("why") for each in report["questions"]}
    assert whys["cursor_lives"] == Why.ENDED.value
    assert "confirmed" in {each["verdict"] for each in report["questions"]}
    assert report["tokens"] > 0
    assert "Stopping." in said
