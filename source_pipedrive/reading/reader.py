"""What every reader does: hand a page to the output together with the state after it."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.client import Api
from source_pipedrive.http.company import Company
from source_pipedrive.http.errors import PipedriveError
from source_pipedrive.reading import state
from source_pipedrive.reading.fetched import Fetched, Living, Outbox
from source_pipedrive.reading.forecast import Forecast
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.messages import Backlog, Lane
from source_pipedrive.reading.pages import Page, pages
from source_pipedrive.reading.records import Row
from source_pipedrive.reading.shaping import Fields, Shaping
from source_pipedrive.reading.spans import Interval, Progress, without
from source_pipedrive.stream import Changes, Stream

T = TypeVar("T")
Task = Callable[[], None]

# Lists of which a part can be read on its own.
SORTED = (Changes.ASCENDING, Changes.RESTARTING, Changes.NEWEST_FIRST)


class UnneededError(Exception):
    """Those that a list was read for are at their end. No failure: others may have been let go, to
    read the rest later."""


@dataclass(frozen=True)
class Sync:
    """What the readers of a sync share. lower, until: seconds since 1970; workers: how many there
    are of use now for one stream."""

    client: Api
    company: Company
    lower: int
    until: int
    backlog: Backlog
    workers: Callable[[str], int]
    fields: Fields | None = None


class Reader(ABC, Generic[T]):
    """Reads one stream. `progress` is None where there is no state to keep; `full_refresh` says
    that what is kept is the state of a full refresh.

    `take` hands out work until none is left; the tasks of one reader may run side by side.
    """

    in_order = True  # what it feeds to others comes in the order of its times

    def __init__(
        self,
        row: Stream,
        sync: Sync,
        lane: Lane[T],
        progress: Progress | None,
        full_refresh: bool = False,
        schema: Mapping[str, Any] | None = None,
    ) -> None:
        self.row = row
        self.sync = sync
        self.lane = lane
        self.progress = progress or Progress(lower_bound(row, sync.lower), sync.until)
        self.lock = threading.Lock()
        self.error: AirbyteTracedException | None = None
        self.absence: PipedriveError | None = None  # the account does not have the stream
        self.answered = False  # Pipedrive has shown that the account has it
        self.trial: Task | None = None  # comes before anything is read for this reader
        self.began: float | None = None
        self.seconds = 0.0
        self.starting: Callable[[], None] = lambda: None
        self.nudge: Callable[[], None] = lambda: None
        self.crowded: Callable[[], bool] = lambda: False
        self.relieve: Callable[[], None] = lambda: None
        self.vouches = True  # whether what is emitted may be followed by a state
        self.running = False
        self.handed_on = False  # a page has reached those that live on it
        self.stopped = False  # the error is another stream's, which ended the sync
        self.forecast = Forecast(row, lane, sync.client.usage, self.progress, self.lock)
        self.resumes = progress is not None  # the next sync goes on where this one stops
        self.full_refresh = full_refresh
        self._shaping = Shaping(row, sync.company.user_id, sync.fields, schema or {})
        self.fed: list[Living] = []
        self.rests: list[tuple[Any, Any]] = []  # of those that could not keep up with it
        self.needs: dict[Any, Mapping[str, list[Interval]]] = {}  # of those it is read for only
        self.waits_for: list[Reader[Any]] = []
        self.awaited_by: list[Reader[Any]] = []
        self._withheld: list[Fetched] = []
        self._outbox = Outbox()

    @abstractmethod
    def take(self) -> Task | None:
        """The next piece of work, or None where there is none for now."""

    @property
    def exhausted(self) -> bool:
        """Nothing is left to do: all is read, the account does not have it, nobody needs it any
        more, or an error has ended the stream."""
        ended = self.error is not None or self.absence is not None
        return ended or self.progress.complete or self._is_unneeded

    def start(self) -> None:
        """The stream's first work is about to be done."""
        with self.lock:
            if self.began is None:
                self.began = time.monotonic()
                self.running = True
                self.starting()
                self.lane.started()

    def end(self) -> None:
        """No work is under way any more, and none will be."""
        self.start()
        self.seconds = time.monotonic() - (self.began or 0.0)
        self.running = False
        if self.stopped and self.progress.complete and self.vouches:
            self.error = None  # the page under way was the last
        with self.lock:
            if not self.resumes and self.error is None and self.absence is None:
                self.lane.state(state.NO_CURSOR)
            self.lane.ended(self.error)

    def pages(self, params: Mapping[str, str], start: int = 0) -> Iterator[Page]:
        """The pages of this stream's list, for as long as nothing has ended the stream.

        Raises the error that did, so that nobody takes a list cut short for its end.
        """
        self.go_on()
        for page in pages(self.sync.client, self.row, params, start):
            self.answered = True
            yield page
            self.go_on()

    def go_on(self) -> None:
        """Called before each request. Raises what has ended the stream, if anything has."""
        if (ended := self.error or self.absence) is not None:
            raise ended
        if self._is_unneeded:
            raise UnneededError

    def emit(self, rows: Sequence[Row], moved: Callable[[Progress], object] | None = None) -> None:
        """Hands a page to the output, and then to those that live on it. `moved` tells the progress
        what is read with it; the state after that leaves behind the page, never before."""
        self.put(rows, moved, Fetched(rows))

    def put(
        self, rows: Sequence[Row], moved: Callable[[Progress], object] | None, fetched: Fetched
    ) -> None:
        """As `emit`; `fetched` is what those that live on this reader get."""
        self.lane.enter(self.sync.backlog)
        kept = False
        try:
            self.notice(rows)
            records = [] if self.lane.silent else self._shaping.records(rows)
            rendered = self.lane.render(records)
            with self.lock:
                # A page that comes too late is dropped, so it is not read either.
                if not self.lane.over and self.absence is None:
                    self._outbox.add(self._fetched(moved, fetched))
                    count = len(rows) if self.lane.silent else len(records)
                    self.lane.page(rendered, count, self._state() if moved else None)
                    kept = True
        finally:
            if not kept:  # nobody will write it
                self.lane.leave(self.sync.backlog)
        self._feed()
        self.handed_on = True
        self.nudge()

    def _fetched(
        self, moved: Callable[[Progress], object] | None, fetched: Fetched
    ) -> list[Fetched]:
        """What may be handed on now. What vouches for a time waits until this reader does."""
        self.relieve()
        fetched = replace(fetched, to=tuple(self.fed))
        if moved is None:
            return [fetched]
        before = self.left() if self.fed else {}
        moved(self.progress)
        if not self.fed:
            return []
        after = self.left()
        covered = [(axis, part) for axis in before for part in without(before[axis], after[axis])]
        out, self._withheld = [*self._withheld, replace(fetched, covered=covered)], []
        if not self.vouches:
            out, self._withheld = [], out
        return out

    def leave(self, left: Sequence[Interval]) -> None:
        """This, and nothing else, is to be read. Called before anything is."""
        self.progress.leave(left)

    def left(self) -> dict[str, list[Interval]]:
        """What has not been read, by the list that it is a part of."""
        return {self.row.name: self.progress.left}

    def _feed(self) -> None:
        self._outbox.hand_on(self)

    @property
    def flooded(self) -> bool:
        """Whether those that live on this reader have so much before them that it should wait; for
        somebody who may be let go it waits only if nobody else has room, nor its own records go
        anywhere."""
        full = [each.flooded for each in self.fed if not each.exhausted]
        if self.lets_go:
            return self.lane.silent and bool(full) and all(full)
        return any(full)

    @property
    def lets_go(self) -> bool:
        """Whether those that cannot keep up with it may be left to read the rest later."""
        return self.row.changes in SORTED and self.vouches

    @property
    def _is_unneeded(self) -> bool:
        """Whether it is read for others only, and these are at their end."""
        return self.lane.silent and bool(self.fed) and all(each.exhausted for each in self.fed)

    def absent(self, answer: PipedriveError) -> bool:
        """This account does not have it: nothing more is asked for, nothing leaves any more, and
        the state stays what it was. False where that was known, or the stream is at its end."""
        with self.lock:
            if self.exhausted:
                return False
            self.absence = answer
        for each in self.fed:
            each.lose(self.row, answer)
        return True

    @property
    def behind(self) -> float:
        """The time up to which nothing is missing, in seconds since 1970; infinite for a stream
        that is read anew each time."""
        if not self.resumes:
            return float("inf")
        return self.progress.spans[0].at if self.progress.spans else self.progress.until

    def notice(self, rows: Sequence[Row], newest: bool = False) -> None:
        """Learns from a page; newest: its rows are those that changed last."""
        self.forecast.notice(rows, newest)

    @property
    def price(self) -> int:
        """API tokens that this sync takes for it, as far as can be told."""
        return self.forecast.tokens(self.expected)

    @property
    def expected(self) -> int | None:
        """Records that this sync will bring, about, as far as can be told."""
        return self.forecast.records(self.progress)

    def announce(self) -> None:
        """Says what the read will cost and how much it will bring; again when that has changed."""
        expected = self.expected
        if expected is not None and not self.progress.complete:
            self.forecast.announce(expected)

    def checkpoint(self) -> None:
        """Sends the state after what has been emitted so far."""
        with self.lock:
            if (now := self._state()) is not None:
                self.lane.state(now)
            self._outbox.add(self._withheld)
            self._withheld = []
        self._feed()

    def _state(self) -> dict[str, Any] | None:
        if not self.resumes or not self.vouches or self.row.cursor_field is None:
            return None
        company = self.sync.company.id
        return state.dump(self.row.cursor_field, company, self.progress, self.full_refresh)

    def time_of(self, row: Row) -> int | None:
        """The cursor field of a row, as seconds since 1970."""
        return instant_or_none(row.get(self.row.cursor_field or ""))


def lower_bound(row: Stream, lower: int) -> int:
    """Where the history of a stream begins: the configured bound, or 1970 where it is whole."""
    return lower if row.history else 0
