"""Sends the requests of the probe, one after the other, and collects what comes back.

It ends in every case. Each request is tried at most TRIES times, and what a burst limit refuses at
most REFUSALS times. After LOST requests in a row without an answer, or an answer that concerns all
requests, or after Ctrl-C or SIGTERM, nothing more is sent, and what is missing is undecided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from source_pipedrive.http.client import RawAnswer
from source_pipedrive.http.errors import EDGE, SyncError, UnansweredError, day_is_spent
from source_pipedrive.http.pacing import WINDOW
from source_pipedrive.http.request import Request
from source_pipedrive.http.usage import Usage
from source_pipedrive.tools.probe.answers import ID, Ask, Params, Reply, Seen, texts
from source_pipedrive.tools.probe.findings import Why

TRIES = 2
LOST = 2
REFUSALS = 4
PAUSE = 2.0  # seconds before a second try
MARGIN = 0.5  # seconds beyond the burst limit's window after which it is surely empty
STREAM = "probe"


class Line(Protocol):
    """What the interview needs from a client."""

    @property
    def usage(self) -> Usage:
        """What has been spent."""

    def send_once(self, request: Request) -> RawAnswer:
        """The answer to a single try. Raises UnansweredError or SyncError."""


class Interview:
    """Asks Pipedrive through `line`. most: API tokens; sleep, clock: in seconds; say: a sentence
    for the person who waits."""

    def __init__(
        self,
        line: Line,
        most: int,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        self._line = line
        self._most = most
        self._sleep = sleep
        self._clock = clock
        self._say = say
        self._replies: dict[str, Reply] = {}
        self._missing: dict[str, Why] = {}
        self._sent: dict[str, float] = {}
        self._last = 0.0
        self._lost = 0
        self._over: Why | None = None
        self.limited: Reply | None = None  # the last answer of 429

    def ask(self, ask: Ask, seen: Seen) -> None:
        """Sends one request, if the earlier answers, `seen`, allow it."""
        try:
            why = self._over or self._try(ask, seen)
        except KeyboardInterrupt:  # what was answered has been paid for
            why = self._stop(Why.ENDED)
            with suppress(OSError):  # the terminal may be gone
                self._say("Stopping. The report has what was answered until now.")
        if why is not None:
            self._missing[ask.name] = why

    def _try(self, ask: Ask, seen: Seen) -> Why | None:
        """Why there is no answer; None if there is one."""
        try:
            params = ask.params(seen) if callable(ask.params) else ask.params
        except Exception:  # an answer may have any form
            return Why.ODD
        if params is None:
            return next((w for a in ask.after if (w := self._missing.get(a.name))), Why.EMPTY)
        if not self._affords(ask.cost):
            return Why.BUDGET
        self._wait(ask)
        return self._send(ask, _request(ask, params))

    def _affords(self, cost: int) -> bool:
        usage = self._line.usage
        return cost <= min(self._most - usage.tokens, _infinite(usage.allowance))

    def _wait(self, ask: Ask) -> None:
        if ask.seconds and ask.after:
            since = self._clock() - self._sent.get(ask.after[0].name, 0.0)
            if since < ask.seconds:
                self._say(f"Waiting {ask.seconds - since:.0f} seconds before the last request.")
                self._sleep(ask.seconds - since)

    def _send(self, ask: Ask, request: Request) -> Why | None:
        tries = refusals = 0
        while True:
            now = self._clock()
            rested = bool(self._sent) and now - self._last > WINDOW + MARGIN
            self._sent[ask.name] = self._last = now
            try:
                answer = self._line.send_once(request)
            except UnansweredError:
                tries += 1
                if tries == TRIES or not self._affords(ask.cost):
                    return self._no_answer()
                self._sleep(PAUSE)
                continue
            except SyncError:
                return self._stop(Why.BUDGET if not self._affords(ask.cost) else Why.BLOCKED)
            if answer.status == 429:
                refusals += 1
                self.limited = _reply(answer, ask.cost)
                spent = day_is_spent(429, answer.headers, ask.cost, refusals - 1)
                if spent or refusals == REFUSALS:
                    return self._stop(Why.BLOCKED)
                continue  # the client's pacing waits before the next one
            if answer.status >= 500 and tries + 1 < TRIES and self._affords(ask.cost):
                tries += 1
                self._sleep(PAUSE)
                continue
            return self._keep(ask, answer, rested)

    def _keep(self, ask: Ask, answer: RawAnswer, rested: bool) -> Why | None:
        self._lost = 0
        reply = _reply(answer, ask.cost, rested)
        blocked = answer.status == 403 and re.search(EDGE, reply.text)
        if answer.status == 401 or blocked:
            return self._stop(Why.BLOCKED)
        if answer.status >= 500:
            return Why.REFUSED
        self._replies[ask.name] = reply
        return None

    def _no_answer(self) -> Why:
        self._lost += 1
        if self._lost >= LOST:
            self._over = Why.STOPPED
        return Why.UNANSWERED

    def _stop(self, why: Why) -> Why:
        self._over = why
        return Why.REFUSED if why is Why.BLOCKED else why

    @property
    def replies(self) -> Mapping[str, Reply]:
        """The answers, by the name of the request, in the order of the requests."""
        return self._replies

    @property
    def missing(self) -> Mapping[str, Why]:
        """Why other requests have no answer."""
        return self._missing

    def values(self) -> frozenset[str]:
        """All texts in the answers, in lower case."""
        return frozenset(text for reply in self._replies.values() for text in texts(reply.body))


def _reply(answer: RawAnswer, cost: int, rested: bool = False) -> Reply:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status, headers, answer.raw, cost, rested)


def _request(ask: Ask, params: Params) -> Request:
    path = ask.path.replace(ID, params.get(ID, ""))
    sent = {name: value for name, value in params.items() if name != ID}
    return Request(STREAM, path, ask.version, ask.cost, "base", params=sent)


def _infinite(number: int | None) -> float:
    return float("inf") if number is None else number
