"""Whose eyes an audit sees with: what another user does not see is not deleted."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from source_pipedrive.http.company import WHO_AM_I, Company, apps_of
from source_pipedrive.http.errors import OF_THE_USER, TRANSIENT, StreamError
from source_pipedrive.http.pacing import growing
from source_pipedrive.http.request import Answer, Api, Request
from source_pipedrive.reading.audit.share import ShareSpentError
from source_pipedrive.reading.instants import seconds_of

PRICE = 12  # tokens of both requests
TRIES = 3  # for each of them, while it is answered with null


@dataclass(frozen=True)
class Viewer:
    """access: the user's apps, and whether as an admin; None if Pipedrive does not report them.
    permissions: of users/{id}/permissions; None if they cannot be read. at: when Pipedrive said so,
    in seconds since 1970; 0 if unknown."""

    company: object
    user: object
    access: Mapping[str, bool] | None
    permissions: Mapping[str, Any] | None
    at: int = 0

    @property
    def mark(self) -> str:
        """Equal for viewers who see the same records. An app's scopes decide which lists answer,
        and not which records are in them; besides, only a renewal of the access token names them.
        """
        facts = [self.company, self.user, self.access, self.permissions]
        return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def sees_all(self, apps: Collection[str]) -> bool:
        """As the function `sees_all`."""
        return sees_all(self.access, apps)


def sees_all(access: Mapping[str, bool] | None, apps: Collection[str]) -> bool:
    """Whether a user sees every record of an object. access: as in Viewer; apps: those whose admins
    do; (): only an admin of every app is sure to."""
    return bool(access) and all((access or {}).get(app) for app in apps or access or ())


def ask_viewer(client: Api, company: Company, before: Viewer | None = None) -> Viewer:
    """The user of the credentials, as of now. before: the same earlier in this sync.

    Raises StreamError or SyncError. An answer that names nobody is a StreamError, too, and so are
    null permissions if they were known before: to compare them would start every pass over.
    """
    answer, me = _asked(client, WHO_AM_I)
    access = apps_of(me.get("access"))
    if not isinstance(me.get("id"), int) or (access is None and company.access is not None):
        raise StreamError("Pipedrive did not report whose credentials these are.", TRANSIENT)
    return Viewer(
        company=me.get("company_id"),
        user=me["id"],
        access=access,
        permissions=_permissions(client, company, before),
        at=seconds_of(answer.at) if answer.at is not None else 0,
    )


def _permissions(client: Api, company: Company, before: Viewer | None) -> dict[str, Any] | None:
    path = f"users/{company.user_id}/permissions"
    known = before is not None and bool(before.permissions)
    try:
        request = Request(OF_THE_USER, path, 1, 10, "users:read")
        # Where they were null before, they are not asked for again: the share is small.
        _, data = _asked(client, request, TRIES if known or before is None else 1)
    except StreamError as error:
        if error.status not in (402, 403, 404):
            raise
        return None
    if known and not data:  # the share may not have lasted to ask again
        raise StreamError("Pipedrive did not report the user's permissions.", TRANSIENT)
    return data or None


def _asked(client: Api, request: Request, tries: int = TRIES) -> tuple[Answer, dict[str, Any]]:
    """The answer, and its object: {} if it is null each time, or as long as the share lasts."""
    answer = client.get(request)
    for number in range(1, tries):
        if isinstance(answer.body.get("data"), dict):
            break
        client.pause(growing(number))
        try:
            answer = client.get(request)
        except ShareSpentError:
            break
    data = answer.body.get("data")
    return answer, data if isinstance(data, dict) else {}
