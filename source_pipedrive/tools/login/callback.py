"""The callback: where Pipedrive sends the browser after the consent screen, and what it says there.

https://pipedrive.readme.io/docs/marketplace-oauth-authorization. An app has exactly one callback
URL. Pipedrive documents no PKCE, so `state` alone ties the answer to this login.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from source_pipedrive.config.errors import config_error
from source_pipedrive.http.hosts import OAUTH

HOST, PATH = "localhost", "/callback"
LOOPBACK = (HOST, "127.0.0.1", "::1")
WAIT = 300  # seconds; a code lasts as long
DENIALS = ("user_denied", "access_denied")
TOO_LATE = "No answer came from Pipedrive within five minutes. Run the command again."


@dataclass(frozen=True)
class Answer:
    """What Pipedrive sent to the callback: a code, or else an error."""

    code: str = field(default="", repr=False)
    error: str = ""

    def checked(self) -> str:
        """The code. Raises a config error if the person refused, or Pipedrive did."""
        if self.code:
            return self.code
        if self.error in DENIALS:
            raise config_error(
                "The app was not allowed to read Pipedrive: someone clicked Cancel. Nothing was "
                "saved. Run the command again to try once more."
            )
        name = self.error if re.fullmatch("[a-z_]{1,40}", self.error) else "an unknown error"
        raise config_error(
            f"Pipedrive did not let the app in ({name}). Nothing was saved. Check the app in "
            "Pipedrive's Developer Hub and run the command again."
        )


class Deadline:
    """A time after which nobody waits any longer."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    @property
    def remaining(self) -> float:
        """Seconds, at least 0."""
        return max(0.0, self._at - self._clock())


def new_state() -> str:
    """A value that only this login and Pipedrive know."""
    return secrets.token_urlsafe(32)


def consent_address(client_id: str, callback_url: str, state: str, api_url: str) -> str:
    """The address of the consent screen. api_url: replaces Pipedrive's OAuth server unless "".

    The scopes are those of the app, so none are sent.
    """
    query = urlencode({"client_id": client_id, "redirect_uri": callback_url, "state": state})
    return f"{api_url or OAUTH}/oauth/authorize?{query}"


def answer_in(query: str, state: str) -> Answer | None:
    """The answer in the query of a callback; None if it does not carry `state`, or says nothing."""
    try:
        values = parse_qs(query, max_num_fields=20)
    except ValueError:
        return None
    found = {name: value[0] for name, value in values.items() if len(value) == 1}
    if not secrets.compare_digest(found.get("state", "").encode(), state.encode()):
        return None
    answer = Answer(found.get("code", ""), found.get("error", ""))
    return answer if answer != Answer() else None


def loopback_url(port: int) -> str:
    """The callback URL on this machine."""
    return f"http://{HOST}:{port}{PATH}"


def checked_url(url: str) -> str:
    """`url`, if it can be an app's callback URL; raises a config error otherwise."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    safe = host and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))
    if not safe or parts.query or parts.fragment or "@" in parts.netloc:
        raise config_error(
            "--callback-url must be the app's callback URL as Pipedrive's Developer Hub shows it: "
            "https (http only for this machine), without a query."
        )
    return url
