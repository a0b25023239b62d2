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
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.parents import Parents
from source_pipedrive.reading.audit.verification import Verdicts, verify
from source_pipedrive.reading.audit.walks import Note, Reading, Walk
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.progress import OVERLAP
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Stream
from source_pipedrive.stream.audited import DEALS

BATCH = 100  # deals in one request
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
        self.unread = Numbers.load(saved.get("unread", ""))  # deals that Pipedrive refused
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
        while batch := list(islice(self._remaining, BATCH)):
            refused: list[int] = []
            records = children_of(self.client, self.stream, batch, refused)
            with self.lock:
                self.note(records)
                self.unread.add(refused)
                self._after = batch[-1]
                self._remaining = self._remaining - Numbers(batch)
            yield None

    def dump(self) -> dict[str, Any]:
        unread = {"unread": self.unread.dump()} if len(self.unread) else {}
        return {"after": self._after, "since": rfc3339(self.since), **unread}


def children_of(
    client: Api, stream: Stream, deals: Sequence[int], refused: list[int]
) -> list[Record]:
    """The children of these deals. Adds deals that Pipedrive refuses to `refused`."""
    found = _asked(client, stream, deals)
    if found is not None:
        return found
    if len(deals) == 1:
        refused.extend(deals)
        return []
    half = len(deals) // 2
    first = children_of(client, stream, deals[:half], refused)
    return first + children_of(client, stream, deals[half:], refused)


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
    client: Api, walk: DealsWalk, ids: Iterable[int], parents: Parents
) -> Iterator[Verdicts]:
    """What is known of these children. walk: the complete walk; parents: their last deals."""
    candidates = Numbers(ids)
    if not len(candidates):
        return
    found, refused = Numbers(), list(walk.unread)
    changed = Numbers(
        chain.from_iterable(_changed(client, each, walk.since) for each in DEALS.lists)
    )
    for batch in _batches(changed):
        found.add(values(children_of(client, walk.stream, batch, refused), "id"))
    # A deal may have come back, or into this user's sight, without a new time.
    deals = Numbers(parents.get(id_) for id_ in candidates - found)
    for batch in _batches(deals - changed):
        records = _asked(client, walk.stream, batch)
        if records is None:  # most of these are gone
            answers = verify(client, DEALS, batch, walk.deals)
            there = [id_ for each in answers for id_ in (*each.alive, *each.unsure)]
            records = children_of(client, walk.stream, there, refused) if there else []
        found.add(values(records, "id"))
    alive, missing = candidates & found, candidates - found
    answers = verify(client, DEALS, Numbers(refused), walk.deals)
    if any(each.alive or each.unsure for each in answers):
        # The children of a deal that exists cannot be read. They may be any of these.
        yield Verdicts(alive=list(alive), unsure=list(missing))
    else:
        yield Verdicts(alive=list(alive), absent=list(missing))


def _batches(deals: Numbers) -> Iterator[list[int]]:
    remaining = iter(deals)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _changed(client: Api, deals: Stream, since: int) -> Iterator[Any]:
    bounds = {"updated_since": rfc3339(since - OVERLAP), "sort_by": "update_time"}
    for page in pages(client, deals, bounds):
        yield from values(page.records, "id")
