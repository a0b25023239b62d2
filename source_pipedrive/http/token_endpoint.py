"""Pipedrive's token endpoint, which issues tokens to an OAuth app.

https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.datetime_helpers import ab_datetime_now

from source_pipedrive.config.model import is_company_address
from source_pipedrive.config.places import APP_PAGE
from source_pipedrive.http.deadline import DEADLINES
from source_pipedrive.http.errors import CONFIG, TRANSIENT, SyncError
from source_pipedrive.http.hosts import OAUTH
from source_pipedrive.http.session import Adapter
from source_pipedrive.http.unanswered import no_answer
from source_pipedrive.http.words import words

TIMEOUT, DEADLINE = 30, 60  # seconds without a byte, and for the whole answer
TRIES = 4
LEAST_LIFETIME, USUAL_LIFETIME, MOST_LIFETIME = 60, 3600, 366 * 86_400  # of a token, in seconds


@dataclass(frozen=True)
class Grant:
    """What entitles the app to tokens, and how errors about it read.

    form: what is sent. act: "renew the access token". void: why a 400 refused it, and the remedy.
    again: `AGAIN`, or what a tool says instead.
    """

    form: Mapping[str, str] = field(repr=False)
    act: str
    void: str
    again: str


@dataclass(frozen=True, repr=False)
class Tokens:
    """What Pipedrive issued. refresh_token and api_domain are "" if missing from the answer;
    scopes is empty if the answer lists none, or only base."""

    access_token: str
    refresh_token: str
    token_expiry_date: str
    api_domain: str
    scopes: frozenset[str]

    def as_credentials(self) -> dict[str, str]:
        """The values to save in `credentials`."""
        tokens = {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_expiry_date": self.token_expiry_date,
            "api_domain": self.api_domain,
        }
        return {name: value for name, value in tokens.items() if value}


def request_tokens(
    app: tuple[str, str],
    grant: Grant,
    api_url: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Tokens:
    """The tokens for `grant`. From now on, no output contains them.

    app: client ID and client secret. api_url: replaces Pipedrive's OAuth server unless "". Raises
    SyncError if Pipedrive refuses, or has not answered at the last try.
    """
    answer = _ask(app, grant, api_url, sleep)
    token, renewed = answer.get("access_token"), answer.get("refresh_token")
    if not isinstance(token, str) or not token:
        raise SyncError(
            f"Pipedrive's answer to the token request has no access_token. {grant.again}.",
            TRANSIENT,
        )
    renewed = renewed if isinstance(renewed, str) else ""
    for secret in filter(None, (token, renewed)):
        add_to_secrets(secret)
    lifetime = timedelta(seconds=_lifetime(answer.get("expires_in")))
    domain = str(answer.get("api_domain") or "").rstrip("/")
    scopes = frozenset(re.split(r"[\s,]+", str(answer.get("scope") or "")))
    return Tokens(
        access_token=token,
        refresh_token=renewed,
        token_expiry_date=str(ab_datetime_now() + lifetime),
        api_domain=domain if domain == api_url or is_company_address(domain) else "",
        scopes=scopes if scopes - {"", "base"} else frozenset(),
    )


def _lifetime(seconds: object) -> float:
    """For how long a token is used. A figure that nobody means, such as 0, would renew it before
    each request; if it dies sooner, Pipedrive rejects it and it is renewed then."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return USUAL_LIFETIME
    return seconds if LEAST_LIFETIME <= seconds <= MOST_LIFETIME else USUAL_LIFETIME


def _ask(
    app: tuple[str, str], grant: Grant, api_url: str, sleep: Callable[[float], None]
) -> dict[str, Any]:
    for attempt in range(1, TRIES + 1):
        kind = TRANSIENT
        try:
            response = _post(f"{api_url or OAUTH}/oauth/token", grant.form, app)
        except requests.RequestException as error:
            status, (failure, kind) = 0, no_answer(error, grant.again)
            if kind is CONFIG:
                break
        else:
            if response.status_code == 200:
                return _decoded(response, grant)
            status, failure = response.status_code, words(response.text)
            if status != 429 and status < 500:
                break
        if attempt < TRIES:
            sleep(2.0**attempt)
    raise _refusal(status, failure, kind, grant)


def _post(url: str, form: Mapping[str, str], app: tuple[str, str]) -> requests.Response:
    with requests.Session() as session, DEADLINES.within(DEADLINE):
        session.mount("https://", Adapter())
        session.mount("http://", Adapter())
        return session.post(url, data=form, auth=app, timeout=TIMEOUT, allow_redirects=False)


def _decoded(response: requests.Response, grant: Grant) -> dict[str, Any]:
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise SyncError(
            f"Pipedrive's answer to the token request is not JSON. {grant.again}.", TRANSIENT
        )
    return answer


def _refusal(status: int, failure: str, kind: FailureType, grant: Grant) -> SyncError:
    if status == 0:
        return SyncError(f"Could not {grant.act}: {failure}", kind)
    if status == 429 or status >= 500:
        return SyncError(
            f"Could not {grant.act} ({status}: {failure}). {grant.again} later.", TRANSIENT, status
        )
    if "invalid_client" in failure or status == 401:
        remedy = f"The client ID or client secret is wrong: copy both from {APP_PAGE} in Pipedrive"
    elif status == 400:
        remedy = grant.void
    else:
        remedy = "A proxy or Pipedrive's edge sent this answer: check your proxy, or wait an hour"
    message = f'Pipedrive refused to {grant.act} ({status}): "{failure}". {remedy}.'
    return SyncError(message, CONFIG if status in (400, 401) else TRANSIENT, status)
