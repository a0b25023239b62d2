"""How far one stream of a sync is, and why it ended early, if it did."""

from __future__ import annotations

from typing import Any, Generic

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import BudgetError, SyncError
from source_pipedrive.reading.dependent import DependentReader
from source_pipedrive.reading.reader import Reader
from source_pipedrive.stream import Stream
from source_pipedrive.sync.failures import EndedError, UnneededError
from source_pipedrive.sync.graph import Graph
from source_pipedrive.sync.messages import T
from source_pipedrive.sync.output import StreamOutput


class RunStatus(Generic[T]):
    """How far a stream is. selected: whether its records are written, or only read for its
    dependents; error, absence: why it ended early; stopped: the error is another stream's, which
    ended the sync."""

    reader: Reader

    def __init__(self, stream: Stream, output: StreamOutput[T], graph: Graph[Any]) -> None:
        self.stream = stream
        self.output = output
        self.selected = output.selected
        self.error: AirbyteTracedException | None = None
        self.absence: str | None = None  # why the account does not have the stream
        self._stopped = False
        self._began: float | None = None
        self._graph = graph

    @property
    def dependent_reader(self) -> DependentReader:
        """The reader of a stream that has sources."""
        assert isinstance(self.reader, DependentReader)
        return self.reader

    @property
    def dependents(self) -> list[Any]:
        """The runs that receive what this one reads."""
        return self._graph.dependents(self)

    @property
    def sources(self) -> list[Any]:
        """The runs that this one receives records from."""
        return self._graph.sources(self)

    @property
    def earlier(self) -> list[Any]:
        """The runs that have to end before this one begins."""
        return self._graph.earlier(self)

    @property
    def later(self) -> list[Any]:
        """The runs that begin only after this one has ended."""
        return self._graph.later(self)

    @property
    def began(self) -> float | None:
        """When its first task was taken, by time.monotonic()."""
        return self._began

    @property
    def begun(self) -> bool:
        """Whether its first task has been taken."""
        return self._began is not None

    @property
    def running(self) -> bool:
        """Whether it has begun and not ended."""
        return self.begun and not self.output.over

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left to do: everything is read, the account does not have the
        stream, no dependent needs it any more, or an error has ended it."""
        ended = self.error is not None or self.absence is not None
        return ended or self.reader.is_complete or self._is_unneeded

    @property
    def _is_unneeded(self) -> bool:
        waiting = self.dependents
        return not self.selected and bool(waiting) and all(run.exhausted for run in waiting)

    @property
    def is_full(self) -> bool:
        """Whether so much waits here that its sources should pause."""
        return not self.exhausted and (self.reader.is_full or self.is_blocked)

    @property
    def is_blocked(self) -> bool:
        """Whether it should pause because its dependents are full. If it can release them, it
        pauses only when all of them are full and its own records are not written anyway."""
        full = [run.is_full for run in self.dependents if not run.exhausted]
        if self.reader.can_release:
            return not self.selected and bool(full) and all(full)
        return any(full)

    def check(self) -> None:
        """Called before each request. Raises EndedError if the stream has ended."""
        if self.error is not None or self.absence is not None:
            raise EndedError
        if self._is_unneeded:
            raise UnneededError

    def fail(self, error: AirbyteTracedException) -> None:
        """Ends the stream and all its dependents where they are."""
        if not self.exhausted or self.yields_to(error):
            self.fail_here(error)
            self.fail_dependents(error)

    def yields_to(self, error: AirbyteTracedException) -> bool:
        """Whether the stream has ended only with the sync, and `error` says more: it is the
        stream's own, or the sync has ended for a budget, and `error` is another reason. What goes
        wrong in the last requests must not hide behind a spent budget."""
        is_own = not isinstance(error, SyncError)
        is_worse = isinstance(self.error, BudgetError) and not isinstance(error, BudgetError)
        return self._stopped and (is_own or is_worse)

    def fail_here(self, error: AirbyteTracedException) -> None:
        """Fails the stream alone."""
        self.error, self._stopped = error, False

    def fail_dependents(self, error: AirbyteTracedException) -> None:
        """Fails all dependents with the same error."""
        for run in tuple(self.dependents):  # another worker may release one meanwhile
            run.fail(error)

    def stop(self, error: AirbyteTracedException) -> None:
        """Ends the stream with the sync; pages under way are still written."""
        if not self.exhausted or self.yields_to(error):
            self.error, self._stopped = error, True

    def lose(self, source: Stream, why: str) -> None:
        """Stops waiting for a source that the account does not have."""
        if not self.dependent_reader.lose(source.name):
            self.mark_absent(why)

    def mark_absent(self, why: str) -> bool:
        """The account does not have the stream: nothing more is requested or written, and the
        state stays as it was. False if that was known, or the stream has ended. why: as
        UnavailableAnswer words it."""
        with self.reader.lock:
            if self.exhausted:
                return False
            self.absence = why
        for run in self.dependents:
            run.lose(self.stream, why)
        return True
