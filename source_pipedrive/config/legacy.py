"""Configurations of earlier shapes, converted to today's.

Those of Airbyte's own Pipedrive connector, so that its users can switch without filling in the
form again:

- `{"api_token": ..., "replication_start_date": ...}`
- `{"authorization": {"auth_type": "Client" | "Token", ...}, "replication_start_date": ...}`
- `{"credentials": {...}, "replication_start_date" | "start_date": ..., "num_workers": ...}`

And of this connector's first version:

- `{"custom_fields": "columns_and_raw" | "raw"}`
"""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

MAX_WORKERS = 40

_OLD_DATES = ("replication_start_date", "start_date")
_OLD_KEYS = {"api_token", "authorization", *_OLD_DATES}
_OLD_COLUMNS = ("columns_and_raw", "raw")
_OLD_AUTH_TYPES = {"Client": "oauth2.0", "Token": "api_token"}
_OPTIONAL = {
    "credentials",
    "history",
    "num_workers",
    "custom_field_columns",
    "custom_fields",
    "labels",
    "daily_token_reserve",
    "daily_token_budget",
    "budget_stop",
    "find_deleted_records",
    "remove_deleted",
    "privacy",
    "api_url",
}


class Migrated(dict[str, Any]):
    """A configuration in today's shape, as `migrate` returns it."""


def migrate(raw: Mapping[str, Any]) -> Migrated:
    """A deep copy of `raw` in today's shape, or `raw` itself if `migrate` returned it.

    Unknown keys are kept. If both today's key and an earlier one are present, today's wins and the
    earlier one is dropped. A null in a known key counts as absent, and blanks around pasted
    credentials are removed. Nothing is validated here (`parse` reports invalid values), but a
    `num_workers` that is out of range is dropped from an earlier shape.
    """
    if isinstance(raw, Migrated):
        return raw
    config = Migrated(
        (key, deepcopy(value))
        for key, value in raw.items()
        if value is not None or key not in _OPTIONAL
    )
    was_old = not _OLD_KEYS.isdisjoint(config)
    _move_credentials(config)
    _move_start_date(config)
    _move_custom_fields(config)
    if was_old and not _is_worker_count(config.get("num_workers")):
        config.pop("num_workers", None)
    return config


def _move_credentials(config: dict[str, Any]) -> None:
    token = config.pop("api_token", None)
    authorization = config.pop("authorization", None)
    if not config.get("credentials"):
        if authorization:
            config["credentials"] = authorization
        elif token is not None:
            config["credentials"] = {"auth_type": "api_token", "api_token": token}
    if isinstance(config.get("credentials"), Mapping):
        config["credentials"] = _with_auth_type(_trimmed(config["credentials"]))


def _with_auth_type(credentials: dict[str, Any]) -> dict[str, Any]:
    """The credentials with today's auth_type, inferred if there is none.

    If keys of both kinds are present, the API token wins, as in Pipedrive's own clients.
    """
    named = credentials.get("auth_type")
    if isinstance(named, str) and named:
        return {**credentials, "auth_type": _OLD_AUTH_TYPES.get(named, named)}
    if named is None or named == "":
        oauth = any(credentials.get(key) for key in ("client_id", "client_secret", "refresh_token"))
        if credentials.get("api_token") or ("api_token" in credentials and not oauth):
            return {**credentials, "auth_type": "api_token"}
        if oauth:
            return {**credentials, "auth_type": "oauth2.0"}
    return credentials


def _move_start_date(config: dict[str, Any]) -> None:
    dates = [config.pop(key, None) for key in _OLD_DATES]
    date = next((date for date in dates if date not in (None, "")), None)
    if "history" not in config and date is not None:
        config["history"] = {"mode": "start_date", "start_date": _todays_form(date)}
    if isinstance(config.get("history"), Mapping):
        config["history"] = _trimmed(config["history"])


def _move_custom_fields(config: dict[str, Any]) -> None:
    if config.get("custom_fields") in _OLD_COLUMNS:
        config.setdefault("custom_field_columns", {"mode": config["custom_fields"]})
        del config["custom_fields"]


def _todays_form(date: Any) -> Any:
    """`YYYY-MM-DDTHH:MM:SSZ` for a date in any ISO form. No time zone means UTC."""
    try:
        instant = datetime.fromisoformat(date.strip())
        instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (AttributeError, ValueError, OverflowError):
        return date
    return instant.replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _trimmed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value.strip() if isinstance(value, str) else value
        for key, value in values.items()
        if value is not None
    }


def _is_worker_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_WORKERS
