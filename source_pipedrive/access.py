"""What the credentials can read, so that missing access is reported instead of showing up as an
empty table.

The sources are the OAuth app's scopes, the user in users/me and the user's permissions
(users/{id}/permissions). Anything they do not reveal is reported as not checked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from source_pipedrive.http.company import Company
from source_pipedrive.http.errors import TRANSIENT, PipedriveError, SyncError
from source_pipedrive.http.request import Api, Request
from source_pipedrive.http.usage import counted
from source_pipedrive.stream import WITHOUT_PIPEDRIVE, Stream
from source_pipedrive.version import HOME

logger = logging.getLogger("airbyte")

# The Pipedrive apps whose admins see other users' private records, and what Pipedrive calls them.
ADMIN_APPS = {"sales": "Deals admin", "global": "Global admin"}
ANOTHER_USER = "Use the credentials of an admin, or deselect these streams."
MORE_SCOPES = "Give the app these scopes and reconnect it, or deselect these streams."
PROOFS = f"{HOME}/blob/main/docs/how-to-be-sure.md"


class Access(Enum):
    """Whether a stream can be read."""

    READABLE = "can be read"
    DENIED = "cannot be read"
    UNKNOWN = "not checked"


@dataclass(frozen=True)
class AccessCheck:
    """The result for one stream. `reason` is "" only if the stream is readable; `remedy` says what
    to do if it cannot be read. scope: the one that the app lacks; is_indirect: the stream cannot be
    read because a list that it is read through cannot."""

    access: Access
    reason: str = ""
    remedy: str = ""
    scope: str = ""
    is_indirect: bool = False


READABLE = AccessCheck(Access.READABLE)


def denied(reason: str) -> AccessCheck:
    """The result for a stream that Pipedrive will refuse to this user."""
    return AccessCheck(Access.DENIED, reason, ANOTHER_USER)


def unknown(reason: str) -> AccessCheck:
    """The result for a stream whose access only a sync can show."""
    return AccessCheck(Access.UNKNOWN, reason)


def check_access(
    stream: Stream, company: Company, permissions: Mapping[str, bool] | None
) -> AccessCheck:
    """Whether `stream` and all streams that it is read through can be read.

    permissions: the user's; None if unknown.
    """
    check = _check_alone(stream, company, permissions)
    if check.access is Access.DENIED:
        return check
    for source in (*stream.sources, *stream.components):
        found = check_access(source, company, permissions)
        if found.access is Access.DENIED:
            if found.is_indirect:  # what matters is the list at the root
                return found
            reason = f"read through {source.endpoint.path}: {found.reason}"
            return AccessCheck(Access.DENIED, reason, found.remedy, is_indirect=True)
    return check


def _check_alone(
    stream: Stream, company: Company, permissions: Mapping[str, bool] | None
) -> AccessCheck:
    if stream.kind in WITHOUT_PIPEDRIVE:
        return READABLE
    if _lacks_scope(stream, company):
        scope = stream.access.read_scope
        return AccessCheck(
            Access.DENIED, f"the app lacks the scope {scope}", MORE_SCOPES, scope=scope
        )
    user_check = _check_user(stream, company, permissions)
    if stream.access.needs.unknown and user_check.access is not Access.DENIED:
        return unknown(stream.access.needs.unknown)
    if (
        user_check is READABLE
        and company.scopes == frozenset()
        and "base" not in stream.access.scopes
    ):
        return unknown("the token does not list its scopes")
    return user_check


def missing_scopes(company: Company, streams: Iterable[Stream]) -> dict[str, list[str]]:
    """The names of the streams that the app lacks a scope for, by the narrowest scope that would
    do. Empty if the scopes are not known."""
    found: dict[str, list[str]] = {}
    for stream in streams:
        if stream.kind not in WITHOUT_PIPEDRIVE and _lacks_scope(stream, company):
            found.setdefault(stream.access.read_scope, []).append(stream.name)
    return found


def _lacks_scope(stream: Stream, company: Company) -> bool:
    if not company.scopes or {*stream.access.scopes, "full"} & {*company.scopes, "base"}:
        return False
    return stream.v1_fallback is None or _lacks_scope(stream.v1_fallback, company)


def _check_user(
    stream: Stream, company: Company, permissions: Mapping[str, bool] | None
) -> AccessCheck:
    needs = stream.access.needs
    if needs.permission:
        allowed = None if permissions is None else permissions.get(needs.permission)
        if allowed is None:
            return unknown("Pipedrive does not report the user's permissions")
        return READABLE if allowed else denied(f"the user lacks the permission {needs.words}")
    if not needs.app:
        return READABLE
    if company.access is None:
        return unknown("Pipedrive does not report the user's apps")
    if needs.admin:
        if company.access.get(needs.app):
            return READABLE
        if any(company.access.values()):
            return unknown("the user is an admin, but not an account settings admin")
    elif needs.app in company.access:
        return READABLE
    return denied(f"the user lacks the permission {needs.words}")


def user_permissions(
    client: Api, company: Company, streams: Iterable[Stream]
) -> dict[str, bool] | None:
    """The permissions of the token's user, or None if they cannot be read or no stream needs them.

    Costs 10 tokens.
    """
    if company.scopes and "users:read" not in company.scopes:
        return None
    if not any(stream.access.needs.permission for stream in streams):
        return None
    path = f"users/{company.user_id}/permissions"
    try:
        data = client.get(Request("user_permissions", path, 1, 10, "users:read")).body.get("data")
    except PipedriveError as error:
        # A used-up budget says nothing about the credentials, but after a block by Pipedrive's
        # edge (403) nothing can be read.
        spent = error.failure_type is TRANSIENT and error.status != 403
        if isinstance(error, SyncError) and not spent:
            raise
        if spent:
            logger.warning(str(error))
        return None
    return (
        {k: v for k, v in data.items() if isinstance(v, bool)} if isinstance(data, dict) else None
    )


def by_reason(checks: Mapping[str, AccessCheck], access: Access) -> list[str]:
    """The streams with this access, as one string per reason: `roles, users (reason)`.

    checks: by stream name.
    """
    names: dict[str, list[str]] = {}
    for name, check in checks.items():
        if check.access is access:
            names.setdefault(check.reason, []).append(name)
    return [f"{', '.join(streams)} ({reason})" for reason, streams in names.items()]


def denials(checks: Mapping[str, AccessCheck]) -> Iterator[str]:
    """A sentence for each reason why streams cannot be read, with the remedy after the last one
    that it applies to. checks: by stream name."""
    for remedy in dict.fromkeys(c.remedy for c in checks.values() if c.access is Access.DENIED):
        alike = {name: check for name, check in checks.items() if check.remedy == remedy}
        lines = [f"Cannot be read: {reason}." for reason in by_reason(alike, Access.DENIED)]
        lines[-1] += f" {remedy}"
        yield from lines


def unverified(
    streams: Iterable[Stream], checks: Mapping[str, AccessCheck], complete: bool
) -> Iterator[str]:
    """Sentences about what only a sync can show. checks: by stream name; complete: whether nothing
    is known to be missing."""
    unknown = {name: check for name, check in checks.items() if check.access is Access.UNKNOWN}
    # What Pipedrive never reports is no finding about these credentials.
    always = [s.name for s in streams if s.name in unknown and s.access.needs.unknown]
    sentences = ["Nothing is known to be missing."] if complete else []
    if always:
        sentences.append(
            f"{counted(len(always), 'stream')} can only be verified by reading them: "
            f"{', '.join(always)}."
        )
    if sentences:
        yield " ".join(sentences)
    rest = {name: check for name, check in unknown.items() if name not in always}
    yield from (f"Not checked: {reason}." for reason in by_reason(rest, Access.UNKNOWN))


def no_access(checks: Mapping[str, AccessCheck]) -> str:
    """Why a check fails although the credentials are valid: nothing can be read. It is all that a
    person sees who has only the form. checks: by stream name."""
    denied = [check for check in checks.values() if check.access is Access.DENIED]
    scopes = [check.scope for check in denied if check.scope]
    reasons = [check.reason for check in denied if not scopes and not check.is_indirect]
    if scopes:
        reasons = [f"the app lacks the scopes {', '.join(dict.fromkeys(scopes))}"]
    remedies = dict.fromkeys(check.remedy for check in denied if check.scope or not scopes)
    return (
        "These credentials are valid but give no access to the company's data: "
        f"{'; '.join(dict.fromkeys(reasons))}. {' '.join(remedies)}"
    )


def report_missing(
    company: Company, streams: Sequence[Stream], permissions: Mapping[str, bool] | None = None
) -> tuple[dict[str, AccessCheck], bool]:
    """Logs what these credentials cannot see, or see only in part: in a check, and as the first
    lines of each sync. permissions: the user's; None if unknown.

    Returns the checks by stream, and whether nothing is known to be missing.
    """
    is_whole = True
    if (partial := partial_access(company, streams)) is not None:
        is_warning, sentence = partial
        logger.log(logging.WARNING if is_warning else logging.INFO, sentence)
        is_whole = not is_warning
    checks = {stream.name: check_access(stream, company, permissions) for stream in streams}
    for sentence in denials(checks):
        logger.warning(sentence)
        is_whole = False
    return checks, is_whole


def partial_access(company: Company, streams: Iterable[Stream]) -> tuple[bool, str] | None:
    """(whether to warn, what these credentials see only in part), or None if they see everything.

    A user who is not an admin does not see other users' private records. Some streams only ever
    contain the user's own data.
    """
    names = ", ".join(stream.name for stream in streams if stream.access.only_own_data)
    own = f" Pipedrive shows every user only their own data in {names}." if names else ""
    if company.access is None:
        return False, f"Pipedrive does not report whether the token's user is an admin.{own}"
    lacking = [title for app, title in ADMIN_APPS.items() if not company.access.get(app)]
    if not lacking:
        return (False, own.strip()) if own else None
    is_no = f"neither {' nor '.join(lacking)}" if len(lacking) > 1 else f"not a {lacking[0]}"
    return True, (
        f"The user of these credentials is {is_no} in Pipedrive: other users' private records are "
        "missing from every stream, and nothing in the data shows it. Use an admin's credentials "
        f"to read everything.{own} More: {PROOFS}"
    )
