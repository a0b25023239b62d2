"""docs/verified.md and docs/probes: what real accounts told the probe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs.generators.blocks import updated
from docs.generators.verified import NOBODY, reports, verified
from source_pipedrive.tools.probe.findings import Verdict
from source_pipedrive.tools.probe.questions import QUESTIONS
from unit_tests.probing import ask, sandbox

PAGE = Path(__file__).parents[1] / "docs" / "verified.md"


def test_the_golden_page_matches_the_reports() -> None:
    wanted = verified(reports())
    assert updated(PAGE, "verified", wanted) == wanted, "run `make golden`"


def test_without_a_report_nothing_is_verified() -> None:
    text = verified([])
    assert text.startswith(NOBODY)
    assert text.count("| - |") == len(QUESTIONS)
    assert not any(each.value in text for each in Verdict)


def test_verdicts_are_counted_by_question(tmp_path: Path) -> None:
    with sandbox() as box:
        report = ask(box)
    changed = json.loads(json.dumps(report).replace('"confirmed"', '"refuted"', 1))
    first = report["questions"][0]
    assert first["verdict"] == Verdict.CONFIRMED
    for name, each in {"a": report, "b": report, "c": changed}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(each))
    text = verified(reports(tmp_path))
    assert text.startswith(f"3 accounts were asked, on {report['date']}.")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {first['assumes']}")]
    assert row.endswith("| 2 confirmed, 1 refuted |")


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"type": "SPEC"}')
    with pytest.raises(ValueError, match=r"x\.json is no report"):
        reports(tmp_path)


def test_every_report_has_known_questions_and_verdicts() -> None:
    """Otherwise the page would leave out its answers."""
    names, verdicts = {q.name for q in QUESTIONS}, set(Verdict)
    with sandbox() as box:
        found = [*reports(), ask(box)]
    for report in found:
        assert {answer["verdict"] for answer in report["questions"]} <= verdicts
        assert {answer["name"] for answer in report["questions"]} & names
