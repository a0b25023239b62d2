"""A report of the probe can be published: nothing of the account is in it.

Every text, number and key that Pipedrive sends is replaced by a canary, or gets one beside it: in
records, custom fields, headers and refusals. None may arrive in the report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from source_pipedrive.http.client import RawAnswer
from source_pipedrive.http.errors import UnansweredError
from source_pipedrive.http.request import Request
from source_pipedrive.tools.probe import document, findings
from source_pipedrive.tools.probe.findings import CUSTOM, OTHER, header_name, shown
from source_pipedrive.tools.probe.probe import probe
from unit_tests.probing import Time, alter, answers, api_token, ask, edit, sandbox

# Texts without which the answers would tell the probe nothing.
STRUCTURE = frozenset(
    {"next_cursor", "item", "field_type", "field_key", "update_time", "add_time", "archive_time"}
    | {"stage_change_time", "time", "delete_time", "start", "end", "status", "code"}
)
NUMBERS = frozenset({"id", "deal_id", "pipeline_id", "next_start", "start", "limit"})
HEX = "cafe" * 10
MARKS = re.compile(r"canary|73737|cafecafe", re.IGNORECASE)
NUMBER = count()


def planted(value: Any, everything: bool, key: str = "") -> Any:
    """The same JSON full of canaries. everything: even where an answer then tells nothing."""
    if isinstance(value, str):
        kept = not everything and key in STRUCTURE
        return value if kept else f"Canary {next(NUMBER)} O'Hara <canary@example.com>"
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if not everything and key in NUMBERS else 73737 + value * 100_000
    if isinstance(value, list):
        return [planted(each, everything, key) for each in value]
    extra = {
        f"canary_{'abcdefghij'[next(NUMBER) % 10] * (next(NUMBER) % 17 + 1)}": 1,  # in few records
        "canary_that_is_a_value": "canary_that_is_a_value",
        "canary_that_is_a_label": "Canary that is a label?",
        "Canary Ltd": [73737],
        "canary7": None,
        HEX: "canary",
        f"{HEX}_canary": {"value": "canary"},
    }
    return {**{name: planted(v, everything, name) for name, v in value.items()}, **extra}


def canaries(everything: bool) -> Callable[[Request, RawAnswer], RawAnswer]:
    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        headers = {name: f"{value}" for name, value in answer.headers.items()}
        for name in headers:
            if everything or not headers[name].isdigit():
                headers[name] += " canary"
        headers |= {"X-Canary-Corp": "canary", "Retry-After": "canary", "canary": "73737"}
        body = orjson.loads(answer.raw) if answer.raw else {}
        return replace(answer, headers=headers, raw=orjson.dumps(planted(body, everything)))

    return altered


def published(box: Any, said: list[str]) -> tuple[dict[str, Any], str]:
    """The report, and all that was printed or would be."""
    time = Time(box)
    report = dict(probe(api_token(box), said.append, time.sleep, time.clock).data)
    return report, "\n".join([json.dumps(report), document.markdown(report), *said])


@pytest.mark.parametrize("everything", [False, True], ids=["but for structure", "everywhere"])
def test_no_canary_is_in_the_report(monkeypatch: pytest.MonkeyPatch, everything: bool) -> None:
    with sandbox() as box:
        alter(monkeypatch, canaries(everything))
        report, text = published(box, [])
    assert MARKS.findall(text) == []
    assert CUSTOM in text
    told = [answer["verdict"] for answer in report["questions"] if answer["verdict"] != "undecided"]
    assert len(told) > (5 if everything else 35), "otherwise the canaries were not looked at"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 410, 429, 500, 503])
@pytest.mark.parametrize("form", ["json", "html", "text"])
def test_no_canary_of_a_refusal_is_in_the_report(
    monkeypatch: pytest.MonkeyPatch, status: int, form: str
) -> None:
    """Whether everything is refused, or from the middle on."""
    error = {
        "success": False,
        "error": "Canary GmbH",
        "code": "canary_code",
        "canary": {"a": 73737},
    }
    bodies = {"json": orjson.dumps(error), "html": b"<html>canary</html>", "text": b"canary 73737"}
    sent: list[str] = []

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        sent.append(request.path)
        if len(sent) % 2 and len(sent) < 20:
            return canaries(everything=False)(request, answer)
        return replace(answer, status=status, raw=bodies[form], headers={"canary": "canary"})

    with sandbox() as box:
        alter(monkeypatch, altered)
        _, text = published(box, [])
    assert MARKS.findall(text) == []


def test_no_canary_of_a_broken_connection_is_in_the_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        sent.append(request.path)
        if len(sent) > 10:
            raise UnansweredError(requests.exceptions.ConnectionError("https://canary.example"))
        return canaries(everything=False)(request, answer)

    with sandbox() as box:
        alter(monkeypatch, altered)
        _, text = published(box, said := [])
    assert MARKS.findall(text) == []
    assert MARKS.findall("".join(said)) == []


def test_a_new_key_of_pipedrive_is_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what a report is for."""

    def with_key(body: dict[str, Any]) -> dict[str, Any]:
        data = body["data"] or []
        return {**body, "data": [{**each, "shipping_status": None} for each in data]}

    with sandbox() as box:
        alter(monkeypatch, edit("activities", with_key))
        found = answers(ask(box))["activities_keys"]
    assert found["verdict"] == "refuted"
    assert found["facts"]["new_keys"] == {"shipping_status": "null"}


@pytest.mark.parametrize(
    ("name", "as_shown"),
    [
        ("title", "title"),
        ("a_new_key", "a_new_key"),
        (HEX, CUSTOM),
        (f"{HEX}_currency", CUSTOM),
        (HEX[:-1] + "A", OTHER),
        ("acme", OTHER),  # a value somewhere
        ("Acme", OTHER),
        ("acme corp", OTHER),
        ("jane_o_hara", OTHER),  # a value whose words are joined
        ("janeohara", OTHER),
        ("acme-corp", OTHER),
        ("acme@example.com", OTHER),
        ("12", OTHER),
        ("key_12", OTHER),
        ("_x", OTHER),
        ("a" * 41, OTHER),
        ("", OTHER),
        ("müller", OTHER),
        ("line\nbreak", OTHER),
        ("title\n", OTHER),
    ],
)
def test_the_names_of_keys_that_are_shown(name: str, as_shown: str) -> None:
    assert shown(name, {"title"}, frozenset({"acme", "jane o'hara"})) == as_shown


@pytest.mark.parametrize(
    ("name", "as_shown"),
    [
        ("X-RateLimit-Remaining", "x-ratelimit-remaining"),
        ("x-ratelimit-window", "x-ratelimit-window"),
        ("Date", "date"),
        ("x-acme-proxy", OTHER),
        ("x-ratelimit-acme", OTHER),
        ("", OTHER),
    ],
)
def test_the_names_of_headers_that_are_shown(name: str, as_shown: str) -> None:
    assert header_name(name) == as_shown


def test_facts_are_made_in_one_module_only() -> None:
    """Otherwise a judge could make one of a value."""
    folder = Path(findings.__file__).parent
    makers = {path.name for path in folder.glob("*.py") if re.search(r"\bFact\(", path.read_text())}
    assert makers == {"findings.py"}
