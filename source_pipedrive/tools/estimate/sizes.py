"""How many records a first sync reads from one list, found out with few requests.

Each size knows what one more question costs and how many records its guess may be wrong by, so that
tokens go where they matter (`bill.py`).
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from source_pipedrive.http.errors import StreamError
from source_pipedrive.http.request import Answer, Api
from source_pipedrive.reading.answers import records_of
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.months import months_of
from source_pipedrive.reading.pages import request_for
from source_pipedrive.reading.progress import lower_bound
from source_pipedrive.reading.records import Record, inner
from source_pipedrive.reading.reference import REFUSED
from source_pipedrive.stream import Changes, Child, Paging, Stream

FILTERED = (Changes.ASCENDING, Changes.RESTARTING)  # by the server, which leaves out nulls
PARENTS = 10  # in a short list of which nothing is known
MONTHS = 24  # of a goal or pipeline of which nothing is known


@dataclass
class Facts:
    """What the sizes share. lower, until: the history, in seconds since 1970; largest: the highest
    id of any list so far."""

    lower: int
    until: int
    largest: int = 0

    def note_highest(self, id_: int) -> None:
        """Learns the highest id of a list."""
        self.largest = max(self.largest, id_)


class Size(ABC):
    """Of the list `stream`. page_size: records of a page, 0 if it has no pages; measured: whether
    the guess rests on an answer; has_records: whether the sync will read any, None if no answer
    says so; refused: Pipedrive refuses the list; failed: the last question has no usable answer, so
    nothing more is asked."""

    def __init__(self, stream: Stream, facts: Facts) -> None:
        self.stream = stream
        self.measured = False
        self.has_records: bool | None = None
        self.refused = self.failed = False
        self.page_size = stream.endpoint.limit or 0
        self._facts = facts
        self._since = lower_bound(stream, facts.lower)

    @property
    @abstractmethod
    def rows(self) -> int:
        """The best guess at the number of records."""

    @property
    def is_single_page(self) -> bool:
        """Whether a question has shown that the list has one page."""
        return False

    @property
    def is_floor(self) -> bool:
        """Whether there are more records, and no question has found out how many."""
        return False

    @property
    def tokens_a_row(self) -> float:
        """What one more record costs in this list."""
        return self.stream.endpoint.cost / self.page_size if self.page_size else 0

    @property
    def price(self) -> int:
        """API tokens of the next question."""
        return self.stream.endpoint.cost

    @property
    def is_over(self) -> bool:
        """Whether Pipedrive answers no more questions."""
        return self.refused or self.failed

    @property
    @abstractmethod
    def doubt(self) -> float:
        """Records by which the guess may be wrong; 0 if no question would help."""

    @property
    def pages(self) -> int:
        """Requests that read the list. Where there are several, or where the history leaves out
        the beginning, one more finds what has no time, or what moved meanwhile. Pages with offsets
        overlap by one record."""
        sets, limit = len(self.stream.endpoint.param_sets), self.page_size
        if limit and limit < self.rows and self.stream.endpoint.paging is Paging.OFFSET:
            limit = max(1, limit - 1)
        pages = ceil(self.rows / limit) if limit else 1
        is_cut = bool(self._since) and self.stream.incremental.changes in FILTERED
        return max(sets, pages + (pages > 1 or is_cut))

    def units(self, child: Child) -> float:
        """For how many records, or months of them, the children are requested."""
        history = self._facts.lower, self._facts.until
        months = min(MONTHS, len(months_of(*history))) if child.month_params else 1
        return self.rows * months

    def ask(self, client: Api) -> None:
        """Sends the next question. Raises SyncError."""
        try:
            self._ask(client)
        except StreamError as error:
            # Anything else, such as a 500 or a truncated page, says nothing about the sync.
            self.refused = error.status in REFUSED and not self.measured
            self.failed = not self.refused
            if self.refused:
                self.has_records = False

    @abstractmethod
    def _ask(self, client: Api) -> None:
        """As `ask`; raises StreamError too."""

    def _get(self, client: Api, params: Mapping[str, str]) -> list[Record]:
        return records_of(self.stream, self._answer(client, params).body)

    def _answer(self, client: Api, params: Mapping[str, str]) -> Answer:
        return client.get(request_for(self.stream, params, ""))

    def _is_wanted(self, record: Record) -> bool:
        field = self.stream.incremental.history_field
        at = instant_or_none(record.get(field)) if field else None
        return at is None or at >= self._since


class Short(Size):
    """A list of one page, read only to count the parents of child streams."""

    def __init__(self, stream: Stream, facts: Facts) -> None:
        super().__init__(stream, facts)
        self._records: dict[str, Record] = {}  # by id: a record may be in several sets

    @property
    def rows(self) -> int:
        if self.measured:
            return len(self._records)
        return PARENTS

    @property
    def doubt(self) -> float:
        return 0 if self.measured or self.is_over else self.rows

    @property
    def price(self) -> int:
        return self.stream.endpoint.cost * len(self.stream.endpoint.param_sets)

    def units(self, child: Child) -> float:
        if not self._records or not child.month_params:
            return super().units(child)
        known = self._records.values()
        lives = [[inner(each, name) for name in child.lifetime_fields] for each in known]
        history = self._facts.lower, self._facts.until
        return sum(len(months_of(*history, *life)) for life in lives)

    def _ask(self, client: Api) -> None:
        first, *others = self.stream.endpoint.param_sets
        self._add(self._get(client, first))
        self.measured = True
        for params in others:
            with contextlib.suppress(StreamError):  # a sync makes do without, too
                self._add(self._get(client, params))

    def _add(self, records: Sequence[Record]) -> None:
        self._records |= {str(record.get("id")): record for record in records}
