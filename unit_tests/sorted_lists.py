"""A fake Pipedrive with one sorted list, in both versions of the API.

Its records may change between requests, and its sorting may differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError, SyncError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS
from unit_tests.altered import altered
from unit_tests.fakes import NOW, FakeApi

Record = dict[str, Any]
Key = tuple[int, str, int]


def short_pages(name: str, limit: int = 7) -> Stream:
    """A stream that requests small pages."""
    return altered(STREAMS[name], limit=limit)


def rows_at(times: Sequence[int | None], first: int = 1) -> list[Record]:
    """Records that changed at `times`, numbered from `first`."""
    return [
        {"id": n, "update_time": None if time is None else rfc3339(time)}
        for n, time in enumerate(times, first)
    ]


class SortedList(FakeApi):
    """rows: in any order.

    nulls: where records without a time sort, oldest first. bounded_nulls: whether a response
    bounded by time includes them. sort: all "keys" are honoured, only the "first" of them is, two
    of them are "refused", or all are "ignored". disorder: turns each page into the one that is
    sent. before, changing: called before and after each request.
    """

    def __init__(self, rows: list[Record], nulls: str = "first", sort: str = "keys") -> None:
        super().__init__()
        self.rows = rows
        self.nulls = nulls
        self.sort = sort
        self.bounded_nulls = False
        self.disorder: Callable[[list[Record]], list[Record]] = lambda page: page
        self.before: Callable[[Request], object] = lambda request: None
        self.changing: Callable[[], object] = lambda: None
        self.asked: list[Request] = []
        self.budget = 10**9  # tokens

    def get(self, request: Request) -> Answer:
        """The decoded response."""
        self.before(request)
        if self.usage.tokens + request.cost > self.budget:
            raise SyncError("the budget is spent", TRANSIENT)
        self.asked.append(request)
        self.usage.charge(request.stream, request.cost, {})
        params = {**request.params}
        params.setdefault("sort", "")
        params.setdefault("sort_direction", "")
        body = (self._offset if "start" in params else self._cursor)(params)
        self.changing()
        return Answer(body, NOW)

    def _found(self, params: Any, down: bool, sort: str) -> list[Record]:
        since, until = params.get("updated_since"), params.get("updated_until")
        found = [row for row in self.rows if self._is_between(row["update_time"], since, until)]
        if sort == "ignored" or not (params["sort"] or params["sort_direction"]):
            return sorted(found, key=lambda row: row["id"])
        if sort == "first":  # the second key stays as it is
            return sorted(sorted(found, key=lambda r: r["id"]), key=self._time_of, reverse=down)
        return sorted(found, key=self._key, reverse=down)

    def _is_between(self, time: str | None, since: str | None, until: str | None) -> bool:
        if time is None:
            return self.bounded_nulls or not (since or until)
        return (since or "") <= time < (until or "~")

    def _time_of(self, row: Record) -> tuple[int, str]:
        return self._key(row)[:2]

    def _key(self, row: Record) -> Key:
        null = -1 if self.nulls == "first" else 1
        time = row["update_time"]
        return (null if time is None else 0, time or "", row["id"])

    def _cursor(self, params: Any) -> Record:
        down = params["sort_direction"] == "desc"
        found = self._found(params, down, "ignored" if self.sort == "ignored" else "keys")
        by_id = self.sort == "ignored" or not params["sort_direction"]
        key = (lambda row: (0, "", row["id"])) if by_id else self._key
        if "cursor" in params:
            at: Any = tuple(json.loads(params["cursor"]))
            found = [row for row in found if (key(row) < at if down else key(row) > at)]
        page, limit = found[: int(params["limit"])], int(params["limit"])
        cursor = json.dumps(key(page[-1])) if len(found) > limit else None
        return {
            "data": self.disorder([dict(row) for row in page]),
            "additional_data": {"next_cursor": cursor},
        }

    def _offset(self, params: Any) -> Record:
        if self.sort == "refused" and "," in params["sort"]:
            raise StreamError("bad sort", CONFIG, 400)
        found = self._found(params, "DESC" in params["sort"], self.sort)
        start, limit = int(params["start"]), int(params["limit"])
        page = [dict(row) for row in found[start : start + limit]]
        pagination: Record = {"start": start, "limit": limit}
        pagination["more_items_in_collection"] = start + limit < len(found)
        return {"data": self.disorder(page) or None, "additional_data": {"pagination": pagination}}
