"""How much a stream will deliver in this sync, and at what cost, judging by its pages so far."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Protocol

from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.children import Children
from source_pipedrive.reading.cost import ABOUT, AT_LEAST, Estimate
from source_pipedrive.reading.reader import Reader
from source_pipedrive.sync.output import StreamOutput

logger = logging.getLogger("airbyte")


class Source(Protocol):
    """A stream that delivers parents."""

    output: StreamOutput[Any]

    @property
    def exhausted(self) -> bool:
        """Whether it delivers no more."""

    @property
    def expected(self) -> int | None:
        """About how many records it delivers in all."""


class Forecast:
    """The forecast of a list."""

    def __init__(self, reader: Reader, output: StreamOutput[Any], usage: Usage) -> None:
        self._reader = reader
        self._output = output
        self._usage = usage
        self._announced = 0  # records, the last time
        self._priced = False
        progress, key = reader.progress, reader.stream.key
        # If a list is read from the very beginning, the highest id counts as the number of records.
        self._whole = progress.since == 0 and not progress.done() and key == ("id",)

    @property
    def expected(self) -> int | None:
        """About how many records this sync will deliver; None if that is not known yet."""
        highest, newest_seen = self._reader.highest.value, self._reader.highest.newest_seen
        counted = self._whole and newest_seen
        if counted and not self._reader.stream.read_after:
            return highest
        with self._reader.lock:
            remaining = self._reader.progress.expected(highest)
        if remaining is None:
            return highest if counted else None
        guess = self._output.records + remaining
        # Archived records share their ids with the others.
        return min(guess, highest) if counted else guess

    @property
    def requests(self) -> int:
        """About how many requests this sync will send for it."""
        stream = self._reader.stream
        if stream.components:
            return len(stream.components)
        expected = self.expected
        pages = -(-expected // stream.endpoint.limit) if expected and stream.endpoint.limit else 1
        return max(pages, len(stream.endpoint.param_sets))

    @property
    def price(self) -> int:
        """About how many API tokens this sync will spend on it."""
        stream = self._reader.stream
        if stream.components:
            return sum(part.endpoint.cost for part in stream.components)
        return stream.endpoint.cost * self.requests

    def announce(self) -> None:
        """Reports how much is expected and what it will cost, and again once that has changed."""
        expected = self.expected
        if expected is None or self._reader.progress.complete:
            return
        if abs(expected - self._announced) <= 0.1 * self._announced:
            return
        with self._reader.lock:
            self._output.estimate(expected)
        self._state_price(expected)
        self._announced = expected

    def announce_at_page(self) -> None:
        """As `announce`, after a page; only once if the first estimate is good enough."""
        if not self._announced or self._reader.estimates_again:
            self.announce()

    def before_requests(self) -> None:
        """A task is about to send requests."""

    def _state_price(self, expected: int) -> None:
        stream, limit = self._reader.stream, self._usage.daily_limit
        size = stream.endpoint.limit or 1
        cost = Estimate(stream.name, expected, "records", stream.endpoint.cost, size, ABOUT)
        if not self._priced and cost.is_expensive(limit):
            logger.info(cost.sentence(limit))
            self._priced = True


class ChildForecast(Forecast):
    """The forecast of a child stream, which follows from the number of parents."""

    def __init__(
        self,
        reader: Children,
        output: StreamOutput[Any],
        usage: Usage,
        sources: Sequence[Source],
    ) -> None:
        super().__init__(reader, output, usage)
        self._children = reader
        self._sources = sources
        self._stated = 0  # parents, the last time

    @property
    def expected(self) -> int | None:
        """Assumes as many children per parent as the parents read so far had."""
        read = self._children.counts.read
        return self._output.records * self._parents()[0] // read if read else None

    @property
    def requests(self) -> int:
        turns = -(-self._parents()[0] // self._children.child.batch)
        return turns * self._children.requests_per_parent

    @property
    def price(self) -> int:
        return self.requests * self._children.stream.endpoint.cost

    def before_requests(self) -> None:
        """States the price before it is paid, and again if it turns out to be higher by half."""
        parents, how = self._parents()
        with self._children.lock:
            if parents <= 1.5 * self._stated:
                return
            self._stated = parents
        stream, limit = self._children.stream, self._usage.daily_limit
        batch, unit = self._children.child.batch, self._children.unit
        price = Estimate(stream.name, parents, unit, self._cost, batch, how)
        if price.is_expensive(limit):
            logger.info(price.sentence(limit))

    @property
    def _cost(self) -> int:
        """API tokens for one parent, or for those that one request names."""
        return self._children.requests_per_parent * self._children.stream.endpoint.cost

    def _state_price(self, expected: int) -> None:
        """Nothing: it is stated before the requests."""

    def _parents(self) -> tuple[int, str]:
        """How many parents to request, and how certain that is."""
        sources = [source for source in tuple(self._sources) if not source.exhausted]
        expected = [(source.expected, source.output.records) for source in sources]
        with self._children.lock:
            wanted, seen = self._children.counts.wanted, max(1, self._children.counts.seen)
        rest = sum(max(0, total - so_far) for total, so_far in expected if total is not None)
        known = all(total is not None for total, _ in expected)
        return wanted * (seen + rest) // seen, "" if not sources else ABOUT if known else AT_LEAST
