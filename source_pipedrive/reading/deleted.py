"""The deletions that Pipedrive reports, from several lists, and those that an audit finds.

Deleted deals and projects can be requested by their status: deals for 30 days, projects for as long
as Pipedrive lists them. Other deletions appear only among the recent changes, for a month at most;
whether these include every deletion is not documented. An audit (reading/audit/) finds the others,
after all other streams have been read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from source_pipedrive.http.errors import REPORT, PipedriveError, StreamError
from source_pipedrive.reading.audit.audit import Audit
from source_pipedrive.reading.audit.reported import Reported
from source_pipedrive.reading.audit.unsure import MONTH
from source_pipedrive.reading.audit.verdicts import is_marked
from source_pipedrive.reading.batch import Batch, Signal, Task
from source_pipedrive.reading.counts import Findings
from source_pipedrive.reading.instants import instant_or_none, rfc3339
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.records import Record, as_rfc3339
from source_pipedrive.reading.sequential import Sequential
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

# Pages of recent changes with nothing but changes after the beginning of the sync, one after the
# other. The next sync reads those; where everyone works, the list would have no end.
LATE_PAGES = 20


class DeletedRecords(Sequential):
    """Deletions since the last sync, or of the last month, and then the audit, if one was asked
    for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._released = False  # to audit
        self._listed: set[tuple[str, str]] = set()  # marked as deleted, by object
        self._fault: StreamError | None = None  # a part's; the others come before the error,
        self._refused: StreamError | None = None  # and so does the audit, once they are read
        settings = self.context.audit if self.resumes else None
        self.audit = Audit(self.context, settings, self.progress.audit, self.row)
        self._reported = Reported(self.context, self.audit, self.row, self.progress.audit)
        if self.context.audit is not None and settings is None:
            logger.warning(
                f"{self.stream.name}: no audit in full refresh, because it compares with the last "
                "sync. Select an incremental sync mode."
            )

    @property
    def is_complete(self) -> bool:
        return self.progress.complete and not self.audit.pending

    @property
    def is_last(self) -> bool:  # type: ignore[override]
        """Whether only the audit is left."""
        reported = self.progress.complete or self._refused is not None
        return reported and self.audit.pending

    @property
    def fault(self) -> StreamError | None:
        return self._fault

    def release(self) -> None:
        self._released = True

    def take(self, more: bool = False) -> Task | None:
        if self._released and self.audit.pending:
            return self.audit.take()
        if self._refused is not None and not self.audit.pending:
            return self._fail(self._refused)
        return super().take(more)

    def _fail(self, error: StreamError) -> Task:
        yield Signal.CHECKPOINT
        raise error

    def dump(self) -> dict[str, Any] | None:
        found = super().dump()
        kept = {n: part for n, part in self.audit.dump().items() if n not in ("unsure", "merged")}
        audit = {**kept, **self._reported.dump()}
        return {**found, "audit": audit} if found and audit else found

    def close(self, failed: bool, unavailable: bool) -> bool:
        if self._released and self.audit.pending:
            logger.info(f"{self.stream.name}: the audit was cut short. The next sync resumes it.")
        return self.audit.is_unsaved and (self.progress.complete or self._refused is not None)

    def findings(self, failed: bool) -> Findings:
        return self.audit.findings()

    def unsure(self, unknown: int) -> Mapping[str, int]:
        return self._reported.unsure.unsaved(unknown)

    # -- rows

    def row(
        self,
        name: str,
        id_: Any,
        evidence: str = "",
        *,
        deleted_time: Any = None,
        last_present: int | None = None,
        restored: bool = False,
        parent: int | None = None,
        seen: int = 0,
        written: int | None = None,
    ) -> Record:
        """A row of this stream; all of them are made here.

        name: the object. evidence: how the deletion is known, "" if nothing confirms it.
        last_present: when the record was last known to exist, in seconds. restored: it was reported
        as deleted and exists. parent: id of the deal that it belonged to, if known. seen: when it
        was looked for, in seconds; otherwise when the sync began. `seen_time` is never earlier than
        the last change of a row that this sync may have written: that row would look like a record
        that has come back. written: the `seen_time` of the row that an earlier sync wrote.
        """
        gone = 0 if restored else instant_or_none(as_rfc3339(deleted_time)) or 0
        survivor = None if restored else self._reported.merges.survivor(name, id_)
        time = rfc3339(max(self.progress.until, seen, gone) if written is None else written)
        return {
            "object": name,
            "id": str(id_),
            "parent_id": None if parent is None else str(parent),
            "seen_time": time,
            "deleted_time": as_rfc3339(deleted_time),
            "evidence": evidence or None,
            "last_present_time": rfc3339(last_present) if last_present else None,
            "restored_time": time if restored else None,
            "merged_into": None if survivor is None else str(survivor),
        }

    # -- what Pipedrive reports

    def read(self) -> Task:
        begin = min(span.at for span in self.progress.spans)
        oldest = self.progress.until - MONTH
        if begin < oldest and self.progress.done():
            logger.warning(
                f"{self.stream.name}: the last sync was more than a month ago, and Pipedrive does "
                "not report earlier deletions. Run a full refresh of the streams whose deletions "
                "matter to you."
            )
        for rows in self._reported.proven_before():
            yield Batch((), declared=rows)
        for part in self.stream.components:
            path = part.endpoint.path
            # Lists requested by status reach back as far as Pipedrive keeps them.
            since = min(begin, self.progress.lacking.get(path, begin))
            since = max(since, oldest) if path == "recents" else since
            try:
                yield from (self._recent if path == "recents" else self._deleted)(part, since)
                self.progress.lacking.pop(path, None)
            except PipedriveError as error:
                if answer := part.unavailable_answer(error.status, error.body):
                    why = answer.words_for(error.body)
                    logger.info(f"{self.stream.name}: {path} has nothing to report: {why}.")
                    self.progress.lacking[path] = since
                elif isinstance(error, StreamError):
                    logger.warning(
                        f"{self.stream.name}: {path} could not be read; the other lists are read. "
                        f"{error}"
                    )
                    self._fault = self._fault or error
                else:
                    raise
        yield from self._declared_before()
        if self._fault is None:
            yield self.finished()
        elif self.audit.pending:
            self._refused = self._fault
        else:
            raise self._fault  # no state covers that list, so the next sync requests all again

    def _declared_before(self) -> Task:
        """What earlier syncs found and a platform may have lost, unless a list has it still: the
        record itself is better than a tombstone."""
        for name, time in self.context.removed.items():
            for rows in self.audit.declared(name, time):
                again = [row for row in rows if (name, row["id"]) not in self._listed]
                yield Batch((), declared=again)

    def _deleted(self, part: Stream, since: int) -> Task:
        path = part.endpoint.path
        name = path.split("/")[0]
        mixed: bool | None = None  # whether it has records that exist
        for page in pages(self.context.client, part, _bounds(part, since)):
            listed = page.records
            # Whether a deleted project has a mark is not documented.
            if not all(is_marked(item) for item in listed):
                mixed = self._is_mixed(part, since, listed) if mixed is None else mixed
                listed = [item for item in listed if is_marked(item)] if mixed else listed
            records = [
                item
                for item in listed
                if (instant_or_none(item.get("update_time")) or since) >= since
            ]
            self.audit.note(name, [item["id"] for item in records])
            self._listed.update((name, str(item["id"])) for item in listed)
            yield Batch(
                [
                    self.row(name, item["id"], "flag", deleted_time=item.get("update_time"))
                    for item in records
                ],
                listed_in=path,
            )

    def _is_mixed(self, part: Stream, since: int, listed: Sequence[Record]) -> bool:
        """Whether the list returns other records than the deleted ones, which were requested. Both
        lists are sorted alike, so the first that exist are on the first page without a status."""
        existing = replace(part, endpoint=replace(part.endpoint, params={}))
        first = next(pages(self.context.client, existing, _bounds(part, since))).records
        unmarked = {item["id"] for item in listed if not is_marked(item)}
        mixed = any(item["id"] in unmarked for item in first)
        if mixed:
            logger.warning(
                f"{self.stream.name}: {part.endpoint.path} was requested for deleted records and "
                "returned some that exist. Only those that Pipedrive marks are reported. " + REPORT
            )
        return mixed

    def _recent(self, part: Stream, since: int) -> Task:
        late = 0
        for page in pages(self.context.client, part, _bounds(part, since)):
            yield Batch(self._reported.of_page(page.records, page.at))
            if page.records:
                late = late + 1 if _are_late(page.records, self.progress.until) else 0
            if late == LATE_PAGES:
                break
        yield Batch(self._reported.ended())


def recents_since(since: int) -> Mapping[str, str]:
    """The parameter that limits the recent changes to those since `since`, in seconds."""
    return {"since_timestamp": rfc3339(since).replace("T", " ").removesuffix("Z")}


def _bounds(part: Stream, since: int) -> Mapping[str, str]:
    if part.endpoint.path == "recents":
        return recents_since(since)
    if part.endpoint.path.startswith("deals"):
        return {"updated_since": rfc3339(since), "sort_by": "update_time", "sort_direction": "asc"}
    return {}


def _are_late(items: Sequence[Record], until: int) -> bool:
    """Whether all of these changes, oldest first, are later than `until`."""
    changed = (data for item in items if isinstance(data := item.get("data"), dict))
    given = (instant_or_none(data.get("update_time")) for data in changed)
    times = [time for time in given if time is not None]
    return bool(times) and min(times) > until and times == sorted(times)
