"""Judges: what the tokens of an OAuth app, and their scopes, tell."""

from __future__ import annotations

from source_pipedrive.tools.probe.answers import Seen
from source_pipedrive.tools.probe.asks import WEBHOOKS
from source_pipedrive.tools.probe.findings import Finding, Why, found, undecided
from source_pipedrive.tools.probe.refusals import body


def scopes_told(seen: Seen) -> Finding:
    """Whether it lists more scopes than `base`."""
    return found(seen.scopes) if seen.scopes is not None else _untold(seen)


def refresh_token_stays(seen: Seen) -> Finding:
    """Whether the refresh token is the same as before."""
    return found(not seen.rotated) if seen.scopes is not None else _untold(seen)


def _untold(seen: Seen) -> Finding:
    """Without an answer to a token request."""
    return undecided(seen.silence if seen.oauth else Why.NOT_OAUTH)


def webhooks_by_scope(seen: Seen) -> Finding:
    """Whether an app without the scope `admin` may list webhooks with `webhooks:read`."""
    if seen.scopes is None:
        return _untold(seen)
    if "admin" in seen.scopes or not seen.scopes & {"webhooks:read", "webhooks:full"}:
        return undecided(Why.OTHER_SCOPES)
    reply = seen.reply(WEBHOOKS)
    assert reply is not None
    return found(reply.ok, **body(reply))
