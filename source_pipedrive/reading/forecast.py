"""What a stream will bring in this sync, and what that will cost, as far as its pages tell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.estimates import ABOUT, Estimate
from source_pipedrive.reading.messages import Lane
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.spans import Progress
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")


class Forecast:
    """Learns from each page of one stream. lock: the one that guards `lane` and the progress.

    announced: the records that were announced last; priced: whether the price was stated.
    """

    def __init__(
        self, row: Stream, lane: Lane[Any], usage: Usage, progress: Progress, lock: threading.Lock
    ) -> None:
        self.announced = 0
        self.priced = False
        self._row = row
        self._lane = lane
        self._usage = usage
        self._lock = lock
        # Read from the very beginning: then the highest id says how many records there are.
        self._whole = progress.since == 0 and not progress.done() and row.key == ("id",)
        self._highest = 0  # id that was seen
        self._newest = False  # whether a page of the newest records was seen

    def notice(self, rows: Sequence[Row], newest: bool = False) -> None:
        """Remembers the highest id: Pipedrive counts a company's records of a kind with it.

        newest: the rows are those that changed last, among which the newest are.
        """
        self._newest = self._newest or newest
        ids = [n for row in rows if isinstance(n := row.get("id"), int)]
        self._highest = max([self._highest, *ids])

    def records(self, progress: Progress) -> int | None:
        """Records that this sync will bring, about, as far as can be told."""
        counted = self._whole and self._newest
        if counted and not self._row.read_after:
            return self._highest
        with self._lock:
            left = progress.expected(self._highest)
        if left is None:
            return self._highest if counted else None
        guess = self._lane.records + left
        # What is archived shares its ids with what is not.
        return min(guess, self._highest) if counted else guess

    def tokens(self, expected: int | None) -> int:
        """API tokens that this sync takes for a list, as far as can be told. expected: records."""
        row = self._row
        if row.components:
            return sum(part.endpoint.cost for part in row.components)
        pages = -(-expected // row.endpoint.limit) if expected and row.endpoint.limit else 1
        return row.endpoint.cost * max(pages, len(row.endpoint.param_sets))

    def announce(self, expected: int) -> None:
        """Says what the read will cost and how much it will bring; again when that has changed."""
        if abs(expected - self.announced) <= 0.1 * self.announced:
            return
        with self._lock:
            self._lane.estimate(expected)
        limit = self._usage.daily_limit
        size = self._row.endpoint.limit or 1
        cost = Estimate(self._row.name, expected, "records", self._row.endpoint.cost, size, ABOUT)
        if not self.priced and cost.is_expensive(limit):
            logger.info(cost.sentence(limit))
            self.priced = True
        self.announced = expected
