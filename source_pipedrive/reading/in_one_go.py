"""Readers whose work is one task: pages that have to be read one after the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.order import DisorderError, Ordered
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


class InOrder(Ordered[T], InOneGo[T]):
    """A v1 list that is asked for in an order, by two keys: the second one settles ties."""

    sort: str

    def take(self) -> Task | None:
        return None if self.flooded else super().take()

    def read(self) -> None:
        begun = False
        while not self.progress.complete:
            if begun and (self.crowded() or self.flooded):
                # There is no memory for more pages, or parents: another time, from here on.
                self._taken = False
                return
            try:
                self.read_in_order()
                begun = True
            except DisorderError:
                self.distrust()
                self.read_whole()
            except StreamError as error:
                # Whether two keys are taken is not documented for every list.
                if error.status != 400 or "," not in self.sort:
                    raise
                self.sort = self.sort.partition(",")[0]
                self.nulls_due = self.nulls_due or not self.vouches

    @abstractmethod
    def read_in_order(self) -> None:
        """Reads some of what is left; called until all is."""

    def sorting(self, descending: bool) -> dict[str, str]:
        direction = "DESC" if descending else "ASC"
        return {"sort": self.sort.replace("DESC", direction).replace("ASC", direction)}
