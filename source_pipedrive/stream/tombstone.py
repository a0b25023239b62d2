"""The column by which destinations recognize deleted records.

Airbyte's destinations that deduplicate look for it in a stream's schema. A record that has a value
in it is a tombstone: it removes the row with its primary key, unless that row has a newer cursor.
"""

from __future__ import annotations

from typing import Any

DELETED_AT = "_ab_cdc_deleted_at"
_PROPERTY = {
    "type": ["null", "string"],
    "format": "date-time",
    "airbyte_type": "timestamp_with_timezone",
    "description": "When the record was deleted, or found deleted; empty as long as it exists",
}


def with_deleted_at(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with that column."""
    return {**schema, "properties": {**schema["properties"], DELETED_AT: _PROPERTY}}


def without_deleted_at(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without that column."""
    properties = schema.get("properties") or {}
    if DELETED_AT not in properties:
        return schema
    return {**schema, "properties": {k: p for k, p in properties.items() if k != DELETED_AT}}
