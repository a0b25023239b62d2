"""What the runs of one sync share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from source_pipedrive.http.company import Company
from source_pipedrive.http.request import Api
from source_pipedrive.privacy.privacy import Privacy
from source_pipedrive.reading.audit.lists import WholeLists
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.shaping import Fields
from source_pipedrive.sync.budget_stop import BudgetStop
from source_pipedrive.sync.copies import CopyWriter
from source_pipedrive.sync.limits import WorkerLimits
from source_pipedrive.sync.tombstones import Tombstones


@dataclass(frozen=True)
class SyncContext:
    """What the runs of a sync share. lower, until: the history, in seconds since 1970; tombstones:
    what the streams remove from each other's tables; copies: what an audit writes again; fields:
    None if custom fields stay as Pipedrive sends them; audit, lists: as in ReadContext; privacy:
    None if nothing is protected; budget_stop: whether a spent budget is an error."""

    client: Api
    company: Company
    lower: int
    until: int
    limits: WorkerLimits
    tombstones: Tombstones[Any]
    copies: CopyWriter[Any]
    fields: Fields | None = None
    audit: AuditSettings | None = None
    lists: WholeLists = field(default_factory=WholeLists)
    privacy: Privacy | None = None
    budget_stop: BudgetStop = field(default_factory=BudgetStop)
