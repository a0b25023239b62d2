"""Streams that are asked for by the records of others: the products of deals, a role's users, ...

A parent may vanish between its list and its own request, or be hidden from the token's user: it is
passed over and counted. When that happens to all of them it is not the parents: the stream fails.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from source_pipedrive.child import Child
from source_pipedrive.http.errors import StreamError, passed_over, words
from source_pipedrive.reading.estimates import ABOUT, AT_LEAST, Estimate
from source_pipedrive.reading.fed import Covered, Fed, lies_in
from source_pipedrive.reading.fetched import Fetched
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.months import months_of
from source_pipedrive.reading.pages import Page, pages
from source_pipedrive.reading.reader import Reader, T, Task
from source_pipedrive.reading.records import Row, as_rfc3339
from source_pipedrive.reading.spans import Progress, union
from source_pipedrive.reading.tickets import Ticket, slices_of

logger = logging.getLogger("airbyte")

# Parents of which none could be read before the rest is not asked for any more: from the oldest on,
# and if these have gone, as many from the newest on.
HOPELESS = 20
REASONS = 5  # that are told apart in the log
HIDDEN = (
    "What hangs on them is missing. Once the token's user may see them, refresh the stream in full."
)
SLICE = 10  # times of parents between two states
# Parents that may wait: so many are a few megabytes.
ENOUGH = 20_000


class Children(Fed[T]):
    """Asks for the rows of each parent that has some, by as many workers as are free."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        assert self.row.child is not None
        self.child: Child = self.row.child
        self._waiting: deque[tuple[Row, Ticket]] = deque()
        self._tickets: deque[Ticket] = deque()
        self._passed: Counter[str] = Counter()
        self._first: StreamError | None = None
        self._through: Covered = []  # by tickets that are gone, but no state vouches for it yet
        self._gone = self._said = 0
        self._look = SLICE
        self._priced = True  # in its own words
        self._seen = self._wanted = self._read = self._vanished = self._refused = 0

    @property
    def flooded(self) -> bool:
        return len(self._waiting) >= ENOUGH or super().flooded

    def take_in(self, source: Reader[Any], fetched: Fetched) -> None:
        parents = [self._parent(row) for row in fetched.rows if self._is_wanted(source, row)]
        covered = self.covered_by(source, fetched)
        slices = slices_of(parents, covered)
        with self.lock:
            self._seen += len(fetched.rows)
            self._wanted += len(parents)
            for some, part in slices:
                ticket = Ticket(part, len(some))
                self._tickets.append(ticket)
                self._waiting.extend((parent, ticket) for parent in some)
        self._settle(())
        self.nudge()

    def take_back(self, source: Reader[Any]) -> None:
        name = source.row.name
        with self.lock:
            for ticket in self._tickets:
                ticket.covered = [part for part in ticket.covered if part[0] != name]
            self._through = [part for part in self._through if part[0] != name]
        super().take_back(source)

    def _is_wanted(self, source: Reader[Any], row: Row) -> bool:
        """Whether the parent has changed, and has any rows, as far as Pipedrive tells."""
        if self.child.counter and row.get(self.child.counter) == 0:
            return False
        time = self._time_of(row)
        if self.row.cursor_field is None or self.child.months or time is None:
            return True
        return time >= self.progress.until or lies_in(
            time, union(self.left_by(source.row).values())
        )

    def _time_of(self, row: Row) -> int | None:
        times = [instant_or_none(row.get(name)) for name in self.child.moved]
        return max((time for time in times if time is not None), default=None)

    def _parent(self, row: Row) -> Row:
        """What is kept of a parent: its id, its time, whether it is deleted, what is asked for."""
        found = [row.get(name) for name in self.child.moved]
        texts = [text for text in found if isinstance(text, str) and instant_or_none(text)]
        time = max(texts, key=lambda text: instant_or_none(text) or 0, default=None)
        kept = {name: inner(row, name) for name in (*self.child.life, *self.child.takes)}
        mine = {"id": row[self.child.of[0].key[-1]], "time": as_rfc3339(time)}
        return {**kept, **mine, "deleted": bool(row.get("is_deleted"))}

    def take(self) -> Task | None:
        if super().flooded:
            return None
        with self.lock:
            size = self.child.batch
            more = any(not source.exhausted for source in self.sources)
            if not self._waiting or (more and len(self._waiting) < size):
                return None
            chunk = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        return partial(self._ask, chunk)

    def _ask(self, chunk: Sequence[tuple[Row, Ticket]]) -> None:
        self.go_on()
        parents = list({parent["id"]: parent for parent, _ in chunk}.values())
        self._price(len(self._requests(parents[0])))
        try:
            rows = self._rows_of(parents)
        except StreamError as error:
            if self.child.batch > 1 or not passed_over(error):
                raise
            self._pass_over(parents[0], error)
        else:
            with self.lock:
                self._read += len(parents)
                look = self._read >= self._look
                self._look = 10 * self._read if look else self._look
            fresh = [row for row in rows if self._is_new(row)]
            self.put(fresh, None, Fetched(rows, (), parents))
            if look:
                self.announce()
        self._settle([ticket for _, ticket in chunk])

    def _rows_of(self, parents: Sequence[Row]) -> list[Row]:
        """The rows of parents that one request names, each with its parent's id and time."""
        found: list[Row] = []
        for params, columns in self._requests(parents[0]):
            ids = ",".join(str(parent["id"]) for parent in parents)
            path = self.row.path if self.child.ids else self.row.path.format(id=ids)
            named = {self.child.ids: ids} if self.child.ids else {}
            page = Page([], last=True)
            for page in pages(self.sync.client, self.row, {**named, **params}, path=path):
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
            if self.row.cursor_field and not self.child.months:
                row[self.row.cursor_field] = by_id.get(row.get(self.child.key), {}).get("time")
        return numbered(found, self.child) if self.child.number else found

    def _requests(self, parent: Row) -> list[tuple[Mapping[str, str], Row]]:
        """The parameters of each request for one parent, and the columns that tell them apart."""
        if not self.child.months:
            return [(params, {}) for params in self.row.each]
        since = max(self.sync.lower, self.progresses.known)
        life = [parent.get(name) for name in self.child.life]
        first, last = self.child.months
        return [
            ({first: within[0], last: within[1]}, {"period_start": start, "period_end": end})
            for start, end, within in months_of(since, self.sync.until, *life)
        ]

    def _is_new(self, row: Row) -> bool:
        if not self.child.known or not self.progresses.known:
            return True
        time = instant_or_none(row.get(self.child.known))
        return time is None or time >= self.progresses.known

    def _settle(self, done: Sequence[Ticket]) -> None:
        """The rows of a parent of each ticket have left. A state leaves when with them all parents
        up to some ticket are through."""
        with self.lock:
            for ticket in done:
                ticket.open -= 1
            while self._tickets and not self._tickets[0].open:
                self._through += self._tickets.popleft().covered
                self._gone += 1
            enough = self._gone >= SLICE or not self._tickets
            ready = enough and self._through and self._may_vouch()
        if ready:
            self.emit([], self._vouch)

    def _may_vouch(self) -> bool:
        """No state vouches for parents of whom none could be read: once they can be, the next sync
        has to ask for them. At the end that is the stream's error, unless a few have vanished from
        a list that was read before. The lock is held."""
        if self._first is None or self._read:
            return True
        if not self.ends_with(self._through):
            return False
        if self.progresses.known and self._vanished == self._passed.total() < HOPELESS:
            return True
        self.error = self.error or self._first
        return False

    def _vouch(self, _: Progress) -> None:
        # Another worker may have been refused, or have vouched, since this one asked.
        if self._may_vouch():
            covered, self._through, self._gone = self._through, [], 0
            self.cover(covered)

    def _pass_over(self, parent: Row, error: StreamError) -> None:
        with self.lock:
            if error.status == self.child.none:
                self._read += 1
                return
            why = f'{error.status} "{re.sub("[0-9]+", "#", words(error.body))}"'
            told = why in self._passed or len(self._passed) < REASONS
            self._passed[why if told else "other answers"] += 1
            self._vanished += (gone := error.status in (404, 410))
            if parent["deleted"] and gone:  # that says nothing about the others
                return
            self._first = self._first or error
            self._refused += 1
            refused = 0 if self._read else self._refused
            if refused == HOPELESS and error.status != 403:
                self._waiting.reverse()
        logger.debug(f"{self.row.name}: parent {parent['id']} passed over ({error.status}).")
        if refused >= (HOPELESS if error.status == 403 else 2 * HOPELESS):
            raise self._first

    def end(self) -> None:
        if self._through:  # a sync that is cut short keeps what it has paid for
            with self.lock:
                self._vouch(self.progress)
            self.checkpoint()
        for why, number in self._passed.items():
            of = self.child.of[0].name
            hidden = f" {HIDDEN}" if why.startswith("403") and self.error is None else ""
            logger.warning(f"{self.row.name}: {number:,} of the {of} passed over: {why}.{hidden}")
        super().end()

    def _price(self, requests: int) -> None:
        """Says what the read will cost before it is paid; again when it turns out to be more by
        half. requests: for the first parent."""
        parents, how = self._parents()
        with self.lock:
            if parents <= 1.5 * self._said:
                return
            self._said = parents
        each, limit = self.child.batch, self.sync.client.usage.daily_limit
        unit, units, cost = self.child.of[0].name, parents, self.row.cost * requests
        if self.child.months:
            unit, units, cost = f"months of {unit}", parents * requests, self.row.cost
        price = Estimate(self.row.name, units, unit, cost, each, how)
        if price.is_expensive(limit):
            logger.info(price.sentence(limit))

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


def inner(row: Row, name: str) -> Any:
    """A value of a row, or of an object in it: `duration.start`."""
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def numbered(rows: Sequence[Row], child: Child) -> list[Row]:
    """The rows, those that are alike in all that `child` names numbered from the oldest on."""
    newest_first = not rows or str(rows[0].get("time")) >= str(rows[-1].get("time"))
    seen: Counter[tuple[str, ...]] = Counter()
    numbers = []
    for row in reversed(rows) if newest_first else rows:
        alike = tuple(str(row.get(name)) for name in (child.key, *child.number))
        seen[alike] += 1
        numbers.append(seen[alike])
    if newest_first:
        numbers.reverse()
    return [{**row, "number": number} for row, number in zip(rows, numbers, strict=True)]
