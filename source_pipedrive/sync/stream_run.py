"""One stream in one sync: writes what its reader yields, and saves its state.

The rule for states: a state is put into the output together with the page that it includes, right
after it, and only while the reader `can_checkpoint`. A restart is the exception: it emits a state
that claims less. For child streams, reading/children.py decides when a state may follow. Records
and states share one queue, so a state never arrives before its records.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import SyncError
from source_pipedrive.http.shapes import values
from source_pipedrive.reading import state
from source_pipedrive.reading.batch import Batch, Copies, Handover, HiddenParent, Signal, Step, Task
from source_pipedrive.reading.children import Children
from source_pipedrive.reading.dependent import DependentReader
from source_pipedrive.reading.instants import instants
from source_pipedrive.reading.progress import Progress, without
from source_pipedrive.reading.reader import ReadContext, Reader
from source_pipedrive.reading.readers import reader_class
from source_pipedrive.reading.records import Record
from source_pipedrive.reading.shaping import Shaping
from source_pipedrive.stream import Stream
from source_pipedrive.sync.context import SyncContext
from source_pipedrive.sync.failures import EndedError, logger, unexpected
from source_pipedrive.sync.forecast import ChildForecast, Forecast
from source_pipedrive.sync.graph import Graph
from source_pipedrive.sync.guard import GuardedClient
from source_pipedrive.sync.handovers import Handovers
from source_pipedrive.sync.held_output import HeldOutput
from source_pipedrive.sync.messages import T
from source_pipedrive.sync.output import StreamOutput
from source_pipedrive.sync.status import RunStatus
from source_pipedrive.sync.tombstones import Tombstones


class StreamRun(RunStatus[T]):
    """Runs the tasks of one stream's reader. `progress` is None if no state is kept."""

    def __init__(
        self,
        stream: Stream,
        context: SyncContext,
        output: StreamOutput[T],
        graph: Graph[StreamRun[T]],
        progress: Progress | None,
        full_refresh: bool = False,
        schema: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(stream, output, graph)
        self.seconds = 0.0
        self.handed_on = False  # a page has reached the dependents
        self.counted = 0  # records of the stream that this one counts
        self._handovers = Handovers()
        user, schema = context.company.user_id, schema or {}
        self._shaping = Shaping(
            stream, user, context.fields, schema, context.until, context.privacy
        )
        self._tombstones: Tombstones[T] = context.tombstones
        self._copies = context.copies
        view = ReadContext(
            client=GuardedClient(context.client, self.check),
            company=context.company,
            lower=context.lower,
            until=context.until,
            max_workers=context.limits.max_for,
            is_done=self.is_done,
            is_current=self.is_current,
            audit=context.audit,
            lists=context.lists,
            removed=context.tombstones.removed_by(stream),
        )
        self.reader: Reader = reader_class(stream)(stream, view, progress, full_refresh)
        self.forecast = self._forecast(context)

    def _forecast(self, context: SyncContext) -> Forecast:
        usage = context.client.usage
        if isinstance(self.reader, Children):
            return ChildForecast(self.reader, self.output, usage, self.sources)
        return Forecast(self.reader, self.output, usage)

    @property
    def expected(self) -> int | None:
        """About how many records this sync will deliver."""
        return self.forecast.expected

    # -- from the first task to the end

    def take(self) -> Task | None:
        """The next task, or None if there is none at the moment."""
        reader = self.reader
        if isinstance(reader, DependentReader) and reader.untried:
            return reader.try_out()
        if reader.can_pause and self.is_blocked:
            return None
        return reader.take(more=any(not source.exhausted for source in self.sources))

    def start(self) -> None:
        """The stream's first task is about to begin."""
        with self.reader.lock:
            if self._began is None:
                self._began = time.monotonic()
                if self.selected and self.error is None:  # ended before it could begin
                    logger.info(f"{self.stream.name}: {self.reader.intention}.")
                self.output.started()

    def carry_out(self, step: Step) -> Iterator[bool]:
        """Carries out a task's step. Yields True when there may be new work for other workers, and
        False where tests let another worker overtake this one (unit_tests/turns.py)."""
        if isinstance(step, Batch):
            yield False
            self._write(step)
            yield False
            yield from self._hand_on()
            self.handed_on = True
            yield True
        elif isinstance(step, HiddenParent):
            self.hide(step)
        elif isinstance(step, Copies):
            self._copies.write(step)
        elif step is Signal.CHECKPOINT:
            self._checkpoint()
            yield False
            yield from self._hand_on()
            yield True
        elif step is Signal.ESTIMATE:
            self.forecast.announce_at_page()
        else:
            self._restart()

    def end(self) -> None:
        """The stream is over: no task is under way, and none will start."""
        self.start()
        self.seconds = time.monotonic() - (self._began or 0.0)
        if self.reader.close(self.error is not None, self.absence is not None):
            self._checkpoint()
            for _ in self._hand_on():
                pass
        if self._stopped and self.reader.progress.complete and self.reader.can_checkpoint:
            self.error = None  # the page under way was the last
        with self.reader.lock:
            if not self.reader.resumes and self.error is None and self.absence is None:
                self.output.state(state.NO_CURSOR)
            self.output.ended(self.error)

    # -- output and state

    def _write(self, batch: Batch) -> None:
        """Writes the tombstones that follow from the records, the records, and the state that
        includes them."""
        self.output.take_slot()
        kept = False
        try:
            self.reader.highest.note(batch.records)
            records = self._shaping.records(batch.records) if self.selected else []
            rendered = self.output.render(records)
            removed = self._tombstones.of(self.stream, batch) if self.selected else []
            with self.reader.lock:
                # A page that is too late is dropped, so it does not count as read either.
                if not self.output.over and self.absence is None:
                    for output, tombstones, number in removed:
                        output.tombstones(tombstones, number)
                    self._note(batch)
                    count = len(records) if self.selected else len(batch.records)
                    self.output.page(rendered, count, self.reader.state() if batch.moved else None)
                    kept = True
        finally:
            if not kept:
                self.output.free_slot()

    def write_copies(self, records: Sequence[Record]) -> None:
        """Writes records of this stream that an audit has read, as far as the configured history
        reaches."""
        since, history = self.reader.progress.since, self.stream.incremental.history_field
        times = instants([record.get(history or "") for record in records])
        records = [r for r, at in zip(records, times, strict=True) if at is None or at >= since]
        self.output.take_slot()
        taken = False
        try:
            shaped = self._shaping.records(records)
            rendered = self.output.render(shaped)
            with self.reader.lock:
                if isinstance(self.output, HeldOutput) and self.absence is None:
                    taken = self.output.copies(rendered, len(records))
        finally:
            if not taken:
                self.output.free_slot()

    def _note(self, batch: Batch) -> None:
        """Advances the progress and queues what the dependents receive. Coverage waits until the
        reader can checkpoint. The caller holds the lock."""
        if (counts := self.stream.columns.counts) is not None:
            numbers = values(batch.records, counts[1])
            self.counted += sum(number for number in numbers if isinstance(number, int))
        self._graph.release_slow(self)
        to = tuple(self.dependents)
        before = self.reader.remaining() if to and batch.moved else {}
        if batch.moved is None or not self.reader.advance(batch.moved):
            self._handovers.add(Handover(batch.records, (), batch.parents), to)
        elif to:
            after = self.reader.remaining()
            covered = [(r, part) for r in before for part in without(before[r], after[r])]
            self._handovers.hold(Handover(batch.records, covered, batch.parents), to)
            if self.reader.can_checkpoint:
                self._handovers.release()

    def _checkpoint(self) -> None:
        with self.reader.lock:
            if (now := self.reader.state()) is not None:
                self.output.state(now)
            self._handovers.release()

    def _restart(self) -> None:
        """The list turned out to be in another order: takes back what was saved and handed on."""
        with self.reader.lock:
            if not self.reader.restart():
                return
            self._graph.restarted(self)
            self._handovers.drop_held()
            if (now := self.reader.dump()) is not None:
                self.output.state(now)
        for run in (*self.dependents, *self._graph.released(self)):
            run.take_back(self)

    # -- dependents

    def _hand_on(self) -> Iterator[bool]:
        while (addressed := self._handovers.next()) is not None:
            handover, to = addressed
            try:
                for run in to:
                    yield from run.receive(self, handover)
            finally:
                self._handovers.delivered()

    def receive(self, source: StreamRun[T], handover: Handover) -> Iterator[bool]:
        """Takes what a source has read. May be called by several workers at once."""
        if self.exhausted:
            return
        self.start()
        needed = self._graph.needed(source, self)
        try:
            for step in self.dependent_reader.receive(source.reader, handover, needed):
                yield from self.carry_out(step)
        except SyncError:
            raise
        except AirbyteTracedException as error:  # of this stream, not of its source
            self.fail(error)
        except EndedError:
            return
        except Exception as error:
            self.fail(unexpected(self.stream.name, error))

    def take_back(self, source: StreamRun[T]) -> None:
        """What the source had covered remains again."""
        reader = self.dependent_reader
        with reader.lock:
            if self.error is not None:
                return
            reader.take_back(source.reader)
            if (now := reader.state()) is not None:
                self.output.state(now)
        for run in self.dependents:
            run.take_back(self)

    def hide(self, parent: HiddenParent) -> None:
        """A stream's records of a parent are hidden from the user, and so is what derives from
        them."""
        if isinstance(self.reader, DependentReader):
            self.reader.refuse(parent.stream, parent.id, parent.time)
        for run in self.dependents:
            run.hide(parent)

    def is_done(self, source: str, parent: Any, time: int) -> bool:
        """Whether an earlier sync wrote the records of a parent, here and in all dependents."""
        mine = bool(self.dependents)
        if self.selected:
            mine = self.dependent_reader.has_done(source, parent, time)
        by = f"{self.stream.name}:{source}"
        return mine and all(run.is_done(by, parent, time) for run in self.dependents)

    def is_current(self, known: int) -> bool:
        """Whether the last complete sync of this stream, and of all its dependents, ended at
        `known`."""
        mine = self.dependent_reader.is_current(known)
        return mine and all(run.is_current(known) for run in self.dependents)
