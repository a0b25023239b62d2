"""The page on which a user lets an OAuth app in, and the codes that the app then exchanges.

https://pipedrive.readme.io/docs/marketplace-oauth-authorization: how the real page looks, and what
it shows for a wrong request, is not documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from html import escape
from urllib.parse import urlencode, urlsplit

from .clock import Clock
from .errors import Refusal, oauth
from .switches import Switches

LIFETIME = 300  # seconds
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1>
{body}
"""
FORM = """<p>The app gets these permissions: {scopes}.</p>
<form method="post" action="/oauth/authorize">
{fields}
<button name="decision" value="allow">Allow and install</button>
<button name="decision" value="cancel">Cancel</button>
</form>"""
PARAMS = ("client_id", "redirect_uri", "state")


@dataclass(frozen=True)
class _Code:
    redirect_uri: str
    until: float


class Consent:
    """The consent screen of the one app `client_id`."""

    def __init__(self, clock: Clock, client_id: str) -> None:
        self._clock = clock
        self._client_id = client_id
        self._codes: dict[str, _Code] = {}
        self._issued = 0

    def page(self, params: Mapping[str, str], switches: Switches, scopes: str) -> bytes:
        """The page with the buttons. Raises a Refusal, which is a page as well."""
        self._check(params, switches)
        fields = "\n".join(
            f'<input type="hidden" name="{name}" value="{escape(params[name])}">'
            for name in PARAMS
            if name in params
        )
        body = FORM.format(scopes=escape(scopes), fields=fields)
        return PAGE.format(title="Install the sandbox's app?", body=body).encode()

    def decide(self, form: Mapping[str, str], switches: Switches) -> str:
        """The address to which the browser is sent after a click on a button."""
        self._check(form, switches)
        state = {"state": form["state"]} if "state" in form else {}
        if form.get("decision") == "allow":
            return _with(form["redirect_uri"], {"code": self._issue(form["redirect_uri"]), **state})
        state = state if switches.denial_state else {}
        return _with(form["redirect_uri"], {"error": switches.denial_error, **state})

    def redeem(self, form: Mapping[str, str]) -> None:
        """Use a code up. Raises a Refusal if it is unknown, used, or has expired, or if the
        redirect_uri is not the one to which it was sent."""
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or self._clock.now() >= code.until:
            raise oauth(400, "invalid_grant")
        if form.get("redirect_uri") != code.redirect_uri:
            raise oauth(400, "invalid_grant")

    def _issue(self, redirect_uri: str) -> str:
        self._issued += 1
        code = f"1.1.{sha1(f'code:{self._issued}'.encode()).hexdigest()}"
        self._codes[code] = _Code(redirect_uri, self._clock.now() + LIFETIME)
        return code

    def _check(self, params: Mapping[str, str], switches: Switches) -> None:
        callback = params.get("redirect_uri", "")
        address = urlsplit(callback)
        if params.get("client_id") != self._client_id:
            raise _refused("There is no app with this client_id.")
        if address.scheme not in ("http", "https") or not address.netloc:
            raise _refused("The redirect_uri is not valid.")
        if address.scheme == "http" and not switches.http_callbacks:
            raise _refused("The redirect_uri is not valid: use https.")
        if switches.callback_url not in ("", callback):
            raise _refused("The redirect_uri is not the app's callback URL.")


def _with(address: str, params: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(params)}"


def _refused(reason: str) -> Refusal:
    body = PAGE.format(title="The app cannot be installed", body=f"<p>{escape(reason)}</p>")
    return Refusal(400, body.encode(), reason=reason, charged=False, media_type="text/html")
