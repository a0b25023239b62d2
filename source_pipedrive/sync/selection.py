"""What a sync reads."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.models import ConfiguredAirbyteStream

from source_pipedrive.http.errors import CONFIG, SyncError
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")


def distinct(streams: Sequence[ConfiguredAirbyteStream]) -> list[ConfiguredAirbyteStream]:
    """The first entry of each stream. Warns if a stream has several; raises a config error if their
    sync modes differ. Airbyte never writes such a catalog, but people do."""
    first: dict[str, ConfiguredAirbyteStream] = {}
    repeated: dict[str, bool] = {}  # by name: whether the sync modes differ
    for one in streams:
        name = one.stream.name
        known = first.setdefault(name, one)
        if known is not one:
            repeated[name] = repeated.get(name, False) or _modes(known) != _modes(one)
    if contradictory := [name for name, differs in repeated.items() if differs]:
        raise SyncError(
            f"The catalog lists {', '.join(contradictory)} more than once, with different sync "
            "modes. Leave one entry for each stream.",
            CONFIG,
        )
    if repeated:
        logger.warning(
            f"The catalog lists {', '.join(repeated)} more than once. The sync reads each stream "
            "once, as its first entry says."
        )
    return [*first.values()]


def _modes(configured: ConfiguredAirbyteStream) -> tuple[object, object]:
    return configured.sync_mode, configured.destination_sync_mode


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
