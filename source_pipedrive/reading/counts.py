"""How many parents a child stream has met."""

from __future__ import annotations

# Parents read before the first estimate.
FIRST_ESTIMATE = 10


class Counts:
    """seen: parents in the sources; wanted: those to request; read: those requested; unsaved: those
    written since the last state. Not thread-safe: the reader holds its lock."""

    def __init__(self) -> None:
        self.seen = self.wanted = self.read = self.unsaved = 0
        self._next_estimate = FIRST_ESTIMATE

    def add(self, seen: int, wanted: int) -> None:
        """A source has delivered more records; some are wanted."""
        self.seen += seen
        self.wanted += wanted

    def add_read(self, parents: int) -> None:
        """More parents have been read."""
        self.read += parents

    def estimate_is_due(self) -> bool:
        """Whether it is time for another estimate: after ten parents, a hundred, a thousand, ..."""
        due = self.read >= self._next_estimate
        self._next_estimate = 10 * self.read if due else self._next_estimate
        return due

    def add_written(self) -> None:
        """All records of one parent have been written."""
        self.unsaved += 1

    def saved(self) -> None:
        """A state includes them."""
        self.unsaved = 0
