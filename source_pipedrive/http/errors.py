"""What an answer from Pipedrive means, and what the connector does about it.

To look up a status, a 403 for example, read its rows in `RULES` from top to bottom: the first row
whose status and body pattern match decides. `Action` explains what follows, and the row's remedy
ends the message that the user reads. Any other status from 500 on is retried; any below ends the
stream. Three things come on top:

- A stream may list answers that mean "this account does not have it" (stream/needs.py), such as a
  403 for a plan without projects. Before the stream's first good answer these win, and the stream
  is empty, not broken.
- A 402 also depends on the path (`NOT_PAID_FOR`), a 429 on the daily budget (`day_is_spent`).
- If a request for one parent's children is refused, `ONE_PARENT_RULES` decide what happens to that
  parent. What ends the sync never reaches them.

A few lists make do without: field lists and optional parameter sets (reading/lists.py,
fields/definitions.py), lists that others look facts up in (reading/reference.py), and the parts of
`deleted_records` (reading/deleted.py).

AirbyteTracedException
`- PipedriveError
   |- StreamError      ends its stream; the other streams continue
   |- SyncError        ends the sync: no further request could succeed
   |  `- BudgetError   a token budget is reached
   `- PageError        the body is unusable; retried, then raised as a StreamError
UnansweredError        no answer arrived; retried, then raised as a StreamError or SyncError
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.pacing import whole_number
from source_pipedrive.http.unanswered import no_answer
from source_pipedrive.http.words import AGAIN, words
from source_pipedrive.version import HOME

CONFIG = FailureType.config_error
TRANSIENT = FailureType.transient_error
SYSTEM = FailureType.system_error


class PipedriveError(AirbyteTracedException):
    """A failed request that the user must know about.

    `status` and `body` are those of the answer: 0 and "" if there was none. `reason` is the message
    without the name of the stream, so that streams with the same reason can be reported together,
    and without `link`, so that a report can add a sentence before it.
    """

    brief = "sync ended"  # for each stream, where the message is reported once
    link = ""  # the end of the message: where to read more
    says_what_is_next = False  # whether the message says what the next sync does

    def __init__(
        self,
        message: str,
        failure_type: FailureType,
        status: int = 0,
        body: str = "",
        reason: str = "",
    ) -> None:
        linked = message + self.link
        super().__init__(internal_message=linked, message=linked, failure_type=failure_type)
        self.status = status
        self.body = body
        self.reason = reason or message


class StreamError(PipedriveError):
    """Ends its stream; the other streams continue."""


class SyncError(PipedriveError):
    """Ends the sync: no further request could succeed."""


class BudgetError(SyncError):
    """A token budget is reached: the day's, the part that is not reserved, or the sync's own.

    `outside` is the message for a command that is no sync, and that no later one continues.
    """

    brief = "budget reached"
    link = f" More: {HOME}/blob/main/docs/budget.md"
    says_what_is_next = True

    def __init__(self, message: str, status: int = 0, outside: str = "") -> None:
        super().__init__(message, TRANSIENT, status)
        self.outside = outside or message


class UnreachableError(SyncError):
    """Pipedrive does not answer."""

    brief = "connection lost"


class PageError(PipedriveError):
    """The body is not a JSON object: it is truncated, empty or HTML, for example."""


class UnansweredError(Exception):
    """A request got no answer. `error` is what `requests` or `urllib3` raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error

    def as_sync_error(self, host: str) -> SyncError:
        """The reason and the remedy, without the URL or any other part of the request."""
        reason, failure = no_answer(self.error)
        return UnreachableError(f"Could not reach {host}: {reason}", failure)


class Action(Enum):
    """What the connector does after an answer."""

    RETRY = "retry after a wait that grows with each try"
    SLOW_DOWN = "retry once the burst limit allows it"
    REFRESH = "renew the access token once and retry; with an API token, end the sync"
    END_STREAM = "end the stream"
    END_SYNC = "end the sync"
    PASS_OVER = "the parent is gone: skip it"
    ASK_LATER = "the parent is not visible: skip it now and request it again in later syncs"
    PARK = "skip the parent; the stream stays incomplete until it can be read"


@dataclass(frozen=True)
class AnswerPattern:
    """Matches answers by HTTP status and by `body`, a regular expression; "" matches any body."""

    status: int
    body: str

    def matches(self, status: int, body: str) -> bool:
        """Whether an answer has this status and its body contains a match."""
        return self.status == status and re.search(self.body, body) is not None


@dataclass(frozen=True)
class Rule(AnswerPattern):
    """What a matching answer means.

    `remedy` may contain {permission}, {renew} and {grant}. `source` says how the meaning is known.
    """

    action: Action
    failure: FailureType
    remedy: str
    source: str


# 429s in a row without a rate limit header. With the waits between them they take half a minute,
# many times the window of the burst limit.
MUTE_REFUSALS = 6
# Answers from Cloudflare, not from the API: an HTML page, or "error code: 1020" as plain text.
EDGE_START, EDGE_NAME = r"\s*(?:<|error code: 1\d{3})", "cloudflare"
EDGE = rf"(?i)^{EDGE_START}|{EDGE_NAME}"
NO_SCOPE = "Scope and URL mismatch"
BLOCKED = "Cloudflare has blocked this connector for sending too many requests. Wait an hour."
REPORT = f"Please report this line at {HOME}/issues."
# What the bill and sync_reports call the requests that ask whom the credentials belong to.
OF_THE_USER = "users_me"
DOCS = "status list of Pipedrive's documentation"
SEEN = "recorded answer"

# fmt: off
RULES = (
    Rule(400, "", Action.END_STREAM, SYSTEM,
         f"Pipedrive did not understand the request. {REPORT}", DOCS),
    Rule(401, "", Action.REFRESH, CONFIG,
         "{renew}", SEEN),
    Rule(402, "", Action.END_SYNC, CONFIG,
         "The company's account is not active: check its trial or payment in Pipedrive.", DOCS),
    Rule(403, EDGE, Action.END_SYNC, TRANSIENT, BLOCKED, "rate limit page"),
    Rule(403, NO_SCOPE, Action.END_STREAM, CONFIG,
         "{grant}", SEEN),
    Rule(403, "", Action.END_STREAM, CONFIG,
         "The user of these credentials lacks the permission {permission}. Use the credentials of "
         "an admin, or deselect what this user cannot read.", "OpenAPI v1, seven operations"),
    Rule(404, "", Action.END_STREAM, SYSTEM,
         f"Pipedrive does not know this address. {REPORT}", DOCS),
    Rule(410, "", Action.END_STREAM, SYSTEM,
         "Pipedrive has removed this endpoint; deselect the stream.", DOCS),
    Rule(429, "", Action.SLOW_DOWN, TRANSIENT, f"{AGAIN} later.", "rate limit page"),
    Rule(501, "", Action.END_STREAM, SYSTEM, REPORT, DOCS),
)
# For requests for the children of one parent. An answer that every parent gets does not concern the
# parents and ends the stream.
ONE_PARENT_RULES = (
    Rule(200, "", Action.ASK_LATER, TRANSIENT, "", "null, although the parent counts some"),
    Rule(404, "", Action.PASS_OVER, SYSTEM, "", "OpenAPI v1 and v2: the parent was not found"),
    Rule(410, "", Action.PASS_OVER, SYSTEM, "", DOCS + ": gone"),
    Rule(401, "", Action.END_STREAM, CONFIG, "", SEEN),
    Rule(402, "", Action.END_STREAM, CONFIG, "", DOCS),
    Rule(403, NO_SCOPE, Action.END_STREAM, CONFIG, "", SEEN),
    Rule(403, "", Action.ASK_LATER, CONFIG, "", SEEN),
)
# Every plan includes these paths, so only for them does a 402 concern the company's account.
IN_EVERY_PLAN = frozenset(
    {
        "users/me", "deals", "persons", "organizations", "activities", "products", "leads",
        "notes",
    }
)
NOT_PAID_FOR = Rule(402, "", Action.END_STREAM, CONFIG,
                    "The company's plan may not include this: deselect the stream, or check the "
                    "plan in Pipedrive.", "not documented; a plan may lack an endpoint")
SERVER_FAULT = Rule(0, "", Action.RETRY, TRANSIENT, f"{AGAIN} later.", DOCS)
ANY_OTHER = Rule(0, "", Action.END_STREAM, SYSTEM, REPORT, "no source")
# fmt: on


def rule_for(status: int, body: str, path: str) -> Rule:
    """The first rule that matches an answer other than 200 to a request for `path`."""
    if status == NOT_PAID_FOR.status and path not in IN_EVERY_PLAN:
        return NOT_PAID_FOR
    for rule in RULES:
        if rule.matches(status, body):
            return rule
    return SERVER_FAULT if status >= 500 else ANY_OTHER


def about_one_parent(error: StreamError) -> Action:
    """What to do after a refused request for the children of one parent."""
    for rule in ONE_PARENT_RULES:
        if rule.matches(error.status, error.body):
            return rule.action
    return Action.PARK


def day_is_spent(
    status: int, headers: Mapping[str, str], cost: int, refusals: int, served: bool = False
) -> bool:
    """Whether a 429 means that the daily budget no longer covers a request of `cost` tokens.

    If the headers omit the daily budget, it does when the burst limit cannot be the reason for a
    second refusal. If they report no limit at all, it does when the refusals outlast any burst and
    Pipedrive `served` no other request meanwhile. refusals: how many came before this one, each
    followed by a wait.
    """
    if status != 429:
        return False
    remaining = whole_number(headers.get("x-daily-ratelimit-token-remaining"))
    burst = whole_number(headers.get("x-ratelimit-remaining"))
    if remaining is None:
        if not reports_limits(headers):
            return refusals >= MUTE_REFUSALS and not served
        return refusals > 0 and bool(burst)
    return remaining == 0 or (remaining < cost and burst != 0)


def reports_limits(headers: Mapping[str, str]) -> bool:
    """Whether an answer has any rate limit header."""
    return any("ratelimit" in name.lower() for name in headers)


def after_last_try(failure: PipedriveError, stream: str, served: bool) -> PipedriveError:
    """What to raise after the last try. An unusable answer ends the stream. No answer ends the
    sync, or only the stream if Pipedrive `served` another request meanwhile."""
    if not isinstance(failure, SyncError):
        return StreamError(f"{failure.message} {AGAIN} later.", TRANSIENT)
    if not served:
        return failure
    why = f"failed at each try, although Pipedrive answered others meanwhile. {failure.message}"
    return StreamError(f"Reading {title(stream)} {why}", TRANSIENT, reason=f"Requests {why}")


def title(stream: str) -> str:
    """What messages call what is requested: `"deals"`, or `the token's user`."""
    return "the token's user" if stream == OF_THE_USER else f'"{stream}"'


def sentence(stream: str, status: int, body: str, remedy: str) -> str:
    """The message for a refusal: the stream, the status, Pipedrive's words and the remedy."""
    return f"Pipedrive refused {title(stream)} ({status}): {_reason(body, remedy)}"


def reason(status: int, body: str, remedy: str) -> str:
    """The same for all streams that are refused alike."""
    return f"Pipedrive answered {status}: {_reason(body, remedy)}"


def _reason(body: str, remedy: str) -> str:
    return f'"{words(body).rstrip(".")}". {remedy}'
