"""Tombstones: records that remove rows from the user's tables.

A tombstone has a row's primary key, a time in its cursor field, and a time in `_ab_cdc_deleted_at`.
The destination keeps, for each key, the record with the newest cursor, the later of two equal ones,
and then removes it if it is a tombstone. So, of every pair of a tombstone and another version of
the same record:

- The tombstone's cursor is not older than that of any version that was written before. No version
  changed after it was deleted or moved, and a deletion was seen in this sync (`seen_time`).
- A version that comes later wins. A record was deleted when it was seen as deleted, after
  `seen_time`, so if it is restored, it changes after that. A record that moves between a list and
  its archive has the cursor of the version that was seen in its new place; if it moves back
  without a new time, the later one of two equal cursors wins.

A tombstone for a row that the table does not have changes nothing, so a sync that was killed may
write one again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from source_pipedrive.reading.instants import instant_or_none, rfc3339
from source_pipedrive.reading.records import Record, as_rfc3339
from source_pipedrive.stream import DELETED_AT, Stream

# Evidence of a deletion in `deleted_records`. Any other may mean that the user cannot see a record.
PROOFS = ("flag", "recents", "audit")


def of_deletions(target: Stream, rows: Iterable[Record], listed_in: str) -> list[Record]:
    """The tombstones in `target` for rows of `deleted_records`. listed_in: path of the list that
    was requested for deleted records and returned these, or ""."""
    name = target.incremental.deleted_as
    wanted = [row for row in rows if row["object"] == name and is_proven(row, listed_in)]
    return [found for row in wanted if (found := _of_deletion(target, row)) is not None]


def is_proven(row: Record, listed_in: str) -> bool:
    """Whether a row of `deleted_records` proves that the record does not exist now."""
    if row.get("restored_time") is not None:
        return False
    evidence = row.get("evidence")
    return bool(listed_in) if evidence is None else evidence in PROOFS


def lists_deleted(stream: Stream) -> bool:
    """Whether the stream requests deleted records itself, so that each arrives there, marked."""
    endpoint = stream.endpoint
    return any(
        "deleted" in params.get("status", "").split(",")
        for params in (endpoint.params, *endpoint.param_sets)
    )


def of_moved(target: Stream, records: Sequence[Any], now: int, archived: bool) -> list[Record]:
    """The tombstones in `target`, a list or its archive, for records that are now in the other.
    archived: whether the other is the archive; now: the time for records without any."""
    field = target.cursor_field or ""
    found = []
    for record in records:
        # Whether the lists exclude each other is documented, but not for how long.
        if record.get("is_archived") is (not archived):
            continue
        times = (record.get(field), record.get("archive_time"))
        time = next((t for at in times if (t := as_rfc3339(at)) is not None), rfc3339(now))
        found.append({**{part: record[part] for part in target.key}, field: time, DELETED_AT: time})
    return found


def _of_deletion(target: Stream, row: Record) -> Record | None:
    """The tombstone for one row; None if the row does not have the whole key."""
    # A child's key begins with its parent.
    given = (row.get("parent_id"), row["id"])[-len(target.key) :]
    key = {part: _value(target, part, value) for part, value in zip(target.key, given, strict=True)}
    if None in key.values():
        return None
    seen, deleted = row["seen_time"], as_rfc3339(row.get("deleted_time"))
    moment = instant_or_none(deleted)
    # It may have changed, and been deleted, after the sync began.
    later = moment is not None and moment > (instant_or_none(seen) or 0)
    cursor = deleted if later else seen
    at = deleted if moment is not None else seen
    return {**key, target.cursor_field or "": cursor, DELETED_AT: at}


def _value(target: Stream, part: str, value: Any) -> Any:
    """A part of a key, in the type that the stream's schema declares."""
    if value is None or "integer" not in target.schema["properties"][part]["type"]:
        return value
    try:
        return int(value)
    except ValueError:
        return None
