"""Streams without an endpoint: their records are made of what is read for other streams."""

from __future__ import annotations

from typing import Any

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.consulted import Consulted
from source_pipedrive.reading.fed import Fed
from source_pipedrive.reading.fetched import Fetched
from source_pipedrive.reading.made import MAKERS
from source_pipedrive.reading.reader import Reader, Sync, T, Task
from source_pipedrive.stream import Stream


class Made(Fed[T]):
    """A stream without an endpoint: its records are made of what is read for other streams."""

    def __init__(self, row: Stream, sync: Sync, *facts: Any) -> None:
        super().__init__(row, sync, *facts)
        self._consulted = Consulted(sync.client, row.derived.lookup, row.name)

    def take(self) -> Task | None:
        return None

    def take_in(self, source: Reader[Any], fetched: Fetched) -> None:
        make = MAKERS[self.row.name]
        try:
            rows = make(source.row.name, fetched.rows, fetched.parents, self._consulted)
        except StreamError as error:  # of this stream, not of the one that is read
            self.error = error
            return
        moved = (
            (lambda _: self.cover(self.covered_by(source, fetched))) if fetched.covered else None
        )
        self.emit(rows, moved)
        with self.lock:
            for parent in fetched.parents:
                self.note_done(parent, f"{source.row.name}:")
