"""What each answer of Pipedrive's means: retried, refreshed, the end of a stream or of the sync.

PipedriveError
|- StreamError      ends its stream, the others go on
|- SyncError        ends the sync: no request could succeed
`- PageError        the answer cannot be used; asked again, then a StreamError
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import orjson
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

CONFIG = FailureType.config_error
TRANSIENT = FailureType.transient_error
SYSTEM = FailureType.system_error


class PipedriveError(AirbyteTracedException):
    """An answer, or none, that a person has to know of. `status` is 0 where there was no answer."""

    def __init__(
        self, message: str, failure_type: FailureType, status: int = 0, body: str = ""
    ) -> None:
        super().__init__(internal_message=message, message=message, failure_type=failure_type)
        self.status = status
        self.body = body


class StreamError(PipedriveError):
    """Ends its stream; the others go on."""


class SyncError(PipedriveError):
    """Ends the sync."""


class PageError(PipedriveError):
    """The body is not what it should be: cut off, HTML, not an object."""


class Action(Enum):
    """What follows from an answer."""

    RETRY = "ask again, after a growing wait"
    SLOW_DOWN = "ask again when the burst window has emptied"
    REFRESH = "get a new access token once and ask again; without OAuth the end of the sync"
    END_STREAM = "end the stream"
    END_SYNC = "end the sync"


@dataclass(frozen=True)
class Rule:
    """One line of the table: `status` and `body` (a pattern; "" is any) choose it.

    `remedy` may name {scope}. `source` says where the meaning is known from.
    """

    status: int
    body: str
    action: Action
    failure: FailureType
    remedy: str
    source: str


BLOCKED = "Pipedrive's edge has blocked this connector for sending too much. Wait an hour."
DOCS = "status list of Pipedrive's documentation"
SEEN = "recorded answer"

# fmt: off
RULES = (
    Rule(400, "", Action.END_STREAM, SYSTEM,
         "The request was not understood; please report this line.", DOCS),
    Rule(401, "", Action.REFRESH, CONFIG,
         "The credentials are not valid, or their user is deactivated. {renew}", SEEN),
    Rule(402, "", Action.END_SYNC, CONFIG,
         "The company's account is not open: check its trial or payment in Pipedrive.", DOCS),
    Rule(403, r"(?i)^\s*<|cloudflare", Action.END_SYNC, TRANSIENT, BLOCKED, "rate limit page"),
    Rule(403, "Scope and URL mismatch", Action.END_STREAM, CONFIG,
         "Give the app the scope {scope} and reconnect.", SEEN),
    Rule(403, "", Action.END_STREAM, CONFIG,
         "The token's user lacks the permission: use the token of an admin, or deselect the "
         "stream.", "OpenAPI v1, seven operations"),
    Rule(404, "", Action.END_STREAM, SYSTEM,
         "Pipedrive does not know this address; please report this line.", DOCS),
    Rule(410, "", Action.END_STREAM, SYSTEM,
         "Pipedrive has removed this endpoint; deselect the stream.", DOCS),
    Rule(429, "", Action.SLOW_DOWN, TRANSIENT, "Run the sync again later.", "rate limit page"),
    Rule(501, "", Action.END_STREAM, SYSTEM, "Please report this line.", DOCS),
)
SERVER_FAULT = Rule(0, "", Action.RETRY, TRANSIENT, "Run the sync again later.", DOCS)
ANY_OTHER = Rule(0, "", Action.END_STREAM, SYSTEM, "Please report this line.", "no source")
# fmt: on

DAY_SPENT = (
    "The company has spent its daily budget of API tokens. The next sync goes on where this one "
    "stopped; the budget is renewed at midnight, Pipedrive's time."
)


def rule_for(status: int, body: str) -> Rule:
    """The first rule that fits an answer other than 200."""
    for rule in RULES:
        if rule.status == status and re.search(rule.body, body):
            return rule
    return SERVER_FAULT if status >= 500 else ANY_OTHER


def day_is_spent(status: int, headers: Mapping[str, str]) -> bool:
    """A 429 that waiting two seconds does not mend: nothing is left of the daily budget."""
    return status == 429 and headers.get("x-daily-ratelimit-token-remaining") == "0"


def words(body: str) -> str:
    """Pipedrive's own words in an error body, or the beginning of a body that has none."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = re.sub(r"<[^>]*>|\s+", " ", body)
        return " ".join(text.split())[:80] or "no explanation"
    error = answer.get("error") or answer.get("message") if isinstance(answer, dict) else None
    return str(error)[:200] if error else "no explanation"


def sentence(stream: str, status: int, body: str, remedy: str) -> str:
    """What happened, to which stream, in Pipedrive's words, and what to do about it."""
    return f'Pipedrive refused "{stream}" ({status}): "{words(body)}". {remedy}'
