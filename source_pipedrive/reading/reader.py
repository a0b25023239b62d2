"""How a stream is read: what every reader shares.

A reader decides which requests to send and how far a page moves the progress. It knows nothing of
output, messages or workers; sync/stream_run.py writes what its tasks yield.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from source_pipedrive.http.company import Company
from source_pipedrive.http.errors import StreamError
from source_pipedrive.http.request import Api
from source_pipedrive.http.shapes import Shape, values
from source_pipedrive.reading import state
from source_pipedrive.reading.audit.lists import WholeLists
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.batch import Task
from source_pipedrive.reading.counts import Findings
from source_pipedrive.reading.instants import instant_or_none, instants, rfc3339
from source_pipedrive.reading.pages import Page, pages
from source_pipedrive.reading.progress import Interval, Progress, lower_bound
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import SORTED, Stream


@dataclass(frozen=True)
class ReadContext:
    """What a reader needs from the sync.

    client: sends requests, and raises once the stream has ended; lower, until: the sync's history,
    in seconds since 1970; max_workers: how many workers one stream can use now; is_done: whether
    an earlier sync wrote a parent's records, here and in all dependents (source stream, parent's
    id, time); is_current: whether all dependents were complete when this stream was, at
    the given time; audit: what the user asked an audit to do, if anything; lists: which short
    lists have been read, for the audit; removed: the objects whose deletions this stream removes
    from the user's tables, and the time up to which it has.
    """

    client: Api
    company: Company
    lower: int
    until: int
    max_workers: Callable[[str], int] = lambda stream: 1
    is_done: Callable[[str, Any, int], bool] = lambda source, parent, time: False
    is_current: Callable[[int], bool] = lambda known: False
    audit: AuditSettings | None = None
    lists: WholeLists = field(default_factory=WholeLists)
    removed: Mapping[str, int] = field(default_factory=dict)


class HighestId:
    """The highest id seen: Pipedrive numbers a company's records of a kind, so it shows how many
    there may be. newest_seen: whether a page of the newest records was among those seen."""

    def __init__(self) -> None:
        self.value = 0
        self.newest_seen = False

    def note(self, records: Sequence[Record], newest: bool = False) -> None:
        """Learns from a page. newest: it contains the records that changed last."""
        self.newest_seen = self.newest_seen or newest
        ids = values(records, "id")
        ids = ids if {*map(type, ids)} == {int} else [id_ for id_ in ids if isinstance(id_, int)]
        self.value = max([self.value, *ids])


class Reader(ABC):
    """Reads one stream.

    progress: None if no state is kept, so that the next sync cannot resume. full_refresh: the state
    is that of a full refresh. `take` returns tasks until none remains; the tasks of one reader may
    run side by side, and `lock` guards what they share.
    """

    # False if the list arrives unsorted: dependents then hold its parents until all have arrived.
    in_order = True
    # Gets no new task while its dependents are full; long tasks stop when True is sent to them.
    can_pause = False
    # What it has left to do waits until all other streams have ended, and `release` is called.
    is_last = False
    # The first estimate is not good enough for the whole sync.
    estimates_again = False

    def __init__(
        self,
        stream: Stream,
        context: ReadContext,
        progress: Progress | None,
        full_refresh: bool = False,
    ) -> None:
        self.stream = stream
        self.context = context
        self.progress = progress or self.from_start()
        self.resumes = progress is not None
        self.full_refresh = full_refresh
        self.lock = threading.Lock()
        self.can_checkpoint = True  # whether a state may follow the records written
        self.has_answered = False  # Pipedrive has shown that the account has this stream
        self.highest = HighestId()
        self.shape: Shape | None = None  # of records that may become structs

    def from_start(self) -> Progress:
        """The progress of a sync that reads the whole history."""
        return Progress(lower_bound(self.stream, self.context.lower), self.context.until)

    @abstractmethod
    def take(self, more: bool = False) -> Task | None:
        """The next piece of work, or None if there is none at the moment. more: the sources may
        still deliver records, so a request that names several parents waits until it is full."""

    def release(self) -> None:
        """All other streams have ended: whatever `is_last` holds back may begin."""
        assert not self.is_last, f"{self.stream.name} does not know how to begin"

    @property
    def is_complete(self) -> bool:
        """Whether nothing remains to be read."""
        return self.progress.complete

    @property
    def fault(self) -> StreamError | None:
        """What has gone wrong so far and ends the stream later, unless something else does."""
        return None

    @property
    def is_full(self) -> bool:
        """Whether so much waits here that the streams it depends on should pause."""
        return False

    @property
    def can_release(self) -> bool:
        """Whether a dependent that cannot keep up can be released, to read the rest of this list
        later."""
        return self.stream.incremental.changes in SORTED and self.can_checkpoint

    @property
    def behind(self) -> float:
        """The time up to which nothing is missing, in seconds since 1970; infinite for a stream
        that is read from its beginning in each sync."""
        if not self.resumes:
            return float("inf")
        return self.progress.spans[0].at if self.progress.spans else self.progress.until

    def pages(self, params: Mapping[str, str], start: int = 0) -> Iterator[Page]:
        """The pages of this stream's list. Once the stream has ended the client raises, so a
        truncated list is never mistaken for a complete one."""
        for page in pages(self.context.client, self.stream, params, start, shape=self.shape):
            self.has_answered = True
            yield page
            del page  # freed before the next one is requested

    def remaining(self) -> dict[str, list[Interval]]:
        """What has not been read, by root list."""
        return {self.stream.name: self.progress.remaining}

    def set_remaining(self, remaining: Sequence[Interval]) -> None:
        """Limits what is read. Called before anything is read."""
        self.progress.set_remaining(remaining)

    def advance(self, moved: Callable[[Progress], object]) -> bool:
        """Updates the progress with what has been read; False if that no longer counts. The caller
        holds the lock."""
        moved(self.progress)
        return True

    def state(self) -> dict[str, Any] | None:
        """The state as of now; None if no state is kept, or records before it may not be out yet.
        The caller holds the lock."""
        return self.dump() if self.can_checkpoint else None

    def dump(self) -> dict[str, Any] | None:
        """The progress as a state; None if no state is kept. The caller holds the lock."""
        if not self.resumes or self.stream.cursor_field is None:
            return None
        company = self.context.company.id
        return state.dump(self.stream.cursor_field, company, self.progress, self.full_refresh)

    def restart(self) -> bool:
        """Nothing read so far counts. False if that was known. The caller holds the lock."""
        raise NotImplementedError(f"{self.stream.name} does not rely on an order")

    def close(self, failed: bool, unavailable: bool) -> bool:
        """The stream has ended, with an error or because the account does not have it. Returns
        whether a last state should be saved."""
        return False

    def findings(self, failed: bool) -> Findings:
        """What the report of the sync says about the stream besides its progress. Called when the
        stream has ended; failed: with an error."""
        return Findings()

    def unsure(self, unknown: int) -> Mapping[str, int]:
        """By object, since when there are deletions that this sync could not prove, and that no
        earlier state remembers, in seconds. unknown: stands for a time that is not known."""
        return {}

    def time_of(self, record: Record) -> int | None:
        """The cursor field of a record, in seconds since 1970."""
        return instant_or_none(record.get(self.stream.cursor_field or ""))

    def times_of(self, records: Sequence[Record]) -> list[int | None]:
        """As `time_of`, for the records of a page."""
        return instants(values(records, self.stream.cursor_field or ""))

    @property
    def intention(self) -> str:
        """What this sync is about to read, in words."""
        since, done = self.progress.since, self.progress.done()
        if self.resumes and done and self.progress.spans:
            first = rfc3339(self.progress.spans[0].at)
            if len(self.progress.spans) > 1 or done[0][0] > since or self.full_refresh:
                return f"reading what is still missing, from {first}"
            return f"reading what changed since {first}"
        if since and self.stream.incremental.history_field:
            return f"reading everything from {rfc3339(since)} on"
        return "reading everything"
