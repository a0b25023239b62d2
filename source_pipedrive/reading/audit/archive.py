"""Products and installments of archived deals. Pipedrive does not say whether the lists of these
children have them. If not, archiving a deal looks as if they had been removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from source_pipedrive.http.request import Api
from source_pipedrive.http.shapes import values
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.parents import Parents
from source_pipedrive.reading.audit.verdicts import is_marked
from source_pipedrive.reading.audit.verification import CONTROLS, MOST_IDS, listed
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.records import Record
from source_pipedrive.stream.audited import DEALS

BATCH = 100  # deals in one request for their children
ARCHIVE = DEALS.lists[1]
# The children of these deals, as the list has them now.
Read = Callable[[Sequence[int]], list[Record]]


def perhaps_hidden(client: Api, missing: Numbers, parents: Parents, read: Read) -> Numbers:
    """Those of the missing children that may exist, because their deal is archived, or unknown.
    None if the list has children of archived deals, or there are no such deals. All if the archive
    does not find a deal that it lists."""
    if not len(missing):
        return missing
    some = Numbers(values(next(pages(client, ARCHIVE, {})).records, "id"))
    known = list(islice(some, CONTROLS))
    archived = _archived(client, Numbers(parents.get(id_) for id_ in missing), known)
    if archived is None:
        return missing
    doubtful = Numbers(
        id_ for id_ in missing if (deal := parents.get(id_)) is None or deal in archived
    )
    if not len(doubtful) or _has_archived(client, archived, some - archived, parents, read):
        return Numbers()
    return doubtful


def _has_archived(
    client: Api, archived: Numbers, others: Numbers, parents: Parents, read: Read
) -> bool:
    """Whether the list has children of archived deals; true if no deal is archived. archived,
    others: some that are."""
    deals = [*archived, *(others & parents.deals or others)][:BATCH]
    if not deals:
        return True
    # One of them may have left the archive meanwhile.
    return bool(len(_archived(client, Numbers(values(read(deals), "deal_id"))) or ()))


def _archived(client: Api, deals: Iterable[int], known: Sequence[int] = ()) -> Numbers | None:
    """Those of these deals that are in the archive. None if it does not find one of `known` with
    them, which it has."""
    found, remaining = Numbers(), iter(deals)
    while batch := list(islice(remaining, MOST_IDS - CONTROLS)):
        asked = [*(deal for deal in batch if deal not in known), *known]
        there = [
            record["id"]
            for record in listed(client, ARCHIVE, asked, set())
            if not is_marked(record)
        ]
        if known and not {*known} & {*there}:
            return None
        found.add(there)
    return found
