"""What may have been deleted since the last pass: what was there, or was assigned since, and was
not seen."""

from __future__ import annotations

from dataclasses import dataclass

from source_pipedrive.reading.audit import guards
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.ledger import Current, Ids, Kept


@dataclass(frozen=True)
class Candidates:
    """ids: what has to be asked about; postponed: ids that were assigned since the last pass are
    left to the next one; looks_back: what was deleted before a first pass is among them."""

    ids: Ids
    postponed: bool
    looks_back: bool


def candidates(kept: Kept, now: Current, sees_all: bool) -> Candidates:
    """What a pass has to ask about. sees_all: whether its user sees every record."""
    first, by_ids = not kept.closed, kept.audited.by_ids
    counts = not kept.audited.uuids and not _counts_otherwise(kept, now)
    ask = counts and not (first and not (by_ids and sees_all))
    # Until a user who sees everything has asked about the oldest gaps, they wait for one.
    waits = by_ids and not sees_all and not kept.highest
    begin = kept.top if waits else kept.highest
    if ask:  # before anything is made of the gaps: there may be billions
        seen = len(now.seen.within(begin, now.settled))
        ask = not guards.is_sparse(now.settled - begin - seen, seen)
    gaps = Numbers.between(begin, now.settled) - now.seen if ask else kept.ids()
    found = (kept.present | gaps) - now.seen - kept.reported
    return Candidates(
        ids=found | (kept.hidden - now.seen) if sees_all else found - kept.hidden,
        postponed=waits or (not kept.audited.uuids and not counts),
        looks_back=not first or ask,
    )


def _counts_otherwise(kept: Kept, now: Current) -> bool:
    """Whether records have appeared below the highest id, so that ids may not count up. A few may
    have become visible; there is no such excuse for children, which nothing verifies."""
    old = now.seen.within(0, kept.top)
    unknown = len(old - kept.present - kept.reported - kept.hidden - kept.flagged)
    return unknown > (0 if kept.audited.of_deals else guards.FEW)
