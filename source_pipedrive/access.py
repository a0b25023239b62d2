"""What the credentials can read, so that missing access is reported instead of showing up as an
empty table.

The sources are the OAuth app's scopes, the user in users/me and the user's permissions
(users/{id}/permissions). Anything they do not reveal is reported as not checked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from source_pipedrive.http.company import Company
from source_pipedrive.http.errors import TRANSIENT, PipedriveError, SyncError
from source_pipedrive.http.request import Api, Request
from source_pipedrive.stream import WITHOUT_PIPEDRIVE, Stream

logger = logging.getLogger("airbyte")

# The Pipedrive apps whose admins see other users' private records.
ADMIN_APPS = ("sales", "global")


class Access(Enum):
    """Whether a stream can be read."""

    READABLE = "can be read"
    DENIED = "cannot be read"
    UNKNOWN = "not checked"


@dataclass(frozen=True)
class AccessCheck:
    """The result for one stream. `reason` is "" only if the stream is readable."""

    access: Access
    reason: str = ""


READABLE = AccessCheck(Access.READABLE)


def denied(reason: str) -> AccessCheck:
    """The result for a stream that Pipedrive will refuse."""
    return AccessCheck(Access.DENIED, reason)


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
        source_check = check_access(source, company, permissions)
        if source_check.access is Access.DENIED:
            return denied(f"it is read through {source.endpoint.path}: {source_check.reason}")
    return check


def _check_alone(
    stream: Stream, company: Company, permissions: Mapping[str, bool] | None
) -> AccessCheck:
    if stream.kind in WITHOUT_PIPEDRIVE:
        return READABLE
    if company.scopes and not {*stream.access.scopes, "full"} & {*company.scopes, "base"}:
        return denied(f"the app lacks the scope {stream.access.read_scope}")
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
            return unknown(f"the user is an admin, but not of {needs.app}")
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


def partial_access(company: Company, streams: Iterable[Stream]) -> tuple[bool, str] | None:
    """(whether to warn, what these credentials see only in part), or None if they see everything.

    A user who is not an admin does not see other users' private records. Some streams only ever
    contain the user's own data.
    """
    names = ", ".join(stream.name for stream in streams if stream.access.only_own_data)
    own = f" {names}: only this user's own data." if names else ""
    if company.access is None:
        return False, f"Pipedrive does not report whether the token's user is an admin.{own}"
    lacking = [app for app in ADMIN_APPS if not company.access.get(app)]
    if not lacking:
        return (False, own.strip()) if own else None
    return True, (
        f"The token's user is not an admin of {' and '.join(lacking)} in Pipedrive: other "
        "users' private records are missing from every stream, and nothing in the data shows it. "
        f"Use an admin's credentials to read everything.{own}"
    )
