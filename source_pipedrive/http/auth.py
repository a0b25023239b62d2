"""Authenticates requests, with an API token or with an OAuth app's renewable access token.

https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, MutableMapping
from datetime import timedelta
from typing import Any

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.requests_native_auth.oauth import (
    SingleUseRefreshTokenOauth2Authenticator,
)
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.datetime_helpers import AirbyteDateTime, ab_datetime_now
from requests.auth import AuthBase

from source_pipedrive.http.errors import CONFIG, TRANSIENT, SyncError, no_answer, words

TOKEN_TIMEOUT = 30  # seconds
TRIES = 4
TOKEN_ANSWER = "Pipedrive's answer to the token request"


class ApiToken(AuthBase):
    """Sends the API token in the header `x-api-token`, never in a URL."""

    renew = "Copy a new token from Personal preferences > API in Pipedrive."

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["x-api-token"] = self._token
        return request


class OAuth(SingleUseRefreshTokenOauth2Authenticator):
    """Sends an access token, and renews it with the refresh token in `config` when it expires.

    A renewal writes its result (access_token, refresh_token, expiry, api_domain) into
    `config["credentials"]` and emits it as a CONNECTOR_CONFIG message, so that the platform keeps
    it. Raises SyncError if Pipedrive refuses the refresh token or the app.
    """

    renew = "Reconnect the app."

    def __init__(
        self,
        config: MutableMapping[str, Any],
        token_url: str,
        accept_domain: Callable[[str], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(connector_config=config, token_refresh_endpoint=token_url)
        self._token_url = token_url
        self._credentials: MutableMapping[str, Any] = config["credentials"]
        self._accept_domain = accept_domain
        self._sleep = sleep
        self._renewing = threading.Lock()
        self._failure: SyncError | None = None
        self.scopes: frozenset[str] = frozenset()  # of the last renewal, if more than base

    @property
    def token(self) -> str:
        """The current access token, without a request. It may have expired."""
        return str(self._credentials.get("access_token") or "")

    def get_access_token(self) -> str:
        """The access token; renews it first if it has expired."""
        if self.token_has_expired():
            self._renew_if(self.token_has_expired)
        return self.token

    def renew_unless_changed(self, refused: str) -> None:
        """Renews the access token, once for all workers whose token `refused` was refused."""
        self._renew_if(lambda: self.token == refused)

    def _renew_if(self, needed: Callable[[], bool]) -> None:
        """Renews the access token; nothing else does. Workers wait here for the one that renews. If
        it fails, they raise its error, because another attempt would fail as well."""
        with self._renewing:
            if self._failure is not None:
                raise self._failure
            if not needed():
                return
            try:
                self.refresh_and_set_access_token()
            except SyncError as error:
                self._failure = error
                raise

    def get_token_expiry_date(self) -> AirbyteDateTime:
        """The configured date; one that cannot be parsed counts as past."""
        try:
            return super().get_token_expiry_date()
        except (TypeError, ValueError):
            return ab_datetime_now() - timedelta(days=1)

    def refresh_access_token(self) -> tuple[str, AirbyteDateTime, str | None]:  # type: ignore[override]
        """(access token, its expiry, refresh token if the answer has one)."""
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
        domain = str(answer.get("api_domain") or "").rstrip("/")
        if self._accept_domain(domain):
            self._credentials["api_domain"] = domain
        seconds = answer.get("expires_in")
        lifetime = timedelta(seconds=seconds if isinstance(seconds, int | float) else 3600)
        return token, ab_datetime_now() + lifetime, renewed if isinstance(renewed, str) else None

    def _ask(self) -> dict[str, Any]:
        for attempt in range(1, TRIES + 1):
            kind = TRANSIENT
            try:
                response = requests.post(
                    self._token_url,
                    data={"grant_type": "refresh_token", "refresh_token": self.get_refresh_token()},
                    auth=(self.get_client_id(), self.get_client_secret()),
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
        remedy = "The client ID or client secret is wrong: copy both from Pipedrive's Developer Hub"
    elif status == 400:
        remedy = (
            "The refresh token is no longer valid: it expires when the app is uninstalled, when it "
            "is not used for 60 days, or when its user is deactivated. Reconnect the app"
        )
    else:
        remedy = "A proxy or Pipedrive's edge sent this answer: check your proxy, or wait an hour"
    message = f'Pipedrive refused to renew the access token ({status}): "{failure}". {remedy}.'
    return SyncError(message, CONFIG if status in (400, 401) else TRANSIENT, status)
