"""Whose eyes an audit sees with: what another user does not see is not deleted."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from source_pipedrive.http.company import WHO_AM_I, Company, apps_of
from source_pipedrive.http.errors import OF_THE_USER, StreamError
from source_pipedrive.http.request import Api, Request
from source_pipedrive.reading.instants import seconds_of

PRICE = 12  # tokens of both requests


@dataclass(frozen=True)
class Viewer:
    """access: the user's apps, and whether as an admin; None if Pipedrive does not report them.
    permissions: of users/{id}/permissions; None if they cannot be read. at: when Pipedrive said so,
    in seconds since 1970; 0 if unknown."""

    company: object
    user: object
    access: Mapping[str, bool] | None
    permissions: Mapping[str, Any] | None
    scopes: frozenset[str] | None = None
    at: int = 0

    @property
    def mark(self) -> str:
        """Equal for viewers who see the same records."""
        scopes = None if self.scopes is None else sorted(self.scopes)
        facts = [self.company, self.user, self.access, self.permissions, scopes]
        return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def sees_all(self, apps: Collection[str]) -> bool:
        """As the function `sees_all`."""
        return sees_all(self.access, apps)


def sees_all(access: Mapping[str, bool] | None, apps: Collection[str]) -> bool:
    """Whether a user sees every record of an object. access: as in Viewer; apps: those whose admins
    do; (): only an admin of every app is sure to."""
    return bool(access) and all((access or {}).get(app) for app in apps or access or ())


def ask_viewer(client: Api, company: Company) -> Viewer:
    """The user of the credentials, as of now. Raises StreamError or SyncError."""
    answer = client.get(WHO_AM_I)
    me = answer.body.get("data")
    me = me if isinstance(me, dict) else {}
    return Viewer(
        company=me.get("company_id"),
        user=me.get("id"),
        access=apps_of(me.get("access")),
        permissions=_permissions(client, company),
        scopes=company.scopes,
        at=seconds_of(answer.at) if answer.at is not None else 0,
    )


def _permissions(client: Api, company: Company) -> dict[str, Any] | None:
    path = f"users/{company.user_id}/permissions"
    try:
        data = client.get(Request(OF_THE_USER, path, 1, 10, "users:read")).body.get("data")
    except StreamError as error:
        if error.status not in (402, 403, 404):
            raise
        return None
    return data if isinstance(data, dict) else None
