"""docs/verified.md: what the reports in docs/probes say about each question of the probe.

`make golden` writes it; the tests compare it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from source_pipedrive.tools.probe.answers import Question
from source_pipedrive.tools.probe.document import FORMAT
from source_pipedrive.tools.probe.findings import Verdict
from source_pipedrive.tools.probe.questions import GROUPS

FOLDER = Path(__file__).parents[1] / "probes"
NOBODY = "Nobody has run the probe against a real account yet, so nothing here is verified."
HEAD = "| assumption | where | if it is wrong | accounts |"


def reports(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The reports in the folder. Raises ValueError if a file is none."""
    found = []
    for path in sorted(folder.glob("*.json")):
        report = json.loads(path.read_text("utf-8"))
        if not isinstance(report, dict) or report.get("probe") != FORMAT:
            raise ValueError(f"{path.name} is no report of the probe")
        found.append(report)
    return found


def verified(found: Sequence[Mapping[str, Any]]) -> str:
    """The questions by group, and how many accounts confirm or refute each."""
    return "\n".join([_summary(found), "", *_tables(found)])


def _summary(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return NOBODY
    days = sorted(str(report["date"]) for report in found)
    accounts = "One account was" if len(found) == 1 else f"{len(found)} accounts were"
    when = f"on {days[0]}" if days[0] == days[-1] else f"from {days[0]} to {days[-1]}"
    return f"{accounts} asked, {when}. An account that is not counted did not tell."


def _tables(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for title, questions in GROUPS.items():
        yield from (f"## {title}", "", HEAD, "|---|---|---|---|")
        for question in questions:
            where = f"`{question.module}`"
            told = _told(question, found)
            yield f"| {question.assumes} | {where} | {question.otherwise} | {told} |"
        yield ""


def _told(question: Question, found: Sequence[Mapping[str, Any]]) -> str:
    verdicts = [
        answer["verdict"]
        for report in found
        for answer in report["questions"]
        if answer["name"] == question.name
    ]
    counts = [
        f"{verdicts.count(each.value)} {each.value}"
        for each in (Verdict.CONFIRMED, Verdict.REFUTED)
        if each.value in verdicts
    ]
    return ", ".join(counts) or "-"
