"""Streams that the server filters and sorts by the time of the last change, oldest first.

Each page is a checkpoint: everything that changed before the page's last second has been read. That
second has not, because the next page may contain more of its records.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from functools import partial
from typing import Any

from source_pipedrive.fields.columns import RAW
from source_pipedrive.http.errors import StreamError
from source_pipedrive.http.shapes import Shape
from source_pipedrive.reading.answers import EXPIRED
from source_pipedrive.reading.batch import Batch, Signal, Step, Task
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.order import DisorderError, Ordered
from source_pipedrive.reading.pages import Page, UnfinishedError
from source_pipedrive.reading.progress import Progress, Span
from source_pipedrive.reading.records import Record
from source_pipedrive.reading.sequential import SortedV1

logger = logging.getLogger("airbyte")

# Pages that must remain in a span before it is shared. A cut costs about half a request, a page
# that is not full, so each worker gets a limited number of cuts. That keeps requests few even if
# most records lie in a small part of the time (unit_tests/test_sharing.py).
WORTH_SPLITTING = 4
SPLITS_A_WORKER = 3
# A read of more than LONG pages may be cut once more every PAGES_A_SPLIT pages: 2 % more requests.
LONG, PAGES_A_SPLIT = 500, 25


class Incremental(Ordered):
    """v2: closed spans of `updated_since` (inclusive) and `updated_until` (exclusive), shared by as
    many workers as have nothing else to do."""

    can_pause = True
    _splits = 0
    _pages = 0
    _full = 0  # records of the largest page that was not the last

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        columns = self.stream.columns
        raw = RAW if columns.custom_fields == "object" else ""
        self.shape = Shape(self.stream.key, columns.as_text, raw)

    @property
    def _page_size(self) -> int:
        """Records of a full page, which Pipedrive may make smaller than requested."""
        return self._full or self.stream.endpoint.limit or 1

    def take(self, more: bool = False) -> Task | None:
        if self.disordered:
            return self.whole_task()
        with self.lock:
            span = self.progress.take()
            workers = self.context.max_workers(self.stream.name)
            most = SPLITS_A_WORKER * workers + max(0, self._pages - LONG) // PAGES_A_SPLIT
            if span is None and self._splits < most:
                # The first cut makes a part for each worker; later ones correct its errors.
                ways = 2 if self._splits else workers
                self._splits += self.progress.split(WORTH_SPLITTING * self._page_size, ways)
                span = self.progress.take()
        return self._read(span) if span else None

    def _read(self, span: Span) -> Task:
        # No state is saved before the records without a time are out, wherever they are sorted. The
        # other workers need not wait.
        due = self.claim_nulls(unbounded=span.at == 0)
        while True:
            begun = span.at
            try:
                yield from self._walk(span, due)
                return
            except DisorderError:
                yield Signal.RESTART
                return
            except StreamError as error:
                # How long a cursor stays valid is not documented. What has been read is kept, and
                # the rest of the span is requested again.
                missing = isinstance(error, UnfinishedError)
                broken = missing or error.status in EXPIRED
                if not broken or span.at == begun or (due and not self.can_checkpoint):
                    raise
                why = "did not send" if missing else "refused"
                logger.info(
                    f"{self.stream.name}: Pipedrive {why} a cursor; resuming after the last page."
                )

    def _walk(self, span: Span, due: bool) -> Task:
        begun = span.at
        # Whether a bounded answer contains records without a time is not documented.
        bounds = self.bounds(span.at, span.end) if span.at else {}
        for page in self.pages({**self.sorting(descending=False), **bounds}):
            batch, ended = self._batch(span, page)
            yield batch
            if due and not self.can_checkpoint:
                yield from self.read_nulls(None if bounds else page)
            if ended or span.at >= span.end:
                return
            paused = yield Signal.ESTIMATE  # the last answer counts, when all is written
            # A second of a bulk import may fill many pages, which would all be read again.
            if paused and span.at > begun:
                with self.lock:
                    span.release()
                return
            del page, batch  # freed before the next page is requested

    def bounds(self, since: int, until: int | None = None) -> dict[str, str]:
        bounds = {"updated_since": rfc3339(since)}
        if self.stream.incremental.has_upper_bound:
            bounds["updated_until"] = rfc3339(until or self.progress.until)
        return bounds

    def sorting(self, descending: bool) -> dict[str, str]:
        direction = "desc" if descending else "asc"
        return {"sort_by": self.stream.cursor_field or "", "sort_direction": direction}

    def _batch(self, span: Span, page: Page) -> tuple[Batch, bool]:
        """The page's records that belong to the span, and whether they are the span's last."""
        records = span.seam.fresh(self.stream, page.records)
        times = self.times_of(records)
        self.check(times, span.at)
        known = [time for time in times if time is not None]
        last = known[-1] if known else span.at
        with self.lock:
            self._pages += 1
            if not page.last:
                self._full = max(self._full, len(page.records))
            end = span.end
            span.reserve(until=last + 1)
        density = density_of(times)
        ended = page.last or last >= end
        records = before(end, records, times) if last >= end else records
        at = span.end if ended else min(last, span.end)
        span.seam.add(self.stream, records, last)
        moved = partial(Progress.advance, span=span, at=at, density=density)
        fresh = self.once(records) if None in times else records
        return Batch(fresh, moved), ended


class IncrementalV1(SortedV1):
    """v1: `updated_since` and offsets. Offsets drift when earlier records move, so the list is
    requested again from the last time seen. Offsets are used only within a second that fills a
    page."""

    sort = "update_time ASC, id ASC"

    def read_in_order(self) -> Generator[Step, bool, bool]:
        span = self.progress.spans[0]
        since = span.at
        due = self.claim_nulls(unbounded=not since)
        bounds = self.bounds(since) if since else {}
        paused = False
        for page in self.pages({**self.sorting(descending=False), **bounds}):
            records = span.seam.fresh(self.stream, page.records)
            times = self.times_of(records)
            self.check(times, span.at)
            last = next((time for time in reversed(times) if time is not None), span.at)
            ended = page.last or last >= span.end
            records = before(span.end, records, times)
            at = span.end if ended else last
            span.seam.add(self.stream, records, last)
            moved = partial(Progress.advance, span=span, at=at, density=density_of(times))
            fresh = self.once(records) if None in times else records
            paused = yield Batch(fresh, moved)
            if due and not self.can_checkpoint:
                paused = yield from self.read_nulls(None if bounds else page)
            if not ended:
                paused = yield Signal.ESTIMATE
            if ended or last > since:
                break
        return paused

    def bounds(self, since: int) -> dict[str, str]:
        return {"updated_since": rfc3339(since)}


def density_of(times: list[int | None]) -> float:
    """Records per second in a page, oldest first; 0 if it has no times."""
    known = [time for time in times if time is not None]
    return len(known) / max(1, known[-1] - known[0]) if known else 0.0


def before(end: int, records: list[Record], times: list[int | None]) -> list[Record]:
    """The records that belong to a span up to `end`, including those without a time."""
    return [item for item, at in zip(records, times, strict=True) if at is None or at < end]
