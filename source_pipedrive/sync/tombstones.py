"""The tombstones of a sync: which streams take them, and from which other streams.

A stream that takes tombstones stays open until the streams that send them have ended, however early
its own records have been read. A tombstone enters the queue before the state of its sender that
includes it.

A platform may still lose a tombstone and keep that state, because it commits each stream on its
own. So the state of a stream that takes tombstones says up to which time it has those of each
sender: {"removed": {"deleted_records": "2026-11-23T10:00:00Z"}}. If the sender's own state is ahead
of that, the sender reads what lies between again, and `deleted_records` sends again what audits
have declared since. This also holds for a stream that was not selected for a while.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from source_pipedrive.reading.batch import Batch
from source_pipedrive.reading.instants import instant_or_none, rfc3339
from source_pipedrive.reading.progress import OVERLAP, Progress, union
from source_pipedrive.reading.records import Record
from source_pipedrive.reading.tombstones import lists_deleted, of_deletions, of_moved
from source_pipedrive.stream import Kind, Stream
from source_pipedrive.sync.failures import logger
from source_pipedrive.sync.held_output import HeldOutput
from source_pipedrive.sync.messages import Encoder, T
from source_pipedrive.sync.output import WriteBuffer
from source_pipedrive.sync.selection import Selection

KEY = "removed"


class TombstoneOutput(HeldOutput[T]):
    """The output of a stream that takes tombstones. Its states say up to which time it has those of
    which sender: `removed`."""

    def __init__(
        self,
        stream: str,
        encoder: Encoder[T],
        buffer: WriteBuffer[T],
        saved: Mapping[str, Any],
        removed: dict[str, str],
        senders: Iterable[str],
    ) -> None:
        super().__init__(stream, encoder, buffer, saved, senders)
        self._removed = removed
        self._sent = 0  # tombstones

    def tombstones(self, rendered: Sequence[T], count: int) -> None:
        """Rendered tombstones."""
        with self._lock:
            if not self._has_closed:
                self._sent += count
                self._add(rendered, count)

    def sender_ended(self, sender: str, until: str) -> None:
        """No more tombstones come from this stream. until: those up to this time were sent; "" if
        some were not."""
        with self._lock:
            if until:
                self._removed[sender], self._is_outdated = until, True
            self.let_go(sender)

    def _close(self) -> None:
        super()._close()
        if self._sent and self._has_closed:
            logger.info(
                f"{self.stream}: sent {self._sent:,} tombstones, for records that were deleted or "
                "moved to another list."
            )

    def _state_pieces(self, state: dict[str, Any]) -> Sequence[T]:
        pieces = super()._state_pieces({**state, KEY: dict(self._removed)})
        self._last = state
        return pieces


@dataclass(frozen=True)
class Taker(Generic[T]):
    """A stream that takes tombstones. removed: as the last state has it, in seconds since 1970;
    fresh: the senders that no earlier sync has read, and this stream neither."""

    stream: Stream
    output: TombstoneOutput[T]
    removed: dict[str, int]
    fresh: frozenset[str]

    def of(self, sender: Stream, batch: Batch, now: int) -> list[Record]:
        """What a batch of another stream removes from this one."""
        if sender.kind is not Kind.DELETED:
            archived = sender.read_after == self.stream.name
            # An archive is read after its first list: if neither was read, it has no rows.
            if not archived and sender.name in self.fresh:
                return []
            return of_moved(self.stream, batch.records, now, archived)
        # The deleted record arrives in this stream as well, marked and with all its values, and so
        # it did in each sync that removed records: better than a tombstone.
        own = batch.listed_in == self.stream.endpoint.path and lists_deleted(self.stream)
        if own and sender.name in self.removed:
            return []
        rows = [*batch.records, *batch.declared]
        return of_deletions(self.stream, rows, batch.listed_in)

    def sent_until(self, sender: Stream) -> int | None:
        """The time up to which it has the tombstones of this stream; None if unknown, and nothing
        should be read again for that."""
        # The archive of a large company is not read again when a user begins to remove records.
        unknown = 0 if sender.kind is Kind.DELETED else None
        return self.removed.get(sender.name, unknown)


class Tombstones(Generic[T]):
    """The tombstones of one sync of the `selected` streams, which began at `until`, in seconds
    since 1970."""

    def __init__(
        self,
        selected: Sequence[Selection],
        until: int,
        encoder: Encoder[T],
        buffer: WriteBuffer[T],
    ) -> None:
        self._until = until
        self._takers: dict[str, Taker[T]] = {}
        self._by_sender: defaultdict[str, list[Taker[T]]] = defaultdict(list)
        self._begun: dict[str, int] = {}  # where a sender's own state ends
        for selection in selected:
            if selection.takes_tombstones:
                senders = [each for each in selected if _sends(each.stream, selection.stream)]
                taker = self._taker(selection, senders, encoder, buffer)
                self._takers[selection.stream.name] = taker
                for sender in senders:
                    self._by_sender[sender.stream.name].append(taker)

    def _taker(
        self,
        selection: Selection,
        senders: Sequence[Selection],
        encoder: Encoder[T],
        buffer: WriteBuffer[T],
    ) -> Taker[T]:
        names, saved = [each.stream.name for each in senders], selection.state.get(KEY)
        texts = dict(saved) if isinstance(saved, dict) else {}
        # A time that has not been reached yet says nothing, like the rest of such a state.
        latest = self._until + OVERLAP
        texts = {n: text for n, text in texts.items() if (instant_or_none(text) or 0) <= latest}
        if selection.is_new:  # nothing was written that was removed before this sync
            texts = dict.fromkeys(names, rfc3339(self._until - 1))
        times = {name: time for name, text in texts.items() if (time := instant_or_none(text))}
        name, state = selection.stream.name, selection.state
        output = TombstoneOutput(name, encoder, buffer, state, texts, names)
        fresh = {each.stream.name for each in senders if each.is_new and selection.is_new}
        return Taker(selection.stream, output, times, frozenset(fresh))

    def output_of(self, stream: Stream) -> TombstoneOutput[T] | None:
        """The output of a selected stream; None if it takes no tombstones."""
        taker = self._takers.get(stream.name)
        return taker.output if taker is not None else None

    def read_again(self, sender: Stream, progress: Progress) -> None:
        """Adds to what remains of a selected stream what others have not removed yet."""
        times = [taker.sent_until(sender) for taker in self._by_sender.get(sender.name, ())]
        known = [time for time in times if time is not None]
        if known:
            own = min((span.at for span in progress.spans), default=self._until)
            self._begun[sender.name] = own
            since = max(progress.since, min(known) - OVERLAP)
            progress.set_remaining(union([progress.remaining, [(since, progress.until)]]))

    def removed_by(self, sender: Stream) -> dict[str, int]:
        """The objects whose deletions a selected stream removes from the tables of others, and the
        time up to which all of these have its tombstones."""
        found: dict[str, int] = {}
        for taker in self._by_sender.get(sender.name, ()):
            if sender.kind is Kind.DELETED:
                name, time = taker.stream.incremental.deleted_as, taker.removed.get(sender.name, 0)
                found[name] = min(found.get(name, time), time)
        return found

    def of(self, sender: Stream, batch: Batch) -> list[tuple[TombstoneOutput[T], Sequence[T], int]]:
        """What a batch of a selected stream removes: outputs, with rendered tombstones and their
        number."""
        found = []
        for taker in self._by_sender.get(sender.name, ()):
            if records := taker.of(sender, batch, self._until):
                found.append((taker.output, taker.output.render(records), len(records)))
        return found

    def ended(
        self, sender: Stream, complete: bool, unsure: Callable[[int], Mapping[str, int]]
    ) -> None:
        """A selected stream has ended. complete: it has reached its end; unsure: its reader's.

        What it is unsure of counts as not sent until an earlier state remembers it: the platform
        may lose that of this sync, and nothing would read those deletions again.
        """
        since = unsure(self._begun.get(sender.name, 0))
        for taker in self._by_sender.get(sender.name, ()):
            until = self._until
            if (first := since.get(taker.stream.incremental.deleted_as)) is not None:
                until = max(min(until, first - OVERLAP), taker.removed.get(sender.name, 0))
            taker.output.sender_ended(sender.name, rfc3339(until) if complete and until else "")


def _sends(sender: Stream, taker: Stream) -> bool:
    """Whether records of one stream remove rows of the other."""
    if sender.kind is Kind.DELETED:
        return bool(taker.incremental.deleted_as)
    return sender.read_after == taker.name or taker.read_after == sender.name
