"""Deletions that Pipedrive reports as recent changes, verified before anything rests on them.

Without an audit, only those that are to remove rows from a table are verified; any other deletion
has no evidence. What could not be verified is `unreachable`, and the next syncs ask again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from source_pipedrive.reading.audit.audit import Audit
from source_pipedrive.reading.audit.merges import Merges
from source_pipedrive.reading.audit.questions import (
    ALIVE,
    BY_NAME,
    RECENTS,
    UNREACHABLE,
    Questions,
)
from source_pipedrive.reading.audit.unsure import MOST, Unsure
from source_pipedrive.reading.audit.verification import group_size
from source_pipedrive.reading.instants import instant, instant_or_none
from source_pipedrive.reading.progress import OVERLAP
from source_pipedrive.reading.reader import ReadContext
from source_pipedrive.reading.records import Record
from source_pipedrive.stream.audited import AUDITOR

logger = logging.getLogger("airbyte")

# The streams whose records the recent changes name, by the name used there.
OBJECTS = {
    "person": "persons",
    "organization": "organizations",
    "product": "products",
    "activity": "activities",
    "note": "notes",
    "file": "files",
}

Row = Callable[..., Record]


class Reported:
    """The recent changes of one sync. row: makes a row of deleted_records; saved: what `dump`
    returned. Raises SyncError if that cannot be read."""

    def __init__(
        self, context: ReadContext, audit: Audit, row: Row, saved: Mapping[str, Any]
    ) -> None:
        self.unsure = Unsure(saved.get("unsure") or {}, context.until)
        self.merges = Merges(saved.get("merged") or {})
        self._context = context
        self._audit = audit
        self._row = row
        self._questions = Questions(context, audit.known)
        self._at = 0  # when Pipedrive sent the last page
        self._gone: set[tuple[str, Any]] = set()  # reported in this sync
        self._back: defaultdict[str, dict[Any, bool]] = defaultdict(dict)  # shown, and reported
        self._forgets = False

    def of_page(self, items: Sequence[Record], at: int) -> list[Record]:
        """The rows for a page of recent changes, which Pipedrive sent `at` this time, in seconds
        since 1970."""
        self._at = at
        gone: defaultdict[str, dict[Any, Record]] = defaultdict(dict)
        shown: defaultdict[str, dict[Any, Record]] = defaultdict(dict)
        for item in items:
            name, id_ = OBJECTS.get(item.get("item") or "", ""), _number(item.get("id"))
            data = item.get("data") or {}
            if not name or id_ is None or not isinstance(data, dict):
                continue  # nothing can be asked about it
            if is_deleted(item):
                gone[name][id_] = data
            else:
                shown[name][id_] = data
                self._note_back(name, id_)
        rows: list[Record] = []
        young = _young(items, at)
        for name in {**gone, **shown}:
            self.merges.learn(name, shown[name], gone[name])
            self._audit.shown(name, shown[name])
            rows += self._deleted(name, gone[name], [*shown[name]], young[name])
        return rows

    def ended(self) -> list[Record]:
        """After the last page: what became of records that were reported before and are shown as
        changed, or could not be verified then.

        The list has a change that precedes a deletion as well, and an overlap repeats both. So a
        record has come back only if Pipedrive shows it by its id.
        """
        rows = self.merges.completed()
        for name in OBJECTS.values():
            if self._is_asked(name):
                changed = {i: False for i in self._back[name] if (name, i) not in self._gone}
                answers = self._questions.answers(name, changed)
                alive = [id_ for id_ in changed if answers.get(id_) == ALIVE]
                back = self._audit.restored(name, alive)
                rows += [self._row(name, id_, restored=True) for id_ in back]
                rows += self._unsure_ones(name)
        return rows

    def proven_before(self) -> Iterator[list[Record]]:
        """The rows of deletions that earlier syncs could prove at last, as they were written, as
        far as their tombstones may be lost."""
        for name, doubts in self.unsure.proven(self._context.removed).items():
            yield [
                self._row(name, id_, RECENTS, deleted_time=doubt.time, written=doubt.proven)
                for id_, doubt in doubts.items()
            ]

    def dump(self) -> dict[str, Any]:
        """Its part of the state; empty if there is nothing to remember."""
        # Only an audit reports a deletion that these changes do not.
        merged = self.merges.dump() if self._audit.settings is not None else {}
        parts = {"unsure": self.unsure.dump(), "merged": merged}
        return {name: part for name, part in parts.items() if part}

    def _is_asked(self, name: str) -> bool:
        return self._audit.settings is not None or name in self._context.removed

    def _note_back(self, name: str, id_: Any) -> None:
        if self._audit.has_reported(name, id_):
            self._back[name][id_] = True

    # -- reported in this sync

    def _deleted(
        self,
        name: str,
        records: Mapping[Any, Record],
        shown: Sequence[Any],
        young: Collection[Any] = (),
    ) -> Iterator[Record]:
        marks = {id_: bool(data) for id_, data in records.items()}
        asked = self._is_asked(name)
        answers = self._questions.answers(name, marks, shown) if asked else {}
        for id_, data in records.items():
            time, answer = data.get("delete_time") or data.get("update_time"), answers.get(id_)
            if answer == ALIVE:
                self._note_back(name, id_)  # it was restored before anyone could ask
            elif answer is not None and (id_ not in young or self._is_known(name, id_)):
                self.unsure.forget(name, id_)
                yield from self._judged(name, id_, answer, time)
            elif not asked:
                yield self._deletion(name, id_, "", time)
            else:
                if not self._audit.has_reported(name, id_):
                    yield self._deletion(name, id_, UNREACHABLE, time)
                # Or it was reported, came back, and was deleted again.
                self._gone.add((name, id_))
                self._remember(name, id_, time, marks[id_])

    def _is_known(self, name: str, id_: Any) -> bool:
        """Whether the record was not created just now: an audit has seen it, or its deletion was
        reported more than a minute ago."""
        if self._audit.has_reported(name, id_) or id_ in self._audit.known(name):
            return True
        return self.unsure.has_been(name, id_, self._at - OVERLAP)

    def _judged(self, name: str, id_: Any, evidence: str, time: Any) -> Iterator[Record]:
        if evidence == UNREACHABLE and self._audit.has_reported(name, id_):
            return  # this row would replace one that knows more
        yield self._deletion(name, id_, evidence, time)
        self._audit.note(name, [id_], unreachable=evidence == UNREACHABLE)

    def _deletion(self, name: str, id_: Any, evidence: str, time: Any) -> Record:
        self._gone.add((name, id_))
        seen = 0 if time else self._at  # a record that is missing has no time
        row = self._row(name, id_, evidence, deleted_time=time, seen=seen)
        self.merges.wrote(name, id_, row)
        return row

    # -- unsure

    def _remember(self, name: str, id_: Any, time: Any, marked: bool) -> None:
        is_full = self.unsure.add(name, id_, time, marked)
        if is_full and not self._forgets:
            logger.warning(
                f"{AUDITOR}: more than {MOST:,} reported deletions could not be verified. The "
                "oldest are not asked about again, so their rows stay until an audit or a full "
                "refresh of their streams."
            )
        self._forgets = self._forgets or is_full

    def _unsure_ones(self, name: str) -> Iterator[Record]:
        """Asks about what earlier syncs could not verify, in groups, until a group is in vain."""
        doubts = self.unsure.of(name)
        remaining = (id_ for id_ in doubts if (name, id_) not in self._gone)
        while group := list(islice(remaining, group_size(BY_NAME[name]))):
            answers = self._questions.answers(name, {id_: doubts[id_].marked for id_ in group})
            for id_, answer in answers.items():
                yield from self._settled(name, id_, answer, doubts[id_].time)
            if len(answers) < len(group):
                self.unsure.postpone(name, [id_ for id_ in group if id_ not in answers])
                return

    def _settled(self, name: str, id_: Any, answer: str, time: Any) -> Iterator[Record]:
        if answer == ALIVE:
            self.unsure.forget(name, id_)
            self._audit.restored(name, [id_])
            yield self._row(name, id_, restored=True)
        elif answer == UNREACHABLE:  # as its row says
            self.unsure.forget(name, id_)
            if not self._audit.has_reported(name, id_):
                self._audit.note(name, [id_], unreachable=True)
        else:
            for row in self._judged(name, id_, answer, time):
                self.unsure.prove(name, id_, instant(row["seen_time"]))
                yield row


def is_deleted(item: Record) -> bool:
    """Whether a recent change is a deletion: its record is marked as deleted, or missing."""
    if item.get("item") not in OBJECTS:
        return False
    data = item.get("data")
    if not data:
        return True
    marked = data.get("deleted") or data.get("is_deleted")
    return bool(marked) or data.get("active_flag") in (False, 0) or data.get("active") is False


def _young(items: Sequence[Record], at: int) -> defaultdict[str, set[Any]]:
    """The records without data that may have been created within the last minute, so that no
    answer has them yet: nothing on the page that changed before that follows. By object."""
    found: defaultdict[str, set[Any]] = defaultdict(set)
    changed = [data if isinstance(data := item.get("data"), dict) else {} for item in items]
    given = [instant_or_none(data.get("update_time")) for data in changed]
    times = [time for time in given if time is not None]
    entries = list(zip(items, given, strict=True))
    for item, time in entries if times and times[0] > times[-1] else reversed(entries):
        if time is not None and time <= at - OVERLAP:
            break
        if not item.get("data"):
            found[OBJECTS.get(item.get("item") or "", "")].add(_number(item.get("id")))
    return found


def _number(id_: Any) -> int | None:
    """An id, which may be text; None if it is no whole number."""
    if isinstance(id_, str) and id_.isdecimal():
        return int(id_)
    return id_ if type(id_) is int else None
