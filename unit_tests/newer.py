"""What Pipedrive has announced and its OpenAPI files do not have."""

from __future__ import annotations

# https://developers.pipedrive.com/changelog, 2024-02-01
NEWER_SCOPES = {"webhooks": {"webhooks:read", "webhooks:full"}}
