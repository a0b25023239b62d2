"""What Pipedrive says about records that it has reported as deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.audit.verdicts import is_marked
from source_pipedrive.reading.audit.verification import CONTROLS, SAMPLE, verify
from source_pipedrive.reading.audit.viewer import sees_all
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.reader import ReadContext
from source_pipedrive.stream.audited import AUDITED, AUDITOR, Audited

logger = logging.getLogger("airbyte")

# Pipedrive shows the record; it is deleted; it is deleted, or this user cannot see it.
ALIVE, RECENTS, UNREACHABLE = "alive", "recents", "unreachable"
BY_NAME = {each.name: each for each in AUDITED}


class Questions:
    """The questions of one sync. known: ids of an object that existed at its last pass."""

    def __init__(self, context: ReadContext, known: Callable[[str], Iterable[Any]]) -> None:
        self._context = context
        self._known = known
        self._samples: dict[str, list[Any]] = {}
        self._warned: set[str] = set()

    def answers(
        self, name: str, marks: Mapping[Any, bool], shown: Sequence[Any] = ()
    ) -> dict[Any, str]:
        """What is known of each of these ids of an object; those that could not be verified are
        missing. marks: whether Pipedrive itself has marked the record as deleted; shown: ids of
        records that should exist, the newest last."""
        if not marks:
            return {}
        audited, found = BY_NAME[name], dict[Any, str]()
        # One that was changed first, and deleted later, may be among both. What existed at the last
        # pass may be among what was deleted since.
        newest = (id_ for id_ in reversed(shown) if id_ not in marks)
        controls = list(islice(chain(newest, self._known(name)), CONTROLS))
        try:
            remaining = self._ask(audited, marks, controls, found) if controls else marks
            if remaining:
                sample = self._sample(audited)
                if sample or not controls:
                    remaining = self._ask(audited, remaining, sample, found)
        except StreamError as error:
            self._warn(name, str(error))
        else:
            if remaining:
                self._warn(name, f"Pipedrive does not find {name} that exist, either.")
        return found

    def _ask(
        self,
        audited: Audited,
        marks: Mapping[Any, bool],
        controls: Sequence[Any],
        found: dict[Any, str],
    ) -> Mapping[Any, bool]:
        """Adds to `found`. Returns those that were not asked about, or without a meaning, because
        none of the controls exists."""
        all_seen = sees_all(self._context.company.access, audited.apps)
        remaining = dict(marks)
        for verdicts in verify(self._context.client, audited, marks, controls):
            if not verdicts.trusted:
                break
            found.update(dict.fromkeys(verdicts.alive, ALIVE))
            found.update(dict.fromkeys(verdicts.marked, RECENTS))
            for id_ in verdicts.absent:
                # Pipedrive itself has marked it, or would show it. If the list is empty, the user
                # may not see any record, so only the mark counts.
                if marks[id_] or (all_seen and controls):
                    found[id_] = RECENTS
                elif controls:
                    found[id_] = UNREACHABLE
            for id_ in (*verdicts.alive, *verdicts.marked, *verdicts.absent, *verdicts.unsure):
                remaining.pop(id_, None)
        return remaining

    def _sample(self, audited: Audited) -> list[Any]:
        """Ids of records that the object's own list has now; requested once."""
        if audited.name not in self._samples:
            params = {"limit": str(SAMPLE)}
            first = next(pages(self._context.client, audited.lists[0], params))
            self._samples[audited.name] = [r["id"] for r in first.records if not is_marked(r)]
        return self._samples[audited.name]

    def _warn(self, name: str, reason: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            logger.warning(
                f"{AUDITOR}: some reported deletions of {name} could not be verified. The next "
                f"syncs ask again, for a month. {reason}"
            )
