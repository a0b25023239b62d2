"""The deletions that Pipedrive reports, collected from several lists.

Deleted deals and projects can be requested by their status: deals for 30 days, projects for as long
as Pipedrive lists them. Other deletions appear only among the recent changes, for a month at most;
whether these include every deletion is not documented.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from source_pipedrive.http.errors import PipedriveError, StreamError
from source_pipedrive.reading.batch import Batch, Task
from source_pipedrive.reading.instants import instant_or_none, rfc3339
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.records import Record, as_rfc3339
from source_pipedrive.reading.sequential import Sequential
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

MONTH = 30 * 86_400  # seconds for which Pipedrive remembers
# The streams whose records the recent changes name, by the name used there.
OBJECTS = {
    "person": "persons",
    "organization": "organizations",
    "product": "products",
    "activity": "activities",
    "note": "notes",
    "file": "files",
}


class DeletedRecords(Sequential):
    """Deletions since the last sync, or of the last month."""

    def read(self) -> Task:
        begin = min(span.at for span in self.progress.spans)
        oldest = self.progress.until - MONTH
        if begin < oldest and self.progress.done():
            logger.warning(
                f"{self.stream.name}: the last sync was more than a month ago, and Pipedrive does "
                "not report earlier deletions. Run a full refresh of the streams whose deletions "
                "matter to you."
            )
        refused: StreamError | None = None
        for part in self.stream.components:
            path = part.endpoint.path
            # Lists requested by status reach back as far as Pipedrive keeps them.
            since = min(begin, self.progress.lacking.get(path, begin))
            since = max(since, oldest) if path == "recents" else since
            try:
                yield from self._deleted(part, since)
                self.progress.lacking.pop(path, None)
            except PipedriveError as error:
                if part.unavailable_answer(error.status, error.body) is not None:
                    logger.info(f"{self.stream.name}: this account does not have {path}.")
                    self.progress.lacking[path] = since
                elif isinstance(error, StreamError):
                    logger.warning(
                        f"{self.stream.name}: {path} could not be read; the other lists are read. "
                        f"{error}"
                    )
                    refused = refused or error
                else:
                    raise
        if refused is not None:
            raise refused  # no state covers that list, so the next sync requests all of them again
        yield self.finished()

    def _deleted(self, part: Stream, since: int) -> Task:
        path = part.endpoint.path
        for page in pages(self.context.client, part, _bounds(part, since)):
            if path == "recents":
                yield Batch([self._of_recents(item) for item in page.records if is_deleted(item)])
            else:
                name = path.split("/")[0]
                yield Batch(
                    [
                        self._record(name, item["id"], item.get("update_time"))
                        for item in page.records
                        if (instant_or_none(item.get("update_time")) or since) >= since
                    ],
                    listed_in=path,
                )

    def _of_recents(self, item: Record) -> Record:
        data = item.get("data") or {}
        time = data.get("delete_time") or data.get("update_time")
        return self._record(OBJECTS[item["item"]], item["id"], time)

    def _record(self, name: str, id_: Any, time: Any) -> Record:
        seen = rfc3339(self.progress.until)
        return {"object": name, "id": str(id_), "seen_time": seen, "deleted_time": as_rfc3339(time)}


def _bounds(part: Stream, since: int) -> Mapping[str, str]:
    if part.endpoint.path == "recents":
        return {"since_timestamp": rfc3339(since).replace("T", " ").removesuffix("Z")}
    if part.endpoint.path.startswith("deals"):
        return {"updated_since": rfc3339(since), "sort_by": "update_time", "sort_direction": "asc"}
    return {}


def is_deleted(item: Record) -> bool:
    """Whether a recent change is a deletion: its record is marked as deleted, or missing."""
    if item.get("item") not in OBJECTS:
        return False
    data = item.get("data")
    if not data:
        return True
    marked = data.get("deleted") or data.get("is_deleted")
    return bool(marked) or data.get("active_flag") in (False, 0) or data.get("active") is False
