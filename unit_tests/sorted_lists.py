"""A fake Pipedrive with one sorted list, in both versions of the API.

Its records may change between requests, and it may not sort as requested.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS
from unit_tests.altered import altered
from unit_tests.fakes import NOW, BudgetedApi

Record = dict[str, Any]
Key = tuple[int, str, int]


def short_pages(name: str, limit: int = 7) -> Stream:
    """A stream that requests small pages."""
    return altered(STREAMS[name], limit=limit)


def records_at(times: Sequence[int | None], first: int = 1) -> list[Record]:
    """Records that changed at `times`, with ids from `first`."""
    return [
        {"id": n, "update_time": None if time is None else rfc3339(time)}
        for n, time in enumerate(times, first)
    ]


class SortedList(BudgetedApi):
    """records: in any order.

    nulls: whether records without an update time sort "first" or "last" in ascending order.
    bounded_nulls: whether a response bounded by time includes them. sort: the server honors all
    "keys" or only the "first", answers 400 to two keys ("refused"), or sorts by id ("ignored").
    disorder: changes each page before it is sent. changing: called after each request.
    """

    def __init__(self, records: list[Record], nulls: str = "first", sort: str = "keys") -> None:
        super().__init__()
        self.records = records
        self.nulls = nulls
        self.sort = sort
        self.bounded_nulls = False
        self.disorder: Callable[[list[Record]], list[Record]] = lambda page: page
        self.changing: Callable[[], object] = lambda: None

    def get(self, request: Request) -> Answer:
        """The decoded response."""
        self.charge(request)
        params = {**request.params}
        params.setdefault("sort", "")
        params.setdefault("sort_direction", "")
        body = (self._offset if "start" in params else self._cursor)(params)
        self.changing()
        return Answer(body, NOW)

    def _found(self, params: Any, down: bool, sort: str) -> list[Record]:
        since, until = params.get("updated_since"), params.get("updated_until")
        found = [r for r in self.records if self._is_between(r["update_time"], since, until)]
        if sort == "ignored" or not (params["sort"] or params["sort_direction"]):
            return sorted(found, key=lambda r: r["id"])
        if sort == "first":  # ids ascend, whatever the second key
            return sorted(sorted(found, key=lambda r: r["id"]), key=self._time_of, reverse=down)
        return sorted(found, key=self._key, reverse=down)

    def _is_between(self, time: str | None, since: str | None, until: str | None) -> bool:
        if time is None:
            return self.bounded_nulls or not (since or until)
        return (since or "") <= time < (until or "~")

    def _time_of(self, record: Record) -> tuple[int, str]:
        return self._key(record)[:2]

    def _key(self, record: Record) -> Key:
        null = -1 if self.nulls == "first" else 1
        time = record["update_time"]
        return (null if time is None else 0, time or "", record["id"])

    def _cursor(self, params: Any) -> Record:
        down = params["sort_direction"] == "desc"
        found = self._found(params, down, "ignored" if self.sort == "ignored" else "keys")
        by_id = self.sort == "ignored" or not params["sort_direction"]
        key = (lambda r: (0, "", r["id"])) if by_id else self._key
        if "cursor" in params:
            at: Any = tuple(json.loads(params["cursor"]))
            found = [r for r in found if (key(r) < at if down else key(r) > at)]
        page, limit = found[: int(params["limit"])], int(params["limit"])
        cursor = json.dumps(key(page[-1])) if len(found) > limit else None
        return {
            "data": self.disorder([dict(record) for record in page]),
            "additional_data": {"next_cursor": cursor},
        }

    def _offset(self, params: Any) -> Record:
        if self.sort == "refused" and "," in params["sort"]:
            raise StreamError("bad sort", CONFIG, 400)
        found = self._found(params, "DESC" in params["sort"], self.sort)
        start, limit = int(params["start"]), int(params["limit"])
        page = [dict(record) for record in found[start : start + limit]]
        pagination: Record = {"start": start, "limit": limit}
        pagination["more_items_in_collection"] = start + limit < len(found)
        return {"data": self.disorder(page) or None, "additional_data": {"pagination": pagination}}
