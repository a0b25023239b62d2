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
from datetime import UTC, datetime
from enum import Enum

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.pacing import whole_number

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
    PASS_OVER = "the parent has gone: go on with the next one"
    ASK_LATER = "the parent is hidden: go on with the next one, ask for this one in later syncs"
    PARK = "go on with the next parent; the stream stays incomplete until this one can be read"


@dataclass(frozen=True)
class Rule:
    """One line of the table: `status` and `body` (a pattern; "" is any) choose it.

    `remedy` may name {scope}, {permission} and {renew}. `source` says where the meaning is known
    from.
    """

    status: int
    body: str
    action: Action
    failure: FailureType
    remedy: str
    source: str


# 429s in a row without any header that says why: with the waits between them half a minute, many
# times the window of the burst limit.
MUTE_REFUSALS = 6
# What the edge itself answers: a page, or "error code: 1020" to a client that takes no page.
EDGE = r"(?i)^\s*(?:<|error code: 1\d{3})|cloudflare"
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
    Rule(403, EDGE, Action.END_SYNC, TRANSIENT, BLOCKED, "rate limit page"),
    Rule(403, "Scope and URL mismatch", Action.END_STREAM, CONFIG,
         "Give the app the scope {scope} and reconnect.", SEEN),
    Rule(403, "", Action.END_STREAM, CONFIG,
         "The token's user lacks the permission {permission}. Use the token of an admin, or "
         "deselect the stream.", "OpenAPI v1, seven operations"),
    Rule(404, "", Action.END_STREAM, SYSTEM,
         "Pipedrive does not know this address; please report this line.", DOCS),
    Rule(410, "", Action.END_STREAM, SYSTEM,
         "Pipedrive has removed this endpoint; deselect the stream.", DOCS),
    Rule(429, "", Action.SLOW_DOWN, TRANSIENT, "Run the sync again later.", "rate limit page"),
    Rule(501, "", Action.END_STREAM, SYSTEM, "Please report this line.", DOCS),
)
# Of a request for the children of one parent. If it happens to every parent, it is not about the
# parents, and ends the stream.
OF_ONE_PARENT = (
    Rule(200, "", Action.ASK_LATER, TRANSIENT, "", "null where the parent counts some"),
    Rule(404, "", Action.PASS_OVER, SYSTEM, "", "OpenAPI v1 and v2: the parent was not found"),
    Rule(410, "", Action.PASS_OVER, SYSTEM, "", DOCS + ": gone"),
    Rule(401, "", Action.END_STREAM, CONFIG, "", SEEN),
    Rule(402, "", Action.END_STREAM, CONFIG, "", DOCS),
    Rule(403, "Scope and URL mismatch", Action.END_STREAM, CONFIG, "", SEEN),
    Rule(403, "", Action.ASK_LATER, CONFIG, "", SEEN),
)
# A 402 is about the company's account only where every plan has what was asked for.
IN_EVERY_PLAN = frozenset(
    {
        "users/me", "deals", "persons", "organizations", "activities", "products", "leads",
        "notes",
    }
)
NOT_PAID_FOR = Rule(402, "", Action.END_STREAM, CONFIG,
                    "The company's plan may not include this: deselect the stream, or check the "
                    "plan in Pipedrive.", "not documented; a plan may lack one endpoint")
SERVER_FAULT = Rule(0, "", Action.RETRY, TRANSIENT, "Run the sync again later.", DOCS)
ANY_OTHER = Rule(0, "", Action.END_STREAM, SYSTEM, "Please report this line.", "no source")
# fmt: on


def rule_for(status: int, body: str, path: str) -> Rule:
    """The first rule that fits an answer other than 200 to a request for `path`."""
    if status == NOT_PAID_FOR.status and path not in IN_EVERY_PLAN:
        return NOT_PAID_FOR
    for rule in RULES:
        if rule.status == status and re.search(rule.body, body):
            return rule
    return SERVER_FAULT if status >= 500 else ANY_OTHER


def about_one_parent(error: StreamError) -> Action:
    """What follows from the answer to a request for the children of one parent."""
    for rule in OF_ONE_PARENT:
        if rule.status == error.status and re.search(rule.body, error.body):
            return rule.action
    return Action.PARK


def day_is_spent(
    status: int, headers: Mapping[str, str], cost: int, refusals: int, served: bool = False
) -> bool:
    """A 429 that no wait of seconds mends: the daily budget does not pay for `cost` any more.

    Where the answers do not tell the budget, it is a 429 for which the burst limit is no reason;
    where they tell nothing at all, one that outlasts any burst while no request was `served`.
    refusals: how many came before it, each with a wait after it.
    """
    if status != 429:
        return False
    left = whole_number(headers.get("x-daily-ratelimit-token-remaining"))
    burst = whole_number(headers.get("x-ratelimit-remaining"))
    if left is None:
        if not says_why(headers):
            return refusals >= MUTE_REFUSALS and not served
        return refusals > 0 and bool(burst)
    return left == 0 or (left < cost and burst != 0)


def says_why(headers: Mapping[str, str]) -> bool:
    """Whether an answer tells anything of the limits."""
    return any("ratelimit" in name.lower() for name in headers)


def no_answer(error: Exception) -> tuple[str, FailureType]:
    """Why a request got no answer, and what to do, without anything of the request itself."""
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        if "expired" in text or "not yet valid" in text:
            return (
                "its TLS certificate is not valid at this machine's time "
                f"({datetime.now(UTC):%Y-%m-%d %H:%M} UTC). Set the clock, or renew the "
                "certificate of the proxy in between.",
                CONFIG,
            )
        return (
            "its TLS certificate could not be verified. Give this machine the certificate "
            "authority of the proxy in between.",
            CONFIG,
        )
    if "NameResolution" in text or "getaddrinfo" in text or "Name or service" in text:
        return "the host name does not resolve. Check it, and this machine's network.", TRANSIENT
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused. Check its address and password.", TRANSIENT
    if isinstance(error, requests.exceptions.Timeout):
        return "it did not answer in time. Run the sync again later.", TRANSIENT
    if isinstance(error, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        return "this platform does not allow the address. Leave api_url out.", CONFIG
    return "the connection was refused or broke off. Check this machine's network.", TRANSIENT


def words(body: str) -> str:
    """Pipedrive's own words in an error body, or the beginning of a body that has none; without
    e-mail addresses, which may be a customer's."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = re.sub(r"<[^>]*>|\s+", " ", body)
        return without_addresses(" ".join(text.split()))[:80] or "no explanation"
    error = answer.get("error") or answer.get("message") if isinstance(answer, dict) else None
    return without_addresses(str(error))[:200] if error else "no explanation"


def without_addresses(text: str) -> str:
    """The text with e-mail addresses replaced."""
    return re.sub(r"[^\s\"'<>(),;:=]+@[^\s\"'<>(),;:=]+", "<e-mail>", text)


def sentence(stream: str, status: int, body: str, remedy: str) -> str:
    """What happened, to which stream, in Pipedrive's words, and what to do about it."""
    return f'Pipedrive refused "{stream}" ({status}): "{words(body)}". {remedy}'
