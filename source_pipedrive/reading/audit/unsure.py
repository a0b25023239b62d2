"""Reported deletions that could not be verified. A sync reads each report once, so the state keeps
them, and the next syncs ask again: for a month, as long as Pipedrive itself would report them.

    {"persons": [[7, "2026-11-23T10:00:00Z",  the id, and when it was first asked about
                  "2026-11-20T08:00:00Z",     when it was deleted, if known
                  true,                       whether Pipedrive had marked the record itself
                  null]]}                     `seen_time` of the row that proves the deletion

A deletion that was proven at last stays until the table that loses its row has the tombstone: a
platform may lose that one and keep the state of `deleted_records`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from source_pipedrive.reading.instants import instant, instant_or_none, rfc3339
from source_pipedrive.reading.state import UNREADABLE, unreadable
from source_pipedrive.stream.audited import AUDITOR

MOST = 2_000  # of all objects: 150 kB
MONTH = 30 * 86_400  # seconds for which Pipedrive remembers a deletion
Key = tuple[str, Any]


@dataclass(frozen=True)
class Doubt:
    """since: when it was first asked about; time: when it was deleted, None if unknown; marked:
    whether Pipedrive had marked the record; proven: `seen_time` of the row that proves it, or 0."""

    since: int
    time: str | None
    marked: bool
    proven: int = 0


class Unsure:
    """What is to be asked again, in that order. saved: what `dump` returned; now: when the sync
    began. Raises SyncError if it cannot be read."""

    def __init__(self, saved: Mapping[str, Any], now: int) -> None:
        self._now = now
        self._doubts: dict[Key, Doubt] = {}
        try:
            for name, doubts in saved.items():
                for id_, since, time, marked, proven in doubts:
                    if type(id_) is not int:
                        raise unreadable(AUDITOR)
                    at = instant(proven) if proven else 0
                    doubt = Doubt(instant(since), time, bool(marked), at)
                    if doubt.since > now - MONTH:
                        self._doubts[name, id_] = doubt
        except UNREADABLE:
            raise unreadable(AUDITOR) from None
        self._saved = {key for key in self._doubts if key in self}

    def __contains__(self, key: Key) -> bool:
        doubt = self._doubts.get(key)
        return doubt is not None and not doubt.proven

    def has_been(self, name: str, id_: Any, before: int) -> bool:
        """Whether it was first asked about before this time."""
        doubt = self._doubts.get((name, id_))
        return doubt is not None and doubt.since < before

    def of(self, name: str) -> dict[Any, Doubt]:
        """What is not proven yet of an object, longest ago first."""
        return {
            id_: doubt
            for (of, id_), doubt in self._doubts.items()
            if of == name and not doubt.proven
        }

    def add(self, name: str, id_: Any, time: str | None, marked: bool) -> bool:
        """This one could not be verified. Returns whether the oldest had to be forgotten for it."""
        old = self._doubts.pop((name, id_), None)
        since = self._now if old is None or old.proven else old.since
        self._doubts[name, id_] = Doubt(since, time, marked)
        full = len(self._doubts) > MOST
        if full:
            del self._doubts[next(iter(self._doubts))]
        return full

    def postpone(self, name: str, ids: Iterable[Any]) -> None:
        """These have been asked about in vain: others come first in the next sync."""
        for id_ in ids:
            self._doubts[name, id_] = self._doubts.pop((name, id_))

    def prove(self, name: str, id_: Any, seen: int) -> None:
        """A row with this `seen_time` proves that it is deleted."""
        self._doubts[name, id_] = replace(self._doubts[name, id_], proven=seen)

    def forget(self, name: str, id_: Any) -> None:
        """Its end is known, and no tombstone can be lost."""
        self._doubts.pop((name, id_), None)

    def proven(self, removed: Mapping[str, int]) -> dict[str, dict[Any, Doubt]]:
        """By object, those whose tombstones may be lost; the others are forgotten. removed: the
        objects that lose rows, and up to which time their tables have the tombstones."""
        found: dict[str, dict[Any, Doubt]] = {}
        for (name, id_), doubt in [*self._doubts.items()]:
            if not doubt.proven:
                continue
            if name in removed and removed[name] < doubt.proven:
                found.setdefault(name, {})[id_] = doubt
            else:
                del self._doubts[name, id_]
        return found

    def unsaved(self, unknown: int) -> dict[str, int]:
        """By object, when the first of those was deleted that no earlier state has, in seconds.
        unknown: stands for a time that is not known."""
        found: dict[str, int] = {}
        for name, id_ in self._doubts.keys() - self._saved:
            time = instant_or_none(self._doubts[name, id_].time) or unknown
            found[name] = min(found.get(name, time), time)
        return found

    def dump(self) -> dict[str, list[Any]]:
        """Its part of the state; empty if nothing is unsure."""
        found: dict[str, list[Any]] = {}
        for (name, id_), doubt in self._doubts.items():
            proven = rfc3339(doubt.proven) if doubt.proven else None
            found.setdefault(name, []).append(
                [id_, rfc3339(doubt.since), doubt.time, doubt.marked, proven]
            )
        return found
