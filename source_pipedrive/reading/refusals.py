"""Parents whose children could not be read in this sync: how many, why, and when to give up.

Not thread-safe: the reader holds its lock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from source_pipedrive.http.errors import TRANSIENT, Action, StreamError
from source_pipedrive.http.words import words

# If none of this many parents can be read, the rest are not requested. The oldest are tried first;
# if those have vanished, the newest.
HOPELESS = 20
REASONS = 5  # listed separately in the log
AGAIN = "Each sync asks for a few of them again, and reads them all once one can be read."


class ParkedError(StreamError):
    """Parents could not be read, and the next sync asks for them again."""

    says_what_is_next = True


class Refusals:
    """stream, parents: the names used in the log."""

    def __init__(self, stream: str, parents: str) -> None:
        self._stream = stream
        self._parents = parents
        self._skipped: Counter[tuple[str, bool]] = Counter()  # why, and whether it asks again
        self._significant = 0  # refusals that may apply to the other parents too
        self._parked: list[StreamError] = []
        self._in_a_row = 0
        self.first: StreamError | None = None
        self.gone = 0
        self.hopeless: StreamError | None = None

    def __bool__(self) -> bool:
        return self.first is not None

    @property
    def skipped(self) -> int:
        """How many parents were skipped."""
        return self._skipped.total()

    def read(self) -> None:
        """A parent was read."""
        self._in_a_row = 0

    def note(self, error: StreamError, action: Action, deleted: bool, none_read: bool) -> bool:
        """One parent could not be read. deleted: it is marked as deleted; none_read: no other
        parent could be read either.

        Returns whether to request the others from the newest on. Sets `hopeless` if there is no
        point in requesting them.
        """
        if action is Action.PARK:
            self._parked.append(error)
            self._in_a_row += 1
            if self._in_a_row >= HOPELESS:
                self.hopeless = error
            return False
        why = f'{error.status} "{re.sub("[0-9]+", "#", words(error.body))}"'
        kind = (why, action is Action.ASK_LATER)
        known = kind in self._skipped or len(self._skipped) < REASONS
        self._skipped[kind if known else ("other answers", False)] += 1
        gone = error.status in (404, 410)
        self.gone += gone
        if deleted and gone:  # this means nothing for the others
            return False
        self.first = self.first or error
        self._significant += 1
        if not none_read:
            return False
        if self._significant >= (HOPELESS if error.status == 403 else 2 * HOPELESS):
            self.hopeless = self.first
        return self._significant == HOPELESS and error.status != 403

    @property
    def parked(self) -> StreamError | None:
        """The error that ends the stream if only parked parents remain."""
        if not self._parked:
            return None
        last, number = self._parked[-1], len(self._parked)
        return ParkedError(
            f"{number:,} of the {self._parents} could not be read; the next sync asks for "
            f"{'it' if number == 1 else 'them'} again. {last.message}",
            TRANSIENT,
            last.status,
            last.body,
        )

    def lines(self, failed: bool, hidden_before: int = 0) -> Iterator[str]:
        """The lines about them at the end of the log. failed: the stream ends with an error;
        hidden_before: how many earlier syncs found hidden, which is in the report alone."""
        # An abandoned worker may add to it meanwhile.
        for (why, asks_again), number in list(self._skipped.items()):
            later = f" {AGAIN}" if asks_again and not failed else ""
            yield f"{self._stream}: {number:,} of the {self._parents} skipped: {why}.{later}"
        if hidden_before:
            yield (
                f"{self._stream}: at least {hidden_before:,} of the {self._parents} were hidden "
                f"from the user in earlier syncs. {AGAIN}"
            )
