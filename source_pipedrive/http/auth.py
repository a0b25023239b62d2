"""Authenticates requests, with an API token or with an OAuth app's renewable access token.

https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.datetime_helpers import ab_datetime_now, ab_datetime_parse
from requests.auth import AuthBase

from source_pipedrive.config.model import OAuthCredentials, is_company_address
from source_pipedrive.config.places import API_PAGE, APP_PAGE
from source_pipedrive.http.errors import CONFIG, TRANSIENT, SyncError, words
from source_pipedrive.http.hosts import OAUTH
from source_pipedrive.http.unanswered import no_answer

TOKEN_TIMEOUT = 30  # seconds
TRIES = 4
TOKEN_ANSWER = "Pipedrive's answer to the token request"


class ApiToken(AuthBase):
    """Sends the API token in the header `x-api-token`, never in a URL."""

    rejected = (
        "Pipedrive rejected the API token (401). It is wrong, was regenerated, or its user is "
        "deactivated."
    )
    renew = f"Copy a new token from {API_PAGE} in Pipedrive."

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["x-api-token"] = self._token
        return request

    @staticmethod
    def grant(scope: str) -> str:
        """What to do where an app would need `scope`. An API token has no scopes."""
        return (
            "The token's user may not read this. Use the token of an admin, or deselect the stream."
        )


class OAuth(AuthBase):
    """A Bearer token from the refresh token of `credentials`, renewed when it has expired.

    What a renewal returns (access_token, refresh_token, expiry, api_domain) is saved in
    `credentials.tokens`. Tokens are renewed at `api_url` if that is not "", else at Pipedrive's
    OAuth server. Raises SyncError if Pipedrive refuses the refresh token or the app.
    """

    rejected = (
        "Pipedrive rejected the access token (401). The app was uninstalled, or its user is "
        "deactivated."
    )
    renew = "Reconnect the app."

    def __init__(
        self,
        credentials: OAuthCredentials,
        api_url: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._app = (credentials.client_id, credentials.client_secret)
        self._tokens = credentials.tokens
        self._api_url = api_url
        self._sleep = sleep
        self._renewing = threading.Lock()
        self._failure: SyncError | None = None
        self.scopes: frozenset[str] = frozenset()  # of the last renewal, if more than base

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.get_access_token()}"
        return request

    @staticmethod
    def grant(scope: str) -> str:
        """What to do about a missing scope."""
        return f"Give the app the scope {scope} and reconnect."

    @property
    def token(self) -> str:
        """The current access token, without a request. It may have expired."""
        return self._tokens.get("access_token")

    @property
    def api_domain(self) -> str:
        """The company's own address as of the last renewal, or ""."""
        return self._tokens.get("api_domain")

    def get_access_token(self) -> str:
        """The access token; renews it first if it has expired."""
        if self._has_expired():
            self._renew_if(self._has_expired)
        return self.token

    def renew_unless_changed(self, refused: str) -> None:
        """Renews the access token, once for all workers whose token `refused` was refused."""
        self._renew_if(lambda: self.token == refused)

    def _renew_if(self, needed: Callable[[], bool]) -> None:
        """Renews the access token; nothing else does. Workers wait here for the one that renews it.
        If it fails, they raise its error, because another attempt would fail as well."""
        with self._renewing:
            if self._failure is not None:
                raise self._failure
            if not needed():
                return
            try:
                self._renew()
            except SyncError as error:
                self._failure = error
                raise

    def _has_expired(self) -> bool:
        """Whether the expiry date has passed. A missing or unreadable date counts as expired."""
        try:
            return ab_datetime_now() > ab_datetime_parse(self._tokens.get("token_expiry_date"))
        except (TypeError, ValueError):
            return True

    def _renew(self) -> None:
        answer = self._ask()
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise SyncError(
                "Pipedrive's answer to the token request has no access_token. Run the sync again.",
                TRANSIENT,
            )
        renewed = answer.get("refresh_token")
        for secret in filter(None, (token, renewed)):
            add_to_secrets(secret)
        scopes = frozenset(re.split(r"[\s,]+", str(answer.get("scope") or "")))
        self.scopes = scopes if scopes - {"", "base"} else frozenset()
        seconds = answer.get("expires_in")
        lifetime = timedelta(seconds=seconds if isinstance(seconds, int | float) else 3600)
        tokens = {"access_token": token, "token_expiry_date": str(ab_datetime_now() + lifetime)}
        if isinstance(renewed, str):
            tokens["refresh_token"] = renewed
        domain = str(answer.get("api_domain") or "").rstrip("/")
        if domain == self._api_url or is_company_address(domain):
            tokens["api_domain"] = domain
        self._tokens.save(tokens)

    def _ask(self) -> dict[str, Any]:
        for attempt in range(1, TRIES + 1):
            kind = TRANSIENT
            try:
                response = requests.post(
                    f"{self._api_url or OAUTH}/oauth/token",
                    data={
                        "grant_type": "refresh_token",
                        "refresh_token": self._tokens.get("refresh_token"),
                    },
                    auth=self._app,
                    timeout=TOKEN_TIMEOUT,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                status, (failure, kind) = 0, no_answer(error)
                if kind is CONFIG:
                    break
            else:
                if response.status_code == 200:
                    return self._decoded(response)
                status, failure = response.status_code, words(response.text)
                if status != 429 and status < 500:
                    break
            if attempt < TRIES:
                self._sleep(2.0**attempt)
        raise _refusal(status, failure, kind)

    @staticmethod
    def _decoded(response: requests.Response) -> dict[str, Any]:
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise SyncError(
                "Pipedrive's answer to the token request is not JSON. Run the sync again.",
                TRANSIENT,
            )
        return answer


def _refusal(status: int, failure: str, kind: FailureType) -> SyncError:
    if status == 0:
        return SyncError(f"Could not renew the access token: {failure}", kind)
    if status == 429 or status >= 500:
        return SyncError(
            f"Could not renew the access token ({status}: {failure}). Run the sync again later.",
            TRANSIENT,
            status,
        )
    if "invalid_client" in failure or status == 401:
        remedy = f"The client ID or client secret is wrong: copy both from {APP_PAGE} in Pipedrive"
    elif status == 400:
        remedy = (
            "The refresh token is no longer valid: it expires when the app is uninstalled, when it "
            "is not used for 60 days, or when its user is deactivated. Reconnect the app"
        )
    else:
        remedy = "A proxy or Pipedrive's edge sent this answer: check your proxy, or wait an hour"
    message = f'Pipedrive refused to renew the access token ({status}): "{failure}". {remedy}.'
    return SyncError(message, CONFIG if status in (400, 401) else TRANSIENT, status)
