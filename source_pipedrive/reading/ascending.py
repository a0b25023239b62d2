"""Streams that the server filters and sorts by the time of the last change, oldest first.

Each page is a checkpoint: all that changed before the page's last second has been read. That
second is not, for more of its records may be on the next page.
"""

from __future__ import annotations

import logging
from functools import partial

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.in_one_go import InOrder
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.order import DisorderError, Ordered
from source_pipedrive.reading.pages import Page
from source_pipedrive.reading.reader import T, Task
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.spans import Progress, Span

logger = logging.getLogger("airbyte")

# Pages that must be left in a span before it is shared. A cut costs about half a request, a page
# that is not full; so there are at most so many for each worker, which keeps the requests few also
# where most records lie in a small part of the time (unit_tests/test_sharing.py).
WORTH_SPLITTING = 4
SPLITS_A_WORKER = 3
# A read of more than so many pages may be shared anew every so many: one request more in fifty.
LONG, PAGES_A_SPLIT = 500, 25


class Ascending(Ordered[T]):
    """v2: closed spans of `updated_since` (inclusive) and `updated_until` (exclusive), shared by
    as many workers as have nothing else to do."""

    _splits = 0
    _pages = 0
    _full = 0  # rows of the largest page that others followed

    @property
    def _page_size(self) -> int:
        """Rows of a full page, which Pipedrive may make smaller than was asked for."""
        return self._full or self.row.endpoint.limit or 1

    def take(self) -> Task | None:
        if self.flooded:
            return None
        if self.disordered:
            return self.whole_task()
        with self.lock:
            span = self.progress.take()
            workers = self.sync.workers(self.row.name)
            most = SPLITS_A_WORKER * workers + max(0, self._pages - LONG) // PAGES_A_SPLIT
            if span is None and self._splits < most:
                # The first cut makes a part for each worker, later ones mend what it got wrong.
                ways = 2 if self._splits else workers
                self._splits += self.progress.split(WORTH_SPLITTING * self._page_size, ways)
                span = self.progress.take()
        return partial(self._read, span) if span else None

    def _read(self, span: Span) -> None:
        # No state leaves before the records without a time have, wherever they are sorted; the
        # other workers need not wait for them.
        due = self.takes_nulls(unbounded=span.at == 0)
        while True:
            begun = span.at
            try:
                return self._walk(span, due)
            except DisorderError:
                return self.distrust()
            except StreamError as error:
                # How long a cursor lives is not documented: what is read stays read, the rest of
                # the span is asked for anew.
                if error.status != 400 or span.at == begun or (due and not self.vouches):
                    raise
                logger.info(f"{self.row.name}: a cursor was refused; going on from the last page.")

    def _walk(self, span: Span, due: bool) -> None:
        begun = span.at
        # Whether a bounded answer holds records without a time is not documented.
        bounds = self.bounds(span.at, span.end) if span.at else {}
        for page in self.pages({**self.sorting(descending=False), **bounds}):
            ended = self._emit(span, page)
            if due and not self.vouches:
                self.read_nulls(None if bounds else page)
            if ended:
                return
            if not self.forecast.announced:
                self.announce()
            # A second of a bulk import may fill many pages, which would all be read again.
            if span.at > begun and (self.crowded() or self.flooded):
                # There is no memory for more pages, or parents: another time, from here on.
                with self.lock:
                    span.taken = False
                return

    def bounds(self, since: int, until: int | None = None) -> dict[str, str]:
        bounds = {"updated_since": rfc3339(since)}
        if self.row.incremental.has_upper_bound:
            bounds["updated_until"] = rfc3339(until or self.progress.until)
        return bounds

    def sorting(self, descending: bool) -> dict[str, str]:
        direction = "desc" if descending else "asc"
        return {"sort_by": self.row.cursor_field or "", "sort_direction": direction}

    def _emit(self, span: Span, page: Page) -> bool:
        """Hands the page out; True where the span has come to its end."""
        rows = span.seam.fresh(self.row, page.rows)
        times = [self.time_of(item) for item in rows]
        self.check(times, span.at)
        known = [time for time in times if time is not None]
        last = known[-1] if known else span.at
        with self.lock:
            self._pages += 1
            if not page.last:
                self._full = max(self._full, len(page.rows))
            end = span.end
            span.reach = min(last + 1, end)
        density = density_of(times)
        ended = page.last or last >= end
        rows = before(end, rows, times) if last >= end else rows
        at = span.end if ended else min(last, span.end)
        span.seam.add(self.row, rows, last)
        moved = partial(Progress.advance, span=span, at=at, density=density)
        self.emit(self.once(rows) if None in times else rows, moved)
        return ended or span.at >= span.end


class Restarting(InOrder[T]):
    """v1: `updated_since` and offsets. An offset drifts when earlier rows move, so the list is
    taken up again from the last time seen; only inside one second, if it fills a page, by offset.
    """

    sort = "update_time ASC, id ASC"

    def read_in_order(self) -> None:
        span = self.progress.spans[0]
        since = span.at
        due = self.takes_nulls(unbounded=not since)
        bounds = self.bounds(since) if since else {}
        for page in self.pages({**self.sorting(descending=False), **bounds}):
            rows = span.seam.fresh(self.row, page.rows)
            times = [self.time_of(item) for item in rows]
            self.check(times, span.at)
            last = next((time for time in reversed(times) if time is not None), span.at)
            ended = page.last or last >= span.end
            rows = before(span.end, rows, times)
            at = span.end if ended else last
            span.seam.add(self.row, rows, last)
            moved = partial(Progress.advance, span=span, at=at, density=density_of(times))
            self.emit(self.once(rows) if None in times else rows, moved)
            if due and not self.vouches:
                self.read_nulls(None if bounds else page)
            if not ended and not self.forecast.announced:
                self.announce()
            if ended or last > since:
                return

    def bounds(self, since: int) -> dict[str, str]:
        return {"updated_since": rfc3339(since)}


def density_of(times: list[int | None]) -> float:
    """Records a second in a page, oldest first; 0 where it holds no times."""
    known = [time for time in times if time is not None]
    return len(known) / max(1, known[-1] - known[0]) if known else 0.0


def before(end: int, rows: list[Row], times: list[int | None]) -> list[Row]:
    """The rows that belong to a span up to `end`, those without a time among them."""
    return [row for row, at in zip(rows, times, strict=True) if at is None or at < end]
