"""How many requests run side by side: as many as the account's pace and Pipedrive's latency allow,
within the memory for their pages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

# Workers if the connector chooses their number.
FEWEST, MOST = 2, 100
MEMORY = 96 * 1024 * 1024  # bytes for the pages of all workers


class Pace(Protocol):
    """What is known about the account's limit."""

    @property
    def parallel(self) -> int:
        """Requests under way at once when the limit is fully used."""


class Answers(Protocol):
    """What is known about the answers so far."""

    @property
    def pacing(self) -> Pace:
        """How fast requests are sent."""

    def page_bytes(self, stream: str) -> int:
        """Bytes that a page of that stream takes, judging by its answers."""


class WorkerLimits:
    """number: the configured number of workers, which applies however large the pages are; or
    None."""

    def __init__(self, answers: Answers, number: int | None = None) -> None:
        self._answers = answers
        self._number = number

    @property
    def max_workers(self) -> int:
        """Workers that the pace keeps busy."""
        return self._number or max(FEWEST, min(self._answers.pacing.parallel, MOST))

    def max_for(self, stream: str) -> int:
        """Workers that are useful if all of them read that stream."""
        if self._number:
            return self._number
        return max(FEWEST, min(self.max_workers, MEMORY // max(1, self.page_bytes(stream))))

    def free_bytes(self, busy: Sequence[str]) -> float:
        """Bytes that are free for one more task. busy: the stream of each task under way."""
        return math.inf if self._number or len(busy) < FEWEST else self._remaining_bytes(busy)

    def over_memory(self, busy: Sequence[str]) -> bool:
        """Whether more tasks are under way than there is memory for."""
        return not self._number and len(busy) > FEWEST and self._remaining_bytes(busy) < 0

    def page_bytes(self, stream: str) -> int:
        """Bytes that a page of that stream takes, judging by its answers."""
        return 0 if self._number else self._answers.page_bytes(stream)

    def _remaining_bytes(self, busy: Sequence[str]) -> int:
        counts = Counter(busy).items()
        return MEMORY - sum(number * self.page_bytes(stream) for stream, number in counts)
