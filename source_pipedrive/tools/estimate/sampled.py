"""Lists of API v2, which accept `ids`."""

from __future__ import annotations

import random
from itertools import pairwise
from math import sqrt

from source_pipedrive.http.request import Api
from source_pipedrive.reading.answers import promises_more, records_of
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Child, Stream
from source_pipedrive.tools.estimate.sizes import Facts, Size

SAMPLE = 100  # ids in one request: the most that Pipedrive takes
MOST_SAMPLES = 3
DENSE = 0.8  # share of ids that are there; above it, too few records say how many are missing
UNKNOWN = 20_000  # records that a list of which nothing is known may well have


class Sampled(Size):
    """A list that accepts `ids`: its newest page, and below that page the share of random ids that
    are there.

    A list of one page is thereby counted, however large the gaps between its ids are. The random
    ids are drawn from strata of equal size, because records of one age share their fate: the
    history leaves out old ones.
    """

    def __init__(self, stream: Stream, facts: Facts, numbered_with: Sampled | None = None) -> None:
        """numbered_with: another list of the same object; what it lacks, this one may have."""
        super().__init__(stream, facts)
        self._with = numbered_with
        self._newest: list[Record] = []  # those of the newest page that the history contains
        self._below = -1  # ids below that page; -1: not asked yet
        self._density = 0.0  # of the newest page, in records an id
        self._gaps = 0  # ids that the newest page lacks
        self._asked = 0
        self._found: list[Record] = []
        self._exist = False  # whether any of these ids does, in the history or not

    @property
    def rows(self) -> int:
        return len(self._newest) + self._older if self._below >= 0 else self._lacking_elsewhere

    @property
    def _lacking_elsewhere(self) -> int:
        return self._with.lacking if self._with else 0

    @property
    def lacking(self) -> int:
        """Ids that the list lacks: deleted records, and those in another list."""
        return round(max(0, self._below) * (1 - self._density)) + self._gaps

    @property
    def _older(self) -> int:
        return round(max(0, self._below) * self._share)

    @property
    def _share(self) -> float:
        if self._asked:
            return len(self._found) / self._asked
        return self._density if self._density < DENSE else 1.0

    @property
    def is_single_page(self) -> bool:
        return self._below == 0

    @property
    def is_floor(self) -> bool:
        return self._asked > 0 and not self._exist

    @property
    def doubt(self) -> float:
        if self.is_over or self._asked >= MOST_SAMPLES * SAMPLE:
            return 0
        if self._below < 0:
            if self._with is None:
                return UNKNOWN
            return self._lacking_elsewhere if self._with.measured else 0  # ask the other first
        if not self._asked:  # without a history only deleted records are missing
            return self._below * max(1 / 4 if self._since else 1 / 16, (1 - self._density) / 2)
        share = max(0.02, min(0.98, self._share))
        return self._below * sqrt(share * (1 - share) / self._asked)

    def units(self, child: Child) -> float:
        counter = child.counter
        sample = self._found or self._newest
        if not sample or not counter:
            return super().units(child)

        def having(records: list[Record]) -> int:
            return sum(record.get(counter) != 0 for record in records)

        return having(self._newest) + self._older * having(sample) / len(sample)

    def _ask(self, client: Api) -> None:
        if self._below < 0:
            self._ask_newest(client)
            self.measured = True
            return
        ids = strata(self._below, self._asked // SAMPLE)
        found = self._get(client, {"ids": ",".join(map(str, ids))}) if ids else []
        self._asked += len(ids) or MOST_SAMPLES * SAMPLE
        self._exist = self._exist or bool(found)
        self._found += [record for record in found if self._is_wanted(record)]
        self.has_records = True if self._found else self.has_records

    def _ask_newest(self, client: Api) -> None:
        """A whole page costs as much as one record."""
        limit = str(self.stream.endpoint.limit or 1)
        params = {"sort_by": "id", "sort_direction": "desc", "limit": limit}
        answer = self._answer(client, params)
        records = records_of(self.stream, answer.body)
        ids = [id_ for record in records if isinstance(id_ := record.get("id"), int)]
        self._newest = [record for record in records if self._is_wanted(record)]
        self._below = max(0, min(ids) - 1) if ids and promises_more(answer.body) else 0
        self.has_records = True if self._newest else None if self._below else False
        if ids and self._below:
            self.page_size = len(records)  # the server may allow less than was asked for
        if ids:
            self._gaps = max(0, max(ids) - min(ids) + 1 - len(ids))
            self._density = len(ids) / (len(ids) + self._gaps)
        self._facts.note_highest(max(ids, default=0))


def strata(highest: int, round_: int) -> list[int]:
    """Up to 100 ids of 1..highest, one from each of as many parts of equal size. Other rounds have
    other ids, but the same question is answered the same way each time."""
    chance = random.Random(f"{highest} {round_}")
    count = min(SAMPLE, highest)
    edges = [1 + highest * at // count for at in range(count + 1)] if count else []
    return [chance.randrange(low, high) for low, high in pairwise(edges)]
