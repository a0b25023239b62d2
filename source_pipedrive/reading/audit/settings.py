"""What the user asked an audit to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DAY = 86_400


@dataclass(frozen=True)
class AuditSettings:
    """every: days between two passes; share: percent of the company's daily budget that an audit
    may use; accepted: by object, the size of a finding that the user has confirmed."""

    every: int = 7
    share: int = 10
    accepted: Mapping[str, int] = field(default_factory=dict)

    def is_due(self, begun: int, now: int) -> bool:
        """Whether a new pass is due at `now` if the last one began at `begun`, in seconds. An hour
        early counts, so that a sync at the same time of day is not late by one."""
        return now - begun >= self.every * DAY - 3_600
