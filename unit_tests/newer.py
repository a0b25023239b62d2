"""Scopes that Pipedrive has announced, but that its OpenAPI files lack."""

from __future__ import annotations

# https://developers.pipedrive.com/changelog, 2024-02-01
NEWER_SCOPES = {"webhooks": {"webhooks:read", "webhooks:full"}}
