"""Lists that are read in the order of their cursor field, which a server may not keep to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from source_pipedrive.reading.fetched import Fetched
from source_pipedrive.reading.pages import Page, key_of
from source_pipedrive.reading.reader import Reader, T, Task
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.seams import in_order
from source_pipedrive.reading.spans import Interval, Progress

logger = logging.getLogger("airbyte")

FIRST, LAST = "first", "last"  # where records without a time stand, oldest first


class DisorderError(Exception):
    """A page is not in the order that was asked for."""


class Ordered(Reader[T]):
    """What is common to the readers that rely on an order.

    Whether Pipedrive sorts every list as it is asked to is not documented. A list that comes in
    another order is read whole, without checkpoints, and what was read before does not count.

    Records without a time are in no answer that is bounded by time, as far as is known. The first
    sync looks for them at both ends of the list; later ones only at the end where it found some.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.disordered = False
        self._whole_taken = False
        self._odd: dict[object, object] = {}
        self.leave(self.progress.left)

    def leave(self, left: Sequence[Interval]) -> None:
        super().leave(left)
        self._wanted = self.progress.left
        # What begins with the history is the first read, or owes a record that has no time.
        begins = bool(left) and min(left)[0] <= self.progress.since
        self.nulls_due = begins or bool(self.progress.nulls)
        self._looks_for_nulls = self.nulls_due

    def sorting(self, descending: bool) -> dict[str, str]:
        """The parameters that ask for the order."""
        raise NotImplementedError

    def bounds(self, since: int) -> dict[str, str]:
        """The parameters that leave out what changed before."""
        return {}

    def check(
        self, times: Sequence[int | None], after: int | None, descending: bool = False
    ) -> None:
        """Raises DisorderError for a page that does not continue the order from `after` on."""
        if self.disordered or not in_order(times, after, descending):
            raise DisorderError

    # -- records that no span covers

    def once(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows without those that have left already, of the kinds that several requests may
        bring: records without a time, and those that changed after the sync began."""
        until = self.progress.until
        odd = [item for item in rows if (time := self.time_of(item)) is None or time >= until]
        if not odd:
            return rows
        field, again = self.row.cursor_field or "", set()
        with self.lock:
            for item in odd:
                key, time = key_of(self.row, item), item.get(field)
                if key in self._odd and self._odd[key] == time:
                    again.add(key)
                self._odd[key] = time
        return [item for item in rows if key_of(self.row, item) not in again]

    def takes_nulls(self, unbounded: bool) -> bool:
        """Whether the caller has to look for records without a time, which only one of the workers
        does. No state leaves before it has."""
        with self.lock:
            due, self.nulls_due = self.nulls_due or unbounded, False
            if due:
                self.vouches = False
        return due

    def read_nulls(self, first: Page | None, end: str = FIRST) -> None:
        """Hands out the records without a time that are not on their way anyhow; from then on
        states may leave. first: the first page of the list without bounds, if that is what is being
        read, and `end` the end of the list that it begins at."""
        if first is not None:
            if not self.learn(first, end) and not first.last:
                self._ask(LAST if end == FIRST else FIRST)
        elif self.progress.nulls:
            self._ask(self.progress.nulls)
        elif not self._ask(FIRST):
            self._ask(LAST)
        with self.lock:
            self.vouches = not self.disordered
        self.checkpoint()

    def _ask(self, end: str) -> bool:
        """Hands out those that stand at one end; whether none can stand at the other one."""
        found = False
        for page in self.pages(self.sorting(descending=end == LAST)):
            times = [self.time_of(item) for item in page.rows]
            self.check(times, None, descending=end == LAST)
            self.notice(page.rows, newest=end == LAST)
            found = self.learn(page, end) or found
            nulls = [item for item, at in zip(page.rows, times, strict=True) if at is None]
            if rows := self.once(nulls):
                self.emit(rows)
            if page.last or len(nulls) < len(page.rows):
                return found or page.last
        return True

    def learn(self, page: Page, end: str) -> bool:
        """Whether records without a time are on a page that begins at one end of the list."""
        times = [self.time_of(item) for item in page.rows]
        if None not in times:
            return False
        other = LAST if end == FIRST else FIRST
        self.progress.nulls = end if times[0] is None else other
        return True

    # -- lists in another order

    def distrust(self) -> None:
        """Nothing that was read counts, for no one knows what lay between."""
        with self.lock:
            if self.disordered:
                return
            self.disordered = True
            self.progress.leave(self._wanted)
            self.progress.skip = 0
            for _, rest in self.rests:  # those that could not keep up read all of it later
                rest[0] = (self.row, self.left())
            self._withheld = []
            self.vouches = True
            if (now := self._state()) is not None:
                self.lane.state(now)
            self.vouches = False
        logger.warning(
            f'{self.row.name}: Pipedrive does not sort this list by "{self.row.cursor_field}" as '
            "requested. The whole list is read instead, and its progress is saved only at the end."
        )
        for each in (*self.fed, *(each for each, _ in self.rests)):
            each.take_back(self)
        self.nudge()

    def whole_task(self) -> Task | None:
        """The one task that is left of a list in another order."""
        with self.lock:
            taken, self._whole_taken = self._whole_taken, True
        return None if taken else self.read_whole

    def read_whole(self) -> None:
        """All pages, whatever their order. Memory for those that live on this list is not limited
        here, because a list without an order cannot be put down and taken up again."""
        since = 0 if self._looks_for_nulls else min(start for start, _ in self._wanted)
        bounds = self.bounds(since) if since else {}
        for page in self.pages({**self.sorting(descending=False), **bounds}):
            rows = [item for item in page.rows if self.is_left(self.time_of(item))]
            self.emit(self.once(rows))
        with self.lock:
            self.vouches = True
        self.emit([], Progress.finish)

    def is_left(self, time: int | None) -> bool:
        """Whether a row belongs to what is left; the newest always do, and those without a time."""
        if time is None or time >= self.progress.until:
            return True
        return any(span.at <= time < span.end for span in self.progress.spans)

    def _fetched(
        self, moved: Callable[[Progress], object] | None, fetched: Fetched
    ) -> list[Fetched]:
        # Pages of other workers that are still on their way when the order turns out to be wrong.
        stale = self.disordered and moved is not Progress.finish
        return super()._fetched(None if stale else moved, fetched)
