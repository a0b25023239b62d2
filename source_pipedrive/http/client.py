"""The client for Pipedrive's API: the only module that sends requests to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

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
from source_pipedrive.http.deadline import DEADLINES
from source_pipedrive.http.decoding import NullAnswers, server_time
from source_pipedrive.http.errors import (
    CONFIG,
    Action,
    PageError,
    StreamError,
    SyncError,
    UnansweredError,
)
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.optional_fields import OptionalFields
from source_pipedrive.http.pacing import Pacing, Slot, growing
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.http.session import Session
from source_pipedrive.http.usage import AnswerSizes, Usage
from source_pipedrive.http.words import UnquotableBody

logger = logging.getLogger("airbyte")
# At debug level the CDK's client logs the headers of each request, and so the token.
quiet = logging.getLogger("source_pipedrive.silent")
quiet.disabled = True

TIMEOUT = (10.0, 90.0)  # seconds to connect, seconds without a byte
DEADLINE = 300.0  # seconds for a whole answer, however often a byte comes
TRIES = 8  # for one page, over about two minutes
REFUSALS = 20  # by the burst limit for one page, over about ten minutes


class _AcceptEverything(ErrorHandler):
    """Returns every answer to `Client`, which then handles a truncated body like an error status
    and logs every wait."""

    max_retries = 0
    max_time = None

    def interpret_response(self, response: requests.Response | Exception | None) -> ErrorResolution:
        if isinstance(response, Exception):
            raise UnansweredError(response)
        return ErrorResolution(response_action=ResponseAction.SUCCESS)


@dataclass(frozen=True)
class RawAnswer:
    """An answer before it is interpreted. wait: seconds for which a 429 holds all requests back, or
    None if another 429 does so already."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    wait: float | None


class Client:
    """Sends requests to `host` as `auth`, at the pace of the account, and counts their cost.

    tries: for one page; sleep: waits for a number of seconds; hides_words: no message quotes
    Pipedrive's own words, because they may contain a customer's. Thread-safe. Implements `Api`.
    """

    def __init__(
        self,
        host: Host,
        auth: ApiToken | OAuth,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
        usage: Usage | None = None,
        pacing: Pacing | None = None,
        hides_words: bool = False,
    ) -> None:
        self.host = host
        self.usage = usage or Usage()
        self.pacing = pacing or Pacing()
        self.null_answers = NullAnswers()
        self._auth = auth
        self._tries = tries
        self._hides_words = hides_words
        self._sleep = sleep
        self._optional_fields = OptionalFields()
        self._sizes = AnswerSizes()
        self._fatal: SyncError | None = None  # what has ended the sync
        self._served: Slot | None = None  # the latest request that was not answered with a 429
        self._http = HttpClient(
            name="pipedrive",
            logger=quiet,
            error_handler=_AcceptEverything(),
            session=Session(),
            authenticator=auth,
            disable_retries=True,
        )

    def use_company(self, host: Host | None, apps: Collection[str]) -> None:
        """Sends later requests to the company's own `host`, if it is known, and requests only those
        optional fields that belong to one of the user's `apps`."""
        self.host = host or self.host
        self._optional_fields.use_apps(apps)

    def get(self, request: Request) -> Answer:
        """The answer to `request`, retrying errors as http/errors.py says.

        Raises StreamError or SyncError. After a SyncError in any thread, no request leaves.
        """
        try:
            return self._optional_fields.ask(request, self._get)
        except SyncError as error:
            self._fatal = self._fatal or error
            raise

    def send_once(self, request: Request) -> RawAnswer:
        """The answer to a single try of `request`, whatever its status.

        Raises UnansweredError if there is none, SyncError if the request may not be sent.
        """
        if isinstance(self._auth, OAuth):
            self._auth.get_access_token()
        return self._send(request)

    def pause(self, seconds: float) -> None:
        """Waits before a request is repeated. Raises SyncError if the sync is asked to stop."""
        self._sleep(seconds)

    def page_bytes(self, stream: str) -> int:
        """About how much memory the stream's largest answer so far takes until its records are out;
        before its first answer, any stream's."""
        return self._sizes.largest(stream)

    def _get(self, request: Request) -> Answer:
        renewed, attempt, refusals = False, 0, 0
        before = self._served
        while True:
            attempt += 1
            # Renew the token before taking a slot: a slot is only good for leaving at once.
            token = self._auth.get_access_token() if isinstance(self._auth, OAuth) else ""
            try:
                answer = self._send(request)
                if answer.status == 200:
                    return Answer(request.decode(answer.raw), server_time(answer.headers))
            except (UnansweredError, PageError) as error:
                failure: errors.PipedriveError = (
                    error if isinstance(error, PageError) else error.as_sync_error(self.host.name)
                )
                # A certificate that was valid before is still valid: the connection broke.
                if failure.failure_type == CONFIG and self._served is None:
                    raise failure from None
                if attempt == self._tries:
                    served = self._served is not before
                    raise errors.after_last_try(failure, request.stream, served) from None
                self._wait(f"Reading {errors.title(request.stream)}: {failure}", attempt)
                continue
            rule, failure = self._interpret(request, answer, refusals, self._served is not before)
            if rule.action is Action.REFRESH and isinstance(self._auth, OAuth) and not renewed:
                renewed, attempt = True, attempt - 1
                self._auth.renew_unless_changed(token)
            elif rule.action is Action.SLOW_DOWN and refusals < min(REFUSALS, 5 * self._tries):
                refusals, attempt = refusals + 1, attempt - 1
                self._slow_down(answer.wait)
            elif rule.action is Action.RETRY and attempt < self._tries:
                why = f"Pipedrive answered {answer.status} for {errors.title(request.stream)}."
                self._wait(why, attempt)
            else:
                raise failure

    def _send(self, request: Request) -> RawAnswer:
        slot = self.pacing.acquire(self._sleep)
        if self._fatal is not None:
            raise self._fatal
        turn = self.usage.admit(request.cost)
        try:
            with DEADLINES.within(DEADLINE):
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
                raw = _body(response)
        except requests.exceptions.ReadTimeout as error:  # the deadline
            raise UnansweredError(error) from None
        finally:
            self.usage.settle(turn)
            self.pacing.finished(slot)
        self._sizes.add(request.stream, request.memory(len(raw)))
        logger.debug(
            f"{request.stream}: GET v{request.version}/{request.path} {dict(request.params)} "
            f"-> {response.status_code}, {len(raw):,} bytes, {request.cost} tokens"
        )
        return RawAnswer(response.status_code, response.headers, raw, wait)

    def _interpret(
        self, request: Request, answer: RawAnswer, refusals: int, served: bool
    ) -> tuple[errors.Rule, errors.PipedriveError]:
        """served: whether Pipedrive served any request since the first try of this one."""
        status, body = answer.status, answer.raw[:10_000].decode("utf-8", "replace")
        if self._hides_words:
            body = UnquotableBody(body)
        if errors.day_is_spent(status, answer.headers, request.cost, refusals, served):
            return errors.ANY_OTHER, self.usage.day_spent(errors.reports_limits(answer.headers))
        rule = errors.rule_for(status, body, request.path)
        auth, permission = self._auth, request.permission
        remedy = rule.remedy.format(
            grant=auth.grant(request.scope), permission=permission, renew=auth.renew
        )
        message = errors.sentence(request.stream, status, body, remedy)
        reason = errors.reason(status, body, remedy)
        if rule.action is Action.REFRESH:
            message = reason = f"{auth.rejected} {remedy}"
        ends_sync = rule.action in (Action.END_SYNC, Action.REFRESH)
        ends_sync = ends_sync or (rule.action is Action.SLOW_DOWN and not served)
        unavailable = any(known.matches(status, body) for known in request.means_unavailable)
        kind = SyncError if ends_sync and not unavailable else StreamError
        return rule, kind(message, rule.failure, status, body, reason)

    def _slow_down(self, wait: float | None) -> None:
        if wait is not None:
            logger.info(f"Pipedrive's burst limit is reached; all requests wait {wait:.1f} s.")

    def _wait(self, why: str, attempt: int) -> None:
        seconds = growing(attempt)
        logger.info(f"{why} Trying again in {seconds:.1f} s ({attempt} of {self._tries} tries).")
        self._sleep(seconds)


def _body(response: requests.Response) -> bytes:
    """The whole body, decompressed. Raises UnansweredError if it does not arrive."""
    try:
        raw: bytes = response.raw.read(decode_content=True)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise UnansweredError(error) from None
    finally:
        response.close()
    return raw
