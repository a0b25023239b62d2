"""Parents whose children could not be had in this sync: how many, why, and when to give up.

Not thread-safe: the reader holds its lock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from source_pipedrive.http.errors import TRANSIENT, Action, StreamError, words

# Parents of which none could be read before the rest is not asked for any more: from the oldest on,
# and if these have gone, as many from the newest on.
HOPELESS = 20
REASONS = 5  # that are told apart in the log
AGAIN = "Each sync asks for a few of them, and reads them all once one of them can be read."


class Refusals:
    """stream, parents: the names that the sentences need."""

    def __init__(self, stream: str, parents: str) -> None:
        self._stream = stream
        self._parents = parents
        self._passed: Counter[str] = Counter()
        self._told = 0  # refusals that say something about the other parents
        self._parked: list[StreamError] = []
        self._in_a_row = 0
        self.first: StreamError | None = None
        self.gone = 0
        self.hopeless: StreamError | None = None

    def __bool__(self) -> bool:
        return self.first is not None

    @property
    def passed(self) -> int:
        """Parents that were passed over."""
        return self._passed.total()

    def read(self) -> None:
        """A parent could be read."""
        self._in_a_row = 0

    def note(self, error: StreamError, action: Action, deleted: bool, none_read: bool) -> bool:
        """One parent could not be read. deleted: it is marked so; none_read: nor could any other.

        Returns whether the others should be asked from the newest on. Sets `hopeless` where the
        rest need not be asked at all.
        """
        if action is Action.PARK:
            self._parked.append(error)
            self._in_a_row += 1
            if self._in_a_row >= HOPELESS:
                self.hopeless = error
            return False
        why = f'{error.status} "{re.sub("[0-9]+", "#", words(error.body))}"'
        known = why in self._passed or len(self._passed) < REASONS
        self._passed[why if known else "other answers"] += 1
        gone = error.status in (404, 410)
        self.gone += gone
        if deleted and gone:  # that says nothing about the others
            return False
        self.first = self.first or error
        self._told += 1
        if not none_read:
            return False
        if self._told >= (HOPELESS if error.status == 403 else 2 * HOPELESS):
            self.hopeless = self.first
        return self._told == HOPELESS and error.status != 403

    @property
    def parked(self) -> StreamError | None:
        """What ends the stream where parked parents are all that is left."""
        if not self._parked:
            return None
        last, number = self._parked[-1], len(self._parked)
        return StreamError(
            f"{number:,} of the {self._parents} could not be read; the next sync asks for "
            f"{'it' if number == 1 else 'them'} again. {last.message}",
            TRANSIENT,
            last.status,
            last.body,
        )

    def lines(self, failed: bool) -> Iterator[str]:
        """What the log says of them at the end. failed: the stream ends with an error."""
        for why, number in self._passed.items():
            later = f" {AGAIN}" if why.startswith(("200", "403")) and not failed else ""
            yield f"{self._stream}: {number:,} of the {self._parents} passed over: {why}.{later}"
