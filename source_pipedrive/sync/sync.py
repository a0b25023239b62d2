"""One sync: the runs of the selected streams, their workers, and the report at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.company import Company
from source_pipedrive.http.errors import CONFIG, SYSTEM, TRANSIENT, SyncError
from source_pipedrive.http.request import Api
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.privacy.privacy import Privacy
from source_pipedrive.reading import state
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.coverage import Remaining
from source_pipedrive.reading.dependent import DependentReader
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.reading.multi_progress import whole
from source_pipedrive.reading.shaping import Fields
from source_pipedrive.stream import Kind, Stream
from source_pipedrive.sync.budget_stop import BudgetStop
from source_pipedrive.sync.context import SyncContext
from source_pipedrive.sync.copies import CopyWriter
from source_pipedrive.sync.failures import logger, summary, unexpected
from source_pipedrive.sync.graph import Graph
from source_pipedrive.sync.limits import WorkerLimits
from source_pipedrive.sync.messages import Encoder, T
from source_pipedrive.sync.output import NullOutput, OutputChunk, StreamOutput, WriteBuffer
from source_pipedrive.sync.priority import Priority
from source_pipedrive.sync.report import Report
from source_pipedrive.sync.report_rows import ReportRows
from source_pipedrive.sync.schedule import Schedule
from source_pipedrive.sync.selection import Selection
from source_pipedrive.sync.stream_run import StreamRun
from source_pipedrive.sync.tombstones import Tombstones
from source_pipedrive.sync.warning_log import WarningLog
from source_pipedrive.sync.workers import Workers

# Pages that may wait for the writer besides those that the workers have.
BUFFERED = 4
# Seconds that requests under way get when the sync is asked to stop.
GRACE = 5.0


@dataclass(frozen=True)
class Options:
    """lower: where the configured history begins, in seconds since 1970; workers: their number, or
    None to let the connector choose; fields: None if custom fields stay as Pipedrive sends them;
    between_pages: called between two pages; warnings: those of this sync, from its beginning;
    audit: what the user asked an audit to do, if anything; show: where a person watches the
    progress, if anyone does; privacy: None if nothing is protected; budget_succeeds: whether a sync
    that a budget stops should succeed (budget_stop.py)."""

    lower: int = 0
    workers: int | None = None
    fields: Fields | None = None
    between_pages: Callable[[], None] = lambda: None
    warnings: WarningLog = field(default_factory=WarningLog)
    audit: AuditSettings | None = None
    show: Callable[[str], None] | None = None
    privacy: Privacy | None = None
    budget_succeeds: bool = False


class SyncRun(Generic[T]):
    """Reads the selected streams and yields what `encoder` renders, whole lines or messages, in
    order."""

    def __init__(
        self,
        client: Api,
        company: Company,
        selected: Sequence[Selection],
        encoder: Encoder[T],
        options: Options,
        stop_signal: StopSignal,
    ) -> None:
        self._encoder = encoder
        self._stop_signal = stop_signal
        self._between_pages = options.between_pages
        pages, succeeds = (options.workers or BUFFERED) + BUFFERED, options.budget_succeeds
        self.buffer: WriteBuffer[T] = WriteBuffer(pages, succeeds)
        until = seconds_of(company.at)
        limits = WorkerLimits(client, options.workers)
        tombstones = Tombstones(selected, until, encoder, self.buffer)
        copies = CopyWriter(selected, encoder, self.buffer)
        self._context = SyncContext(
            client=client,
            company=company,
            lower=options.lower,
            until=until,
            limits=limits,
            tombstones=tombstones,
            copies=copies,
            fields=options.fields,
            audit=options.audit,
            privacy=options.privacy,
            budget_stop=BudgetStop(
                succeeds, frozenset(one.stream.name for one in selected if one.is_replaced)
            ),
        )
        self._graph: Graph[StreamRun[T]] = Graph(self._unselected_run)
        own = [one for one in selected if one.stream.kind is Kind.REPORT]
        self.runs = [self._selected_run(one) for one in selected if one not in own]
        writers = [self._selected_run(one) for one in own]
        self._rows = ReportRows(self._context, options.warnings, writers)
        for run in self.runs:
            if isinstance(run.reader, DependentReader):
                run.reader.look_again()
        _warn_of_distrusted_states(selected, until)
        self._unselected: list[StreamRun[T]] = []
        all_runs = [*self.runs, *self._graph.connect(self.runs)]
        self._report = Report(client.usage, until, self.runs, self._unselected, options.show)
        priority = Priority(all_runs, client.usage, whole_first=succeeds)
        self.schedule = Schedule(all_runs, self._graph, limits, priority, self._end)
        self.workers = Workers(self.schedule)
        options.warnings.follow(self.workers.have)
        self._deadline: float | None = None

    def _selected_run(self, selection: Selection) -> StreamRun[T]:
        stream, context = selection.stream, self._context
        progress = state.restore(
            stream,
            selection.state,
            selection.full_refresh,
            context.company.id,
            context.lower,
            context.until,
        )
        if progress is not None:
            self._context.tombstones.read_again(stream, progress)
        output = (
            context.tombstones.output_of(stream)
            or context.copies.output_of(stream)
            or StreamOutput(stream.name, self._encoder, self.buffer, selection.state)
        )
        full, schema = selection.full_refresh, selection.schema
        run = StreamRun(stream, context, output, self._graph, progress, full, schema)
        context.copies.add(run)
        return run

    def _unselected_run(self, stream: Stream, remaining: Remaining) -> StreamRun[T]:
        """A run whose records only dependents need."""
        output: StreamOutput[T] = NullOutput(stream.name, self._encoder, self.buffer)
        multi = whole(stream, self._context.lower, self._context.until)
        for root, intervals in remaining.items():
            multi.set_remaining_of(root, intervals)
        progress = multi if stream.sources else multi.by_root[stream.name]
        run = StreamRun(stream, self._context, output, self._graph, progress)
        self._unselected.append(run)
        return run

    def __iter__(self) -> Iterator[T]:
        """Yields the output. At the end raises one error that names all incomplete streams and
        their reasons, or logs it as a warning if the user wants no error for a spent budget."""
        self.workers.start()
        try:
            while (chunk := self._next()) is not None:
                yield from chunk.pieces
                if chunk.page:
                    self.buffer.free_slot()
                self._check_limits()
        finally:
            self._stop_signal.stop()
            self.buffer.open()
            self.schedule.stop(StopSignal.error())
        self._rows.write(self.runs, self._error())
        for run in self._rows.runs:
            self._end(run)
        yield from self.buffer.drain()
        self._report.bill()
        if (error := self._error()) is None:
            return
        all_runs = (*self.runs, *self._rows.runs, *self._unselected)
        if not self._context.budget_stop.is_success(all_runs):
            raise error
        logger.warning(str(error))

    def _check_limits(self) -> None:
        """Ends all streams in order if `between_pages` says that the sync cannot go on."""
        try:
            self._between_pages()
        except AirbyteTracedException as error:
            if self._deadline is None:
                self._stop(SyncError(str(error), SYSTEM))

    def _stop(self, error: SyncError) -> None:
        self.buffer.open()  # a worker that waits there may block the others
        self.schedule.stop(error)
        self._deadline = time.monotonic() + GRACE

    def _next(self) -> OutputChunk[T] | None:
        while True:
            self._report.tick()
            if self._stop_signal.stopped and self._deadline is None:
                self._stop(StopSignal.error())
            running = self.workers.running
            if (chunk := self.buffer.get(timeout=0.2 if running else 0)) is not None:
                return chunk
            if not running:
                return None
            if self._deadline is not None and time.monotonic() > self._deadline:
                self.schedule.abandon(StopSignal.error())

    def _end(self, run: StreamRun[T]) -> None:
        try:
            run.end()
        except Exception as failure:  # otherwise it would look complete
            run.fail_here(unexpected(run.stream.name, failure))
            run.output.ended(run.error)
        if run.selected:
            complete = run.error is None and run.absence is None
            self._context.tombstones.ended(run.stream, complete, run.reader.unsure)
            self._context.copies.ended(run.stream)
            self._report.ended(run)

    def _error(self) -> AirbyteTracedException | None:
        """The error that names all incomplete streams, grouped by their reasons."""
        runs = [*self.runs, *self._rows.runs]
        failed = {run.stream.name: run.error for run in runs if run.error}
        if not failed:
            return None
        kinds = {error.failure_type for error in failed.values()}
        # A config error tells the platform not to retry, so every failure has to be one.
        kind = next(iter(kinds)) if len(kinds) == 1 else FailureType.system_error
        if TRANSIENT in kinds and kinds != {CONFIG}:
            kind = TRANSIENT
        restarting = {run.stream.name for run in runs if not run.reader.resumes}
        return AirbyteTracedException(
            message=summary(failed, restarting),
            internal_message=f"{len(failed)} of {len(self.runs)} streams incomplete",
            failure_type=kind,
        )


def _warn_of_distrusted_states(selected: Sequence[Selection], until: int) -> None:
    """Logs one line for all states that another connector wrote, and one for those that claim what
    lies after `until`."""
    resuming = [s for s in selected if s.stream.cursor_field and not s.full_refresh]
    names = [s.stream.name for s in resuming if state.is_foreign(s.state)]
    if names:
        logger.warning(
            f"Another connector wrote the state of {', '.join(names)}. It does not record how "
            "much was read, so this sync reads the whole configured history once."
        )
    ahead = [
        s.stream.name
        for s in resuming
        if s.stream.cursor_field and state.is_ahead(s.stream.cursor_field, s.state, until)
    ]
    if ahead:
        logger.warning(
            f"The state of {', '.join(ahead)} claims times that Pipedrive's clock has not reached: "
            "it was edited, or a sync was given a wrong time. Nobody can tell what has changed "
            "since that sync, so this one reads the whole configured history once."
        )
