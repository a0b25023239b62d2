"""Child streams, which are requested for the records of other streams: the products of deals, ...

http/errors.py defines what an answer for one parent means. A parent that has vanished is skipped. A
parent that is hidden from the user is skipped and remembered. A parent that cannot be read is
parked: the state includes everything around it, and the stream is incomplete until it can be read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from source_pipedrive.http.errors import Action, StreamError, about_one_parent
from source_pipedrive.reading.batch import (
    Batch,
    Covered,
    Handover,
    HiddenParent,
    Signal,
    Step,
    Task,
)
from source_pipedrive.reading.counts import Counts, Findings
from source_pipedrive.reading.coverage import Remaining
from source_pipedrive.reading.dependent import DependentReader
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.pending import Pending, PendingParents, parent_of, time_of_parent
from source_pipedrive.reading.progress import Progress, lies_in, union
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.records import Record, numbered
from source_pipedrive.reading.refusals import HOPELESS, Refusals
from source_pipedrive.stream import Child

logger = logging.getLogger("airbyte")

SLICE = 10  # times of parents between two states
MANY = 500  # parents between two states, if all have the same time


class Children(DependentReader):
    """Requests the records of each parent that has some, with as many workers as are free."""

    can_pause = True
    estimates_again = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        assert self.stream.child is not None
        self.child: Child = self.stream.child
        self.pending = PendingParents()
        self.refusals = Refusals(self.stream.name, self.child.parents[0].name)
        self.counts = Counts()
        self._asked: set[tuple[str, Any, int | None]] = set()

    @property
    def is_full(self) -> bool:
        return self.pending.full

    @property
    def fault(self) -> StreamError | None:
        return self.refusals.parked

    @property
    def unit(self) -> str:
        """What an estimate counts."""
        return self.child.parents[0].name

    @property
    def requests_per_parent(self) -> int:
        """How many requests one parent takes, without further pages."""
        return len(self.stream.endpoint.param_sets)

    # -- parents arrive

    def receive(
        self, source: Reader, handover: Handover, needed: Remaining | None
    ) -> Iterator[Step]:
        wanted = [
            parent_of(record, self.child)
            for record in handover.records
            if self._is_wanted(source, record, needed)
        ]
        with self.lock:
            name = source.stream.name
            covered = self.coverage.covered_by(name, handover, source.remaining())
            parents = [unit for parent in wanted for unit in self.units(source, parent)]
            counted = sum(p["children"] for p in parents if not p["deleted"])
            self.counts.add(len(handover.records), len(parents), counted)
            if source.in_order or self.stream.cursor_field is None:
                self.pending.add(parents, covered)
            else:
                self.pending.add_unsorted(name, parents, covered)
        yield from self._settle(())

    def take_back(self, source: Reader) -> None:
        self.pending.take_back(source.stream.name, source.remaining())
        super().take_back(source)

    def _is_wanted(self, source: Reader, record: Record, needed: Remaining | None) -> bool:
        """Whether the parent has changed and, as far as Pipedrive counts them, has children."""
        if self.child.counter and record.get(self.child.counter) == 0:
            return False
        time = time_of_parent(record, self.child)
        if self.stream.cursor_field is None or self.child.month_params or time is None:
            return True
        remaining = needed or self.coverage.remaining_from(source.stream.name)
        return time >= self.progress.until or lies_in(time, union(remaining.values()))

    def units(self, source: Reader, parent: Record) -> list[Record]:
        """What to request for a parent: nothing if it has been read. The caller holds the lock."""
        time = instant_or_none(parent["time"])
        name, id_ = source.stream.name, parent["id"]
        if self.stream.cursor_field is None or not source.in_order or time is None:
            # The list may be read twice, for its own stream and for others.
            if (name, id_, time) in self._asked:
                return []
            self._asked.add((name, id_, time))
        if self.stream.cursor_field is None or not time:
            return [parent]
        noted = {**parent, "source": name}
        recent = self.remembered.recent.get(name, {}).get(id_) == time
        if recent and self.context.is_current(self.multi.known):
            self.note_done(noted)
            return []
        return [] if self.context.is_done(name, id_, time) else [noted]

    # -- requests

    def take(self, more: bool = False) -> Task | None:
        with self.lock:
            chunk = self.pending.take(self.child.batch, more)
        return self._ask(chunk) if chunk else None

    def _ask(self, chunk: Sequence[Pending]) -> Task:
        parents = list({parent["id"]: parent for parent, _ in chunk}.values())
        try:
            records = self._records_of(parents)
        except StreamError as error:
            action = about_one_parent(error)
            unavailable = (
                not self.has_answered
                and self.stream.unavailable_answer(error.status, error.body) is not None
            )
            if unavailable and error.status == 403:  # it may concern only one of the parents
                unavailable = not self.probe()
            if action is Action.END_STREAM or unavailable:
                raise
            if len(parents) > 1:
                # One of them makes the request fail for all, or they have more children than an
                # answer that does not say whether more follow.
                half = len(chunk) // 2
                yield from self._ask(chunk[:half])
                yield from self._ask(chunk[half:])
                return
            yield from self._without(parents[0], error, action)
        else:
            with self.lock:
                self.has_answered = self.can_checkpoint = True
                self.refusals.read()
                self.counts.add_read(len(parents))
                estimate = self.counts.estimate_is_due()
            yield Batch(records, None, parents)
            if estimate:
                yield Signal.ESTIMATE
            with self.lock:
                for parent in parents:
                    self.note_written(parent)
        yield from self._settle(chunk)

    def note_written(self, parent: Record) -> None:
        """All records of a parent have been written. The caller holds the lock."""
        self.counts.add_written()
        self.note_done(parent)

    def _records_of(self, parents: Sequence[Record]) -> list[Record]:
        """The children of the parents that one request names, with their parent's id and time."""
        found: list[Record] = []
        for params, columns in self.requests(parents[0]):
            ids = ",".join(str(parent["id"]) for parent in parents)
            path, named = self.stream.path_and_params(ids)
            known = any(parent["children"] for parent in parents)
            for page in pages(
                self.context.client,
                self.stream,
                {**named, **params},
                path=path,
                known_records=known,
            ):
                found += [{**columns, **item} for item in page.records]
        by_id = {parent["id"]: parent for parent in parents}
        for record in found:
            if self.child.batch == 1:
                record[self.child.key] = parents[0]["id"]
            if self.stream.cursor_field and not self.child.month_params:
                time = by_id.get(record.get(self.child.key), {}).get("time")
                record[self.stream.cursor_field] = time
        return numbered(found, self.child) if self.child.number_by else found

    def requests(self, parent: Record) -> list[tuple[Mapping[str, str], Record]]:
        """The parameters of each request for one parent, and the columns that distinguish its
        records from those of the other requests."""
        return [(params, {}) for params in self.stream.endpoint.param_sets]

    def _without(self, parent: Record, error: StreamError, action: Action) -> Iterator[Step]:
        """Continues without the children of a parent that could not be read."""
        if error.status == self.child.empty_status:
            with self.lock:
                self.counts.add_read(1)
                self.note_written(parent)
            return
        if action is Action.PARK and self.child.batch > 1 and error.status == 400:
            action = Action.ASK_LATER  # the others were answered, so it concerns this one
        time = instant_or_none(parent["time"])
        time = self.progress.since if time is None else time
        with self.lock:
            none_read = not self.counts.read
            if self.refusals.note(error, action, parent["deleted"], none_read):
                self.pending.reverse()
            if action is Action.PARK:
                self.pending.park(time)
            self.skip(parent, action)
        if action is Action.ASK_LATER:
            yield HiddenParent(self.stream.name, parent["id"], time)
        logger.debug(f"{self.stream.name}: parent {parent['id']} not read ({error.status}).")
        if self.refusals.hopeless:
            raise self.refusals.hopeless

    def skip(self, parent: Record, action: Action) -> None:
        """Drops whatever is still to be requested for this parent. The caller holds the lock."""

    # -- what a state may include

    def _settle(self, done: Sequence[Pending]) -> Iterator[Step]:
        """Closes these parents' groups, and saves a state once all earlier groups are closed.
        Raises StreamError if no parent could be read, or only parked ones remain."""
        with self.lock:
            self.pending.close([group for _, group in done])
            enough = self.pending.closed >= SLICE or self.pending.idle
            news = self.has_news(enough)
            ready = news and self._may_save()
            if news and not ready and self._all_asked:
                assert self.refusals.first is not None
                raise self.refusals.first
        if ready:
            yield Batch([], self._save)
        with self.lock:
            remaining = self.coverage.all_remaining
            over = self.pending.idle and self.pending.is_only_holes(remaining)
        if over and (error := self.refusals.parked):
            raise error

    def has_news(self, enough: bool) -> bool:
        """Whether a state would contain more than the last one. enough: whether enough
        parents are written for one. The caller holds the lock."""
        return (enough and bool(self.pending.through)) or self.counts.unsaved >= MANY

    def _may_save(self) -> bool:
        """No state includes parents if none could be read: once they can be, the next sync has to
        request them. The exception: a few have vanished from a list that was read before. The
        caller holds the lock."""
        refusals = self.refusals
        if not refusals or self.counts.read:
            return True
        few_vanished = refusals.gone == refusals.skipped < HOPELESS
        return bool(self.multi.known) and few_vanished and self._all_asked

    @property
    def _all_asked(self) -> bool:
        """Whether only parents that could not be read remain."""
        holes = [(*pair, hole) for pair in self.coverage.pairs for hole in self.pending.holes]
        return self.coverage.ends_with([*self.pending.through, *holes])

    def _save(self, _: Progress) -> None:
        # Another worker may have been refused, or have saved, since this one asked.
        if self._may_save():
            covered: Covered = self.pending.through
            self.counts.saved()
            self.pending.saved()
            self.coverage.cover(covered)

    def findings(self, failed: bool) -> Findings:
        counts, now = self.counts, self.refusals
        return Findings(
            expected=counts.children if self.child.counter else None,
            unread=max(0, counts.wanted - counts.read - now.skipped),
            refused=tuple(now.lines(failed, self.remembered.hidden_before(self.stream.name))),
        )

    def close(self, failed: bool, unavailable: bool) -> bool:
        # A sync that is cut short keeps what it has paid for. If the account turned out not to have
        # the stream, the pages under way were dropped.
        saves = bool(self.pending.through) and not unavailable
        if saves:
            with self.lock:
                self._save(self.progress)
        for line in self.refusals.lines(failed):
            logger.warning(line)
        return super().close(failed, unavailable) or saves
