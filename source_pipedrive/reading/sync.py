"""One sync: the readers of the selected streams, their workers, and the report at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.client import Api
from source_pipedrive.http.company import Company
from source_pipedrive.http.errors import CONFIG, TRANSIENT
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading import state
from source_pipedrive.reading.ascending import Ascending, Restarting
from source_pipedrive.reading.children import Children
from source_pipedrive.reading.crew import Crew
from source_pipedrive.reading.deleted import DeletedRecords
from source_pipedrive.reading.derived import Made
from source_pipedrive.reading.fed import Fed, whole
from source_pipedrive.reading.in_one_go import InOneGo
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.reading.lists import FieldList, Mailbox, NewestFirst, WholeList
from source_pipedrive.reading.messages import Backlog, Encoder, Lane, Parcel, Silent
from source_pipedrive.reading.monthly import Monthly
from source_pipedrive.reading.priority import Priority
from source_pipedrive.reading.reader import Reader, Sync, T, lower_bound
from source_pipedrive.reading.report import Report
from source_pipedrive.reading.shaping import Fields
from source_pipedrive.reading.spans import Progress
from source_pipedrive.reading.wiring import Left, again, wire
from source_pipedrive.reading.workers import Workers
from source_pipedrive.stream import Changes, Kind, Stream

logger = logging.getLogger("airbyte")

# Pages that may wait for the writer beside those that the workers hold.
BACKLOG = 4
# Seconds that requests under way get when the sync is asked to stop.
PATIENCE = 5.0


@dataclass(frozen=True)
class Selection:
    """A stream to read. state: what the last sync left; schema: as the catalog has it."""

    row: Stream
    state: Mapping[str, Any]
    full_refresh: bool
    schema: Mapping[str, Any] = field(default_factory=dict)


class Removed(InOneGo[T]):
    """A stream whose endpoint is gone: nothing is asked, nothing is missed."""

    def read(self) -> None:
        logger.info(f"{self.row.name}: {self.row.about}.")
        self.finish()


def reader_class(row: Stream) -> type[Reader[T]]:
    """How a stream is read follows from its row."""
    kinds: dict[Kind, type[Reader[T]]] = {
        Kind.MAILBOX: Mailbox,
        Kind.CHILD: Children,
        Kind.MADE: Made,
        Kind.DELETED: DeletedRecords,
        Kind.FIELDS: FieldList,
        Kind.REMOVED: Removed,
    }
    changes: dict[Changes, type[Reader[T]]] = {
        Changes.ASCENDING: Ascending,
        Changes.RESTARTING: Restarting,
        Changes.NEWEST_FIRST: NewestFirst,
    }
    if row.child and row.child.months:
        return Monthly
    if row.kind in kinds:
        return kinds[row.kind]
    return changes.get(row.changes, WholeList) if row.changes else WholeList


def resumes(row: Stream) -> bool:
    """Whether a full refresh that died goes on where it was."""
    return row.changes in (Changes.ASCENDING, Changes.RESTARTING, Changes.NEWEST_FIRST)


def _say_foreign(selected: Sequence[Selection]) -> None:
    """One line for all states that another connector wrote."""
    going_on = [each for each in selected if each.row.cursor_field and not each.full_refresh]
    names = [each.row.name for each in going_on if state.is_foreign(each.state)]
    if names:
        logger.warning(
            f"Another connector wrote the state of {', '.join(names)}. It does not say how much "
            "was read, so this sync reads the whole configured history once."
        )


class Run(Generic[T]):
    """Reads `selected` and yields what `encoder` renders, whole lines or messages, in order."""

    def __init__(
        self,
        client: Api,
        company: Company,
        selected: Sequence[Selection],
        encoder: Encoder[T],
        lower: int,
        workers: int | None,
        stop_signal: StopSignal,
        meanwhile: Callable[[], None] = lambda: None,
        fields: Fields | None = None,
    ) -> None:
        self._client = client
        self._encoder = encoder
        self._stop_signal = stop_signal
        self._meanwhile = meanwhile
        self._queue: SimpleQueue[Parcel[T]] = SimpleQueue()
        self._backlog = Backlog((workers or BACKLOG) + BACKLOG)
        until = seconds_of(company.at)
        crew = Crew(client, workers)
        self._sync = Sync(client, company, lower, until, self._backlog, crew.for_one, fields)
        self._readers = [self._reader(selection) for selection in selected]
        for reader in self._readers:
            if isinstance(reader, Fed):
                reader.look_again()
        _say_foreign(selected)
        self._silent: list[Reader[T]] = wire(self._readers, self._hidden)
        everyone = [*self._readers, *self._silent]
        self._report = Report(client.usage, until, self._readers, self._silent)
        priority = Priority(everyone, client.usage)
        self._workers = Workers(everyone, crew, priority, self._began, self._ended, self._read_on)
        self._patience: float | None = None

    def _reader(self, selection: Selection) -> Reader[T]:
        row, sync, full = selection.row, self._sync, selection.full_refresh
        progress: Progress | None = None
        if row.cursor_field is not None and row.sources:
            progress = state.progresses(
                row.name,
                row.cursor_field,
                state.of_full_refresh(selection.state) if full else selection.state,
                sync.company.id,
                {name: lower_bound(root, sync.lower) for name, root in row.roots.items()},
                sync.until,
            )
            if row.child and row.child.months:
                progress = whole(row, sync, progress.known, progress.remembered)
        elif row.cursor_field is not None and (not full or resumes(row)):
            saved = state.of_full_refresh(selection.state) if full else selection.state
            lower = lower_bound(row, sync.lower)
            progress = state.progress(
                row.name, row.cursor_field, saved, sync.company.id, lower, sync.until
            )
        lane = Lane(row.name, self._encoder, self._queue)
        make: type[Reader[T]] = reader_class(row)
        return make(row, sync, lane, progress, full, selection.schema)

    def _hidden(self, row: Stream, left: Left) -> Reader[Any]:
        """A reader whose records nobody has selected, but others live on."""
        lane: Lane[T] = Silent(row.name, self._encoder, self._queue)
        progress = whole(row, self._sync)
        for axis, intervals in left.items():
            progress.leave_of(axis, intervals)
        make: type[Reader[T]] = reader_class(row)
        if row.sources:
            return make(row, self._sync, lane, progress)
        return make(row, self._sync, lane, progress.axes[row.name])

    def __iter__(self) -> Iterator[T]:
        """Raises the error that ended the sync, or one that names the streams that failed."""
        self._workers.start()
        try:
            while (parcel := self._next()) is not None:
                yield from parcel.pieces
                if parcel.page:
                    self._backlog.leave()
                self._meanwhile()
        finally:
            self._stop_signal.stop()
            self._backlog.lift()
            self._workers.stop(StopSignal.error())
        self._report.bill()
        self._raise()

    def _next(self) -> Parcel[T] | None:
        while True:
            self._report.tick()
            if self._stop_signal.stopped and self._patience is None:
                self._backlog.lift()  # one that ends a stream may wait there and hold up the others
                self._workers.stop(StopSignal.error())
                self._patience = time.monotonic() + PATIENCE
            running = self._workers.running
            try:
                return self._queue.get(timeout=0.2 if running else 0)
            except Empty:
                if not running:
                    return None
            if self._patience is not None and time.monotonic() > self._patience:
                self._workers.abandon()

    def _read_on(self, source: Reader[T]) -> Sequence[Reader[T]]:
        more = again(source, self._hidden)
        self._silent += more
        return more

    def _began(self, reader: Reader[T]) -> None:
        if not reader.lane.silent:
            self._report.began(reader)

    def _ended(self, reader: Reader[T]) -> None:
        reader.end()
        if not reader.lane.silent:
            self._report.ended(reader)

    def _raise(self) -> None:
        failed = {reader.row.name: reader.error for reader in self._readers if reader.error}
        if not failed:
            return
        kinds = {error.failure_type for error in failed.values()}
        # A config error tells the platform not to try again, so it has to be true of all.
        kind = next(iter(kinds)) if len(kinds) == 1 else FailureType.system_error
        if TRANSIENT in kinds and kinds != {CONFIG}:
            kind = TRANSIENT
        reasons = list(dict.fromkeys(str(error) for error in failed.values()))
        raise AirbyteTracedException(
            message=f"Not read to the end: {', '.join(sorted(failed))}. {' '.join(reasons)}",
            internal_message=f"{len(failed)} of {len(self._readers)} streams incomplete",
            failure_type=kind,
        )
