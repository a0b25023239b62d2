"""Authenticates requests, with an API token or with an OAuth app's renewable access token.

https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import requests
from airbyte_cdk.utils.datetime_helpers import ab_datetime_now, ab_datetime_parse
from requests.auth import AuthBase

from source_pipedrive.config.model import OAuthCredentials
from source_pipedrive.config.places import API_PAGE
from source_pipedrive.http.errors import SyncError
from source_pipedrive.http.token_endpoint import Grant, request_tokens
from source_pipedrive.http.words import AGAIN

VOID = (
    "The refresh token is no longer valid: it expires when the app is uninstalled, when it "
    "is not used for 60 days, or when its user is deactivated. Reconnect the app"
)


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
        tokens = request_tokens(
            self._app,
            Grant(
                {"grant_type": "refresh_token", "refresh_token": self._tokens.get("refresh_token")},
                act="renew the access token",
                void=VOID,
                again=AGAIN,
            ),
            self._api_url,
            self._sleep,
        )
        self.scopes = tokens.scopes
        self._tokens.save(tokens.as_credentials())
