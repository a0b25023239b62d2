"""Deletions that Pipedrive reports as recent changes, verified before anything rests on them.

Without an audit, only those that are to remove rows from a table are verified; any other deletion
has no evidence.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import Any

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.audit.audit import REFUSED, Audit
from source_pipedrive.reading.audit.verification import Verdicts, verify
from source_pipedrive.reading.audit.viewer import sees_all
from source_pipedrive.reading.reader import ReadContext
from source_pipedrive.reading.records import Record
from source_pipedrive.stream.audited import AUDITED, AUDITOR, Audited

logger = logging.getLogger("airbyte")

RECENTS, UNREACHABLE = "recents", "unreachable"
BY_NAME = {each.name: each for each in AUDITED}
# The streams whose records the recent changes name, by the name used there.
OBJECTS = {
    "person": "persons",
    "organization": "organizations",
    "product": "products",
    "activity": "activities",
    "note": "notes",
    "file": "files",
}


class Reported:
    """The deletions in one page of recent changes. Raises StreamError if some that are to remove
    rows could not be verified, so that the next sync asks again."""

    def __init__(self, context: ReadContext, audit: Audit, items: Sequence[Record]) -> None:
        self._context = context
        self._audit = audit
        self._alive: set[tuple[str, Any]] = set()
        self._evidence: dict[tuple[str, Any], str] = {}
        marks: defaultdict[str, dict[Any, bool]] = defaultdict(dict)
        shown: defaultdict[str, list[Any]] = defaultdict(list)
        for item in items:
            name = OBJECTS.get(item.get("item", ""), "")
            if is_deleted(item):
                marks[name][item["id"]] = bool(item.get("data"))
            else:
                shown[name].append(item.get("id"))
        for name, ids in marks.items():
            if audit.settings is None and name not in context.removed:
                continue
            try:
                self._verify(BY_NAME[name], ids, shown[name])
            except StreamError as error:
                # No audit would find it later.
                if audit.settings is None and error.status not in REFUSED:
                    raise
                logger.warning(
                    f"{AUDITOR}: the reported deletions of {name} could not be verified. {error}"
                )

    def _verify(self, audited: Audited, ids: dict[Any, bool], shown: list[Any]) -> None:
        # One that was changed first, and deleted later, may be on the page twice. What existed at
        # the last pass may be among what was deleted since.
        newest = (id_ for id_ in reversed(shown) if id_ not in ids)
        known = chain(newest, self._audit.known(audited.name))
        for verdicts in verify(self._context.client, audited, ids, known):
            self._judge(audited, verdicts, ids)

    def _judge(self, audited: Audited, verdicts: Verdicts, marks: dict[Any, bool]) -> None:
        name, all_seen = audited.name, sees_all(self._context.company.access, audited.apps)
        self._alive.update((name, id_) for id_ in verdicts.alive)
        for id_ in verdicts.marked:
            self._evidence[name, id_] = RECENTS
        for id_ in verdicts.absent:
            sure = marks[id_] or all_seen  # Pipedrive itself has marked it, or would show it
            self._evidence[name, id_] = RECENTS if sure else UNREACHABLE

    def still_exists(self, name: str, id_: Any) -> bool:
        """Whether Pipedrive shows the record, although it reported it as deleted."""
        return (name, id_) in self._alive

    def evidence(self, name: str, id_: Any) -> str:
        """How its deletion is known; "" if nothing but the report says so."""
        return self._evidence.get((name, id_), "")


def is_deleted(item: Record) -> bool:
    """Whether a recent change is a deletion: its record is marked as deleted, or missing."""
    if item.get("item") not in OBJECTS:
        return False
    data = item.get("data")
    if not data:
        return True
    marked = data.get("deleted") or data.get("is_deleted")
    return bool(marked) or data.get("active_flag") in (False, 0) or data.get("active") is False
