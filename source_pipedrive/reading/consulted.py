"""A short list that a made stream takes facts from, beside what it is made of."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from source_pipedrive.http.client import Api
from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.pages import all_rows
from source_pipedrive.reading.records import Row
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

REFUSED = (402, 403, 404, 410)  # the credentials will not see the list in this sync


class Consulted:
    """Reads `row`, the list, once a sync, when it is first needed. Thread-safe."""

    def __init__(self, client: Api, row: Stream | None, reader: str) -> None:
        self._client = client
        self._row = row
        self._reader = reader
        self._lock = threading.Lock()
        self._rows: Sequence[Row] | None = None
        self._failure: StreamError | None = None

    def rows(self) -> Sequence[Row]:
        """The rows; none, after a warning, where the credentials may not see them.

        Raises StreamError where it is not known what they are. Workers wait here for the one that
        asks; if it fails, its error is theirs, or each of them would ask for minutes in turn.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._rows is None:
                try:
                    self._rows = self._read(self._row) if self._row else []
                except StreamError as error:
                    self._failure = error
                    raise
            return self._rows

    def _read(self, row: Stream) -> Sequence[Row]:
        try:
            return all_rows(self._client, row)
        except StreamError as error:
            if error.status not in REFUSED:
                raise
            logger.warning(
                f"{error} Until then {self._reader} is made without the list of {row.name}, and "
                "lacks what nothing else says."
            )
            return []
