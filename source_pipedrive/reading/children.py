"""Streams that are asked for one parent at a time: a request for each role, each deal, ...

A parent may vanish between its list and its own request, or be hidden from the token's user: it is
passed over and counted. When that happens to all of them it is not the parents: the stream fails.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, deque
from functools import partial
from typing import Any

from source_pipedrive.http.errors import StreamError, passed_over, words
from source_pipedrive.reading.estimates import Estimate
from source_pipedrive.reading.pages import all_rows, pages
from source_pipedrive.reading.reader import Reader, T, Task

logger = logging.getLogger("airbyte")

# Parents of which none could be read before the rest is not asked for any more: from the oldest on,
# and if these have gone, as many from the newest on.
HOPELESS = 20
REASONS = 5  # that are told apart in the log


class EachParent(Reader[T]):
    """Reads the list of parents, then the children of each, by as many workers as are free."""

    _listed = False
    _read = 0
    _first: StreamError | None = None

    def take(self) -> Task | None:
        with self.lock:
            if self.progress.complete:
                return None
            if not self._listed:
                self._listed = True
                self._parents: deque[Any] = deque()
                self._open = 0
                self._passed: Counter[str] = Counter()
                return self._list
            if not self._parents:
                return None
            return partial(self._children, self._parents.popleft())

    def _list(self) -> None:
        """All parents, before the first of them is asked for."""
        assert self.row.of is not None
        key = self.row.of.key[0]
        found = list(dict.fromkeys(row[key] for row in all_rows(self.sync.client, self.row.of)))
        limit = self.sync.client.usage.daily_limit
        cost = Estimate(self.row.name, len(found), self.row.of.name, self.row.cost)
        if cost.is_expensive(limit):
            logger.info(cost.sentence(limit))
        with self.lock:
            self._open = len(found)
            self._parents.extend(found)
            self.lane.estimate(len(found))
        if not found:
            self._conclude()
        self.nudge()

    def _children(self, parent: Any) -> None:
        self.go_on()
        try:
            path = self.row.path.format(id=parent)
            for page in pages(self.sync.client, self.row, {}, path=path):
                self.emit([{self.row.parent_key: parent, **item} for item in page.rows])
                self.go_on()
        except StreamError as error:
            if not passed_over(error):
                raise
            self._pass_over(parent, error)
        else:
            with self.lock:
                self._read += 1
        with self.lock:
            self._open -= 1
            last = not self._open
        if last:
            self._conclude()

    def _pass_over(self, parent: Any, error: StreamError) -> None:
        with self.lock:
            self._first = self._first or error
            why = f'{error.status} "{re.sub("[0-9]+", "#", words(error.body))}"'
            self._passed[why if len(self._passed) < REASONS else "other answers"] += 1
            refused = 0 if self._read else self._passed.total()
            if refused == HOPELESS and error.status != 403:
                self._parents.reverse()
        logger.debug(f"{self.row.name}: parent {parent} passed over ({error.status}).")
        if refused >= (HOPELESS if error.status == 403 else 2 * HOPELESS):
            raise self._first

    def _conclude(self) -> None:
        if self._first is not None and not self._read:
            raise self._first
        for why, number in self._passed.items():
            of = self.row.of.name if self.row.of else ""
            logger.warning(f"{self.row.name}: {number:,} of the {of} passed over: {why}.")
        self.emit([], lambda progress: progress.finish())

    @property
    def expected(self) -> int | None:
        """As many children of each parent as those had that have been read."""
        if not self._read:
            return None
        with self.lock:
            return self.lane.records * (self._read + len(self._parents)) // self._read
