"""Loads the audit's part of a state."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from source_pipedrive.reading.audit.comparison import Comparison
from source_pipedrive.reading.audit.context import PassContext
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.audit.passes import ObjectPass
from source_pipedrive.reading.audit.settings import is_ahead
from source_pipedrive.reading.state import UNREADABLE, unreadable
from source_pipedrive.stream.audited import AUDITED, AUDITOR

logger = logging.getLogger("airbyte")


def loaded(saved: Mapping[str, Any], user: int, now: int) -> tuple[Comparison, dict[str, Kept]]:
    """What an earlier sync dumped: the short lists, and each audited object by name. now: in
    seconds since 1970. Raises SyncError if it cannot be read."""
    try:
        objects = saved.get("objects", {})
        kept = {each.name: Kept(each, objects.get(each.name, {})) for each in AUDITED}
        comparison = Comparison(saved.get("lists", {}), user)
    except UNREADABLE:
        raise unreadable(AUDITOR) from None
    for each in kept.values():
        # Deals and records that changed since would be looked for in the future.
        if each.current is not None and is_ahead(each.current.begun, now):
            each.discard()
    return comparison, kept


def resumed(kept: Kept, context: PassContext) -> ObjectPass:
    """This sync's part of a pass, which starts over if its place cannot be read."""
    try:
        return ObjectPass(kept, context)
    except UNREADABLE:
        name = kept.audited.name
        logger.warning(f"{AUDITOR}: the audit of {name} starts over: its place cannot be read.")
        kept.discard()
        return ObjectPass(kept, context)
