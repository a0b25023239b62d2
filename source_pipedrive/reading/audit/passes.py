"""One pass over one object: its lists are read once more, what was not seen is verified by id, and
what is gone is declared.

Let P be what was present at the last pass, M its highest id, S what this pass has seen and M' the
highest id now. Whatever a sync can have written since is in P or in (M, M'], so what may have been
deleted is in (P + (M, M']) - S. Ids above M' were assigned during the sync, so nothing is known of
them yet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice, repeat
from typing import Any

from source_pipedrive.http.errors import StreamError
from source_pipedrive.http.shapes import values
from source_pipedrive.reading.audit import guards
from source_pipedrive.reading.audit.candidates import candidates
from source_pipedrive.reading.audit.children import DealsWalk, verify_children
from source_pipedrive.reading.audit.confirmation import Unconfirmed, announce
from source_pipedrive.reading.audit.context import PassContext
from source_pipedrive.reading.audit.ledger import Current, Ids, Kept
from source_pipedrive.reading.audit.share import ShareSpentError
from source_pipedrive.reading.audit.verdicts import Verdicts, is_marked
from source_pipedrive.reading.audit.verification import verify
from source_pipedrive.reading.audit.viewer import Viewer
from source_pipedrive.reading.audit.walks import Reading, Walk, walk_of
from source_pipedrive.reading.batch import Batch, Copies
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.progress import OVERLAP
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Stream
from source_pipedrive.stream.audited import AUDITOR

logger = logging.getLogger("airbyte")

ROWS = 500  # in one batch
AUDIT, UNREACHABLE = "audit", "unreachable"
# Yields None after each request that is worth saving, batches of rows, and records to write again.
Work = Iterator[Batch | Copies | None]


class ObjectPass:
    """This sync's part of a pass. done: nothing is left to do in this sync."""

    def __init__(self, kept: Kept, context: PassContext) -> None:
        self.name = kept.audited.name
        self.done = False
        self._kept = kept
        self._context = context
        self._verifying = False
        self._looks_back = True  # finds what was deleted before its first pass
        self._doubtful = kept.ids()  # absent, as far as the user still sees the same
        self._now = self._current()
        walks = chain(self._now.walks, repeat(None))
        self._walks = [self._walk(*each) for each in zip(kept.audited.lists, walks, strict=False)]
        self.save()

    def _walk(self, stream: Stream, saved: dict[str, Any] | None) -> Walk:
        context = self._context
        stream = context.settings.as_taken(stream)
        shared = (stream, context.client, context.lock, partial(self._note, stream.endpoint.cost))
        if self._kept.audited.of_deals:
            since = min(self._now.begun, context.deals.closed)
            return DealsWalk(*shared, context.deals.present, since, saved)
        return walk_of(*shared, context.now, saved)

    def _current(self) -> Current:
        """The pass that an earlier sync began, or a new one."""
        kept, mark = self._kept, self._context.viewer.mark
        now = kept.current
        if now is not None and now.viewer != mark:
            logger.info(
                f"{AUDITOR}: the audit of {self.name} starts over, because the credentials "
                "or the user's permissions have changed since it began."
            )
            now = None
        is_held = kept.held and not self._is_accepted
        if now and is_held and self._context.settings.may_replace(now.begun, self._context.now):
            now = None
        return now or kept.begin(self._context.now, mark)

    @property
    def _is_accepted(self) -> bool:
        held = self._kept.held
        return bool(held) and self._context.settings.accepted.get(self.name) == held

    @property
    def lists(self) -> Sequence[Stream]:
        """The lists that it reads."""
        return self._kept.audited.lists

    def take(self, workers: int) -> Work | None:
        """The next piece of work, or None if there is none at the moment."""
        if self.done:
            return None
        for walk in self._walks:
            if (reading := walk.take(workers)) is not None:
                return self._copied(walk, reading)
        if not self._verifying and all(walk.complete for walk in self._walks):
            self._verifying = True
            return self._verify()
        return None

    def _copied(self, walk: Walk, reading: Reading) -> Work:
        taker = self._context.settings.takers.get(walk.stream.endpoint.path)
        for records in reading:
            if records is None:
                yield None
            elif taker is not None and records:
                # They leave before the page counts as read: a state may follow at any time.
                yield Copies(taker.name, records)

    def end(self) -> bool:
        """Ends it for this sync. False if that was known. The caller holds the lock."""
        known, self.done = self.done, True
        return not known

    def save(self) -> None:
        """Notes how far the walks are. The caller holds the lock."""
        if self._kept.current is self._now:
            self._now.save([walk.dump() for walk in self._walks])

    def _note(self, cost: int, records: Sequence[Record]) -> None:
        """A page has been read. The walk may be complete now, and another worker close the pass."""
        # The deals of a child are read throughout the pass, so it may be new since its beginning.
        now, of_deals = self._now, self._kept.audited.of_deals
        before = (now.begun if of_deals else self._context.now) - OVERLAP
        records = [record for record in records if not is_marked(record)]
        now.spend(cost)
        now.seen.add(values(records, "id"))
        if of_deals:
            self._kept.parents.note(records)
        for record in records:
            id_ = record.get("id")
            if isinstance(id_, int) and id_ > now.settled:
                at = instant_or_none(record.get("update_time"))
                if at is not None and at < before:
                    now.settle(id_)

    # -- verification

    def _verify(self) -> Work:
        kept, now = self._kept, self._now
        with self._context.lock:
            found = candidates(kept, now, self._context.viewer.sees_all(kept.audited.apps))
            open_ = found.ids - now.gone - now.unsure
            self._looks_back = found.looks_back
            now.find(found.postponed)
        if kept.held and not self._is_accepted:
            self._hold()
            return
        if kept.audited.of_deals and len(open_) and not now.try_again():
            self._give_up()
            return
        announce(kept.audited, open_, kept.parents)
        # The last answers are worth nothing if the share does not last for asking who sees them.
        with self._context.reserve():
            times: dict[Any, Any] = {}
            try:
                yield from self._question(open_, found.ids, times)
            except (ShareSpentError, StreamError):
                self._confirm()
                raise
            if not self.done:
                yield from self._declare(times)

    def _question(self, open_: Ids, all_: Ids, times: dict[Any, Any]) -> Work:
        """Asks about the open candidates. times: when those that are marked were deleted."""
        kept, now, unconfirmed = self._kept, self._now, Unconfirmed(self._kept.audited)
        accepted, most = self._is_accepted, guards.most_believed(len(kept.present))
        of_present = open_ & kept.present
        for verdicts in self._ask(open_, chain(of_present, open_ - of_present)):
            with self._context.lock:
                self._add(verdicts)
                times.update(verdicts.marked)
                lost = len((now.gone | self._doubtful) & kept.present)
            unconfirmed.add(len([*verdicts.ids, *verdicts.failed]))
            is_much = lost > most and not accepted
            if is_much or unconfirmed.is_due:
                if not self._confirm():
                    return
                unconfirmed = Unconfirmed(kept.audited)
            if is_much:
                with self._context.lock:
                    kept.hold(len((all_ & kept.present) - now.seen - now.unsure))
                self._hold()
                return
            yield None

    def _confirm(self) -> bool:
        """Whether the user sees the same as when the pass began. Only then do the answers since
        the last confirmation count; otherwise the pass starts over."""
        return not len(self._doubtful) or self._is_same(self._context.ask_viewer())

    def _is_same(self, viewer: Viewer) -> bool:
        kept, now = self._kept, self._now
        with self._context.lock:
            if viewer.mark == now.viewer:
                now.miss(self._context.row_time, self._doubtful)
                self._doubtful = kept.ids()
                return True
            kept.discard()
        self.done = True
        logger.info(
            f"{AUDITOR}: the user's permissions changed during the audit of {self.name}, so the "
            "next sync starts it over."
        )
        return False

    def _give_up(self) -> None:
        with self._context.lock:
            self._kept.postpone(self._context.now)
        self.done = True
        logger.warning(
            f"{AUDITOR}: the audit of {self.name} was cut short several times while it asked about "
            "what is missing: its share of the day's tokens is too small for the deals that change "
            "meanwhile. It starts over when the next one is due. Raise share_of_day."
        )

    def _ask(self, open_: Ids, ids: Iterator[Any]) -> Iterator[Verdicts]:
        client, now, (walk, *_) = self._context.client, self._now, self._walks
        if isinstance(walk, DealsWalk):
            return verify_children(client, walk, ids, self._kept.parents, now.seen)
        return verify(client, self._kept.audited, ids, now.seen, list(now.failed & open_))

    def _add(self, verdicts: Verdicts) -> None:
        now, ids = self._now, self._kept.ids
        now.verify(self._context.row_time, ids(verdicts.marked))
        now.seen.add(verdicts.alive)
        self._doubtful.add(verdicts.absent)
        now.marked.add(verdicts.marked)
        now.unsure.add(verdicts.unsure)
        now.fail(ids(verdicts.failed) if verdicts.failed else now.failed)

    def _hold(self) -> None:
        self.done = True
        held, present = self._kept.held, len(self._kept.present)
        logger.warning(
            f"{AUDITOR}: {held:,} of the {present:,} {self.name} of the last audit can no longer "
            "be found. None of them is reported as deleted, because a lost permission (visibility "
            "groups, another user's token) looks the same as a mass deletion. If they were "
            f'deleted, set accepted_findings to "{self.name}={held}".'
        )

    # -- declaration

    def _declare(self, times: dict[Any, Any]) -> Work:
        kept, now, viewer = self._kept, self._now, self._context.viewer
        back = (kept.reported | kept.hidden | kept.flagged) & now.seen
        if len(now.gone | self._doubtful) or len(back):
            viewer = self._context.ask_viewer()
            if not self._is_same(viewer):
                return
        lost = now.gone
        # Without a record that is there, no answer has shown that it means anything.
        trusted = viewer.sees_all(kept.audited.apps) and (len(now.seen) or self._is_accepted)
        deleted = lost if trusted else now.marked - now.seen
        hidden = lost - deleted - kept.hidden - kept.flagged
        rows = chain(
            ((id_, self._lost(id_, AUDIT, times.get(id_))) for id_ in deleted),
            ((id_, self._lost(id_, UNREACHABLE)) for id_ in hidden),
            ((id_, self._row(id_, restored=True)) for id_ in back),
        )
        found = {
            "deleted": len(deleted),
            "restored": len(back),
            "no longer visible to this user": len(hidden),
        }
        parts = [f"{len(now.seen):,} exist", *(f"{n:,} {what}" for what, n in found.items() if n)]
        first = "" if self._looks_back else " What was deleted before this first audit is unknown."
        logger.info(f"{AUDITOR}: audited {self.name}: {', '.join(parts)}.{first}")
        while len(batch := list(islice(rows, ROWS))) == ROWS:
            yield Batch([row for _, row in batch])
            with self._context.lock:
                kept.wrote(id_ for id_, _ in batch)
        # The state that closes the pass follows its last row.
        yield Batch([row for _, row in batch], lambda progress: self._close(deleted, hidden, back))

    def _lost(self, id_: Any, evidence: str, deleted: Any = None) -> Record:
        kept = self._kept
        there = kept.closed if id_ in kept.present else None
        # A record that has come back since changed after that, and its row must win.
        at = self._now.verified_at(id_)
        written = at if at is not None and at < self._context.row_time else None
        return self._row(id_, evidence, deleted_time=deleted, last_present=there, written=written)

    def _row(self, id_: Any, *arguments: Any, **facts: Any) -> Record:
        parent = self._kept.parents.get(id_)
        return self._context.row(self.name, id_, *arguments, parent=parent, **facts)

    def _close(self, deleted: Ids, hidden: Ids, back: Ids) -> None:
        with self._context.lock:
            if self._kept.current is self._now:  # or the state was too large for it meanwhile
                self._kept.close(deleted, hidden, back, self._context.now)
        self.done = True
