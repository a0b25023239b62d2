"""Streams whose changes the server does not filter: the list is read from its beginning."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any

from source_pipedrive.fields.definitions import as_v2
from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.batch import Batch, Signal, Step, Task
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.order import FIRST, LAST
from source_pipedrive.reading.pages import Page, all_records
from source_pipedrive.reading.progress import Progress
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.records import Record, key_of
from source_pipedrive.reading.seams import Seam, in_order
from source_pipedrive.reading.sequential import Sequential, SortedV1
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

# Answers for a list that an account may lack.
LACKING = (400, 402, 403, 404, 410, 415)


class NewestFirst(SortedV1):
    """A list sorted by the time of the last change, newest first, read down to the last sync.

    A record that changes during the read moves up, which repeats others and hides none.
    """

    sort = "update_time DESC, id DESC"
    estimates_again = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._start, self._known = 0, self.progress.skip
        self._seam = Seam()
        # Nulls that sort first precede all other records; nulls that sort last are found when the
        # list is read to its end.
        self.nulls_due = bool(
            self.nulls_due
            and self.progress.nulls != LAST
            and self.progress.spans
            and self.progress.spans[0].at
        )

    def read_in_order(self) -> Generator[Step, bool, bool]:
        count = len(self.progress.spans)
        self._start, paused = yield from self._read_from(self._start)
        if len(self.progress.spans) < count:
            # An earlier sync has read what lies below: resume one page before the end of that part.
            self._start, self._known = max(self._start, self._known - self._page), 0
        return paused

    @property
    def _page(self) -> int:
        return self.stream.endpoint.limit or 1

    def _read_from(self, start: int) -> Generator[Step, bool, tuple[int, bool]]:
        """Reads the newest remaining span, from an offset in or above it. Returns the offset
        reached and whether the sync asked to stop. If the offset turns out to lie in the span,
        returns an earlier one at once."""
        span = self.progress.spans[-1]
        begun, above = span.end, start > 0
        due = self.claim_nulls(unbounded=False)
        walk = Descent(self, start)
        for page in self.pages(self.sorting(descending=True), start):
            times = [time for item in page.records if (time := self.time_of(item)) is not None]
            if above and (not times or times[0] < span.end):
                return max(0, start - 2 * self._page), False
            above = False
            walk.check(page)
            records = [item for item in page.records if self.is_wanted(self.time_of(item))]
            records = self._seam.fresh(self.stream, records)
            self.highest.note(page.records, newest=not start)
            oldest = times[-1] if times else span.end
            if oldest < span.end:  # else the page lies above what remains
                self._seam.add(self.stream, records, oldest)
            ended = page.last or oldest < self.progress.spans[0].at
            # The next page may contain more records of this page's last second.
            to = partial(Progress.retreat, to=oldest + 1, skip=page.position)
            paused = yield Batch(self.once(records), Progress.finish if ended else to)
            if due and not self.can_checkpoint:
                paused = yield from self.read_nulls(page, LAST)
            if ended or oldest < span.at:
                return page.position, paused
            paused = yield Signal.ESTIMATE
            if span.end < begun and paused:
                return max(0, page.position - self._page), True
        raise AssertionError("the last page says that it is the last")


class Descent:
    """The order of one walk down a list that is sorted newest first.

    A record that changes during the walk moves to the top and pushes others down into the next
    page, and after deletions the walk turns back. Neither means a wrong order. So across pages only
    records below the walk's beginning are compared, and only while it moves forward.
    """

    def __init__(self, reader: NewestFirst, start: int) -> None:
        self._reader = reader
        self._reached = start
        self._top = not start  # no record with a time was seen above
        self._high = reader.progress.until if not start else None
        self._low: int | None = None

    def check(self, page: Page) -> None:
        """Raises DisorderError for a page in another order; notes where nulls are sorted."""
        reader = self._reader
        all_times = [reader.time_of(item) for item in page.records]
        reader.check(all_times, None, descending=True)
        times = [time for time in all_times if time is not None]
        if self._high is None and times:
            self._high = times[0]
        below = [time for time in times if time < (self._high or 0)]
        reader.check(below, self._low if page.position > self._reached else None, descending=True)
        if None in all_times:
            first = self._top and all_times[0] is None
            reader.progress.note_nulls(LAST if first else FIRST)
        self._reached = page.position
        self._top = self._top and not times
        self._low = times[-1] if times else self._low


class WholeList(Sequential):
    """A list without a filter. With a cursor field only records that changed since the last sync
    are written, otherwise all of the configured history.

    It is read without a pause, however many parents wait: an unsorted list has no place to resume
    from, and such lists have few child records."""

    in_order = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._listed: set[str] = set()  # for an audit

    def read(self) -> Task:
        seen: set[object] = set()
        refused: StreamError | None = None
        for params in self.stream.endpoint.param_sets:
            try:
                yield from self._read_one(params, seen)
            except StreamError as error:
                if not self.stream.endpoint.is_optional(params) or error.status not in LACKING:
                    raise
                refused = error
        if refused is not None:
            self._log_lacking(refused)
        elif self.context.audit is not None:
            self.context.lists.note(self.stream.name, self._listed)
        yield self.finished()

    def _read_one(self, params: Mapping[str, str], seen: set[object]) -> Task:
        for page in self.pages(params):
            if self.context.audit is not None:
                self._listed.update(str(key_of(self.stream, item)) for item in page.records)
            columns = {name: params[name] for name in self.stream.columns.param_columns}
            records = [{**columns, **item} for item in page.records if self._is_wanted(item)]
            if len(self.stream.endpoint.param_sets) > 1:
                records = [item for item in records if key_of(self.stream, item) not in seen]
                seen.update(key_of(self.stream, item) for item in records)
            yield Batch(records)

    def _log_lacking(self, error: StreamError) -> None:
        what = ", ".join(
            f"{name} {value}" for name, value in self.stream.endpoint.optional_params.items()
        )
        logger.info(
            f"{self.stream.name}: Pipedrive refused {what} ({error.status}), so the account seems "
            "to have none. If it has some, use the credentials of an admin."
        )

    def _is_wanted(self, item: Record) -> bool:
        if self.stream.cursor_field:
            time = self.time_of(item)
            return time is None or time >= min(span.at for span in self.progress.spans)
        return not self.is_too_old(item)

    def is_too_old(self, item: Record) -> bool:
        """Whether the configured history excludes this record."""
        time = self.history_time(item)
        return time is not None and time < self.context.lower

    def history_time(self, item: Record) -> int | None:
        """The time that the configured history applies to, in seconds since 1970."""
        return instant_or_none(item.get(self.stream.incremental.history_field or ""))


class FieldList(WholeList):
    """Definitions of fields; if the scope covers only v1's list, its records with v2's keys."""

    def read(self) -> Task:
        try:
            yield from super().read()
        except StreamError as error:
            fallback = self.stream.v1_fallback
            if error.status != 403 or fallback is None:
                raise
            records = as_v2(all_records(self.context.client, fallback), fallback.columns.renamed)
            self._log_fallback(fallback, records)
            yield self.finished(records)

    def _log_fallback(self, fallback: Stream, records: Sequence[Record]) -> None:
        present = {name for item in records[:1] for name in item}
        missing = [name for name in self.stream.schema["properties"] if name not in present]
        logger.warning(
            f"{self.stream.name}: read from an older list ({fallback.endpoint.path} of API v1), "
            f"which lacks {', '.join(missing)}. To get them, {self._remedy}."
        )

    @property
    def _remedy(self) -> str:
        another = "use the credentials of an admin"
        if self.context.company.scopes is None:  # an API token, which has none
            return another
        return f"give the app the scope {self.stream.access.read_scope}, or {another}"


class Mailbox(WholeList):
    """The mail folders, each a list of its own, newest message first. A thread in several folders
    is written once and names them all, so threads are held back until every folder has been
    read."""

    def read(self) -> Task:
        threads: dict[object, dict[str, Any]] = {}
        for params in self.stream.endpoint.param_sets:
            low: int | None = None
            sorted_ = True
            for page in self.pages(params):
                for item in page.records:
                    if not self.is_too_old(item):
                        self._gather(threads, item, params["folder"])
                times = [self.history_time(item) for item in page.records]
                sorted_ = sorted_ and in_order(times, low, descending=True)
                low = next((time for time in reversed(times) if time is not None), low)
                if sorted_ and self._is_past(page):
                    break
        yield self.finished(list(threads.values()))

    def _gather(self, threads: dict[object, dict[str, Any]], item: Record, folder: str) -> None:
        thread = threads.setdefault(key_of(self.stream, item), item)
        named = [*(thread.get("folders") or []), *(item.get("folders") or []), folder]
        thread["folders"] = sorted(set(named))

    def _is_past(self, page: Page) -> bool:
        return bool(page.records) and all(self.is_too_old(item) for item in page.records)


class Removed(Sequential):
    """A stream whose endpoint Pipedrive has removed: nothing is requested, nothing is missing."""

    def read(self) -> Task:
        about = self.stream.about
        logger.info(f"{self.stream.name}: {about[:1].lower()}{about[1:]}.")
        yield self.finished()


class SyncReports(Reader):
    """The stream that the sync itself writes when all others have ended: there is no task."""

    def take(self, more: bool = False) -> Task | None:
        return None

    @property
    def intention(self) -> str:
        return "writing what this sync did"
