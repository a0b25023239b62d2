"""Runs the probe against a sandbox in this process, without waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

import orjson
import pytest

from pipedrive_sandbox import Options, Sandbox
from source_pipedrive.http import pacing
from source_pipedrive.http.client import Client, RawAnswer
from source_pipedrive.http.request import Request
from source_pipedrive.tools.probe.answers import Question
from source_pipedrive.tools.probe.probe import probe
from source_pipedrive.tools.probe.questions import QUESTIONS
from unit_tests.caller import LIMITS, NOW

Alter = Callable[[Request, RawAnswer], RawAnswer]
BY_NAME: dict[str, Question] = {question.name: question for question in QUESTIONS}


@contextmanager
def sandbox(deals: int | None = None, **switches: Any) -> Iterator[Sandbox]:
    """A company that no other test changes."""
    with Sandbox(Options(1, 0.1, NOW, deals, switches={**LIMITS, **switches})) as box:
        yield box


def api_token(box: Sandbox) -> dict[str, Any]:
    keys = {"auth_type": "api_token", "api_token": box.api_token}
    return {"credentials": keys, "api_url": box.url, "history": {"mode": "all"}}


def oauth(box: Sandbox) -> dict[str, Any]:
    keys = {
        "auth_type": "oauth2.0",
        "client_id": box.client_id,
        "client_secret": box.client_secret,
        "refresh_token": box.refresh_token,
    }
    return {**api_token(box), "credentials": keys}


@dataclass
class Time:
    """A clock that moves when somebody sleeps, and the sandbox's with it."""

    box: Sandbox
    now: float = 0.0
    slept: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        self.box.clock.advance(seconds)

    def clock(self) -> float:
        return self.now


def ask(box: Sandbox, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """The data of the report."""
    # A clock that only moves when somebody sleeps cannot wait for the pace of an earlier report.
    pacing._SHARED.clear()
    time = Time(box)
    return dict(probe(config or api_token(box), lambda _: None, time.sleep, time.clock).data)


def answers(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The answers by the name of the question."""
    return {answer["name"]: answer for answer in report["questions"]}


def verdict(box: Sandbox, name: str, config: dict[str, Any] | None = None) -> str:
    return str(answers(ask(box, config))[name]["verdict"])


def alter(monkeypatch: pytest.MonkeyPatch, change: Alter) -> None:
    """From now on, `change` makes the answers that the probe sees."""
    send = Client.send_once
    monkeypatch.setattr(
        Client, "send_once", lambda client, request: change(request, send(client, request))
    )


def edit(path: str, change: Callable[[Any], Any], **params: str) -> Alter:
    """Changes the body of the answers to requests for `path` with these parameters."""

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        if not fnmatch(request.path, path) or not params.items() <= request.params.items():
            return answer
        body = orjson.loads(answer.raw)
        return replace(answer, raw=orjson.dumps(change(body)))

    return altered


def respond(path: str, status: int, body: Any = None, **params: str) -> Alter:
    """Replaces the answers to requests for `path`."""

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        if not fnmatch(request.path, path) or not params.items() <= request.params.items():
            return answer
        return replace(answer, status=status, raw=orjson.dumps(body))

    return altered
