"""All passes of one sync: which are due, in which order, and when they stop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from threading import RLock
from typing import Any

from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.audit.context import PassContext
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.audit.passes import AUDIT, ROWS, ObjectPass, Work
from source_pipedrive.reading.audit.saved import loaded, resumed
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.audit.share import Share, SharedClient, ShareSpentError
from source_pipedrive.reading.audit.size import fitted
from source_pipedrive.reading.audit.unsaved import Unsaved
from source_pipedrive.reading.audit.viewer import PRICE, Viewer, ask_viewer
from source_pipedrive.reading.batch import Batch, Signal, Task
from source_pipedrive.reading.counts import Findings, LastAudit
from source_pipedrive.reading.reader import ReadContext
from source_pipedrive.reading.records import Record
from source_pipedrive.stream.audited import AUDITOR, DEALS

logger = logging.getLogger("airbyte")

# Answers that the same request would get in the next sync: it waits until a pass is due.
REFUSED = (402, 403, 404)

Row = Callable[..., Record]


class Audit:
    """The audit of one sync. settings: None if none was asked for; saved: what an earlier sync
    dumped; row: makes a row of deleted_records. Thread-safe."""

    def __init__(
        self,
        context: ReadContext,
        settings: AuditSettings | None,
        saved: Mapping[str, Any],
        row: Row,
    ) -> None:
        self.settings = settings
        self._context = context
        self._saved = saved
        self._row = row
        self._lock = RLock()
        self._prepared: list[ObjectPass] | None = None
        self._later: list[Callable[[], ObjectPass]] = []  # passes that need all deals
        self._taken = False  # the preparation
        self._paused = False
        self._unsaved = Unsaved()
        if settings is not None:
            usage = context.client.usage
            self._share = Share(usage, settings.share, context.until, saved.get("spent"))
            self._unsaved.save(self._share.spent)
        self._comparison, self._kept = loaded(saved, context.company.user_id, context.until)

    @property
    def pending(self) -> bool:
        """Whether there is, or may be, anything left to do in this sync."""
        if self.settings is None or self._paused:
            return False
        if self._prepared is None or self._later:
            return True
        return not all(each.done for each in self._prepared)

    @property
    def is_unsaved(self) -> bool:
        """Whether a state would contain more than the last one."""
        return bool(self._unsaved)

    def take(self) -> Task | None:
        """The next task, or None if there is none at the moment."""
        with self._lock:
            if not self.pending:
                return None
            if self._prepared is None:
                taken, self._taken = self._taken, True
                return None if taken else self._prepare()
            workers = self._context.max_workers(AUDITOR)
            for each in self._prepared:
                if (work := each.take(workers)) is not None:
                    return self._carry_out(each, work)
            return None

    def _begin_later(self) -> None:
        """Begins the passes over children once the deals are known. Called before a task ends: when
        none is under way, `take` has one, or nothing is pending."""
        with self._lock:
            passes, deals = self._prepared or [], self._kept[DEALS.name]
            if not self._paused and all(each.done for each in passes if each.name == DEALS.name):
                begin, self._later = self._later, []
                if deals.closed and deals.current is None:
                    self._prepared = [*passes, *(begin_one() for begin_one in begin)]
                elif begin:
                    self._wait()

    def _wait(self) -> None:
        names = " and ".join(kept.audited.name for kept in self._due() if kept.audited.of_deals)
        logger.warning(f"{AUDITOR}: the audit of {names} waits until that of deals is complete.")

    # -- what other parts of deleted_records find

    def note(self, name: str, ids: Iterable[Any], unreachable: bool = False) -> None:
        """These records of an object are being reported as deleted, or as unreachable."""
        kept = self._kept.get(name)
        if kept is not None and self.settings is not None:
            kept.report(ids, unreachable, self._context.until)
        elif kept is not None and not unreachable and kept.flag(ids):
            objects = {**self._saved["objects"], name: kept.dump()}
            self._saved = {**self._saved, "objects": objects}

    def has_reported(self, name: str, id_: Any) -> bool:
        """Whether this record was reported as deleted and has not come back."""
        return self.settings is not None and self._kept[name].has_reported(id_)

    def shown(self, name: str, ids: Iterable[Any]) -> None:
        """Pipedrive lists these records of an object as changed, so they may have come back since a
        pass under way has looked for them."""
        if self.settings is not None and name in self._kept:
            self._kept[name].reopen(ids)

    def restored(self, name: str, ids: Iterable[Any]) -> list[Any]:
        """Those of these ids that were reported as deleted; they count as present from now on."""
        if self.settings is None or name not in self._kept:
            return []
        return self._kept[name].take_back(ids)

    def known(self, name: str) -> Iterable[Any]:
        """Ids of an object that were present at its last pass."""
        return self._kept[name].present if self.settings is not None else ()

    def declared(self, name: str, after: int) -> Iterator[list[Record]]:
        """The rows in which the last audits have declared an object's records deleted, as they
        were written, as far as they are newer than `after`."""
        if name in self._kept:
            kept = self._kept[name]
            found = [
                (id_, at, kept.parents.get(id_))
                for at, ids in kept.declared.after(after)
                for id_ in ids
            ]
        else:
            found = [(id_, at, None) for id_, at in self._comparison.declared(name, after)]
        rows = (self._row(name, id_, AUDIT, written=at, parent=deal) for id_, at, deal in found)
        while batch := list(islice(rows, ROWS)):
            yield batch

    # -- what the report of the sync says

    def findings(self) -> Findings:
        """The last complete audit of each object, and the passes that a later sync resumes."""
        if self.settings is None:
            return Findings()
        with self._lock:
            kept = [each for each in self._kept.values() if not each.stopped]
            done = {each.audited.name: each for each in kept if each.closed}
            due, until = [each for each in self._due() if not each.stopped], self._context.until
            return Findings(
                audits={n: LastAudit(each.closed, each.existing) for n, each in done.items()},
                unaudited={
                    each.audited.name: (each.closed, now.begun if (now := each.current) else until)
                    for each in due
                },
            )

    # -- tasks

    def _prepare(self) -> Task:
        passes: list[ObjectPass] = []
        try:
            yield from self._compare_and_begin(passes)
        except ShareSpentError:
            self._pause()
        except StreamError as error:
            logger.warning(f"{AUDITOR}: no audit in this sync. {error}")
        self._prepared = passes
        self._begin_later()
        yield Signal.CHECKPOINT

    def _compare_and_begin(self, passes: list[ObjectPass]) -> Iterator[Batch]:
        assert self.settings is not None
        lists, now = self._context.lists, self._context.until
        due, facts = self._due(), (lists, now, self.settings.accepted)
        if not due and not self._comparison.has_missing(*facts):
            return self._comparison.note(*facts)
        viewer = self._viewer()
        context = PassContext(
            client=SharedClient(self._context.client, self._share),
            lock=self._lock,
            now=now,
            settings=self.settings,
            viewer=viewer,
            ask_viewer=partial(self._viewer, viewer),
            row=partial(self._row, seen=viewer.at),
            deals=self._kept[DEALS.name],
            reserve=partial(self._share.reserve, PRICE),
        )
        # A program may delete more every day than the share lasts for.
        with self._share.reserve(self._share.remaining // 2 if due else 0):
            for rows in self._comparison.compare(lists, context):
                yield Batch(rows)
        children, deals = [kept for kept in due if kept.audited.of_deals], context.deals
        if children and deals not in due and deals.viewer != viewer.mark:
            # Another user may not have seen all deals. What was refused lately is not asked again.
            due = [deals, *due] if deals.closed > deals.asked else due
        self._announce(due)
        passes.extend(resumed(kept, context) for kept in due if kept not in children)
        if deals in due or deals.viewer == viewer.mark:
            self._later = [partial(resumed, kept, context) for kept in children]
        elif children:
            self._wait()

    def _viewer(self, before: Viewer | None = None) -> Viewer:
        client = SharedClient(self._context.client, self._share, urgent=True)
        return ask_viewer(client, self._context.company, before)

    def _due(self) -> list[Kept]:
        return [kept for kept in self._kept.values() if self._is_due(kept)]

    def _is_due(self, kept: Kept) -> bool:
        assert self.settings is not None
        if kept.stopped:
            return self.settings.may_retry(kept.asked, self._context.until)
        due = self.settings.is_due(max(kept.closed, kept.asked), self._context.until)
        return kept.current is not None or due

    def _announce(self, due: list[Kept]) -> None:
        if not due:
            return
        prices = [kept.price for kept in due]
        tokens = PRICE + sum(price for price in prices if price is not None)
        self._unsaved.expect(tokens)
        cost = f"at least {tokens:,} tokens" if None in prices else f"about {tokens:,} tokens"
        logger.info(
            f"{AUDITOR}: the audit reads {', '.join(kept.audited.name for kept in due)}, {cost}; "
            f"it may use {max(0, self._share.tokens - self._share.spent):,} today."
        )

    def _carry_out(self, each: ObjectPass, work: Work) -> Task:
        try:
            for step in work:
                self._unsaved.note()
                if step is not None:
                    yield step
                elif self._unsaved.is_worth_a_state(self._share.spent):
                    yield Signal.CHECKPOINT
        except ShareSpentError:
            self._pause()
        except StreamError as error:
            self._refused(each, error)
        self._begin_later()

    def _pause(self) -> None:
        with self._lock:
            known, self._paused = self._paused, True
        if not known:
            logger.info(
                f"{AUDITOR}: the audit has used {self._share.of_this_sync:,} tokens and reached "
                "its share for today. The next sync resumes it."
            )

    def _refused(self, each: ObjectPass, error: StreamError) -> None:
        with self._lock:
            if not each.end():
                return
            if refused := error.status in REFUSED:
                self._kept[each.name].postpone(self._context.until)
        answers = (stream.unavailable_answer(error.status, error.body) for stream in each.lists)
        if answer := next(filter(None, answers), None):
            why = answer.words_for(error.body)
            logger.info(f"{AUDITOR}: {each.name} has nothing to audit: {why}.")
        else:
            next_ = "it starts over when it is due" if refused else "a later sync resumes it"
            logger.warning(f"{AUDITOR}: the audit of {each.name} stopped; {next_}. {error}")

    # -- state

    def dump(self) -> dict[str, Any]:
        """Its part of the state; empty if there never was an audit."""
        if self.settings is None:
            return dict(self._saved)
        with self._lock:
            self._unsaved.save(self._share.spent)
            for each in self._prepared or ():
                each.save()
            objects = fitted(self._kept, self._context.until, self._end)
            parts = {"objects": objects, "lists": self._comparison.dump()}
            spent = {"spent": self._share.dump()} if self._share.spent else {}
            return {**{name: part for name, part in parts.items() if part}, **spent}

    def _end(self, name: str) -> None:
        for each in self._prepared or ():
            if each.name == name:
                each.end()
