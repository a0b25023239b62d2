"""API token and OAuth 2.0 (https://pipedrive.readme.io/docs/marketplace-oauth-api)."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from hashlib import sha1
from urllib.parse import parse_qsl

from .clock import Clock
from .consent import Consent
from .errors import oauth, unauthorized
from .switches import Switches

# Publicly known, and valid for the sandbox only.
API_TOKEN = "5a4db0c5a4db0c5a4db0c5a4db0c5a4db0c5a4db"
CLIENT_ID = "sandbox-client-id"
CLIENT_SECRET = "sandbox-client-secret"
REFRESH_TOKEN = "1:1:5a4db0c0000000000000000000000000000000"

ALL_SCOPES = (
    "base deals:full mail:full activities:full contacts:full products:full deal-fields:full "
    "product-fields:full contact-fields:full project-fields:full projects:full users:read "
    "recents:read search:read admin leads:full phone-integration goals:full"
)


class Auth:
    """Issues access tokens and authenticates requests."""

    def __init__(self, clock: Clock) -> None:
        self.consent = Consent(clock, CLIENT_ID)
        self._clock = clock
        self._issued = 0
        self._refresh_token = REFRESH_TOKEN
        self._expiry: dict[str, float] = {}

    def caller(
        self, headers: Mapping[str, str], params: tuple[tuple[str, str], ...], switches: Switches
    ) -> tuple[str, frozenset[str] | None]:
        """Return a request's token and its scopes (None: unrestricted). Raises a 401 Refusal.

        A token in the query is refused: the vendor no longer documents it.
        """
        if any(name == "api_token" for name, _ in params):
            raise unauthorized("api_token in the query; send the header x-api-token")
        if not switches.user_active:
            raise unauthorized("the token's user is deactivated")
        token = headers.get("x-api-token")
        if token is not None:
            if token != API_TOKEN:
                raise unauthorized("unknown API token")
            return token, None
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or bearer not in self._expiry:
            raise unauthorized("no token, or an unknown one")
        if self._clock.now() >= self._expiry[bearer]:
            raise unauthorized("the access token has expired")
        return bearer, switches.granted()

    def expire(self) -> None:
        """Expire every access token issued so far."""
        self._expiry = dict.fromkeys(self._expiry, 0.0)

    def grant(
        self, headers: Mapping[str, str], body: bytes, switches: Switches, api_domain: str
    ) -> dict[str, object]:
        """Answer POST /oauth/token. Raises a Refusal."""
        form = read_form(body)
        if _client(headers, form) != (CLIENT_ID, CLIENT_SECRET):
            raise oauth(401, "invalid_client")
        if "application/x-www-form-urlencoded" not in headers.get("content-type", ""):
            raise oauth(400, "invalid_request")
        if form.get("grant_type") not in ("authorization_code", "refresh_token"):
            raise oauth(400, "unsupported_grant_type")
        if not switches.user_active:
            raise oauth(400, "invalid_grant")
        if form["grant_type"] == "authorization_code":
            self.consent.redeem(form)
        elif form.get("refresh_token") != self._refresh_token:
            raise oauth(400, "invalid_grant")
        return self._issue(switches, api_domain)

    def _issue(self, switches: Switches, api_domain: str) -> dict[str, object]:
        self._issued += 1
        digest = sha1(f"sandbox:{self._issued}".encode()).hexdigest()
        if switches.rotate_refresh_token:
            self._refresh_token = f"1:1:{digest}"
        access_token = f"v1u:sandbox:{digest}"
        self._expiry[access_token] = self._clock.now() + switches.expires_in
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": switches.expires_in,
            "refresh_token": self._refresh_token,
            "scope": _reported_scope(switches),
            "api_domain": api_domain,
        }


def _reported_scope(switches: Switches) -> str:
    """The `scope` of a token response: comma-separated, and not always what is granted."""
    if switches.reported_scope == "base":
        return "base"
    return granted_scopes(switches).replace(" ", ",")


def granted_scopes(switches: Switches) -> str:
    """The app's scopes."""
    return ALL_SCOPES if switches.scopes == "all" else switches.scopes


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form that was sent. Raises a Refusal."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    except UnicodeDecodeError as error:
        raise oauth(400, "invalid_request") from error


def _client(headers: Mapping[str, str], form: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = b64decode(credentials, validate=True).decode().partition(":")
    except (BadBase64, UnicodeDecodeError):
        return "", ""
    return name, secret


def check_scopes(granted: frozenset[str] | None, needed: frozenset[str]) -> bool:
    """Whether any of the `needed` scopes is granted; None grants all."""
    return granted is None or bool(granted & needed)
