"""The only place that talks to Pipedrive's API: one request in, one decoded answer out."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from airbyte_cdk.sources.streams.http import HttpClient
from airbyte_cdk.sources.streams.http.error_handlers import (
    ErrorHandler,
    ErrorResolution,
    ResponseAction,
)

from source_pipedrive.http import errors
from source_pipedrive.http.answers import decode
from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.errors import (
    CONFIG,
    TRANSIENT,
    Action,
    PageError,
    StreamError,
    SyncError,
)
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.pacing import Pacing, whole_number
from source_pipedrive.http.usage import Usage

logger = logging.getLogger("airbyte")

TIMEOUT = (10.0, 90.0)  # seconds to connect, seconds without a byte
TRIES = 8  # of one page, in about two minutes
LONGEST_WAIT = 60.0  # seconds


@dataclass(frozen=True)
class Request:
    """What is asked for, and what the errors and the accounts have to know of it.

    path is relative to the version's root; cost is in API tokens; scope is the OAuth scope that
    the sentence about a missing one names.
    """

    stream: str
    path: str
    version: int
    cost: int
    scope: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """body: the decoded object; at: the server's clock, whole seconds in UTC, if it was told."""

    body: dict[str, Any]
    at: datetime | None


class UnansweredError(Exception):
    """A request that got no answer. `error` is what requests raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class _HandBack(ErrorHandler):
    """Gives every answer back: this module decides what follows, so that a body that breaks off
    is retried like a status, and so that each wait has a sentence in the log."""

    max_retries = 0
    max_time = None

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        if isinstance(response, Exception):
            raise UnansweredError(response)
        return ErrorResolution(response_action=ResponseAction.SUCCESS)


class Client:
    """Sends requests as `auth` to `host`, at the account's pace, and counts what they cost.

    Thread-safe. Raises StreamError or SyncError where no answer can be had.
    """

    def __init__(
        self,
        host: Host,
        auth: ApiToken | OAuth,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host = host
        self.usage = Usage()
        self.pacing = Pacing(sleep=sleep)
        self._auth = auth
        self._tries = tries
        self._sleep = sleep
        session = requests.Session()
        session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=64))
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
        self._http = HttpClient(
            name="pipedrive",
            logger=logger,
            error_handler=_HandBack(),
            session=session,
            authenticator=auth,
            disable_retries=True,
        )

    def get(self, request: Request) -> Answer:
        """The answer to `request`, after as many tries as its errors deserve."""
        renewed, attempt = False, 0
        while True:
            attempt += 1
            token = self._auth.token if isinstance(self._auth, OAuth) else ""
            try:
                status, headers, raw = self._send(request)
                if status == 200:
                    return Answer(decode(raw, request.stream), _server_time(headers))
            except (UnansweredError, PageError) as error:
                failure = error if isinstance(error, PageError) else _no_answer(self.host, error)
                if isinstance(failure, SyncError) and failure.failure_type == CONFIG:
                    raise failure from None
                if attempt == self._tries:
                    raise _last(failure) from None
                self._wait(request, str(failure), attempt)
                continue
            rule, failure = self._meaning(request, status, headers, raw)
            if rule.action is Action.REFRESH and isinstance(self._auth, OAuth) and not renewed:
                renewed, attempt = True, attempt - 1
                self._auth.renew_unless_changed(token)
            elif rule.action is Action.SLOW_DOWN and attempt < self._tries:
                self._slow_down(request, headers, attempt)
            elif rule.action is Action.RETRY and attempt < self._tries:
                self._wait(request, f'Pipedrive answered {status} for "{request.stream}".', attempt)
            else:
                raise failure

    def _send(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        self.pacing.acquire()
        _, response = self._http.send_request(
            "GET",
            self.host.url(request.version, request.path),
            request_kwargs={"stream": True, "timeout": TIMEOUT, "allow_redirects": False},
            params=request.params,
        )
        try:
            raw = response.raw.read(decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnansweredError(error) from None
        finally:
            response.close()
        self.pacing.learn(response.headers)
        charged = 0 if response.status_code in (401, 429) else request.cost
        self.usage.charge(request.stream, charged, response.headers)
        return response.status_code, response.headers, raw

    def _meaning(
        self, request: Request, status: int, headers: Mapping[str, str], raw: bytes
    ) -> tuple[errors.Rule, errors.PipedriveError]:
        body = raw[:10_000].decode("utf-8", "replace")
        rule = errors.rule_for(status, body)
        if errors.day_is_spent(status, headers):
            return errors.ANY_OTHER, SyncError(errors.DAY_SPENT, TRANSIENT, status, body)
        remedy = rule.remedy.format(scope=request.scope, renew=self._auth.renew)
        message = errors.sentence(request.stream, status, body, remedy)
        ends_sync = rule.action in (Action.END_SYNC, Action.REFRESH)
        kind = SyncError if ends_sync else StreamError
        return rule, kind(message, rule.failure, status, body)

    def _slow_down(self, request: Request, headers: Mapping[str, str], attempt: int) -> None:
        reset = whole_number(headers.get("x-ratelimit-reset"))
        seconds = min(float(reset), LONGEST_WAIT) if reset is not None else _growing(attempt)
        logger.info(f"{request.stream}: the burst limit is reached; waiting {seconds:.1f} s.")
        self.pacing.close(seconds)

    def _wait(self, request: Request, why: str, attempt: int) -> None:
        seconds = _growing(attempt)
        logger.info(f"{why} Trying again in {seconds:.1f} s ({attempt} of {self._tries} tries).")
        self._sleep(seconds)


def _growing(attempt: int) -> float:
    """Half a second, doubling, up to a minute; jittered so that workers do not come in step."""
    return min(LONGEST_WAIT, 0.5 * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _no_answer(host: Host, unanswered: UnansweredError) -> errors.PipedriveError:
    """Why there was no answer, without the URL or anything else of the request."""
    error, text = unanswered.error, str(unanswered.error)
    if isinstance(error, requests.exceptions.SSLError):
        why, failure = "its TLS certificate could not be verified", CONFIG
    elif "NameResolution" in text or "getaddrinfo" in text or "Name or service" in text:
        why, failure = "the host name does not resolve: check it and the network", TRANSIENT
    elif isinstance(error, requests.exceptions.Timeout):
        why, failure = "it did not answer in time", TRANSIENT
    elif isinstance(error, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        why, failure = "this platform does not allow the address", CONFIG
    else:
        why, failure = "the connection was refused or broke off", TRANSIENT
    return SyncError(f"Could not reach {host.name}: {why}.", failure)


def _last(failure: errors.PipedriveError) -> errors.PipedriveError:
    """The end of the tries: without an answer the sync ends, with a broken one its stream."""
    if isinstance(failure, SyncError):
        return failure
    return StreamError(f"{failure.message} Run the sync again later.", TRANSIENT)
