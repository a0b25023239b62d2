"""What the passes of one sync share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import RLock

from source_pipedrive.http.request import Api
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.audit.viewer import Viewer
from source_pipedrive.reading.records import Record


@dataclass(frozen=True)
class PassContext:
    """What the passes of one sync share. client: keeps to the audit's share; lock: guards all that
    is kept; now: where the sync began, in seconds since 1970; viewer: who reads, as of the sync's
    beginning; ask_viewer: the same as of now; row: makes a row of deleted_records; deals: what is
    kept of deals; reserve: within it, every other request leaves enough of the share for
    ask_viewer."""

    client: Api
    lock: RLock
    now: int
    settings: AuditSettings
    viewer: Viewer
    ask_viewer: Callable[[], Viewer]
    row: Callable[..., Record]
    deals: Kept
    reserve: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def row_time(self) -> int:
        """The `seen_time` of the rows of this audit, in seconds: all other streams have ended when
        it begins, so nothing that they wrote is newer."""
        return max(self.now, self.viewer.at)
