"""A table of records of one kind: stored as dicts, sorted on demand, rendered to JSON once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson

from .clock import DAY, zulu
from .record import (
    LAST_NULL,
    PLAIN,
    VALUE,
    Condition,
    Key,
    Record,
    Row,
    SortKey,
    Variant,
    Window,
    as_key,
)
from .switches import Switches

Cached = TypeVar("Cached")

KEPT_AFTER_DELETION = 30 * DAY  # "won't be possible to retrieve it via any API request"
_CACHED_SELECTIONS = 32
_CACHED_VARIANTS = 8


class Index(NamedTuple):
    """Rows in ascending order of their keys (null or not, value, id)."""

    keys: Sequence[Key]
    rows: Sequence[Row]


def _as_listed(row: Row, variant: Variant, switches: Switches) -> Record:
    return row.record


def _no_extra(row: Row) -> Record:
    return {}


class Table:
    """All current records of one kind; every list is a selection of them.

    `listed` turns a row into the record that a list shows (default: the record itself), without
    the opt-in fields; `extra` returns a row's opt-in fields, always the same for the same row.
    `updated` names the field with the update time, `stamp` formats it, `title` names the text
    that an edit changes, and `core` marks v2's five CRM objects.
    """

    def __init__(
        self,
        name: str,
        rows: Iterable[Row],
        *,
        listed: Callable[[Row, Variant, Switches], Record] = _as_listed,
        extra: Callable[[Row], Record] = _no_extra,
        updated: str = "update_time",
        stamp: Callable[[float], str] = zulu,
        title: str = "name",
        core: bool = False,
    ) -> None:
        self.name = name
        self.rows: dict[Any, Row] = {row.id: row for row in rows}
        self._listed = listed
        self._extra = extra
        self.updated = updated
        self.stamp = stamp
        self.title = title
        self.core = core
        self.dropped: dict[Any, Row] = {}  # deleted rows that no list shows any more
        self._nulled: dict[Any, str] = {}
        self._selections: dict[Hashable, Any] = {}
        self._rendered: dict[Variant, dict[Any, bytes]] = {}
        self._next_purge: float = 0.0

    # -- changes

    def touch(self, *rows: Row) -> None:
        """Discard whatever was derived from `rows` or from the order of the table."""
        self._selections.clear()
        self._next_purge = 0.0
        for row in rows:
            row.json = None
            self._nulled.pop(row.id, None)
            for rendered in self._rendered.values():
                rendered.pop(row.id, None)

    def refresh(self) -> None:
        """Discard all derived data, because a switch was set."""
        self._selections.clear()
        self._rendered.clear()
        for row in self.rows.values():
            row.json = None

    def purge(self, now: float) -> None:
        """Remove records that were deleted 30 or more days ago."""
        if now < self._next_purge:
            return
        deleted = {row.id: row.deleted_at for row in self.rows.values() if row.deleted_at}
        due = [id_ for id_, at in deleted.items() if at and at + KEPT_AFTER_DELETION <= now]
        for id_ in due:
            del self.rows[id_]
        kept = [at for id_, at in deleted.items() if at and id_ in self.rows]
        if due:
            self._selections.clear()
        self._next_purge = min(kept, default=float("inf")) + KEPT_AFTER_DELETION

    def drop(self, row: Row, now: float) -> None:
        """Remove `row`, for records that have no deletion flag."""
        del self.rows[row.id]
        row.deleted_at = now
        self.dropped[row.id] = row

    def null_update_times(self, count: int) -> None:
        """Set the update time of `count` live records to null: every 7th from the first on."""
        for id_, at in self._nulled.items():
            if id_ in self.rows:
                self.rows[id_].record[self.updated] = at
        live = [row for row in self.rows.values() if row.deleted_at is None]
        chosen = (live[::7] + [row for at, row in enumerate(live) if at % 7])[:count]
        self._nulled = {row.id: row.record[self.updated] for row in chosen}
        for row in chosen:
            row.record[self.updated] = None

    # -- selections

    def _cached(self, key: Hashable, build: Callable[[], Cached]) -> Cached:
        found: Cached | None = self._selections.pop(key, None)
        if found is None:
            found = build()
            while len(self._selections) >= _CACHED_SELECTIONS:
                del self._selections[next(iter(self._selections))]
        self._selections[key] = found  # moves it to the end, so the least recently used goes first
        return found

    def _chosen(self, conditions: tuple[Condition, ...]) -> list[Row]:
        rows: Iterable[Row] = self.rows.values()
        for condition in conditions:
            rows = filter(condition.holds, rows)
        return list(rows)

    def index(self, conditions: tuple[Condition, ...], field: str, nulls: str) -> Index:
        """The rows that meet all `conditions`, in ascending order of `field`, then of id."""

        def build() -> Index:
            pairs = [
                (as_key(row.value(field), row.id, nulls), row) for row in self._chosen(conditions)
            ]
            pairs.sort(key=lambda pair: pair[0])
            return Index([key for key, _ in pairs], [row for _, row in pairs])

        return self._cached((conditions, field, nulls), build)

    def window(
        self, conditions: tuple[Condition, ...], field: str, nulls: str, window: Window
    ) -> Index:
        """The same, limited to `window`; cheap if `field` is the update time."""
        if window.since is None and window.until is None:
            return self.index(conditions, field, nulls)
        build = self._cut if field == self.updated else self._filtered
        key = (conditions, field, nulls, window)
        return self._cached(key, lambda: build(conditions, field, nulls, window))

    def _cut(
        self, conditions: tuple[Condition, ...], field: str, nulls: str, window: Window
    ) -> Index:
        keys, rows = self.index(conditions, field, nulls)
        first, end = bisect_left(keys, (VALUE,)), bisect_left(keys, (LAST_NULL,))
        low = first if window.since is None else bisect_left(keys, (VALUE, window.since))
        high = end if window.until is None else bisect_left(keys, (VALUE, window.until))
        high = max(low, high)
        before, after = (keys[:first], keys[end:]) if window.with_nulls else ([], [])
        null_rows = (rows[:first], rows[end:]) if window.with_nulls else ([], [])
        return Index(
            [*before, *keys[low:high], *after],
            [*null_rows[0], *rows[low:high], *null_rows[1]],
        )

    def _filtered(
        self, conditions: tuple[Condition, ...], field: str, nulls: str, window: Window
    ) -> Index:
        def inside(row: Row) -> bool:
            at = row.record.get(self.updated)
            if at is None:
                return window.with_nulls
            return (window.since or at) <= at and (window.until is None or at < window.until)

        keys, rows = self.index(conditions, field, nulls)
        kept = [at for at, row in enumerate(rows) if inside(row)]
        return Index([keys[at] for at in kept], [rows[at] for at in kept])

    def ordered(
        self, conditions: tuple[Condition, ...], sort: tuple[SortKey, ...], nulls: str
    ) -> list[Row]:
        """The rows that meet all `conditions`, sorted by every key of `sort`, then by id.

        Without a sort key they keep the order in which they were created.
        """

        def build() -> list[Row]:
            rows = self._chosen(conditions)
            if sort:
                rows.sort(key=lambda row: row.id)
            for field, descending in reversed(sort):
                keys = {row.id: as_key(row.value(field), None, nulls)[:2] for row in rows}
                rows.sort(key=lambda row: keys[row.id], reverse=descending)
            return rows

        return self._cached((conditions, sort, nulls), build)

    # -- JSON

    def json(self, rows: Sequence[Row], variant: Variant, switches: Switches) -> bytes:
        """`rows` as the content of a JSON array. Each row is rendered once per variant."""
        if variant == PLAIN:
            return b",".join([row.json or self._render(row, switches) for row in rows])
        if variant not in self._rendered and len(self._rendered) >= _CACHED_VARIANTS:
            self._rendered.clear()
        rendered = self._rendered.setdefault(variant, {})
        for row in rows:
            if row.id not in rendered:
                rendered[row.id] = self._render_variant(row, variant, switches)
        return b",".join([rendered[row.id] for row in rows])

    def warm(self, switches: Switches) -> None:
        """Render every row that is not rendered yet."""
        for row in self.rows.values():
            row.json or self._render(row, switches)

    def _render(self, row: Row, switches: Switches) -> bytes:
        row.json = _dumps(self._listed(row, PLAIN, switches))
        return row.json

    def _render_variant(self, row: Row, variant: Variant, switches: Switches) -> bytes:
        if variant[1:] == PLAIN[1:]:
            json = row.json or self._render(row, switches)
        else:
            json = _dumps(self._listed(row, variant, switches))
        if not variant.include:
            return json
        extra = self._extra(row)
        opted = orjson.dumps({name: extra[name] for name in variant.include})
        return json[:-1] + b"," + opted[1:]


def _dumps(record: Record) -> bytes:
    """JSON in a buffer of its own size; orjson's takes up 8 KB, however short the text."""
    return bytes(memoryview(orjson.dumps(record)))
