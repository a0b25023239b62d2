"""What the credentials let a sync see, told before and not by an empty table.

From the OAuth app's scopes, from what users/me says of the user, and from the user's permissions
(users/{id}/permissions). What these cannot tell is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from source_pipedrive.http.client import Api, Request
from source_pipedrive.http.company import Company
from source_pipedrive.http.errors import TRANSIENT, PipedriveError, SyncError
from source_pipedrive.stream import Kind, Stream

# The apps of Pipedrive's whose admins see what others own.
EVERYTHING = ("sales", "global")


class Sight(Enum):
    """Whether a stream can be read."""

    READABLE = "can be read"
    HIDDEN = "cannot be read"
    UNKNOWN = "not checked"


@dataclass(frozen=True)
class Verdict:
    """why: in words, where the stream is not known to be readable."""

    sight: Sight
    why: str = ""


READABLE = Verdict(Sight.READABLE)


def hidden(why: str) -> Verdict:
    """A stream that Pipedrive will refuse."""
    return Verdict(Sight.HIDDEN, why)


def unknown(why: str) -> Verdict:
    """A stream that only reading can tell of."""
    return Verdict(Sight.UNKNOWN, why)


def verdict(row: Stream, company: Company, permissions: Mapping[str, bool] | None) -> Verdict:
    """Whether `row` can be read, as far as is known. permissions: None where they are not known."""
    own = _own_verdict(row, company, permissions)
    if own.sight is Sight.HIDDEN:
        return own
    for source in (*row.sources, *row.parts):
        of_source = verdict(source, company, permissions)
        if of_source.sight is Sight.HIDDEN:
            return hidden(f"it is read by way of {source.path}: {of_source.why}")
    return own


def _own_verdict(row: Stream, company: Company, permissions: Mapping[str, bool] | None) -> Verdict:
    if row.kind is Kind.REMOVED:
        return READABLE
    if company.scopes and not {*row.scope, "full"} & {*company.scopes, "base"}:
        return hidden(f"the app lacks the scope {row.read_scope}")
    of_user = _of_user(row, company, permissions)
    if row.needs.unknown and of_user.sight is not Sight.HIDDEN:
        return unknown(row.needs.unknown)
    if of_user is READABLE and company.scopes == frozenset() and "base" not in row.scope:
        return unknown("the token does not list its scopes")
    return of_user


def _of_user(row: Stream, company: Company, permissions: Mapping[str, bool] | None) -> Verdict:
    needs = row.needs
    if needs.permission:
        allowed = None if permissions is None else permissions.get(needs.permission)
        if allowed is None:
            return unknown("the user's permissions are not told")
        return READABLE if allowed else hidden(f"the user lacks the permission {needs.words}")
    if not needs.app:
        return READABLE
    if company.access is None:
        return unknown("what the user may do is not told")
    if needs.admin:
        if company.access.get(needs.app):
            return READABLE
        if any(company.access.values()):
            return unknown(f"the user is an admin, but not of {needs.app}")
    elif needs.app in company.access:
        return READABLE
    return hidden(f"the user lacks the permission {needs.words}")


def permissions_of(client: Api, company: Company, rows: Iterable[Stream]) -> dict[str, bool] | None:
    """The permissions of the token's user, for 10 tokens, if a row asks for one; None where they
    cannot be read."""
    if company.scopes and "users:read" not in company.scopes:
        return None
    if not any(row.needs.permission for row in rows):
        return None
    path = f"users/{company.user_id}/permissions"
    try:
        told = client.get(Request("user_permissions", path, 1, 10, "users:read")).body.get("data")
    except PipedriveError as error:
        # A budget that is used up says nothing about the credentials; a block by the edge (403)
        # lets nothing be read.
        spent = error.failure_type is TRANSIENT and error.status != 403
        if isinstance(error, SyncError) and not spent:
            raise
        return None
    return (
        {k: v for k, v in told.items() if isinstance(v, bool)} if isinstance(told, dict) else None
    )


def by_reason(verdicts: Mapping[str, Verdict], sight: Sight) -> list[str]:
    """The streams of one verdict, a text for each reason: `roles, users (why)`."""
    reasons: dict[str, list[str]] = {}
    for name, one in verdicts.items():
        if one.sight is sight:
            reasons.setdefault(one.why, []).append(name)
    return [f"{', '.join(names)} ({why})" for why, names in reasons.items()]


def partial_view(company: Company, rows: Iterable[Stream]) -> tuple[bool, str] | None:
    """(whether it is worth a warning, what these credentials show only a part of), or None.

    A user who is no admin does not see what others keep to themselves; some streams hold only the
    user's own data whoever that is.
    """
    own = ", ".join(row.name for row in rows if row.own)
    mine = f" {own}: only ever what belongs to this very user." if own else ""
    if company.access is None:
        return False, f"Pipedrive does not say whether {company.user_name} is an admin.{mine}"
    lacking = [app for app in EVERYTHING if not company.access.get(app)]
    if not lacking:
        return (False, mine.strip()) if own else None
    return True, (
        f"{company.user_name} is not an admin of {' and '.join(lacking)} in Pipedrive: what others "
        "keep to themselves is missing from every stream, and nothing in the data shows it. Use "
        f"the credentials of an admin to read everything.{mine}"
    )
