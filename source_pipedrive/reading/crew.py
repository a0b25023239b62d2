"""How many requests run side by side: as many as the account's pace and Pipedrive's latency have
use for, within the memory for their pages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

# Workers where their number is left to the connector.
FEWEST, MOST = 2, 100
# Bytes for the pages of all workers. A page takes so many times the bytes of its answer while it is
# decoded and rendered.
MEMORY = 96 * 1024 * 1024
PAGE_FACTOR = 12


class Pace(Protocol):
    """What is known of the account's limit."""

    @property
    def parallel(self) -> int:
        """Requests under way at once when the limit is used to the full."""


class Asked(Protocol):
    """What is known of the answers so far."""

    @property
    def pacing(self) -> Pace:
        """How fast requests leave."""

    def size(self, stream: str) -> int:
        """Bytes of an answer of that stream."""


class Crew:
    """number: what the configuration says, which then holds whatever the pages weigh, or None."""

    def __init__(self, client: Asked, number: int | None = None) -> None:
        self._client = client
        self._number = number

    @property
    def of_use(self) -> int:
        """Workers that the pace keeps busy."""
        return self._number or max(FEWEST, min(self._client.pacing.parallel, MOST))

    def for_one(self, stream: str) -> int:
        """Workers of use when all of them read that stream."""
        if self._number:
            return self._number
        return max(FEWEST, min(self.of_use, MEMORY // max(1, self.weight(stream))))

    def room(self, busy: Sequence[str]) -> float:
        """Bytes that are free for one more task. busy: the stream of each that is under way."""
        return math.inf if self._number or len(busy) < FEWEST else self._left(busy)

    def is_crowded(self, busy: Sequence[str]) -> bool:
        """Whether more are under way than there is memory for."""
        return not self._number and len(busy) > FEWEST and self._left(busy) < 0

    def weight(self, stream: str) -> int:
        """Bytes that a page of that stream takes, as far as its answers tell."""
        return 0 if self._number else PAGE_FACTOR * self._client.size(stream)

    def _left(self, busy: Sequence[str]) -> int:
        return MEMORY - sum(number * self.weight(each) for each, number in Counter(busy).items())
