"""Streams that are asked for by the records of others: the products of deals, a role's users, ...

What the answers for one parent mean stands in http/errors.py. A parent that has vanished is passed
over. One that the user may not see is passed over and remembered. One that cannot be read is
parked: the state vouches for everything around it, and the stream is incomplete until it can be.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from source_pipedrive.http.errors import Action, StreamError, about_one_parent
from source_pipedrive.reading.estimates import ABOUT, AT_LEAST, Estimate
from source_pipedrive.reading.fed import Covered, Fed
from source_pipedrive.reading.fetched import Fetched
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.pages import Page, pages
from source_pipedrive.reading.pending import PendingParents, Waiting, parent_of, time_of_parent
from source_pipedrive.reading.reader import Reader, T, Task
from source_pipedrive.reading.records import Row, numbered
from source_pipedrive.reading.refusals import HOPELESS, Refusals
from source_pipedrive.reading.spans import Interval, Progress, lies_in, union
from source_pipedrive.stream import Child

logger = logging.getLogger("airbyte")

SLICE = 10  # times of parents between two states
MANY = 500  # parents between two states, where they are all of one time


class Children(Fed[T]):
    """Asks for the rows of each parent that has some, by as many workers as are free."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        assert self.row.child is not None
        self.child: Child = self.row.child
        self.pending = PendingParents()
        self.refusals = Refusals(self.row.name, self.child.parents[0].name)
        self._asked: set[tuple[str, Any, int | None]] = set()
        self._said = self._untold = 0
        self._look = SLICE
        self.forecast.priced = True  # in its own words
        self._seen = self._wanted = self._read = 0

    @property
    def flooded(self) -> bool:
        return not self.exhausted and (self.pending.full or super().flooded)

    def take_in(self, source: Reader[Any], fetched: Fetched) -> None:
        wanted = [
            parent_of(row, self.child) for row in fetched.rows if self._is_wanted(source, row)
        ]
        with self.lock:
            covered = self.covered_by(source, fetched)
            parents = [unit for parent in wanted for unit in self.units(source, parent)]
            self._seen += len(fetched.rows)
            self._wanted += len(parents)
            if source.in_order or self.row.cursor_field is None:
                self.pending.add(parents, covered)
            else:
                self.pending.add_unsorted(source.row.name, parents, covered)
        self._settle(())
        self.nudge()

    def take_back(self, source: Reader[Any]) -> None:
        with self.lock:
            self.pending.take_back(source.row.name, source.left())
        super().take_back(source)

    def _is_wanted(self, source: Reader[Any], row: Row) -> bool:
        """Whether the parent has changed, and has any rows, as far as Pipedrive tells."""
        if self.child.counter and row.get(self.child.counter) == 0:
            return False
        time = time_of_parent(row, self.child)
        if self.row.cursor_field is None or self.child.month_params or time is None:
            return True
        left: Mapping[str, list[Interval]] = self.left_by(source.row)
        if source.lane.silent:  # it may also bring what others need of it
            left = source.needs.get(self, left)
        return time >= self.progress.until or lies_in(time, union(left.values()))

    def units(self, source: Reader[Any], parent: Row) -> list[Row]:
        """What is asked for of a parent: nothing where that has been read. The lock is held."""
        time = instant_or_none(parent["time"])
        name, id_ = source.row.name, parent["id"]
        if self.row.cursor_field is None or not source.in_order or time is None:
            # The list may be read twice, for its own stream and for others.
            if (name, id_, time) in self._asked:
                return []
            self._asked.add((name, id_, time))
        if self.row.cursor_field is None or not time:
            return [parent]
        noted = {**parent, "source": name}
        recent = self.remembered.recent.get(name, {}).get(id_) == time
        if recent and self.knows_as_much(self.progresses.known):
            self.note_done(noted)
            return []
        return [] if self.has_done(name, id_, time) else [noted]

    def take(self) -> Task | None:
        if super().flooded:
            return None
        with self.lock:
            more = any(not source.exhausted for source in self.sources)
            chunk = self.pending.take(self.child.batch, more)
        return partial(self._ask, chunk) if chunk else None

    def _ask(self, chunk: Sequence[Waiting]) -> None:
        self.go_on()
        parents = list({parent["id"]: parent for parent, _ in chunk}.values())
        self._price(len(self.requests(parents[0])))
        try:
            rows = self._rows_of(parents)
        except StreamError as error:
            action = about_one_parent(error)
            answer = self.row.unavailable_answer(error.status, error.body)
            absent = not self.answered and answer is not None
            if absent and error.status == 403:  # in words that may be about one of the parents
                absent = not self.try_out()
            if action is Action.END_STREAM or absent:
                raise
            if len(parents) > 1:
                # One of them spoils the answer for all.
                half = len(chunk) // 2
                self._ask(chunk[:half])
                self._ask(chunk[half:])
                return
            self._without(parents[0], error, action)
        else:
            with self.lock:
                self._read += len(parents)
                self.refusals.read()
                look = self._read >= self._look
                self._look = 10 * self._read if look else self._look
            self.put(rows, None, Fetched(rows, (), parents))
            if look:
                self.announce()
            with self.lock:
                for parent in parents:
                    self.have_left(parent)
        self._settle(chunk)

    def have_left(self, parent: Row) -> None:
        """All rows of a parent have been handed out. The lock is held."""
        self._untold += 1
        self.note_done(parent)

    def _rows_of(self, parents: Sequence[Row]) -> list[Row]:
        """The rows of parents that one request names, each with its parent's id and time."""
        found: list[Row] = []
        for params, columns in self.requests(parents[0]):
            ids = ",".join(str(parent["id"]) for parent in parents)
            path = self.row.endpoint.path.format(id=ids)  # without {id} where ids_param has them
            asked = {self.child.ids_param: ids, **params} if self.child.ids_param else params
            page = Page([], last=True)
            known = any(parent["has_rows"] for parent in parents)
            for page in pages(self.sync.client, self.row, asked, path=path, known_rows=known):
                found += [{**columns, **item} for item in page.rows]
                self.go_on()
            if page.cut and len(parents) > 1:
                # Whether more rows follow is not told: fewer parents have fewer rows.
                half = len(parents) // 2
                return self._rows_of(parents[:half]) + self._rows_of(parents[half:])
        by_id = {parent["id"]: parent for parent in parents}
        for row in found:
            if self.child.batch == 1:
                row[self.child.key] = parents[0]["id"]
            if self.row.cursor_field and not self.child.month_params:
                row[self.row.cursor_field] = by_id.get(row.get(self.child.key), {}).get("time")
        return numbered(found, self.child) if self.child.number_by else found

    def requests(self, parent: Row) -> list[tuple[Mapping[str, str], Row]]:
        """The parameters of each request for one parent, and the columns that tell them apart."""
        return [(params, {}) for params in self.row.endpoint.param_sets]

    def _without(self, parent: Row, error: StreamError, action: Action) -> None:
        """Goes on without the rows of a parent that could not be read."""
        if error.status == self.child.empty_status:
            with self.lock:
                self._read += 1
                self.have_left(parent)
            return
        if action is Action.PARK and self.child.batch > 1 and error.status == 400:
            action = Action.ASK_LATER  # the others were answered: it is about this one
        time = instant_or_none(parent["time"])
        with self.lock:
            from_newest = self.refusals.note(error, action, parent["deleted"], not self._read)
            if from_newest:
                self.pending.turn_round()
            if action is Action.PARK:
                self.pending.park(self.progress.since if time is None else time)
            self.skip(parent, action)
        if action is Action.ASK_LATER:
            self.refuse(self.row.name, parent, self.progress.since if time is None else time)
        logger.debug(f"{self.row.name}: parent {parent['id']} not read ({error.status}).")
        if self.refusals.hopeless:
            raise self.refusals.hopeless

    def skip(self, parent: Row, action: Action) -> None:
        """Whatever else waits to be asked for of this parent need not be. The lock is held."""

    def _settle(self, done: Sequence[Waiting]) -> None:
        """Closes the tickets of these parents; sends a state once all earlier ones are closed."""
        with self.lock:
            self.pending.close([ticket for _, ticket in done])
            enough = self.pending.closed >= SLICE or self.pending.idle
            ready = self.has_news(enough) and self._may_vouch()
        if ready:
            self.emit([], self._vouch)
        with self.lock:
            lefts = (by for name, by in self._lefts.items() if name not in self._lost)
            over = self.pending.idle and self.pending.is_only_holes(
                union(left for by in lefts for left in by.values())
            )
        if over and (error := self.refusals.parked):
            self.fail(error)

    def has_news(self, enough: bool) -> bool:
        """Whether a state would say more than the last. enough: parents have left for one. The
        lock is held."""
        return (enough and bool(self.pending.through)) or self._untold >= MANY

    def _may_vouch(self) -> bool:
        """No state vouches for parents of whom none could be read: once they can be, the next sync
        has to ask for them. At the end that is the stream's error, unless a few have vanished from
        a list that was read before. The lock is held."""
        refusals = self.refusals
        if not refusals or self._read:
            return True
        lists = [(source, axis) for source, lefts in self._lefts.items() for axis in lefts]
        parked = [(source, axis, hole) for source, axis in lists for hole in self.pending.holes]
        if not self.ends_with([*self.pending.through, *parked]):
            return False
        if self.progresses.known and refusals.gone == refusals.passed < HOPELESS:
            return True
        assert refusals.first is not None
        self.fail(refusals.first)
        return False

    def _vouch(self, _: Progress) -> None:
        # Another worker may have been refused, or have vouched, since this one asked.
        if self._may_vouch():
            covered: Covered = self.pending.through
            self._untold = 0
            self.pending.vouched()
            self.cover(covered)

    def end(self) -> None:
        if self.pending.through:  # a sync that is cut short keeps what it has paid for
            with self.lock:
                self._vouch(self.progress)
            self.checkpoint()
        for line in self.refusals.lines(self.error is not None):
            logger.warning(line)
        super().end()

    def _price(self, requests: int) -> None:
        """Says what the read will cost before it is paid; again when it turns out to be more by
        half. requests: for the first parent."""
        parents, how = self._parents()
        with self.lock:
            if parents <= 1.5 * self._said:
                return
            self._said = parents
        limit = self.sync.client.usage.daily_limit
        cost = self.row.endpoint.cost * requests
        price = Estimate(self.row.name, parents, self.unit, cost, self.child.batch, how)
        if price.is_expensive(limit):
            logger.info(price.sentence(limit))

    @property
    def unit(self) -> str:
        """What is counted where the price is said."""
        return self.child.parents[0].name

    def _parents(self) -> tuple[int, str]:
        """How many there are to ask for, and how sure that is."""
        sources = [source for source in self.sources if not source.exhausted]
        expected = [(source.expected, source.lane.records) for source in sources]
        with self.lock:
            wanted, seen = self._wanted, max(1, self._seen)
        rest = sum(max(0, of - come) for of, come in expected if of is not None)
        known = all(of is not None for of, _ in expected)
        return wanted * (seen + rest) // seen, "" if not sources else ABOUT if known else AT_LEAST

    @property
    def expected(self) -> int | None:
        """As many children of each parent as those had that have been read."""
        read = self._read
        return self.lane.records * self._parents()[0] // read if read else None

    @property
    def price(self) -> int:
        requests = -(-self._parents()[0] // self.child.batch) * len(self.row.endpoint.param_sets)
        return requests * self.row.endpoint.cost
