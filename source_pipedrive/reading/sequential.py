"""Readers whose work is one task: pages that have to be read one after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.batch import Batch, Signal, Step, Task
from source_pipedrive.reading.order import DisorderError, Ordered
from source_pipedrive.reading.progress import Progress
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.records import Record


class Sequential(Reader):
    """A reader whose work is one task."""

    _taken = False

    def take(self, more: bool = False) -> Task | None:
        if self._taken or self.progress.complete:
            return None
        self._taken = True
        return self.read()

    @abstractmethod
    def read(self) -> Task:
        """Reads everything that remains."""

    def finished(self, records: Sequence[Record] = ()) -> Batch:
        """The last batch: with it, everything has been read."""
        return Batch(records, Progress.finish)


class SortedV1(Ordered, Sequential):
    """A v1 list that is requested in the order of two keys; the second breaks ties."""

    can_pause = True
    sort: str

    def read(self) -> Task:
        while not self.progress.complete:
            try:
                paused = yield from self.read_in_order()
            except DisorderError:
                yield Signal.RESTART
                yield from self.read_whole()
            except StreamError as error:
                # Whether every list accepts two keys is not documented.
                if error.status != 400 or "," not in self.sort:
                    raise
                self.sort = self.sort.partition(",")[0]
                self.nulls_due = self.nulls_due or not self.can_checkpoint
            else:
                if paused and not self.progress.complete:
                    self._taken = False
                    return

    @abstractmethod
    def read_in_order(self) -> Generator[Step, bool, bool]:
        """Reads part of what remains; called until everything is read. Returns whether the sync
        asked it to stop."""

    def sorting(self, descending: bool) -> dict[str, str]:
        direction = "DESC" if descending else "ASC"
        return {"sort": self.sort.replace("DESC", direction).replace("ASC", direction)}
