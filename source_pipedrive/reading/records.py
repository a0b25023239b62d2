"""From the rows of a page to records: the plan of a stream, made once, applied to each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from source_pipedrive.fields.plan import FieldPlan
from source_pipedrive.fields.values import text
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.stream import Child, Kind, Stream

Record = dict[str, Any]


class Plan:
    """What is done to each row of one stream.

    v1 writes times as `2024-05-01 10:00:00`, in UTC; they leave as RFC 3339 like v2's. Nulls at
    the top level are dropped, as the CDK's serializer drops them. fields: of streams that have
    columns for custom fields or labels.
    """

    def __init__(self, row: Stream, user_id: int, fields: FieldPlan | None = None) -> None:
        self.stream = row.name
        self._fields = fields
        self._times = row.times if row.endpoint.version == 1 else ()
        self._user_id = user_id if row.kind is Kind.SINGLE else None
        self._texts = row.texts
        self._never = frozenset(row.columns.secret_keys)
        self._as_text = row.columns.as_text

    def shape(self, rows: Iterable[Record]) -> list[Record]:
        """The records of `rows`, in their order."""
        if self._user_id is not None:
            rows = [self._of_user({"user_id": self._user_id, **row}) for row in rows]
        if self._never:
            rows = [{k: v for k, v in row.items() if k not in self._never} for row in rows]
        if self._times:
            rows = [self._with_times(row) for row in rows]
        for name in self._as_text:
            rows = [with_text(row, name) for row in rows]
        if self._fields is None:
            return [{k: v for k, v in row.items() if v is not None} for row in rows]
        rows = self._fields.gather(rows)
        records = [{k: v for k, v in row.items() if v is not None} for row in rows]
        self._fields.fill(records)
        return records

    def _of_user(self, row: Record) -> Record:
        """Where a text is missing, these objects hold `false`: a column has one type."""
        return {k: None if v is False and k in self._texts else v for k, v in row.items()}

    def _with_times(self, row: Record) -> Record:
        row = dict(row)
        for name in self._times:
            if name in row:
                row[name] = as_rfc3339(row[name])
        return row


def with_text(row: Record, name: str) -> Record:
    """The row with text under `name`, or nothing."""
    value = row.get(name)
    return row if value is None or isinstance(value, str) else {**row, name: text(value)}


def as_rfc3339(value: Any) -> Any:
    """`2024-05-01 10:00:00` as `2024-05-01T10:00:00Z`; RFC 3339 stays as it is.

    An empty text and MySQL's zero date are null; what is no time at all stays, to be seen.
    """
    if not isinstance(value, str):
        return value
    if not value or value.startswith("0000-00-00"):
        return None
    if value[10:11] == " " and instant_or_none(value) is not None:
        return f"{value[:10]}T{value[11:]}Z"
    return value


def inner(row: Record, name: str) -> Any:
    """A value of a row, or of an object in it: `duration.start`."""
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def numbered(rows: Sequence[Record], child: Child) -> list[Record]:
    """The rows, those that are alike in all that `child` names numbered from the oldest on."""
    newest_first = not rows or str(rows[0].get("time")) >= str(rows[-1].get("time"))
    seen: Counter[tuple[str, ...]] = Counter()
    numbers = []
    for row in reversed(rows) if newest_first else rows:
        alike = tuple(str(row.get(name)) for name in (child.key, *child.number_by))
        seen[alike] += 1
        numbers.append(seen[alike])
    if newest_first:
        numbers.reverse()
    return [{**row, "number": number} for row, number in zip(rows, numbers, strict=True)]
