"""The hosts of Pipedrive's API: each company has one, and all share another with other paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

SHARED = "https://api.pipedrive.com"
OAUTH = "https://oauth.pipedrive.com"


@dataclass(frozen=True)
class Host:
    """base: scheme and host. shared: v1 is at /v1, because /api/v1 lacks some lists there."""

    base: str
    shared: bool = False

    @property
    def name(self) -> str:
        """The host name, for messages."""
        return urlsplit(self.base).hostname or self.base

    def url(self, version: int, path: str) -> str:
        """The URL of `path`, which is relative to the root of API version 1 or 2."""
        root = "/v1" if self.shared and version == 1 else f"/api/v{version}"
        return f"{self.base}{root}/{path}"


def shared_host() -> Host:
    """The host that serves every company."""
    return Host(SHARED, shared=True)


def company_host(domain: object) -> Host | None:
    """The host for the `company_domain` in users/me; None if that is not a domain."""
    if not isinstance(domain, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", domain):
        return None
    return Host(f"https://{domain}.pipedrive.com")
