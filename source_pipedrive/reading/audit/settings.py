"""What the user asked an audit to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from source_pipedrive.stream import Stream

DAY = 86_400
HELD_FOR, STOPPED_FOR = 7 * DAY, 30 * DAY


@dataclass(frozen=True)
class AuditSettings:
    """every: days between two passes; share: percent of the company's daily budget that an audit
    may use; accepted: by object, the size of a finding that the user has confirmed; takers: the
    streams in which the records that an audit reads are written again, by the path of their list.
    """

    every: int = 7
    share: int = 10
    accepted: Mapping[str, int] = field(default_factory=dict)
    takers: Mapping[str, Stream] = field(default_factory=dict)

    def is_due(self, begun: int, now: int) -> bool:
        """Whether a new pass is due at `now` if the last one began at `begun`, in seconds. An hour
        early counts, so that a sync at the same time of day is not late by one."""
        return _age(begun, now) >= self.every * DAY - 3_600

    def may_replace(self, begun: int, now: int) -> bool:
        """Whether a new pass may take the place of one that began at `begun` and waits for the
        user's word: the number that the warning names holds for a week at least."""
        return self.is_due(begun, now) and _age(begun, now) >= HELD_FOR

    def may_retry(self, stopped: int, now: int) -> bool:
        """Whether an audit that ended at `stopped`, because the object had too many ids, may begin
        again: it reads the whole list to find out, so once a month is enough."""
        return self.is_due(stopped, now) and _age(stopped, now) >= STOPPED_FOR

    def as_taken(self, stream: Stream) -> Stream:
        """A list, with the fields that its taker requests. That stream may request deleted records,
        too, which an audit must not see."""
        taker = self.takers.get(stream.endpoint.path)
        if taker is None:
            return stream
        params = {name: value for name, value in taker.endpoint.params.items() if name != "status"}
        optional = taker.endpoint.optional_fields
        endpoint = replace(stream.endpoint, params=params, optional_fields=optional)
        return replace(stream, endpoint=endpoint)


def is_ahead(time: int, now: int) -> bool:
    """Whether a time, in seconds, comes from a clock that was wrong, such as a proxy's."""
    return time >= now + DAY


def _age(time: int, now: int) -> int:
    """Seconds since a time. What a wrong clock has dated counts as long ago: otherwise nothing
    would be due for years."""
    return now if is_ahead(time, now) else now - time
