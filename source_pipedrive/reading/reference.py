"""A short list in which a derived stream looks facts up, besides its source streams."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from source_pipedrive.http.errors import StreamError
from source_pipedrive.http.request import Api
from source_pipedrive.reading.pages import all_records
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

REFUSED = (402, 403, 404, 410)  # the credentials cannot see the list in this sync


class ReferenceList:
    """Reads the list `stream` once a sync, when it is first needed. Thread-safe."""

    def __init__(self, client: Api, stream: Stream | None, reader: str) -> None:
        self._client = client
        self._stream = stream
        self._reader = reader
        self._lock = threading.Lock()
        self._records: Sequence[Record] | None = None
        self._failure: StreamError | None = None

    def records(self) -> Sequence[Record]:
        """The records; none, after a warning, if the credentials may not see them.

        Raises StreamError if they cannot be read. Workers wait here for the one that requests
        them. If it fails, they raise its error; otherwise each would spend minutes on its own try.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._records is None:
                try:
                    self._records = self._read(self._stream) if self._stream else []
                except StreamError as error:
                    self._failure = error
                    raise
            return self._records

    def _read(self, stream: Stream) -> Sequence[Record]:
        try:
            return all_records(self._client, stream)
        except StreamError as error:
            if error.status not in REFUSED:
                raise
            logger.warning(
                f"{error} Until then {self._reader} is derived without the list of {stream.name}, "
                "and lacks what only that list contains."
            )
            return []
