"""Readers that depend on the records of other streams, their sources.

The invariant: the state of such a stream includes a time of a root list only once the records of
every parent that changed then have reached the output.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from source_pipedrive.http.errors import PipedriveError, StreamError
from source_pipedrive.http.request import Api
from source_pipedrive.reading.batch import Handover, Step, Task
from source_pipedrive.reading.coverage import Coverage, Remaining
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.multi_progress import MultiProgress, whole
from source_pipedrive.reading.pages import pages, request_for
from source_pipedrive.reading.progress import OVERLAP, Interval, Progress, without
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.records import Record
from source_pipedrive.reading.remembered import Remembered
from source_pipedrive.stream import Stream

logger = logging.getLogger("airbyte")

# An id that no record has, so no answer concerns a record: the largest signed 32-bit integer.
NO_RECORD = 2**31 - 1


class DependentReader(Reader):
    """What they have in common. The progress is a MultiProgress."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        assert isinstance(self.progress, MultiProgress)
        self.multi: MultiProgress = self.progress
        self.coverage = Coverage(self.stream, self.multi)
        self.untried = False  # one request decides whether the account has the stream
        self._trying = False
        # Until an answer shows that the account has the stream, nothing is saved.
        self.can_checkpoint = not self.stream.access.means_unavailable

    def from_start(self) -> Progress:
        return whole(self.stream, self.context.lower, self.context.until)

    def receive(
        self, source: Reader, handover: Handover, needed: Remaining | None
    ) -> Iterator[Step]:
        """Takes what `source` has read; may be called by several workers at once. needed: what this
        stream needs of the source, if that is read for others too; None: everything it lacks."""
        raise NotImplementedError

    @property
    def is_complete(self) -> bool:
        lacking = self.coverage.lacks_a_source
        return super().is_complete or (lacking and self.coverage.ends_with([]))

    def remaining(self) -> dict[str, list[Interval]]:
        return {root: progress.remaining for root, progress in self.multi.by_root.items()}

    @property
    def remembered(self) -> Remembered:
        """What the stream's state contains besides the times that have been read."""
        return self.multi.remembered

    def dump(self) -> dict[str, Any] | None:
        found = super().dump()
        return None if found is None else found | self.coverage.dump()

    def lose(self, source: str) -> bool:
        """Stops waiting for a source that the account does not have; the state records progress by
        source. Returns whether there are others; if not, the account lacks this stream too."""
        with self.lock:
            return self.coverage.lose(source)

    def take_back(self, source: Reader) -> None:
        """`source` reads its list from the beginning again. The caller holds the lock."""
        self.coverage.take_back(source.stream.name, source.remaining())

    def close(self, failed: bool, unavailable: bool) -> bool:
        if failed:  # a second that a budget cut short is not paid for twice
            return bool(self.remembered.partial)
        if unavailable or (self.can_checkpoint and not self.coverage.lacks_a_source):
            return False
        self.can_checkpoint = True
        return True

    # -- before the sync begins

    def prepare(self) -> None:
        """Decides whether one request has to show that the account has the stream."""
        has_read = any(progress.done() for progress in self.multi.by_root.values())
        self.untried = bool(self.stream.access.means_unavailable) and not has_read

    def try_out(self) -> Task | None:
        """The task that finds out, unless it has been taken."""
        taken, self._trying = self._trying, True
        return None if taken else self._try_out()

    def _try_out(self) -> Task:
        try:
            self.probe()
            self.can_checkpoint = True
        finally:
            self.untried = False
        yield from ()

    def probe(self) -> bool:
        """Requests the children of a record that does not exist. Returns True for a good answer,
        which shows that the account has the stream. Raises StreamError if the answer means that the
        account lacks it. Returns False for any other error: the account probably has the stream."""
        path, params = self.stream.path_and_params(str(NO_RECORD))
        params = {**self.stream.endpoint.param_sets[0], **params}
        try:
            self.context.client.get(request_for(self.stream, params, path))
        except StreamError as error:
            if self.stream.unavailable_answer(error.status, error.body):
                raise
            return False
        self.has_answered = True
        return True

    def look_again(self) -> None:
        """Requests a few of the parents that were refused in earlier syncs. If one can be read now,
        everything that changed at those times is read again."""
        for stream in [self.stream, *self.stream.sources]:
            refused = self.remembered.refused.get(stream.name)
            if refused is None:
                continue
            pairs = self.coverage.pairs
            remaining = [self.coverage.remaining_from(source)[root] for source, root in pairs]
            if not any(without(refused.times, part) for part in remaining):  # read anyway
                del self.remembered.refused[stream.name]
            elif _is_shown(self.context.client, stream, refused.probes()):
                logger.info(
                    f"{self.stream.name}: records that were hidden from the user can be read now; "
                    "reading what was missing."
                )
                del self.remembered.refused[stream.name]
                self.coverage.read_again(refused.times)

    # -- parents whose records are written

    def refuse(self, stream: str, parent: Any, time: int) -> None:
        """`stream`'s records of this parent are hidden from the user, and so is what derives from
        them."""
        with self.lock:
            self.remembered.refuse(stream, parent, time)

    def has_done(self, source: str, parent: Any, time: int) -> bool:
        """Whether an earlier sync wrote the records of a parent of this time, although no state
        includes the time."""
        return self.remembered.partial.get(source, {}).get(parent) == time

    def note_done(self, parent: Record, by: str = "") -> None:
        """Notes that a parent's records are written. by: `<stream>:`, if they are derived from that
        stream's. The caller holds the lock."""
        time, until = instant_or_none(parent["time"]), self.progress.until
        # What changed since the sync began may change again within the same second.
        if time and time < until and "source" in parent:
            last_minute = time >= until - OVERLAP
            self.remembered.note(by + parent["source"], parent["id"], time, last_minute)

    def is_current(self, known: int) -> bool:
        """Whether the last complete sync of this stream ended at `known`."""
        return self.multi.known == known > 0


def _is_shown(client: Api, stream: Stream, parents: Sequence[Any]) -> bool:
    """Whether the children of any of these parents can be read now."""
    for parent in parents if stream.child else ():
        assert stream.child is not None
        counted = stream.child.counter is not None
        path, params = stream.path_and_params(str(parent))
        params = {**params, **stream.endpoint.param_sets[0]}
        try:
            next(pages(client, stream, params, path=path, known_records=counted))
        except PipedriveError:
            continue  # any other problem shows when the stream is read
        return True
    return False
