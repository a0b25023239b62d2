"""Short lists that their own streams read whole in every sync. Comparing them with the last sync
costs nothing; what is missing is verified by id where an endpoint allows it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.audit import guards
from source_pipedrive.reading.audit.context import PassContext
from source_pipedrive.reading.audit.lists import WholeLists
from source_pipedrive.reading.audit.passes import AUDIT, UNREACHABLE
from source_pipedrive.reading.audit.settings import DAY
from source_pipedrive.reading.audit.share import ShareSpentError
from source_pipedrive.reading.audit.verdicts import Verdicts
from source_pipedrive.reading.audit.verification import ALONE, CONTROLS, alone
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.records import Record
from source_pipedrive.stream.audited import AUDITOR, COMPARED, Compared

logger = logging.getLogger("airbyte")

# Missing records of one list that are remembered, the last ones found: a program may make a filter
# for each of its runs, and delete it.
MOST = 1_000
Accepted = Mapping[str, int]
# Seconds until a record that is not listed is asked for again: if it was found, and if nothing is
# known of it.
FOUND, UNKNOWN, HOUR = 7 * DAY, DAY, 3_600


class Comparison:
    """What earlier syncs saw in those lists: {stream: {"time", "user", "present", "unlisted",
    "missed", "believed", "reported", "declared"}}.

    user: whose token this sync has; another user may see other records. unlisted: ids of records
    that exist although no list has them, and until when they are not asked for again; missed: ids
    that the last sync did not see, of lists whose records cannot be asked for; believed: ids that
    may have been deleted, and for which the share has not lasted yet; reported: ids that are
    missing; declared: those of them that are proven to be deleted, and when their rows were
    written.
    """

    def __init__(self, saved: Mapping[str, Any], user: int) -> None:
        self._user = user
        self._kept: dict[str, Any] = {name: _part(part) for name, part in saved.items()}

    def has_missing(self, lists: WholeLists, now: int, accepted: Accepted) -> bool:
        """Whether anything can be verified or declared. accepted: as in AuditSettings."""

        def matters(name: str) -> bool:
            if missing := self._missing(name, lists, now):
                return bool(lists.get(name)) and self._is_believed(name, missing, accepted)
            return bool(self._back(name, lists))

        return any(matters(each.name) for each in COMPARED)

    def note(self, lists: WholeLists, now: int, accepted: Accepted) -> None:
        """Remembers the lists from which nothing is missing, if nothing can be declared."""
        for each in COMPARED:
            missing = self._missing(each.name, lists, now)
            if missing and lists.get(each.name):
                self._warn(each.name, missing)
            elif lists.get(each.name) is not None and not missing:
                self._remember(each.name, lists, now)

    def _remember(self, name: str, lists: WholeLists, now: int) -> None:
        there = lists.get(name) or set()
        reported = [id_ for id_ in self._part(name, "reported") if id_ not in there]
        before = self._kept.get(name, {}).get("declared", {})
        declared = {id_: time for id_, time in before.items() if id_ not in there}
        unlisted = {id_: t for id_, t in self._unlisted(name).items() if id_ not in there}
        self._kept[name] = {
            "time": rfc3339(now),
            "user": self._user,
            "present": sorted(there | unlisted.keys()),
            **({"unlisted": unlisted} if unlisted else {}),
            **({"reported": reported} if reported else {}),
            **({"declared": declared} if declared else {}),
        }

    def declared(self, name: str, after: int) -> list[tuple[str, int]]:
        """What was declared deleted after this time, and when."""
        found = self._kept.get(name, {}).get("declared", {})
        return [(id_, at) for id_, time in found.items() if (at := instant(time)) > after]

    def _part(self, name: str, part: str) -> list[str]:
        return list(self._kept.get(name, {}).get(part, ()))

    def _is_same_user(self, name: str) -> bool:
        return bool(self._kept.get(name, {}).get("user") == self._user)

    def _unlisted(self, name: str) -> dict[str, str]:
        return self._kept[name].get("unlisted", {}) if self._is_same_user(name) else {}

    def _missing(self, name: str, lists: WholeLists, now: int) -> set[str]:
        there = lists.get(name)
        if there is None or not self._is_same_user(name):
            return set()
        unlisted = self._unlisted(name).items()
        known = {id_ for id_, time in unlisted if now < instant(time) < now + FOUND}
        return {*self._part(name, "present")} - there - {*self._part(name, "reported")} - known

    def _back(self, name: str, lists: WholeLists) -> set[str]:
        return {*self._part(name, "reported")} & (lists.get(name) or set())

    def compare(self, lists: WholeLists, context: PassContext) -> Iterator[list[Record]]:
        """The rows for what is missing and for what has come back, list by list. What it remembers
        includes them once they have been written."""

        # One that lacks many may need the share of several syncs.
        def missing(each: Compared) -> int:
            return len(self._missing(each.name, lists, context.now))

        for each in sorted(COMPARED, key=missing):
            try:
                yield from self._compare_one(each, lists, context)
            except ShareSpentError:
                logger.info(
                    f"{AUDITOR}: the next sync asks about {missing(each):,} {each.name} that are "
                    "no longer listed: the audit's share of the day's tokens does not last."
                )
            except StreamError as error:
                logger.warning(
                    f"{AUDITOR}: what is missing from {each.name} could not be verified; the next "
                    f"sync asks again. {error}"
                )

    def _compare_one(
        self, compared: Compared, lists: WholeLists, context: PassContext
    ) -> Iterator[list[Record]]:
        name = compared.name
        missing, there = self._missing(name, lists, context.now), lists.get(name)
        # Nobody believes that all have been deleted.
        if not there:
            return
        if not self._is_believed(name, missing, context.settings.accepted):
            self._warn(name, missing)
            return
        # Where no record can be asked for, one answer proves nothing.
        waiting = missing - {*self._part(name, "missed")} if compared.single is None else set()
        viewer = context.viewer
        # The list of users has deactivated ones, who prove nothing. This one is not among them.
        known = sorted(there, key=lambda id_: (id_ != str(self._user), id_))[:CONTROLS]
        verdicts, cut = Verdicts(), None
        with context.reserve():
            try:
                _verify(compared, sorted(missing - waiting), known, context, verdicts)
            except (ShareSpentError, StreamError) as error:
                cut = error  # what was answered before counts
            if verdicts.absent:
                viewer = context.ask_viewer()
        if viewer.mark != context.viewer.mark:  # who knows when; the next sync asks again
            return
        trusted = viewer.sees_all(()) and not compared.can_be_private
        if rows := self._rows(name, lists, verdicts, trusted, context):
            yield rows
        last_seen = self._kept.get(name, {}).get("time")
        self._remember(name, lists, context.now)
        self._remember_verdicts(name, missing, waiting, verdicts, trusted, context)
        if last_seen and self._part(name, "believed"):
            self._kept[name]["time"] = last_seen  # for the rows of those
        if cut is not None:
            raise cut

    def _is_believed(self, name: str, missing: set[str], accepted: Accepted) -> bool:
        """Whether so many may have been deleted."""
        count = self._found(name, missing)
        most = guards.most_believed(len(self._part(name, "present")))
        return count <= most or accepted.get(name) == count

    def _found(self, name: str, missing: set[str]) -> int:
        return len(missing - {*self._part(name, "believed")})

    def _warn(self, name: str, missing: set[str]) -> None:
        count, present = self._found(name, missing), len(self._part(name, "present"))
        logger.warning(
            f"{AUDITOR}: {count:,} of the {present:,} {name} of the last sync are "
            "no longer listed. None of them is reported as deleted, because a lost "
            "permission looks the same. If they were deleted, set accepted_findings to "
            f'"{name}={count}".'
        )

    def _rows(
        self, name: str, lists: WholeLists, verdicts: Verdicts, trusted: bool, context: PassContext
    ) -> list[Record]:
        """The rows for what is missing and for what has come back."""
        time = self._kept.get(name, {}).get("time")
        seen = instant(time) if time else None
        evidence = AUDIT if trusted else UNREACHABLE
        return [
            *(context.row(name, id_, evidence, last_present=seen) for id_ in verdicts.absent),
            *(
                context.row(name, id_, AUDIT, deleted_time=at, last_present=seen)
                for id_, at in verdicts.marked.items()
            ),
            *(context.row(name, id_, restored=True) for id_ in sorted(self._back(name, lists))),
        ]

    def _remember_verdicts(
        self,
        name: str,
        missing: set[str],
        waiting: set[str],
        verdicts: Verdicts,
        trusted: bool,
        context: PassContext,
    ) -> None:
        """Adds to what is remembered of a list what is known of its missing records. waiting: those
        that are believed only if the next sync does not see them either."""
        kept = self._kept[name]
        unlisted = {id_: t for id_, t in kept.get("unlisted", {}).items() if id_ not in missing}
        for ids, wait in ((verdicts.alive, FOUND), (verdicts.unsure, UNKNOWN)):
            # An hour early, so that a sync at the same time of day asks.
            unlisted.update(dict.fromkeys(ids, rfc3339(context.now + wait - HOUR)))
        believed = missing - waiting - {*verdicts.ids}
        kept["present"] = sorted({*kept["present"]} - missing | {*unlisted, *waiting, *believed})
        kept.pop("unlisted", None)
        if unlisted:
            kept["unlisted"] = unlisted
        if waiting:
            kept["missed"] = sorted(waiting)
        if believed:
            kept["believed"] = sorted(believed)
        if gone := [*kept.get("reported", ()), *verdicts.absent, *verdicts.marked]:
            kept["reported"] = gone[-MOST:]
        proven = [*verdicts.marked, *(verdicts.absent if trusted else ())]
        if proven:
            time = rfc3339(context.row_time)
            declared = {**kept.get("declared", {}), **dict.fromkeys(proven, time)}
            kept["declared"] = dict([*declared.items()][-MOST:])

    def dump(self) -> dict[str, Any]:
        """Its part of the state."""
        return {name: dict(part) for name, part in self._kept.items()}


def _part(saved: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of one list, as a state has it. Raises TypeError, ValueError or AttributeError
    if that cannot be read."""
    found = dict(saved)
    for name in ("present", "missed", "believed", "reported"):
        if name in found:
            found[name] = [str(id_) for id_ in found[name]]
    for name in ("unlisted", "declared"):
        if name in found:
            times = found[name].items()
            found[name] = {str(id_): rfc3339(instant(time)) for id_, time in times}
    if "time" in found:
        found["time"] = rfc3339(instant(found["time"]))
    return found


def _verify(
    compared: Compared, ids: list[str], known: list[str], context: PassContext, found: Verdicts
) -> None:
    """Adds to `found` what is known of these ids, also if it raises ShareSpentError or
    StreamError."""
    if compared.single is None:  # the list is one answer: nothing moved between its pages
        found.absent.extend(ids)
        return
    scope = compared.scope.split()[0]
    for start in range(0, len(ids), ALONE):
        alone(context.client, compared.single, scope, ids[start : start + ALONE], known, found)
