"""Lists of API v2, which accept `ids`."""

from __future__ import annotations

import random
from itertools import pairwise
from math import sqrt

from source_pipedrive.http.request import Api
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Child, Stream
from source_pipedrive.tools.estimate.sizes import Facts, Size

SAMPLE = 100  # ids in one request: the most that Pipedrive takes
MOST_SAMPLES = 3
UNKNOWN = 20_000  # records that a list of which nothing is known may well have


class Sampled(Size):
    """A list that accepts `ids`: its highest id, times the share of random ids that are there.

    The ids are drawn from strata of equal size, because records of one age share their fate: the
    history leaves out old ones.
    """

    def __init__(self, stream: Stream, facts: Facts, numbered_with: Sampled | None = None) -> None:
        """numbered_with: another list of the same object, which has the newer records."""
        super().__init__(stream, facts)
        self.highest = -1
        self._with = numbered_with
        self._asked = 0
        self._found: list[Record] = []

    @property
    def rows(self) -> int:
        if self._asked:
            return round(self._highest() * len(self._found) / self._asked)
        return max(0, self.highest)

    @property
    def doubt(self) -> float:
        if self.refused or self._asked >= MOST_SAMPLES * SAMPLE:
            return 0
        highest = self._highest()
        if highest < 0:
            return UNKNOWN
        if not self._asked:  # without a history only deleted records are missing
            return highest / (2 if self._since else 16)
        share = max(0.02, min(0.98, len(self._found) / self._asked))
        deviation = sqrt(share * (1 - share) / self._asked)
        return highest * deviation

    def _highest(self) -> int:
        return self._with.highest if self._with else self.highest

    def units(self, child: Child) -> float:
        if not self._found or not child.counter:
            return super().units(child)
        with_some = sum(record.get(child.counter) != 0 for record in self._found)
        return float(self.rows * with_some / len(self._found))

    def _ask(self, client: Api) -> None:
        if self._highest() < 0:
            if self._with is not None:
                self._with.ask(client)
                return
            params = {"sort_by": "id", "sort_direction": "desc", "limit": "1"}
            newest = [record.get("id") for record in self._get(client, params)]
            self.highest = max((id_ for id_ in newest if isinstance(id_, int)), default=0)
            self.measured = True
            self._facts.note_highest(self.highest)
            return
        ids = strata(self._highest(), self._asked // SAMPLE)
        found = self._get(client, {"ids": ",".join(map(str, ids))}) if ids else []
        self._asked += len(ids) or MOST_SAMPLES * SAMPLE
        self.measured = True
        self._found += [record for record in found if self._is_wanted(record)]


def strata(highest: int, round_: int) -> list[int]:
    """Up to 100 ids of 1..highest, one from each of as many parts of equal size. Other rounds have
    other ids, but the same question is answered the same way each time."""
    chance = random.Random(f"{highest} {round_}")
    count = min(SAMPLE, highest)
    edges = [1 + highest * at // count for at in range(count + 1)] if count else []
    return [chance.randrange(low, high) for low, high in pairwise(edges)]
