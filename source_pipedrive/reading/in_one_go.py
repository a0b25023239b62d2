"""Readers whose work is one task: pages that have to be read one after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.reader import Reader, T, Task
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.spans import Progress


class InOneGo(Reader[T]):
    """A reader whose work is one task."""

    _taken = False

    def take(self) -> Task | None:
        if self._taken or self.progress.complete:
            return None
        self._taken = True
        return self.read

    @abstractmethod
    def read(self) -> None:
        """Reads everything that is left."""

    def finish(self, rows: Sequence[Row] = ()) -> None:
        """Hands out the last rows: with them all is read."""
        self.emit(rows, Progress.finish)


class InOrder(InOneGo[T]):
    """A v1 list that is asked for in an order, by two keys: the second one settles ties."""

    sort: str

    def read(self) -> None:
        while not self.progress.complete:
            try:
                self.read_in_order()
            except StreamError as error:
                # Whether two keys are taken is not documented for every list.
                if error.status != 400 or "," not in self.sort:
                    raise
                self.sort = self.sort.partition(",")[0]

    @abstractmethod
    def read_in_order(self) -> None:
        """Reads some of what is left; called until all is."""
