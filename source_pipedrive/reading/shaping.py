"""Shapes a stream's records by a plan, which is made when the first records arrive."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.fields.plan import plan_of
from source_pipedrive.http.shapes import are_shaped
from source_pipedrive.privacy.privacy import Privacy
from source_pipedrive.reading.records import Plan, Record
from source_pipedrive.reading.shaped import ShapedRecords
from source_pipedrive.stream import DELETED_AT, Stream


@dataclass(frozen=True)
class Fields:
    """Custom fields become columns; with `labels`, options appear by name."""

    definitions: Definitions
    labels: bool


class Shaping:
    """schema: as in the catalog; fields: None if custom fields stay as Pipedrive sends them; until:
    when the sync began, in seconds since 1970; privacy: None if nothing is protected."""

    def __init__(
        self,
        stream: Stream,
        user_id: int,
        fields: Fields | None,
        schema: Mapping[str, Any],
        until: int = 0,
        privacy: Privacy | None = None,
    ) -> None:
        self._stream = stream
        self._user_id = user_id
        self._fields = fields
        self._schema = schema
        self._until = until
        self._privacy = privacy
        self._lock = threading.Lock()
        self._plan: Plan | None = None

    def records(self, records: Sequence[Record]) -> Sequence[Record] | ShapedRecords:
        """The records of a page as they are written. The first page with records makes the plan,
        which requests the definitions of the fields."""
        if not records:
            return []
        plan = self._made()
        return plan.shape_structs(records) if are_shaped(records) else plan.shape(records)

    def _made(self) -> Plan:
        with self._lock:
            if self._plan is None:
                fields = None
                if self._fields is not None and self._stream.columns.definitions:
                    wanted = self._fields
                    fields = plan_of(self._stream, self._schema, wanted.definitions, wanted.labels)
                marks = DELETED_AT in (self._schema.get("properties") or {})
                protection = None
                if self._privacy is not None:
                    keys = fields.keys if fields is not None else {}
                    protection = self._privacy.protection(self._stream, keys)
                self._plan = Plan(
                    self._stream,
                    self._user_id,
                    fields,
                    marks,
                    self._until,
                    self._schema,
                    protection,
                )
            return self._plan
