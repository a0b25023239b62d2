"""Judges: how Pipedrive refuses what a plan, an app or a user lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from source_pipedrive.http.errors import AnswerPattern
from source_pipedrive.tools.probe.answers import Ask, Judge, Reply, Seen
from source_pipedrive.tools.probe.findings import (
    Fact,
    Finding,
    Why,
    flag,
    found,
    listed_keys,
    status,
    undecided,
    word,
    words,
)

KEYS = frozenset(
    {
        *("success", "error", "error_info", "errorCode", "error_code", "code", "data", "message"),
        *("additional_data", "status", "statusCode", "statusText", "service", "details", "info"),
    }
)
CODES = {
    "upper case": re.compile(r"[A-Z][A-Z0-9_]*"),
    "lower case": re.compile(r"[a-z][a-z0-9_]*"),
    "number": re.compile(r"[0-9]+"),
}
KNOWN_CODES = ("ERR_SCHEMA_VALIDATION_FAILED", "ERR_UNKNOWN", "feature_")
NO_CODE = "none"
FORMS = ("JSON object", "other JSON", "HTML", "empty", "other text")
SCOPES, PERMISSION = "a scope", "a permission"
ABOUT = {SCOPES: "scope and url mismatch", PERMISSION: "permission"}
PLAN = "a plan, feature or add-on"
WORDS_OF_PLANS = ("plan", "feature", "add-on", "addon", "upgrade", "suite")


def body(reply: Reply) -> dict[str, Fact]:
    """The form of a refusal, without any of its texts."""
    facts: dict[str, Fact] = {"status": status(reply.status), "body": word(_form(reply), FORMS)}
    if isinstance(reply.body, dict):
        facts["keys"] = listed_keys(reply.body, KEYS)
        facts["code"] = word(_code(reply.body.get("code")), (NO_CODE, *CODES, *KNOWN_CODES))
        facts["mentions"] = words(_subjects(reply.text.lower()), (*ABOUT, PLAN))
    return facts


def _form(reply: Reply) -> str:
    if isinstance(reply.body, dict):
        return "JSON object"
    if reply.body is not None:
        return "other JSON"
    if not reply.raw.strip():
        return "empty"
    return "HTML" if reply.raw.lstrip()[:1] == b"<" else "other text"


def _code(value: object) -> str:
    """A code that this program knows, or what a code looks like."""
    if value is None:
        return NO_CODE
    text = str(value)
    for known in KNOWN_CODES:
        if text.startswith(known):
            return known
    return next((name for name, form in CODES.items() if form.fullmatch(text)), "")


def _subjects(text: str) -> list[str]:
    found_ = [name for name, phrase in ABOUT.items() if phrase in text]
    return [*found_, PLAN] if any(each in text for each in WORDS_OF_PLANS) else found_


def plan(ask: Ask, patterns: Sequence[AnswerPattern]) -> Judge:
    """Whether a refusal of what a plan may lack is one that the connector understands."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        if reply.ok:
            return undecided(Why.HAS_IT, status=status(200))
        understood = any(each.matches(reply.status, reply.text) for each in patterns)
        return found(understood, **body(reply))

    return judge


def is_404(ask: Ask) -> Judge:
    """Whether what does not exist is a 404; an answer of 200 with null is another way to say so."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        if reply.ok and reply.data:
            return undecided(Why.HAS_IT, status=status(200))
        return found(reply.status == 404, **body(reply))

    return judge


def fields_of_apps(ask: Ask, app: str) -> Judge:
    """Whether the fields of an app are refused (400) exactly where the user lacks the app."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        if seen.apps is None or reply.status not in (200, 400):
            return undecided(Why.REFUSED, **body(reply))
        facts = {"has_app": flag(app in seen.apps), **body(reply)}
        return found((reply.status == 200) == (app in seen.apps), **facts)

    return judge


def names_the_unknown(ask: Ask, names: str, unknown: str) -> Judge:
    """Whether a refusal names the unknown field and no other."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        if reply.status not in (200, 400):
            return undecided(Why.REFUSED, **body(reply))
        named = set(names.split(",")) & set(re.findall(r"\w+", reply.text))
        facts = body(reply)
        return found(reply.status == 400 and named == {unknown}, **facts)

    return judge


def answered(ask: Ask) -> Judge:
    """Whether Pipedrive serves a request that some accounts may be refused."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        return found(reply.ok, **({"status": status(200)} if reply.ok else body(reply)))

    return judge


def period_outside(ask: Ask) -> Judge:
    """Whether a month outside a goal's duration is refused (400)."""

    def judge(seen: Seen) -> Finding:
        reply = seen.reply(ask)
        assert reply is not None
        if reply.status not in (200, 400):
            return undecided(Why.REFUSED, **body(reply))
        return found(reply.status == 400, **body(reply))

    return judge
