"""What has been declared deleted lately, so that it can be sent again: a platform may keep the
state that includes a deletion, and lose the tombstone on its way to another stream.

Each deletion keeps the time that its rows had. So what is sent again is what was sent before, and
a record that has been restored since has a newer row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from source_pipedrive.reading.instants import instant, rfc3339

# Times that are remembered. What a stream has missed for longer takes a full refresh.
MOST = 50
Ids = Any


class Declarations:
    """The ids of one object, by the time at which they were declared deleted. saved: what `dump`
    returned; load: makes a set of ids from its text. Raises TypeError or ValueError if it cannot be
    read."""

    def __init__(self, saved: Iterable[Any], load: Callable[[str], Ids]) -> None:
        self._declared = [(instant(time), load(ids)) for time, ids in saved]

    def add(self, time: int, ids: Ids) -> None:
        """These have been declared deleted, in rows with this time."""
        if not len(ids):
            return
        if self._declared and self._declared[-1][0] == time:
            ids = self._declared.pop()[1] | ids
        self._declared = [*self._declared, (time, ids)][-MOST:]

    def remove(self, ids: Ids) -> None:
        """These exist again."""
        left = [(time, declared - ids) for time, declared in self._declared]
        self._declared = [(time, declared) for time, declared in left if len(declared)]

    def after(self, time: int) -> list[tuple[int, Ids]]:
        """What was declared after this time."""
        return [(at, ids) for at, ids in self._declared if at > time]

    def dump(self) -> list[list[str]]:
        """Its part of the state."""
        return [[rfc3339(time), ids.dump()] for time, ids in self._declared]
