"""The plan by which the rows of a stream become records, made when there are any."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.fields.plan import plan_of
from source_pipedrive.reading.records import Plan, Record
from source_pipedrive.stream import Stream


@dataclass(frozen=True)
class Fields:
    """That custom fields get columns, and, if `labels`, what options are called."""

    definitions: Definitions
    labels: bool


class Shaping:
    """schema: as the catalog has it; fields: None where custom fields leave as they come."""

    def __init__(
        self, row: Stream, user_id: int, fields: Fields | None, schema: Mapping[str, Any]
    ) -> None:
        self._row = row
        self._user_id = user_id
        self._fields = fields
        self._schema = schema
        self._lock = threading.Lock()
        self._plan: Plan | None = None

    def records(self, rows: Sequence[Record]) -> list[Record]:
        """The records of a page. The first page that holds any asks for the fields' definitions."""
        if not rows:
            return []
        with self._lock:
            if self._plan is None:
                fields = None
                if self._fields is not None and self._row.columns.definitions:
                    wanted = self._fields
                    fields = plan_of(self._row, self._schema, wanted.definitions, wanted.labels)
                self._plan = Plan(self._row, self._user_id, fields)
        return self._plan.shape(rows)
