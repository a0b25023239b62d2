"""What Pipedrive tells of deleted records, put together from several lists.

Deals and projects can be asked for by that status: deals for 30 days, projects for as long as they
are listed. Of the others only the recent changes tell, for a month at most; whether they name every
deletion is not documented.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from source_pipedrive.http.errors import PipedriveError, StreamError
from source_pipedrive.reading.in_one_go import InOneGo
from source_pipedrive.reading.instants import instant_or_none, rfc3339
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.reader import T
from source_pipedrive.reading.records import Row, as_rfc3339
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

MONTH = 30 * 86_400  # seconds for which Pipedrive remembers
# The streams whose records the recent changes name, by what these call them.
OBJECTS = {
    "person": "persons",
    "organization": "organizations",
    "product": "products",
    "activity": "activities",
    "note": "notes",
    "file": "files",
}


class DeletedRecords(InOneGo[T]):
    """Deletions since the last sync, or of the last month."""

    def read(self) -> None:
        begin = min(span.at for span in self.progress.spans)
        oldest = self.progress.until - MONTH
        if begin < oldest and self.progress.done():
            logger.warning(
                f"{self.row.name}: the last sync is more than a month ago, and Pipedrive does not "
                "tell what was deleted before. Run a full refresh of the streams whose deletions "
                "matter to you."
            )
        refused: StreamError | None = None
        for part in self.row.components:
            # What is asked for by its status comes for as long as Pipedrive keeps it.
            since = min(begin, self.progress.lacking.get(part.endpoint.path, begin))
            since = max(since, oldest) if part.endpoint.path == "recents" else since
            try:
                for rows in self._deleted(part, since):
                    self.emit(rows)
                self.progress.lacking.pop(part.endpoint.path, None)
            except PipedriveError as error:
                if part.unavailable_answer(error.status, error.body) is not None:
                    logger.info(
                        f"{self.row.name}: this account does not have {part.endpoint.path}."
                    )
                    self.progress.lacking[part.endpoint.path] = since
                elif isinstance(error, StreamError):
                    logger.warning(
                        f"{self.row.name}: {part.endpoint.path} could not be read; the other lists "
                        f"are read. {error}"
                    )
                    refused = refused or error
                else:
                    raise
        if refused is not None:
            raise refused  # no state vouches for that list, so the next sync asks for all again
        self.finish()

    def _deleted(self, part: Stream, since: int) -> Iterator[list[Row]]:
        self.go_on()
        recent = part.endpoint.path == "recents"
        for page in pages(self.sync.client, part, _bounds(part, since)):
            if recent:
                yield [self._of_recents(item) for item in page.rows if is_deleted(item)]
            else:
                yield [
                    self._row(part.endpoint.path.split("/")[0], item["id"], item.get("update_time"))
                    for item in page.rows
                    if (instant_or_none(item.get("update_time")) or since) >= since
                ]
            self.go_on()

    def _of_recents(self, item: Row) -> Row:
        data = item.get("data") or {}
        time = data.get("delete_time") or data.get("update_time")
        return self._row(OBJECTS[item["item"]], item["id"], time)

    def _row(self, name: str, id_: Any, time: Any) -> Row:
        seen = rfc3339(self.progress.until)
        return {"object": name, "id": str(id_), "seen_time": seen, "deleted_time": as_rfc3339(time)}


def _bounds(part: Stream, since: int) -> Mapping[str, str]:
    if part.endpoint.path == "recents":
        return {"since_timestamp": rfc3339(since).replace("T", " ").removesuffix("Z")}
    if part.endpoint.path.startswith("deals"):
        return {"updated_since": rfc3339(since), "sort_by": "update_time", "sort_direction": "asc"}
    return {}


def is_deleted(item: Row) -> bool:
    """Whether a recent change is a deletion: a record that is marked so, or that is gone."""
    if item.get("item") not in OBJECTS:
        return False
    data = item.get("data")
    if not data:
        return True
    marked = data.get("deleted") or data.get("is_deleted")
    return bool(marked) or data.get("active_flag") in (False, 0) or data.get("active") is False
