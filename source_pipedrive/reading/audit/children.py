"""Products and installments of deals: the children of all deals are read again, for a hundred deals
at a time.

No endpoint verifies a child by its id. But a child belongs to one deal, and it is there when that
deal is read, unless it moved there later, in a merge, or the deal was not known to the walk. Both
change the deal. So the children of all deals that have changed since the pass over deals began are
read again, and then those of the deals that the missing children had. What is still missing is
gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from threading import RLock
from typing import Any

from source_pipedrive.http.errors import NO_SCOPE, StreamError
from source_pipedrive.http.request import Api
from source_pipedrive.http.shapes import values
from source_pipedrive.reading.audit.archive import BATCH, perhaps_hidden
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.parents import Parents
from source_pipedrive.reading.audit.verdicts import Verdicts
from source_pipedrive.reading.audit.verification import (
    CONTROLS,
    FAILURES,
    is_failure,
    parts,
    verify,
)
from source_pipedrive.reading.audit.walks import Note, Reading, Walk
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.progress import OVERLAP
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Stream
from source_pipedrive.stream.audited import DEALS

# Answers that may concern one deal of a request.
OF_ONE = (400, 403, 404)


class DealsWalk(Walk):
    """The children of all deals, in the order of the deals' ids. deals: their ids; since: when the
    pass over the deals began, so that all others have changed since."""

    def __init__(
        self,
        stream: Stream,
        client: Api,
        lock: RLock,
        note: Note,
        deals: Numbers,
        since: int,
        saved: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(stream, client, lock, note)
        saved = saved or {}
        self.deals = deals
        self._after = int(saved.get("after", 0))
        self.since = instant(saved["since"]) if "since" in saved else since
        self._remaining = deals.within(self._after, deals.highest)
        # Deals that Pipedrive refused, or about which no request was answered.
        self.unread = Numbers.load(saved.get("unread", ""))
        # Requests up to the deal `until` are smaller, because a larger one fails.
        self._until, self._size = (int(each) for each in saved.get("failed", (0, BATCH)))
        self._taken = False

    @property
    def complete(self) -> bool:
        return not len(self._remaining)

    def take(self, workers: int) -> Reading | None:
        if self._taken or self.complete:
            return None
        self._taken = True
        return self._read()

    def _read(self) -> Reading:
        failures = 0
        while batch := self._next():
            refused: list[int] = []
            try:
                records = children_of(self.client, self.stream, batch, refused)
            except StreamError as error:
                if not is_failure(error) or failures >= FAILURES or not self._works_without(batch):
                    raise
                failures += 1
                with self.lock:
                    self._fail(batch)
                yield None
                continue
            with self.lock:
                self.note(records)
                self._pass(batch, refused)
            yield None

    def _next(self) -> list[int]:
        size = max(1, self._size) if self._after < self._until else BATCH
        return list(islice(self._remaining, size))

    def _pass(self, batch: list[int], unread: list[int]) -> None:
        self.unread.add(unread)
        self._after = batch[-1]
        self._remaining = self._remaining - Numbers(batch)

    def _fail(self, batch: list[int]) -> None:
        """The request for these deals fails, and other requests do not."""
        if len(batch) == 1:
            self._pass(batch, batch)
        else:
            self._until, self._size = batch[-1], len(parts(batch)[0])

    def _works_without(self, batch: list[int]) -> bool:
        others = (deal for deal in self.deals - self.unread if [deal] != batch)
        return _is_any_answered(self.client, self.stream, others)

    def dump(self) -> dict[str, Any]:
        unread = {"unread": self.unread.dump()} if len(self.unread) else {}
        failed = {"failed": [self._until, self._size]} if self._after < self._until else {}
        return {"after": self._after, "since": rfc3339(self.since), **unread, **failed}


def children_of(
    client: Api,
    stream: Stream,
    deals: Sequence[int],
    refused: list[int],
    known: Iterable[int] = (),
) -> list[Record]:
    """The children of these deals. Adds deals that Pipedrive refuses to `refused`, and those for
    which it fails if it answers about one of `known`."""
    size = len(deals) // 2
    try:
        found = _asked(client, stream, deals)
    except StreamError as error:
        if not is_failure(error) or not _is_any_answered(client, stream, known):
            raise
        found, size = None, len(parts(deals)[0])
    if found is not None:
        return found
    if len(deals) == 1:
        refused.extend(deals)
        return []
    groups = (deals[start : start + size] for start in range(0, len(deals), size))
    return [each for group in groups for each in children_of(client, stream, group, refused, known)]


def _is_any_answered(client: Api, stream: Stream, deals: Iterable[int]) -> bool:
    """Whether the list is there at all."""
    for deal in islice(deals, CONTROLS):
        try:
            if _asked(client, stream, [deal]) is not None:
                return True
        except StreamError as error:
            if not is_failure(error):
                raise
    return False


def _asked(client: Api, stream: Stream, deals: Sequence[int]) -> list[Record] | None:
    """The children of these deals; None if Pipedrive refuses one of the deals."""
    found: list[Record] = []
    try:
        for page in pages(client, stream, {"deal_ids": ",".join(map(str, deals))}):
            found += page.records
    except StreamError as error:
        for_all = stream.unavailable_answer(error.status, error.body) or NO_SCOPE in error.body
        if error.status not in OF_ONE or for_all:
            raise
        return None
    return found


def verify_children(
    client: Api, walk: DealsWalk, ids: Iterable[int], parents: Parents, seen: Iterable[int] = ()
) -> Iterator[Verdicts]:
    """What is known of these children. walk: the complete walk; parents: their last deals; seen:
    what it has found, some of which has to be found again, or the answers mean nothing."""
    candidates = Numbers(ids)
    if not len(candidates):
        return
    if _exist(client, walk.unread, walk):
        yield Verdicts(unsure=list(candidates))
        return
    found, refused = Numbers(), list[int]()
    changed = Numbers(
        chain.from_iterable(_changed(client, each, walk.since) for each in DEALS.lists)
    )
    for batch in _batches(changed):
        records = children_of(client, walk.stream, batch, refused, walk.deals)
        found.add(values(records, "id"))
    # A deal may have come back, or into this user's sight, without a new time.
    deals = Numbers(parents.get(id_) for id_ in candidates - found) - changed
    known = list(islice((id_ for id_ in seen if parents.get(id_) is not None), CONTROLS))
    theirs, trusted = Numbers(map(parents.get, known)), True
    for batch in _batches(deals - theirs, len(theirs)) if len(candidates - found) else ():
        asked = [*batch, *theirs]  # what is known comes last, as in verification.py
        there = Numbers(values(_of_the_missing(client, walk, asked, refused), "id"))
        trusted = trusted and (not known or any(id_ in there for id_ in known))
        found = found | there
    alive, missing = candidates & found, candidates - found
    if not trusted:
        yield Verdicts(alive=list(alive), unsure=list(missing))
        return
    if _exist(client, Numbers(refused), walk):
        yield Verdicts(alive=list(alive), unsure=list(missing))
        return

    def read(deals: Sequence[int]) -> list[Record]:
        return children_of(client, walk.stream, deals, [], walk.deals)

    hidden = perhaps_hidden(client, missing, parents, read)
    yield Verdicts(alive=list(alive), absent=list(missing - hidden), unsure=list(hidden))


def _exist(client: Api, refused: Numbers, walk: DealsWalk) -> bool:
    """Whether there are children that cannot be read, because a deal exists that was refused. They
    may be any of those that are missing."""
    answers = verify(client, DEALS, refused, walk.deals)
    return any(each.alive or each.unsure for each in answers)


def _of_the_missing(
    client: Api, walk: DealsWalk, deals: list[int], refused: list[int]
) -> list[Record]:
    """As `children_of`, for deals most of which may be gone."""
    try:
        found = _asked(client, walk.stream, deals)
    except StreamError as error:
        if not is_failure(error):
            raise
        found = None
    if found is not None:
        return found
    answers = verify(client, DEALS, deals, walk.deals)
    there = [id_ for each in answers for id_ in (*each.alive, *each.unsure)]
    return children_of(client, walk.stream, there, refused, walk.deals) if there else []


def _batches(deals: Numbers, others: int = 0) -> Iterator[list[int]]:
    """These deals, as many at a time as a request can name besides so many others. One batch is
    empty if there are only others."""
    remaining = iter(deals)
    batch = list(islice(remaining, BATCH - others))
    if others and not batch:
        yield batch
    while batch:
        yield batch
        batch = list(islice(remaining, BATCH - others))


def _changed(client: Api, deals: Stream, since: int) -> Iterator[Any]:
    bounds = {"updated_since": rfc3339(since - OVERLAP), "sort_by": "update_time"}
    for page in pages(client, deals, bounds):
        yield from values(page.records, "id")
