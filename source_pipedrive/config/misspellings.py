"""Keys of a configuration that are not settings, and the settings that were probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from source_pipedrive.config.budget_stop import EndsWithError, EndsWithoutError
from source_pipedrive.config.columns import OneColumnEach, RawOnly
from source_pipedrive.config.deletions import AsReported, Verified
from source_pipedrive.config.history import AllTime, LastPeriod, SinceDate
from source_pipedrive.config.legacy import Migrated
from source_pipedrive.config.model import ApiTokenCredentials, Config, OAuthCredentials
from source_pipedrive.config.privacy import Protected, Unprotected

# A key of one shape is not a mistake in another.
SHAPES = {
    "": (Config,),
    "credentials.": (ApiTokenCredentials, OAuthCredentials),
    "history.": (LastPeriod, AllTime, SinceDate),
    "custom_field_columns.": (OneColumnEach, RawOnly),
    "find_deleted_records.": (AsReported, Verified),
    "budget_stop.": (EndsWithError, EndsWithoutError),
    "privacy.": (Unprotected, Protected),
}
KNOWN = {
    level: frozenset(name for shape in shapes for name in shape.model_fields)
    for level, shapes in SHAPES.items()
}
# Keys that Airbyte and PyAirbyte add for their own use.
INTERNAL = ("__", "_ab")


def misspellings(config: Migrated) -> list[str]:
    """One sentence for each key that is not a setting. Never quotes a value: it may be a secret."""
    objects = {level: config.get(level.rstrip(".")) for level in KNOWN} | {"": config}
    return [
        sentence
        for level, settings in objects.items()
        if isinstance(settings, Mapping)
        for sentence, _ in _of_level(level, settings)
    ]


def unprotected(config: Migrated) -> list[str]:
    """The sentences about keys that were probably meant to protect personal data.

    Without them, data would leave that the user wants to keep, so these are errors, not warnings.
    """
    found: list[str] = []
    privacy = config.get("privacy")
    if isinstance(privacy, Mapping) and privacy.get("mode") != "off":
        found += [sentence for sentence, _ in _of_level("privacy.", privacy)]
    for sentence, meant in _of_level("", config):
        if meant == "privacy" or (meant or "").startswith("privacy."):
            found.append(sentence)
    return found


def _of_level(level: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """A sentence for each unknown key, and the setting that was probably meant."""
    for key in settings:
        if key in KNOWN[level] or key.startswith(INTERNAL):
            continue
        meant = _nearest(level, key)
        remedy = f"did you mean `{meant}`?" if meant else "leave it out."
        yield f"{_quoted(level, key)} is not a setting; {remedy}", meant


def _nearest(level: str, key: str) -> str | None:
    """The setting whose name is closest to `key`, first at its own level, then at the others."""
    for candidate in (level, *(other for other in KNOWN if other != level)):
        for name in get_close_matches(key.lower(), KNOWN[candidate], 1, cutoff=0.75):
            return candidate + name
    return None


def _quoted(level: str, key: str) -> str:
    """The key's full name, unless it may be a misplaced secret."""
    if re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,30}", key):
        return f"`{level}{key}`"
    return f"A key of {level.rstrip('.') or 'the configuration'}"
