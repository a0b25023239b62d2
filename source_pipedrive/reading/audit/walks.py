"""Reading a list once more, to note which ids it has. Nothing here decides what was deleted, so a
record that a walk misses, because it moved or because the list is unsorted, costs a question and
nothing else."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from threading import RLock
from typing import Any

from source_pipedrive.http.errors import StreamError
from source_pipedrive.http.request import Api
from source_pipedrive.http.shapes import values
from source_pipedrive.reading.answers import EXPIRED
from source_pipedrive.reading.incremental import SPLITS_A_WORKER, WORTH_SPLITTING
from source_pipedrive.reading.instants import instant, instant_or_none, rfc3339
from source_pipedrive.reading.pages import Page, pages
from source_pipedrive.reading.progress import OVERLAP, Progress, Span
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Changes, Paging, Stream

logger = logging.getLogger("airbyte")

# Notes the records of a page; the lock is held.
Note = Callable[[Sequence[Record]], None]
# Reads pages; yields the records of each one, and then, once they count as read, None.
Reading = Iterator[Sequence[Record] | None]
# Records by which a later sync steps back in a list that is read by offset.
BACK = 50
# Syncs that may resume within one second, or within a list that is read by cursor. One whose cursor
# was refused counts as many: it reads the same pages again. What was not seen by then is asked for
# by id.
TRIES, REFUSED = 50, 10


class Walk(ABC):
    """One list, read once. `lock` guards the notes and the walk's own place together, so that a
    state never has one without the other. The walks below also take `saved`, what `dump` returned
    in an earlier sync."""

    def __init__(self, stream: Stream, client: Api, lock: RLock, note: Note) -> None:
        self.stream = stream
        self.client = client
        self.lock = lock
        self.note = note

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether the list has been read to its end."""

    @abstractmethod
    def take(self, workers: int) -> Reading | None:
        """A part that no worker reads, or None. workers: how many could read at once."""

    @abstractmethod
    def dump(self) -> dict[str, Any]:
        """How far it is, for the state. The caller holds the lock."""


class SpanWalk(Walk):
    """A list with a filter by update_time, in spans. v2's spans are closed, and shared by workers;
    v1's single span is requested again from the latest time seen, because offsets drift.

    until: where time ends for this sync.

    A second may have more records than one sync may read: an import changes thousands at once. Its
    place within such a second is {"at", "until", "bounds", "cursor" or "start", "tries"}: which
    second, where the span ended, what was requested, where the next page begins, and how
    many syncs have resumed there.
    """

    def __init__(self, *arguments: Any, until: int, saved: dict[str, Any] | None = None) -> None:
        super().__init__(*arguments)
        saved = saved or {}
        done = [(instant(start), instant(end)) for start, end in saved.get("done", [])]
        self._progress = Progress(0, until, done)
        self._places = {instant(place["at"]): _place(place) for place in saved.get("places", [])}
        self._shared = self.stream.incremental.changes is Changes.ASCENDING
        self._splits = 0

    @property
    def complete(self) -> bool:
        return self._progress.complete

    def take(self, workers: int) -> Reading | None:
        with self.lock:
            span = self._progress.take()
            if span is None and self._shared and self._splits < SPLITS_A_WORKER * workers:
                ways = 2 if self._splits else workers
                size = WORTH_SPLITTING * (self.stream.endpoint.limit or 1)
                self._splits += self._progress.split(size, ways)
                span = self._progress.take()
        return self._read(span) if span else None

    def _read(self, span: Span) -> Reading:
        place = self._places.get(span.at)
        tries = place["tries"] + 1 if place else 0
        if place and tries > TRIES:
            with self.lock:
                self._progress.advance(span, span.at + 1)
            place, tries = None, 0
            logger.info(
                f"{self.stream.name}: so many {self.stream.endpoint.path} changed within one "
                f"second that {TRIES} syncs could not read them. The others are requested by id."
            )
        while span.at < span.end:
            begun = span.at
            try:
                yield from self._read_pages(span, place or {}, tries)
            except StreamError as error:
                # A cursor may have expired: the rest of the span is requested again.
                if error.status not in EXPIRED or (span.at == begun and not place):
                    raise
                tries += REFUSED
            place, tries = None, tries if span.at == begun else 0

    def _read_pages(self, span: Span, place: dict[str, Any], tries: int) -> Reading:
        """place: where an earlier sync stopped within the second in which the span begins; tries:
        what that has cost so far."""
        begun, end = span.at, instant(place["until"]) if place else span.end
        bounds = place["bounds"] if place else self._bounds(span)
        cursor = {"cursor": place["cursor"]} if "cursor" in place else {}
        params = {**self._sorting(), **bounds, **cursor}
        for page in pages(self.client, self.stream, params, place.get("start", 0)):
            times = [
                time
                for value in values(page.records, "update_time")
                if (time := instant_or_none(value)) is not None
            ]
            yield page.records
            with self.lock:
                self.note(page.records)
                last = times[-1] if times else span.at
                ended = page.last or last >= span.end
                density = len(times) / max(1, times[-1] - times[0]) if times else 0.0
                at = span.end if ended else last
                if place and page.last and max(last, end) < span.end:
                    at = max(begun + 1, end - OVERLAP)  # the list ended where that sync did
                if at <= begun:
                    here = {"at": rfc3339(begun), "until": rfc3339(end), "bounds": bounds}
                    self._places[begun] = {**here, **self._next(page), "tries": tries}
                self._progress.advance(span, at, density)
            yield None
            if ended or (not self._shared and last > begun):
                return

    def _next(self, page: Page) -> dict[str, Any]:
        if self._shared:
            return {"cursor": page.cursor}
        # As in `PlainWalk`: records above may be deleted until the next sync.
        return {"start": page.position - min(BACK, len(page.records) // 2)}

    def _sorting(self) -> dict[str, str]:
        if self._shared:
            return {"sort_by": "update_time", "sort_direction": "asc"}
        return {"sort": "update_time ASC"}

    def _bounds(self, span: Span) -> dict[str, str]:
        """None at the very beginning, where records without a time may be."""
        if not span.at:
            return {}
        bounds = {"updated_since": rfc3339(span.at)}
        if self._shared and self.stream.incremental.has_upper_bound:
            bounds["updated_until"] = rfc3339(span.end)
        return bounds

    def dump(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "done": [[rfc3339(a), rfc3339(b)] for a, b in self._progress.done()]
        }
        starts = {span.at for span in self._progress.spans}
        places = [place for at, place in self._places.items() if at in starts]
        return {**found, "places": places} if places else found


def _place(saved: dict[str, Any]) -> dict[str, Any]:
    """A place as a state has it. Raises KeyError, TypeError, ValueError, AttributeError or
    OverflowError if it cannot be read: now, and not when a worker comes to it."""
    found = {name: rfc3339(instant(saved[name])) for name in ("at", "until")}
    bounds = {str(name): str(value) for name, value in saved["bounds"].items()}
    next_ = {"start": max(0, int(saved["start"]))} if "start" in saved else {}
    cursor = {"cursor": str(saved["cursor"])} if "cursor" in saved else {}
    return {**found, "bounds": bounds, **next_, **cursor, "tries": int(saved["tries"])}


class PlainWalk(Walk):
    """A list without such a filter, from its beginning to its end, by offset or cursor."""

    def __init__(self, *arguments: Any, saved: dict[str, Any] | None = None) -> None:
        super().__init__(*arguments)
        saved = saved or {}
        self._offset = max(0, int(saved.get("offset", 0)))  # where the last page began
        self._cursor = str(saved["cursor"]) if saved.get("cursor") else None
        self._tries = int(saved.get("tries", 0))
        self._complete = bool(saved.get("complete"))
        self._taken = False

    @property
    def complete(self) -> bool:
        return self._complete

    def take(self, workers: int) -> Reading | None:
        if self._taken or self._complete:
            return None
        self._taken = True
        return self._by_cursor() if self.stream.endpoint.paging is Paging.CURSOR else self._from()

    def _from(self) -> Reading:
        for page in pages(self.client, self.stream, {"sort": "id ASC"}, self._offset):
            yield page.records
            with self.lock:
                self.note(page.records)
                # Records above may be deleted until the next sync, which moves the others up. Even
                # a sync with time for one small page must get on.
                back = min(BACK, len(page.records) // 2)
                self._offset, self._complete = page.position - back, page.last
            yield None

    def _by_cursor(self) -> Reading:
        if self._cursor and self._tries >= TRIES:
            with self.lock:
                self._complete = True
            yield None
            return
        self._tries += 1
        try:
            yield from self._after(self._cursor)
        except StreamError as error:
            # An earlier sync's cursor may have expired. What was noted stays noted.
            if error.status not in EXPIRED or self._cursor is None:
                raise
            self._tries += REFUSED
            yield from self._after(None)

    def _after(self, cursor: str | None) -> Reading:
        for page in pages(self.client, self.stream, {"cursor": cursor} if cursor else {}):
            yield page.records
            with self.lock:
                self.note(page.records)
                self._cursor, self._complete = page.cursor, page.last
            yield None

    def dump(self) -> dict[str, Any]:
        if self._complete:
            return {"complete": True}
        if self._cursor:
            return {"cursor": self._cursor, "tries": self._tries}
        return {"offset": self._offset} if self._offset else {}


def walk_of(
    stream: Stream, client: Api, lock: RLock, note: Note, until: int, saved: dict[str, Any] | None
) -> Walk:
    """The walk for a list. until: seconds since 1970."""
    if stream.incremental.changes in (Changes.ASCENDING, Changes.RESTARTING):
        return SpanWalk(stream, client, lock, note, until=until, saved=saved)
    return PlainWalk(stream, client, lock, note, saved=saved)
