"""Keeps what audits remember within a size that a platform can store."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.stream.audited import AUDITOR

logger = logging.getLogger("airbyte")

# Characters of a state. Beyond that, the deals of products and installments are forgotten; if that
# is not enough, the audit of leads ends: their ids do not compress.
MOST = 1_000_000
LEADS = "leads"


def fitted(
    all_kept: Mapping[str, Kept], now: int, end: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """What is kept of each object, for the state. now: where the sync began, in seconds since
    1970; end: ends the pass over an object for this sync."""
    objects = {name: found for name, kept in all_kept.items() if (found := kept.dump())}
    if len(json.dumps(objects)) > MOST and _forget_deals(all_kept):
        objects = {name: all_kept[name].dump() for name in objects}
    leads = all_kept[LEADS]
    if len(json.dumps(objects)) > MOST and not leads.stopped:
        end(LEADS)
        leads.stop(now)
        logger.warning(
            f"{AUDITOR}: the audit of leads ends here, because their ids would make the state "
            "larger than a megabyte. Deleted leads go unnoticed. A month from now, the audit tries "
            "again, in case there are fewer leads by then."
        )
        objects[LEADS] = leads.dump()
    return objects


def _forget_deals(all_kept: Mapping[str, Kept]) -> bool:
    had = [kept.parents.forget() for kept in all_kept.values() if kept.audited.of_deals]
    if any(had):
        logger.info(
            f"{AUDITOR}: there are too many products and installments to remember their deals, "
            "which would make the state larger than a megabyte. Removed ones are still "
            "reported, but without their deal, so their rows stay."
        )
    return any(had)
