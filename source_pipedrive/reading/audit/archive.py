"""Products and installments of archived deals. Pipedrive does not say whether the lists of these
children have them. If not, archiving a deal looks as if they had been removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from source_pipedrive.http.request import Api
from source_pipedrive.http.shapes import values
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.parents import Parents
from source_pipedrive.reading.audit.verification import MOST_IDS, is_marked, listed
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.records import Record
from source_pipedrive.stream.audited import DEALS

BATCH = 100  # deals whose children are requested
ARCHIVE = DEALS.lists[1]
# The children of these deals, as the list has them now.
Read = Callable[[Sequence[int]], list[Record]]


def perhaps_hidden(client: Api, missing: Numbers, parents: Parents, read: Read) -> Numbers:
    """Those of the missing children that may exist, because their deal is archived, or unknown.
    None if the list has children of archived deals, or there are no such deals."""
    archived = _archived(client, Numbers(parents.get(id_) for id_ in missing))
    doubtful = Numbers(
        id_ for id_ in missing if (deal := parents.get(id_)) is None or deal in archived
    )
    if not len(doubtful) or _has_archived(client, archived, parents, read):
        return Numbers()
    return doubtful


def _has_archived(client: Api, archived: Numbers, parents: Parents, read: Read) -> bool:
    """Whether the list has children of archived deals; true if no deal is archived. archived: some
    that are."""
    others = Numbers(values(next(pages(client, ARCHIVE, {})).records, "id")) - archived
    deals = [*archived, *(others & parents.deals or others)][:BATCH]
    if not deals:
        return True
    # One of them may have left the archive meanwhile.
    return bool(len(_archived(client, Numbers(values(read(deals), "deal_id")))))


def _archived(client: Api, deals: Iterable[int]) -> Numbers:
    """Those of these deals that are in the archive."""
    found, remaining = Numbers(), iter(deals)
    while batch := list(islice(remaining, MOST_IDS)):
        records = listed(client, ARCHIVE, batch, set())
        found.add(record["id"] for record in records if not is_marked(record))
    return found
