"""Which record another was merged into, as far as Pipedrive names it.

Among the recent changes, a person may have `merge_what_id`: "The ID of the person with what the
main person was merged". No other answer that a sync receives names one. Which of the two persons
has the field is not documented. Whichever has it, the one that is there has survived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_pipedrive.reading.records import Record
from source_pipedrive.reading.state import UNREADABLE, unreadable
from source_pipedrive.stream.audited import AUDITOR

FIELD = "merge_what_id"
MOST = 1_000  # remembered, because an audit may find the deletion only later
MOST_ROWS = 10_000  # that a later page may complete


class Merges:
    """The merges that are known. saved: what `dump` returned. Raises SyncError if it cannot be
    read."""

    def __init__(self, saved: Mapping[str, Any]) -> None:
        self._rows: dict[tuple[str, Any], Record] = {}
        try:
            self._survivors = {
                (name, id_): survivor for name, pairs in saved.items() for id_, survivor in pairs
            }
        except UNREADABLE:
            raise unreadable(AUDITOR) from None

    def learn(self, name: str, shown: Mapping[Any, Record], gone: Mapping[Any, Record]) -> None:
        """Learns from a page of recent changes. shown: the records that exist; gone: those that
        were deleted, both by id."""
        there = shown.keys() - gone.keys()
        for id_ in there:
            other = shown[id_].get(FIELD)
            if _names(other, id_) and other not in there:
                self._add(name, other, id_)
        for id_, record in gone.items():
            other = record.get(FIELD)
            if _names(other, id_) and other in there:
                self._add(name, id_, other)

    def _add(self, name: str, id_: Any, survivor: Any) -> None:
        self._survivors.pop((name, id_), None)
        self._survivors[name, id_] = survivor
        if len(self._survivors) > MOST:
            del self._survivors[next(iter(self._survivors))]

    def survivor(self, name: str, id_: Any) -> Any:
        """The id of the record that this one was merged into; None if unknown."""
        return self._survivors.get((name, id_))

    def wrote(self, name: str, id_: Any, row: Record) -> None:
        """A row of deleted_records, whose survivor a later page may name."""
        if row["merged_into"] is None and len(self._rows) < MOST_ROWS:
            self._rows[name, id_] = row

    def completed(self) -> list[Record]:
        """The rows whose survivor became known after they were written."""
        return [
            {**row, "merged_into": str(self._survivors[key])}
            for key, row in self._rows.items()
            if key in self._survivors
        ]

    def dump(self) -> dict[str, Any]:
        """Its part of the state; empty if no merge is known."""
        found: dict[str, Any] = {}
        for (name, id_), survivor in self._survivors.items():
            found.setdefault(name, []).append([id_, survivor])
        return found


def _names(other: Any, id_: Any) -> bool:
    return type(other) is int and other > 0 and other != id_
