"""What a sync reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from source_pipedrive.stream import Stream


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of a catalog in which each property is an object. JSON Schema also allows `true`."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {name: value for name, value in schema.items() if name != "properties"}
    known = {name: p if isinstance(p, Mapping) else {} for name, p in properties.items()}
    return {**schema, "properties": known}


@dataclass(frozen=True)
class Selection:
    """A stream to read. state: what the last sync saved; schema: as in the catalog;
    takes_tombstones: whether tombstones can remove rows from its table; takes_copies: whether the
    records that an audit reads are written again in it; is_replaced: whether the destination
    removes its earlier rows after a sync that succeeds."""

    stream: Stream
    state: Mapping[str, Any]
    full_refresh: bool
    schema: Mapping[str, Any] = field(default_factory=dict)
    takes_tombstones: bool = False
    takes_copies: bool = False
    is_replaced: bool = False

    @property
    def is_new(self) -> bool:
        """Whether no earlier sync has saved a state."""
        return all(key.startswith("__ab_") for key in self.state)
