"""What has been declared deleted lately, so that it can be sent again: a platform may keep the
state that includes a deletion, and lose the tombstone on its way to another stream.

Each deletion keeps the time that its row had. So what is sent again is what was sent before, and a
record that has been restored since has a newer row. This is not the time at which it was declared
if an earlier sync had verified it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from source_pipedrive.reading.instants import instant, rfc3339

# Passes, and syncs with reported deletions, that are remembered. What a stream has missed for
# longer takes a full refresh.
MOST = 50
Ids = Any


class Declarations:
    """The ids of one object, by the time at which they were declared deleted. saved: what `dump`
    returned; load: makes a set of ids from its text. Raises TypeError or ValueError if it cannot be
    read."""

    def __init__(self, saved: Iterable[Any], load: Callable[[str], Ids]) -> None:
        # The time, the ids, and the time of their rows if a pass has declared them, else None.
        self._declared: list[tuple[int, Ids, int | None]] = [
            (instant(time), load(ids), instant(rows[0]) if rows else None)
            for time, ids, *rows in saved
        ]

    def add(self, time: int, ids: Ids, rows: int | None = None) -> None:
        """A sync that began at `time` has declared these. rows: the time of their rows, if a pass
        has declared them and not Pipedrive."""
        if not len(ids):
            return
        for number, (at, known, of_rows) in enumerate(self._declared):
            if (at, of_rows) == (time, rows):
                self._declared[number] = (at, known | ids, of_rows)
                return
        # Each kind has its own limit: a sync reports deletions far more often than a pass ends.
        alike = [each for each in self._declared if (each[2] is None) == (rows is None)]
        if len(alike) >= MOST:
            self._declared.remove(alike[0])
        self._declared.append((time, ids, rows))

    def remove(self, ids: Ids) -> None:
        """These exist again."""
        left = [(time, declared - ids, rows) for time, declared, rows in self._declared]
        self._declared = [each for each in left if len(each[1])]

    def after(self, time: int) -> list[tuple[int, Ids]]:
        """What was declared after this time, by the time of its rows."""
        return [
            (at if rows is None else rows, ids) for at, ids, rows in self._declared if at > time
        ]

    def dump(self) -> list[list[str]]:
        """Its part of the state."""
        return [
            [rfc3339(time), ids.dump(), *([] if rows is None else [rfc3339(rows)])]
            for time, ids, rows in self._declared
        ]
