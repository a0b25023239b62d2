"""Lists of API v1, which accept offsets."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from source_pipedrive.http.request import Api
from source_pipedrive.reading.answers import promises_more, records_of
from source_pipedrive.reading.audit.unsure import MONTH
from source_pipedrive.reading.deleted import recents_since
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Changes, Stream
from source_pipedrive.tools.estimate.sizes import Facts, Size

PAGES = 3  # that a list of which nothing is known may well have besides its first
STEP = 4  # a guess from one record's time is good to a quarter


class Probed(Size):
    """A v1 list. Without a history, the highest id counts as the number of records. Otherwise it is
    the record at an offset of a list that is sorted by time, newest first: its time says how many
    records there are down to the beginning of the history, if they are as frequent before. An
    offset with no record bounds that number.

    part: the first offset, as a part of the highest id of any list.
    """

    part = 20

    def __init__(self, stream: Stream, facts: Facts) -> None:
        super().__init__(stream, facts)
        if not self._is_sorted:  # it is read to its end, whatever the history
            self._since = 0
        self._low, self._high = 0, 0  # offsets with and without a record of the history; 0: unknown
        self._time_at_low: int | None = None
        self._highest = 0
        self._probes = 0

    @property
    def rows(self) -> int:
        if self._highest:
            return self._highest
        if not self._low:
            return max(1, self._high // 2) if self._high else self._limit
        rows = self._extrapolated(self._low, self._time_at_low)
        return min(rows, self._high) if self._high else rows

    @property
    def _limit(self) -> int:
        return self.page_size or 1

    @property
    def is_single_page(self) -> bool:
        return 0 < self._high <= self._limit

    @property
    def doubt(self) -> float:
        if self.is_over or self.is_single_page or self._highest:
            return 0
        if not self._probes:
            return max(PAGES * self._limit, self._facts.largest / 6)
        return self.rows / (STEP * self._probes)

    @property
    def _next(self) -> int:
        if not self._low and not self._high:
            return max(self._limit, self._facts.largest // self.part)
        if not self._low:
            return max(self._limit, self._high // STEP)
        return min(self.rows, (self._low + self._high) // 2) if self._high else self.rows

    def _ask(self, client: Api) -> None:
        if not self._since and not self._probes and self._is_sorted:
            self._ask_highest(client)
            return
        at = max(self._next, self._low + 1)
        found = self._page(client, {**self._params(), "start": str(at)})
        self._probes += 1
        times = [self._time(record) for record in found[:1]]
        if not found or any(time is not None and time < self._since for time in times):
            self._high = at
        else:
            self._low, self._time_at_low, self.measured = at, times[0], True
            self.has_records = True

    def _ask_highest(self, client: Api) -> None:
        newest = self._page(client, {"sort": "id DESC", "start": "0"})
        ids = [id_ for each in newest if isinstance(id_ := each.get("id"), int)]
        self._probes += 1
        self._highest, self.measured = max(ids, default=0), bool(ids)  # leads have no numbers
        self.has_records = bool(newest)
        if not newest:
            self._high = 1

    def _page(self, client: Api, params: Mapping[str, str]) -> list[Record]:
        """A whole page, which costs as much as one record and says how long pages are: the server
        may allow less than was asked for."""
        body = self._answer(client, params).body
        records = records_of(self.stream, body)
        if records and promises_more(body):
            self.page_size = len(records)
        return records

    def _extrapolated(self, at: int, time: int | None) -> int:
        until = self._facts.until
        if time is None or time >= until or not self._since:
            return at * 2
        further = max(1.0, (until - self._since) / (until - time))
        # Records that were changed lately crowd at the newest end: one time overstates the rest.
        return round(at * (sqrt(further) if self._probes == 1 else further))

    def _time(self, record: Record) -> int | None:
        names = (self.stream.incremental.history_field, "add_time")
        return next((t for n in names if (t := instant_or_none(record.get(n or "")))), None)

    @property
    def _is_sorted(self) -> bool:
        return self.stream.incremental.changes in (Changes.RESTARTING, Changes.NEWEST_FIRST)

    def _params(self) -> dict[str, str]:
        if self._is_sorted:
            return {"sort": "update_time DESC"}
        return {**self.stream.endpoint.param_sets[0]}


class Recent(Probed):
    """The recent changes, oldest first: those of the last month, which deletions are among. The
    list has each object once, with its last change, so most of them are at the end: only an offset
    far down says how many there are.
    """

    part = 4

    def __init__(self, stream: Stream, facts: Facts) -> None:
        super().__init__(stream, facts)
        self._begin = facts.until - MONTH

    @property
    def doubt(self) -> float:
        return super().doubt * (1 if self._probes else 3)  # all objects' changes, in one list

    def _extrapolated(self, at: int, time: int | None) -> int:
        if time is None or time <= self._begin:
            return at * 2
        return round(at * max(1.0, (self._facts.until - self._begin) / (time - self._begin)))

    def _time(self, record: Record) -> int | None:
        return instant_or_none((record.get("data") or {}).get("update_time"))

    def _params(self) -> dict[str, str]:
        return {**recents_since(self._begin)}
