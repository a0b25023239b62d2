"""Streams whose changes the server does not filter: the list is read from its beginning."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from source_pipedrive.fields.definitions import as_v2
from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.in_one_go import InOneGo, InOrder
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.order import FIRST, LAST
from source_pipedrive.reading.pages import Page, all_rows, key_of
from source_pipedrive.reading.reader import T
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.seams import Seam, in_order
from source_pipedrive.reading.spans import Progress
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

# Answers for a list that an account may lack.
LACKING = (400, 402, 403, 404, 410, 415)


class NewestFirst(InOrder[T]):
    """A list sorted by the time of the last change, newest first, read down to the last sync.

    A record that changes meanwhile moves up, which repeats others and hides none.
    """

    sort = "update_time DESC, id DESC"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._start, self._known = 0, self.progress.skip
        self._seam = Seam()
        # Those that are sorted first stand before all others, and those that are sorted last are
        # met where the list is read down to its end.
        self.nulls_due = bool(
            self.nulls_due
            and self.progress.nulls != LAST
            and self.progress.spans
            and self.progress.spans[0].at
        )

    def read_in_order(self) -> None:
        count = len(self.progress.spans)
        self._start = self._read_from(self._start)
        if len(self.progress.spans) < count:
            # Below lies what an earlier sync has read: go on a page before where it ended.
            self._start, self._known = max(self._start, self._known - self._page), 0

    @property
    def _page(self) -> int:
        return self.row.endpoint.limit or 1

    def _read_from(self, start: int) -> int:
        """Reads the newest span that is left, from an offset in or above it, and returns the
        offset reached. An offset that turns out to lie in the span is taken back instead."""
        span = self.progress.spans[-1]
        begun, above = span.end, start > 0
        due = self.takes_nulls(unbounded=False)
        walk = Descent(self, start)
        for page in self.pages(self.sorting(descending=True), start):
            times = [time for item in page.rows if (time := self.time_of(item)) is not None]
            if above and (not times or times[0] < span.end):
                return max(0, start - 2 * self._page)
            above = False
            walk.check(page)
            rows = [item for item in page.rows if self.is_left(self.time_of(item))]
            rows = self._seam.fresh(self.row, rows)
            self.notice(page.rows, newest=not start)
            oldest = times[-1] if times else span.end
            if oldest < span.end:  # else the page lies above what is left
                self._seam.add(self.row, rows, oldest)
            ended = page.last or oldest < self.progress.spans[0].at
            # More rows of the page's last second may be on the next one.
            to = partial(Progress.retreat, to=oldest + 1, skip=page.position)
            self.emit(self.once(rows), Progress.finish if ended else to)
            if due and not self.vouches:
                self.read_nulls(page, LAST)
            if ended or oldest < span.at:
                return page.position
            self.announce()
            if span.end < begun and (self.crowded() or self.flooded):
                return max(0, page.position - self._page)
        raise AssertionError("the last page says that it is")


class Descent:
    """The order of one walk down a list that is sorted newest first.

    What changes meanwhile moves to the top and pushes rows down into the next page, and where rows
    have gone the walk turns back. Neither is another order, so across pages only rows count that
    were below the walk's beginning, and only while it goes forward.
    """

    def __init__(self, reader: NewestFirst[Any], start: int) -> None:
        self._reader = reader
        self._reached = start
        self._top = not start  # no record with a time was seen above
        self._high = reader.progress.until if not start else None
        self._low: int | None = None

    def check(self, page: Page) -> None:
        """Raises DisorderError for a page in another order; notes where nulls stand."""
        reader = self._reader
        all_times = [reader.time_of(item) for item in page.rows]
        reader.check(all_times, None, descending=True)
        times = [time for time in all_times if time is not None]
        if self._high is None and times:
            self._high = times[0]
        below = [time for time in times if time < (self._high or 0)]
        reader.check(below, self._low if page.position > self._reached else None, descending=True)
        if None in all_times:
            reader.progress.nulls = LAST if self._top and all_times[0] is None else FIRST
        self._reached = page.position
        self._top = self._top and not times
        self._low = times[-1] if times else self._low


class WholeList(InOneGo[T]):
    """A list without a filter. With a cursor field only rows that changed since the last sync are
    emitted, otherwise all of the configured history.

    It is read in one go, however many parents wait: without an order there is no place to go on
    from. What hangs on such lists is little.
    """

    in_order = False

    def read(self) -> None:
        seen: set[object] = set()
        refused: StreamError | None = None
        for params in self.row.endpoint.param_sets:
            try:
                self._read_one(params, seen)
            except StreamError as error:
                if not self.row.endpoint.is_optional(params) or error.status not in LACKING:
                    raise
                refused = error
        if refused is not None:
            self._say_lacking(refused)
        self.finish()

    def _read_one(self, params: Mapping[str, str], seen: set[object]) -> None:
        for page in self.pages(params):
            told = {name: params[name] for name in self.row.columns.param_columns}
            rows = [{**told, **item} for item in page.rows if self._is_wanted(item)]
            if len(self.row.endpoint.param_sets) > 1:
                rows = [item for item in rows if key_of(self.row, item) not in seen]
                seen.update(key_of(self.row, item) for item in rows)
            self.emit(rows)

    def _say_lacking(self, error: StreamError) -> None:
        what = ", ".join(
            f"{name} {value}" for name, value in self.row.endpoint.optional_params.items()
        )
        logger.info(
            f"{self.row.name}: Pipedrive refused {what} ({error.status}), so the account is taken "
            "to have none. If it has some, use the token of an admin."
        )

    def _is_wanted(self, item: Row) -> bool:
        if self.row.cursor_field:
            time = self.time_of(item)
            return time is None or time >= min(span.at for span in self.progress.spans)
        return not self.is_too_old(item)

    def is_too_old(self, item: Row) -> bool:
        """Whether the configured history leaves this row out."""
        time = instant_or_none(item.get(self.row.incremental.history_field or ""))
        return time is not None and time < self.sync.lower


class FieldList(WholeList[T]):
    """Definitions of fields; where the scope covers only v1's list, its rows with v2's keys."""

    def read(self) -> None:
        try:
            super().read()
        except StreamError as error:
            older = self.row.v1_fallback
            if error.status != 403 or older is None:
                raise
            rows = as_v2(all_rows(self.sync.client, older), older.columns.renamed)
            self._say_older(older, rows)
            self.finish(rows)

    def _say_older(self, older: Stream, rows: Sequence[Row]) -> None:
        told = {name for row in rows[:1] for name in row}
        missing = [name for name in self.row.schema["properties"] if name not in told]
        logger.warning(
            f"{self.row.name}: read from an older list ({older.endpoint.path} of API v1), which "
            f"lacks {', '.join(missing)}. Give the app the scope {self.row.access.read_scope}, or "
            "use the token of an admin, to have them."
        )


class Mailbox(WholeList[T]):
    """The mail folders, each a list of its own, newest message first. A thread in several folders
    comes once and names them all, so threads are held back until every folder has been read."""

    def read(self) -> None:
        threads: dict[object, dict[str, Any]] = {}
        for params in self.row.endpoint.param_sets:
            low: int | None = None
            sorted_ = True
            for page in self.pages(params):
                for item in page.rows:
                    if not self.is_too_old(item):
                        self._gather(threads, item, params["folder"])
                times = [
                    instant_or_none(item.get(self.row.incremental.history_field or ""))
                    for item in page.rows
                ]
                sorted_ = sorted_ and in_order(times, low, descending=True)
                low = next((time for time in reversed(times) if time is not None), low)
                if sorted_ and self._is_past(page):
                    break
        self.finish(list(threads.values()))

    def _gather(self, threads: dict[object, dict[str, Any]], item: Row, folder: str) -> None:
        thread = threads.setdefault(key_of(self.row, item), item)
        named = [*(thread.get("folders") or []), *(item.get("folders") or []), folder]
        thread["folders"] = sorted(set(named))

    def _is_past(self, page: Page) -> bool:
        return bool(page.rows) and all(self.is_too_old(item) for item in page.rows)
