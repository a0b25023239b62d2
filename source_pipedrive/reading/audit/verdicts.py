"""What verification says about records, and what marks one as deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from source_pipedrive.reading.records import Record


@dataclass
class Verdicts:
    """alive: found; absent: no list has it, or 404; marked: found with a mark of deletion, and when
    it changed last, or 410; unsure: anything else. trusted: False if none of the records that
    should exist was found, so that all are unsure. failed: not known yet, because the request for
    all of them fails; smaller ones follow."""

    alive: list[Any] = field(default_factory=list)
    absent: list[Any] = field(default_factory=list)
    marked: dict[Any, Any] = field(default_factory=dict)
    unsure: list[Any] = field(default_factory=list)
    trusted: bool = True
    failed: Sequence[Any] = ()

    @property
    def ids(self) -> Iterator[Any]:
        """All of them."""
        return chain(self.alive, self.absent, self.marked, self.unsure)

    def add(self, other: Verdicts) -> None:
        """Adds what another group says."""
        self.alive.extend(other.alive)
        self.absent.extend(other.absent)
        self.unsure.extend(other.unsure)
        self.marked.update(other.marked)

    def distrust(self, ids: Iterable[Any]) -> None:
        """Adds records about which no answer says anything."""
        self.unsure.extend(ids)
        self.trusted = False

    def doubt(self) -> None:
        """The answers do not show that what no list has is gone."""
        self.unsure.extend(self.absent)
        self.absent = []

    def sort(self, id_: Any, record: Record) -> None:
        """Adds a record that was found."""
        if is_marked(record):
            self.marked[id_] = record.get("delete_time") or record.get("update_time")
        else:
            self.alive.append(id_)


def is_marked(record: Record) -> bool:
    """Whether Pipedrive marks a record as deleted."""
    named = record.get("is_deleted") or record.get("deleted")
    inactive = record.get("active_flag") in (False, 0)  # v1; null is not among them
    return bool(named) or record.get("status") == "deleted" or inactive
