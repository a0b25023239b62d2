"""Lists that are read in the order of their cursor field, which the server may not follow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from typing import Any

from source_pipedrive.reading.batch import Batch, Signal, Step, Task
from source_pipedrive.reading.pages import Page
from source_pipedrive.reading.progress import Interval, Progress
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.records import Record, key_of
from source_pipedrive.reading.seams import in_order

logger = logging.getLogger("airbyte")

FIRST, LAST = "first", "last"  # where records without a time are sorted, oldest first


class DisorderError(Exception):
    """A page is not in the requested order."""


class Ordered(Reader):
    """What the readers that rely on an order have in common.

    It is not documented whether Pipedrive sorts every list as requested. A list that arrives in
    another order is read whole, without checkpoints, and whatever was read before does not count.

    As far as is known, no answer bounded by time contains records without a time. The first
    sync looks for them at both ends of the list, later syncs only at the end where it found some.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.disordered = False
        self._whole_taken = False
        self._repeatable: dict[object, object] = {}  # times of records that `once` has returned
        self.set_remaining(self.progress.remaining)

    def set_remaining(self, remaining: Sequence[Interval]) -> None:
        super().set_remaining(remaining)
        self._wanted = self.progress.remaining
        # What begins with the history is the first read, or still lacks records without a time.
        begins = bool(remaining) and min(remaining)[0] <= self.progress.since
        self.nulls_due = begins or bool(self.progress.nulls)
        self._looks_for_nulls = self.nulls_due

    def sorting(self, descending: bool) -> dict[str, str]:
        """The parameters that request the order."""
        raise NotImplementedError

    def bounds(self, since: int) -> dict[str, str]:
        """The parameters that exclude what changed earlier."""
        return {}

    def check(
        self, times: Sequence[int | None], after: int | None, descending: bool = False
    ) -> None:
        """Raises DisorderError for a page that does not continue the order from `after` on."""
        if self.disordered or not in_order(times, after, descending):
            raise DisorderError

    # -- records that no span covers

    def once(self, records: Sequence[Record]) -> Sequence[Record]:
        """Drops records already written, of the kinds that several requests may return: those
        without a time, and those that changed after the sync began."""
        until, field = self.progress.until, self.stream.cursor_field or ""
        times = self.times_of(records)
        if all(time is not None and time < until for time in times):
            return records
        found = []
        with self.lock:
            for item, time in zip(records, times, strict=True):
                if time is None or time >= until:
                    key, text = key_of(self.stream, item), item.get(field)
                    if key in self._repeatable and self._repeatable[key] == text:
                        continue
                    self._repeatable[key] = text
                found.append(item)
        return found

    def claim_nulls(self, unbounded: bool) -> bool:
        """Whether the caller has to look for records without a time. Only one worker does, and no
        state is saved until it has."""
        with self.lock:
            due, self.nulls_due = self.nulls_due or unbounded, False
            if due:
                self.can_checkpoint = False
        return due

    def read_nulls(self, first: Page | None, end: str = FIRST) -> Generator[Step, bool, bool]:
        """Yields the records without a time that no other page contains; after them, states may be
        saved. Returns whether the sync asked the task to stop. first: the first page of the list
        without bounds, if that is being read; end: the end where it begins."""
        if first is not None:
            if not self.learn(first, end) and not first.last:
                yield from self._nulls_at(LAST if end == FIRST else FIRST)
        elif self.progress.nulls:
            yield from self._nulls_at(self.progress.nulls)
        elif not (yield from self._nulls_at(FIRST)):
            yield from self._nulls_at(LAST)
        with self.lock:
            self.can_checkpoint = not self.disordered
        return (yield Signal.CHECKPOINT)

    def _nulls_at(self, end: str) -> Generator[Step, bool, bool]:
        """Yields those at one end. Returns whether there can be none at the other."""
        found = False
        for page in self.pages(self.sorting(descending=end == LAST)):
            times = self.times_of(page.records)
            self.check(times, None, descending=end == LAST)
            self.highest.note(page.records, newest=end == LAST)
            found = self.learn(page, end) or found
            nulls = [item for item, at in zip(page.records, times, strict=True) if at is None]
            if records := self.once(nulls):
                yield Batch(records)
            if page.last or len(nulls) < len(page.records):
                return found or page.last
        return True

    def learn(self, page: Page, end: str) -> bool:
        """Whether a page that begins at one end of the list contains records without a time."""
        times = self.times_of(page.records)
        if None not in times:
            return False
        other = LAST if end == FIRST else FIRST
        self.progress.note_nulls(end if times[0] is None else other)
        return True

    # -- lists in another order

    def restart(self) -> bool:
        """Nothing read so far counts, because records in between may be missing."""
        if self.disordered:
            return False
        self.disordered = True
        self.progress.restart(self._wanted)
        self.can_checkpoint = False
        logger.warning(
            f'{self.stream.name}: Pipedrive does not sort this list by "{self.stream.cursor_field}"'
            " as requested. The whole list is read instead, and its progress is saved only at the "
            "end."
        )
        return True

    def whole_task(self) -> Task | None:
        """The only task for a list in another order."""
        with self.lock:
            taken, self._whole_taken = self._whole_taken, True
        return None if taken else self.read_whole()

    def read_whole(self) -> Task:
        """All pages, whatever their order. Dependents' memory is not limited here, because a list
        without an order cannot be paused and resumed."""
        since = 0 if self._looks_for_nulls else min(start for start, _ in self._wanted)
        bounds = self.bounds(since) if since else {}
        for page in self.pages({**self.sorting(descending=False), **bounds}):
            yield Batch(
                self.once([item for item in page.records if self.is_wanted(self.time_of(item))])
            )
        with self.lock:
            self.can_checkpoint = True
        yield Batch([], Progress.finish)

    def is_wanted(self, time: int | None) -> bool:
        """Whether a record belongs to what remains. The newest, and those without a time, always
        do."""
        if time is None or time >= self.progress.until:
            return True
        return any(span.at <= time < span.end for span in self.progress.spans)

    def advance(self, moved: Callable[[Progress], object]) -> bool:
        # Other workers' pages may still be on their way when the order turns out to be wrong.
        if self.disordered and moved is not Progress.finish:
            return False
        return super().advance(moved)
