"""How the objects that Pipedrive sends become the records of a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from source_pipedrive.fields.columns import RAW
from source_pipedrive.fields.parts import Parts
from source_pipedrive.fields.plan import FieldPlan, put, set_aside
from source_pipedrive.fields.raw import CustomFields
from source_pipedrive.fields.values import Values, text
from source_pipedrive.http.shapes import ShapedRecord, values
from source_pipedrive.privacy.privacy import Protection
from source_pipedrive.reading.instants import instant_or_none, rfc3339
from source_pipedrive.reading.shaped import ShapedRecords, rows
from source_pipedrive.stream import DELETED_AT, Child, Kind, Stream

Record = dict[str, Any]


class Plan:
    """What is done to each record of one stream.

    v1's times, `2024-05-01 10:00:00` in UTC, are written as RFC 3339 like v2's. Nulls at the top
    level are dropped, as the CDK's serializer drops them. fields: for streams with columns for
    custom fields or labels. schema: as in the catalog. marks: records that Pipedrive marks as
    deleted get a time in `_ab_cdc_deleted_at`: that of their last change, or else `until`.
    protection: of personal data.
    """

    def __init__(
        self,
        stream: Stream,
        user_id: int,
        fields: FieldPlan | None = None,
        marks: bool = False,
        until: int = 0,
        schema: Mapping[str, Any] = MappingProxyType({}),
        protection: Protection | None = None,
    ) -> None:
        self.stream = stream.name
        self._mark = stream.incremental.deletion_mark if marks else None
        self._changed, self._until = stream.cursor_field or "", rfc3339(until)
        self._fields = fields
        self._parts = Parts(stream, schema)
        self._protection = protection
        self._times = stream.times if stream.endpoint.version == 1 else ()
        self._user_id = user_id if stream.kind is Kind.SINGLE else None
        self._texts = stream.texts
        self._secret_keys = frozenset(stream.columns.secret_keys)
        self._as_text = stream.columns.as_text
        self._raw = CustomFields(stream.name) if stream.columns.custom_fields == "object" else None

    def shape(self, records: Iterable[Record]) -> list[Record]:
        """The records as they are written, in their order."""
        if self._user_id is not None:
            records = [self._of_user({"user_id": self._user_id, **item}) for item in records]
        if self._secret_keys:
            records = [without_keys(item, self._secret_keys) for item in records]
        if self._times:
            records = [self._with_times(item) for item in records]
        for name in self._as_text:
            records = [with_text(item, name) for item in records]
        if self._fields is None:
            shaped = [without_nulls(item) for item in records]
        else:
            shaped = [without_nulls(item) for item in self._fields.gather(records)]
            self._fields.fill(shaped)
        set_aside(self._parts.names, shaped)
        put({**self._parts.columns(shaped), **self._deleted_at(shaped)}, shaped)
        return shaped if self._protection is None else self._protection.records(shaped)

    def shape_structs(self, records: Sequence[Any]) -> Sequence[Record] | ShapedRecords:
        """As `shape`, for structs. Their nulls vanish in the encoder, and the keys in `as_text`
        hold texts already."""
        first, fields = records[0], self._fields
        keys = first.__struct_fields__
        aside = self._parts.names.isdisjoint(keys)
        aside = aside and (fields is None or fields.can_be_beside(first))
        aside = aside and self._leave_as_they_are(records, keys)
        if not aside or self._user_id is not None or self._times or self._secret_keys & {*keys}:
            return self.shape([record.plain() for record in records])
        raw = self._raw if RAW in keys else None
        columns: dict[str, Values] = self._parts.columns(records)
        if fields is not None and fields.names:
            columns |= fields.columns(records, raw.values(records) if raw is not None else {})
        elif raw is not None:
            raw.settle(records)
        return ShapedRecords(records, rows({**columns, **self._deleted_at(records)}))

    def _leave_as_they_are(self, records: Sequence[Any], keys: Sequence[str]) -> bool:
        """Whether protection changes nothing in these structs."""
        protection = self._protection
        if protection is None:
            return True
        if not protection.is_idle(keys):
            return False
        flat = protection.columns.plain.intersection(keys)
        return not any(v.__class__ in (dict, list) for name in flat for v in values(records, name))

    def _deleted_at(self, records: Sequence[Any]) -> dict[str, Values]:
        """The column with the time of each deleted record, if there is one."""
        if self._mark is None:
            return {}
        field, value = self._mark
        marks = values(records, field)
        if value not in marks:
            return {}
        times = values(records, self._changed)
        column = [
            time or self._until if mark == value else None
            for mark, time in zip(marks, times, strict=True)
        ]
        return {DELETED_AT: column}

    def _of_user(self, record: Record) -> Record:
        """These objects hold `false` for a missing text, but a column has one type."""
        return {k: None if v is False and k in self._texts else v for k, v in record.items()}

    def _with_times(self, record: Record) -> Record:
        record = dict(record)
        for name in self._times:
            if name in record:
                record[name] = as_rfc3339(record[name])
        return record


def without_nulls(record: Record) -> Record:
    """The record without the keys whose value is null."""
    return {k: v for k, v in record.items() if v is not None}


def without_keys(record: Record, keys: Collection[str]) -> Record:
    """The record without these keys."""
    return {k: v for k, v in record.items() if k not in keys}


def with_text(record: Record, name: str) -> Record:
    """The record with the value of `name` as text."""
    value = record.get(name)
    return record if value is None or isinstance(value, str) else {**record, name: text(value)}


def as_rfc3339(value: Any) -> Any:
    """`2024-05-01 10:00:00` as `2024-05-01T10:00:00Z`; RFC 3339 stays as it is.

    An empty text and MySQL's zero date become null. Anything that is not a time stays visible.
    """
    if not isinstance(value, str):
        return value
    if not value or value.startswith("0000-00-00"):
        return None
    if value[10:11] == " " and instant_or_none(value) is not None:
        return f"{value[:10]}T{value[11:]}Z"
    return value


def inner(record: Record, name: str) -> Any:
    """A value of a record, or of an object in it: `duration.start`."""
    found: Any = record
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict | ShapedRecord) else None
    return found


def numbered(records: Sequence[Record], child: Child) -> list[Record]:
    """The records with a `number`: those that agree in everything that `child` names are numbered
    from the oldest on."""
    newest_first = not records or str(records[0].get("time")) >= str(records[-1].get("time"))
    seen: Counter[tuple[str, ...]] = Counter()
    numbers = []
    for record in reversed(records) if newest_first else records:
        alike = tuple(str(record.get(name)) for name in (child.key, *child.number_by))
        seen[alike] += 1
        numbers.append(seen[alike])
    if newest_first:
        numbers.reverse()
    return [{**record, "number": n} for record, n in zip(records, numbers, strict=True)]


def key_of(stream: Stream, item: Record) -> object:
    """The primary key of a record, as one hashable value."""
    if len(stream.key) == 1:
        return str(item.get(stream.key[0]))
    return tuple(str(item.get(part)) for part in stream.key)


def keys_of(stream: Stream, records: Sequence[Record]) -> list[object]:
    """As `key_of`, for the records of a page."""
    if len(stream.key) == 1:
        return list(map(str, values(records, stream.key[0])))
    return [key_of(stream, item) for item in records]
