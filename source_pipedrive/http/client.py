"""The only place that talks to Pipedrive's API: one request in, one decoded answer out."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
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
from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.decoding import decode
from source_pipedrive.http.errors import (
    CONFIG,
    TRANSIENT,
    Action,
    PageError,
    StreamError,
    SyncError,
)
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.optional_fields import OptionalFields
from source_pipedrive.http.pacing import Pacing, Slot, growing
from source_pipedrive.http.usage import Usage

logger = logging.getLogger("airbyte")
# What the CDK's client says of a request, in debug, holds its headers: the token is among them.
quiet = logging.getLogger("source_pipedrive.silent")
quiet.disabled = True

TIMEOUT = (10.0, 90.0)  # seconds to connect, seconds without a byte
POOL = 128  # connections that are kept: more than there are ever workers
TRIES = 8  # of one page, in about two minutes
REFUSALS = 20  # of one page for the burst limit, in about ten minutes


@dataclass(frozen=True)
class Request:
    """What is asked for, and what the errors and the accounts have to know of it.

    path is relative to the version's root; cost is in API tokens; scope and permission are what the
    sentences about a missing OAuth scope, or a user who may not see this, name; absent are the
    answers, status and pattern of the body, that say nothing about other streams; optional are the
    names in include_fields that need an app of Pipedrive's, and that app.
    """

    stream: str
    path: str
    version: int
    cost: int
    scope: str
    permission: str = "that this needs"
    params: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[tuple[int, str], ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)


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

    def meaning(self, host: Host) -> SyncError:
        """Why there was no answer, without the URL or anything else of the request."""
        why, failure = errors.no_answer(self.error)
        return SyncError(f"Could not reach {host.name}: {why}", failure)


class _HandBack(ErrorHandler):
    """Gives every answer back: this module decides what follows, so that a body that breaks off
    is retried like a status, and so that each wait has a sentence in the log."""

    max_retries = 0
    max_time = None

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        if isinstance(response, Exception):
            raise UnansweredError(response)
        return ErrorResolution(response_action=ResponseAction.SUCCESS)


@dataclass(frozen=True)
class Response:
    """An answer before it is understood. wait: seconds that a 429 holds all requests back, or None
    where they are held back already."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    wait: float | None


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
        usage: Usage | None = None,
        pacing: Pacing | None = None,
    ) -> None:
        self.host = host
        self.usage = usage or Usage()
        self.pacing = pacing or Pacing()
        self.fields = OptionalFields()
        self.confirmed: Counter[str] = Counter()  # nulls that a second answer confirmed, by stream
        self._largest: dict[str, int] = {}
        self._largest_of_any = 0
        self._over: SyncError | None = None
        self._served: Slot | None = None  # the latest request that Pipedrive did not put off
        self._auth = auth
        self._tries = tries
        self._sleep = sleep
        session = requests.Session()
        session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=POOL))
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=POOL))
        self._http = HttpClient(
            name="pipedrive",
            logger=quiet,
            error_handler=_HandBack(),
            session=session,
            authenticator=auth,
            disable_retries=True,
        )

    def get(self, request: Request) -> Answer:
        """The answer to `request`, after as many tries as its errors deserve. After an error that
        ends the sync, whoever met it, no request leaves any more."""
        try:
            return self.fields.ask(request, self._get)
        except SyncError as error:
            self._over = self._over or error
            raise

    def pause(self, seconds: float) -> None:
        """Waits before a request is made again; a sync that is asked to stop ends the wait."""
        self._sleep(seconds)

    def size(self, stream: str) -> int:
        """Bytes of the largest answer of a stream so far; of any, before its first."""
        return self._largest.get(stream) or self._largest_of_any

    def _get(self, request: Request) -> Answer:
        renewed, attempt, refusals = False, 0, 0
        before = self._served
        while True:
            attempt += 1
            # Renewed before the request takes its place: what may leave now may not leave later.
            token = self._auth.get_access_token() if isinstance(self._auth, OAuth) else ""
            try:
                answer = self._send(request)
                if answer.status == 200:
                    return Answer(decode(answer.raw, request.stream), _server_time(answer.headers))
            except (UnansweredError, PageError) as error:
                failure: errors.PipedriveError = (
                    error if isinstance(error, PageError) else error.meaning(self.host)
                )
                # A certificate that was good before is good still: something else broke.
                if failure.failure_type == CONFIG and self._served is None:
                    raise failure from None
                if attempt == self._tries:
                    raise _last(failure, request, self._served is not before) from None
                self._wait(request, f'Reading "{request.stream}": {failure}', attempt)
                continue
            rule, failure = self._meaning(request, answer, refusals, self._served is not before)
            if rule.action is Action.REFRESH and isinstance(self._auth, OAuth) and not renewed:
                renewed, attempt = True, attempt - 1
                self._auth.renew_unless_changed(token)
            elif rule.action is Action.SLOW_DOWN and refusals < min(REFUSALS, 5 * self._tries):
                refusals, attempt = refusals + 1, attempt - 1
                self._slow_down(request, answer.wait)
            elif rule.action is Action.RETRY and attempt < self._tries:
                why = f'Pipedrive answered {answer.status} for "{request.stream}".'
                self._wait(request, why, attempt)
            else:
                raise failure

    def _send(self, request: Request) -> Response:
        slot = self.pacing.acquire(self._sleep)
        if self._over is not None:
            raise self._over
        turn = self.usage.admit(request.cost)
        try:
            _, response = self._http.send_request(
                "GET",
                self.host.url(request.version, request.path),
                request_kwargs={"stream": True, "timeout": TIMEOUT, "allow_redirects": False},
                params=request.params,
            )
            wait = self.pacing.answered(slot, response.status_code, response.headers)
            if response.status_code != 429:
                self._served = slot
            charged = 0 if response.status_code in (401, 429) else request.cost
            self.usage.charge(request.stream, charged, response.headers, turn)
            try:
                raw = response.raw.read(decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise UnansweredError(error) from None
            finally:
                response.close()
        finally:
            self.usage.settle(turn)
            self.pacing.finished(slot)
        self._largest[request.stream] = max(self._largest.get(request.stream, 0), len(raw))
        self._largest_of_any = max(self._largest_of_any, len(raw))
        logger.debug(
            f"{request.stream}: GET v{request.version}/{request.path} {dict(request.params)} "
            f"-> {response.status_code}, {len(raw):,} bytes, {request.cost} tokens"
        )
        return Response(response.status_code, response.headers, raw, wait)

    def _meaning(
        self, request: Request, answer: Response, refusals: int, served: bool
    ) -> tuple[errors.Rule, errors.PipedriveError]:
        """served: whether Pipedrive has served any request since the first try of this one."""
        status, body = answer.status, answer.raw[:10_000].decode("utf-8", "replace")
        if errors.day_is_spent(status, answer.headers, request.cost, refusals, served):
            return errors.ANY_OTHER, self.usage.day_spent(errors.says_why(answer.headers))
        rule = errors.rule_for(status, body, request.path)
        remedy = rule.remedy.format(
            scope=request.scope, permission=request.permission, renew=self._auth.renew
        )
        message = errors.sentence(request.stream, status, body, remedy)
        ends_sync = rule.action in (Action.END_SYNC, Action.REFRESH)
        ends_sync = ends_sync or (rule.action is Action.SLOW_DOWN and not served)
        mine = any(status == known and re.search(part, body) for known, part in request.absent)
        kind = SyncError if ends_sync and not mine else StreamError
        return rule, kind(message, rule.failure, status, body)

    def _slow_down(self, request: Request, wait: float | None) -> None:
        if wait is not None:
            logger.info(
                f"{request.stream}: the burst limit is reached; all requests wait {wait:.1f} s."
            )

    def _wait(self, request: Request, why: str, attempt: int) -> None:
        seconds = growing(attempt)
        logger.info(f"{why} Trying again in {seconds:.1f} s ({attempt} of {self._tries} tries).")
        self._sleep(seconds)


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _last(failure: errors.PipedriveError, request: Request, served: bool) -> errors.PipedriveError:
    """The end of the tries. Without an answer the sync ends, unless Pipedrive has `served` some
    request meanwhile; then, and with a broken answer, only the stream does."""
    if not isinstance(failure, SyncError):
        return StreamError(f"{failure.message} Run the sync again later.", TRANSIENT)
    if not served:
        return failure
    return StreamError(
        f'Reading "{request.stream}" failed at each try, although Pipedrive answers requests. '
        f"{failure.message}",
        TRANSIENT,
    )
