"""The probe: says what it will ask, asks, judges the answers, and writes the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from source_pipedrive.config.errors import config_error
from source_pipedrive.config.model import Config, OAuthCredentials
from source_pipedrive.config.parsing import parse
from source_pipedrive.http.company import WHO_AM_I, connect
from source_pipedrive.http.errors import CONFIG, BudgetError, PipedriveError
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.tools.config_file import refresh_token
from source_pipedrive.tools.errors import sentence
from source_pipedrive.tools.probe import document
from source_pipedrive.tools.probe.answers import Question, Seen
from source_pipedrive.tools.probe.asks import ASKS
from source_pipedrive.tools.probe.document import Markdown
from source_pipedrive.tools.probe.findings import Finding, Why, undecided
from source_pipedrive.tools.probe.interview import Interview
from source_pipedrive.tools.probe.questions import QUESTIONS
from source_pipedrive.tools.report import Job, Report

MOST = 600  # API tokens that the probe may spend
TRIES = 2  # to connect
PRICE = WHO_AM_I.cost + sum(ask.cost for ask in ASKS)
JSON_FILE, MARKDOWN_FILE = "probe.json", "probe.md"


def run(job: Job) -> Report:
    """The report of the account that the configuration names. Raises a config error."""
    if job.arguments.plan:
        return plan()
    folder = _folder(job.arguments.out) if job.arguments.out else None
    job.notes.say(announcement())
    report = probe(job.config, job.notes.say)
    text = document.markdown(report.data)
    if folder is not None:
        job.notes.say(_written(folder, report, text))
    return report


def plan() -> Report:
    """What the probe would ask, without asking."""
    requests = [{"name": ask.name, "request": ask.line, "tokens": ask.cost} for ask in ASKS]
    rows = [(each["name"], f"`{each['request']}`", each["tokens"]) for each in requests]
    lines = document.table(("name", "request", "tokens"), rows)
    return Report(
        {"tokens": PRICE, "most": MOST, "requests": requests},
        [announcement(), Markdown("\n".join(lines))],
    )


def announcement() -> str:
    """What the probe will do, and its price."""
    lists = ", ".join(dict.fromkeys(ask.path for ask in ASKS))
    return (
        f"The probe sends {len(ASKS) + 1} GET requests for {PRICE} API tokens, never more than "
        f"{MOST}. It changes nothing and takes about two minutes. The report contains no value "
        f"from your account. It asks for: {WHO_AM_I.path}, {lists}."
    )


def probe(
    config: dict[str, Any],
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """The report. config: in today's shape. Raises a PipedriveError if the credentials are not
    valid; whatever else fails is in the report."""
    limited = parse(config).model_copy(update={"daily_token_budget": MOST})
    before = refresh_token(config)
    try:
        seen, tokens = _interview(limited, say, sleep, clock)
    except PipedriveError as error:
        if error.failure_type == CONFIG:
            raise
        why = Why.BUDGET if isinstance(error, BudgetError) else Why.UNANSWERED
        say(f"Nothing could be asked. {sentence(error)}")
        missing = dict.fromkeys((ask.name for ask in ASKS), why)
        oauth = isinstance(limited.credentials, OAuthCredentials)
        seen, tokens = Seen({}, missing, at=seconds_of(datetime.now(UTC)), oauth=oauth), 0
    rotated = refresh_token(config) != before
    seen = replace(seen, rotated=rotated)
    findings = {question.name: judged(question, seen) for question in QUESTIONS}
    day = datetime.fromtimestamp(seen.at, UTC).strftime("%Y-%m-%d")
    data = document.data(findings, QUESTIONS, ASKS, seen, day, tokens)
    return Report(data, [Markdown(document.markdown(data))])


def _interview(
    config: Config,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
    clock: Callable[[], float],
) -> tuple[Seen, int]:
    """All answers, and the API tokens that they cost. Raises PipedriveError if not even the first
    request, which says whose the credentials are, has an answer."""
    client, company = connect(config, TRIES, sleep, verify=True)
    interview = Interview(client, MOST, sleep, clock, say)

    apps = None if company.access is None else frozenset(company.access)
    seen = Seen(
        interview.replies,
        interview.missing,
        apps,
        seconds_of(company.at),
        oauth=isinstance(config.credentials, OAuthCredentials),
        scopes=company.scopes,
    )
    for ask in ASKS:
        interview.ask(ask, seen)
    seen = replace(seen, limited=interview.limited, values=interview.values())
    return seen, client.usage.tokens


def judged(question: Question, seen: Seen) -> Finding:
    """The finding of one question; undecided if its first request has no answer."""
    if question.asks:
        first = question.asks[0]
        reply = seen.reply(first)
        if reply is None:
            return undecided(seen.missing.get(first.name, Why.UNANSWERED))
        if not reply.ok and not question.about_refusal:
            return undecided(Why.ODD if reply.status == 200 else Why.REFUSED)
    try:
        return question.judge(seen)
    except Exception:  # an answer may have any form
        return undecided(Why.ODD)


def _folder(path: str) -> Path:
    """The folder, created and tried before anything is spent. Raises a config error."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise config_error(f"The folder {path} cannot be made: {error.strerror}.") from None
    try:
        TemporaryFile(dir=folder).close()
        for file in (folder / JSON_FILE, folder / MARKDOWN_FILE):
            if file.exists():
                file.open("r+").close()
    except OSError as error:
        raise config_error(_unwritable(folder, error)) from None
    return folder


def _written(folder: Path, report: Report, text: str) -> str:
    """Writes both forms, and says so. If that fails, the report still appears on standard output,
    because it has been paid for."""
    try:
        with (folder / JSON_FILE).open("w", encoding="utf-8") as file:
            report.write(file, as_json=True)
        (folder / MARKDOWN_FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        return _unwritable(folder, error)
    return f"Wrote {JSON_FILE} and {MARKDOWN_FILE} in {folder}."


def _unwritable(folder: Path, error: OSError) -> str:
    return f"{JSON_FILE} and {MARKDOWN_FILE} cannot be written in {folder}: {error.strerror}."
