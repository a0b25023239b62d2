"""The report of the probe, as data and as Markdown. It contains findings and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from source_pipedrive.tools.probe.answers import Ask, Question, Seen
from source_pipedrive.tools.probe.findings import (
    Fact,
    Finding,
    Verdict,
    header_name,
    rounded,
)
from source_pipedrive.version import __version__

FORMAT = 1  # of the JSON; a later one may have other keys
TITLE = "What a Pipedrive account told the probe"
INTRO = (
    "`source-pipedrive probe` wrote this report. It contains no value, name, address, id or text "
    "of the account: only statuses, names of headers and keys, types, yes or no, and counts cut to "
    "a power of ten. [The page of the probe](../tools/probe.md) says how that is ensured."
)


@dataclass(frozen=True)
class Markdown:
    """Lines that a report writes as they are."""

    text: str

    def lines(self) -> list[str]:
        """The lines."""
        return self.text.rstrip("\n").split("\n")


def data(
    findings: Mapping[str, Finding],
    questions: Sequence[Question],
    asks: Sequence[Ask],
    seen: Seen,
    day: str,
    tokens: int,
) -> dict[str, Any]:
    """The report for programs. day: on which the account was asked; tokens: what that cost."""
    return {
        "probe": FORMAT,
        "connector": __version__,
        "date": day,
        "credentials": "OAuth" if seen.oauth else "API token",
        "tokens": tokens,
        "headers": sorted({header_name(n) for reply in seen.trail for n in reply.headers}),
        "requests": [_request(ask, seen) for ask in asks],
        "questions": [_answer(question, findings[question.name]) for question in questions],
    }


def _request(ask: Ask, seen: Seen) -> dict[str, Any]:
    reply = seen.reply(ask)
    head: dict[str, Any] = {"name": ask.name, "request": ask.line, "tokens": ask.cost}
    if reply is None:
        why = seen.missing.get(ask.name)
        return {**head, "status": None, "records": None, "why": why and why.value}
    return {**head, "status": reply.status, "records": rounded(len(reply.records)), "why": None}


def _answer(question: Question, finding: Finding) -> dict[str, Any]:
    return {
        "name": question.name,
        "assumes": question.assumes,
        "module": question.module,
        "verdict": finding.verdict.value,
        "why": finding.why and finding.why.value,
        "facts": {name: _value(fact) for name, fact in finding.facts.items()},
    }


def _value(fact: Fact) -> Any:
    value = fact.value
    return list(value) if isinstance(value, tuple) else value


def markdown(report: Mapping[str, Any]) -> str:
    """The report for people."""
    verdicts = [answer["verdict"] for answer in report["questions"]]
    counts = ", ".join(f"{verdicts.count(each.value)} {each.value}" for each in Verdict)
    head = (
        f"{report['date']}, source-pipedrive {report['connector']}, {report['credentials']}, "
        f"{report['tokens']} API tokens: {counts}."
    )
    answers = [
        (
            answer["name"],
            answer["assumes"],
            f"`{answer['module']}`",
            _verdict(answer["verdict"]),
            "; ".join(filter(None, [answer["why"], *facts_in_words(answer["facts"])])),
        )
        for answer in report["questions"]
    ]
    requests = [
        (
            each["name"],
            f"`{each['request']}`",
            each["tokens"],
            each["status"] or "-",
            each["records"] or each["why"] or "-",
        )
        for each in report["requests"]
    ]
    return "\n".join(
        [
            f"# {TITLE}", "", INTRO, "", head, "",
            *table(("question", "assumption", "where", "verdict", "facts"), answers), "",
            "## The requests", "",
            *table(("name", "request", "tokens", "status", "records"), requests), "",
            "## The headers", "", ", ".join(f"`{name}`" for name in report["headers"]), "",
        ]
    )  # fmt: skip


def _verdict(text: str) -> str:
    return f"**{text}**" if text == Verdict.REFUTED else text


def facts_in_words(facts: Mapping[str, Any]) -> Iterable[str]:
    """`records: 10+`, `two pages: yes`."""
    for name, value in facts.items():
        yield f"{name.replace('_', ' ')}: {_in_words(value)}"


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} ({kinds})" for key, kinds in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    return [_line(head), "|" + "---|" * len(head), *map(_line, rows)]


def _line(cells: Sequence[object]) -> str:
    texts = (str(cell).replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(texts)} |"
