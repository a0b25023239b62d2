"""Loads the audit's part of a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_pipedrive.reading.audit.comparison import Comparison
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.state import UNREADABLE, unreadable
from source_pipedrive.stream.audited import AUDITED, AUDITOR


def loaded(saved: Mapping[str, Any], user: int) -> tuple[Comparison, dict[str, Kept]]:
    """What an earlier sync dumped: the short lists, and each audited object by name. Raises
    SyncError if it cannot be read."""
    try:
        objects = saved.get("objects", {})
        kept = {each.name: Kept(each, objects.get(each.name, {})) for each in AUDITED}
        return Comparison(saved.get("lists", {}), user), kept
    except UNREADABLE:
        raise unreadable(AUDITOR) from None
