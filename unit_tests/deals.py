"""A Pipedrive of lists and of what hangs on their records, which counts what it is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from source_pipedrive.http.errors import TRANSIENT, SyncError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.reading.instants import rfc3339
from unit_tests.fakes import NOW, FakeApi, Params, v2_list

Record = dict[str, Any]
Rows = Callable[[int], list[Record]]

MOST_IDS = 100  # that a request may name


def deals(times: Sequence[int | None], first: int = 1, **facts: Any) -> list[Record]:
    """Deals that changed at `times`, numbered from `first` on."""
    return [
        {"id": n, "update_time": None if time is None else rfc3339(time), **facts}
        for n, time in enumerate(times, first)
    ]


def products_of(deal: int) -> list[Record]:
    """Two products, one of them paid again and again."""
    return [
        {"id": 10 * deal + n, "deal_id": deal, "billing_frequency": kind, "sum": 5}
        for n, kind in ((1, "one-time"), (2, "monthly"))
    ]


def installments_of(deal: int) -> list[Record]:
    """One payment."""
    day = "2026-02-01"
    return [{"id": 10 * deal, "deal_id": deal, "amount": 7, "billing_date": day}]


class Deals(FakeApi):
    """lists: v2 lists by their paths, in order of update_time; of_each: rows by a path with `{id}`;
    bulk: rows by a path that takes `deal_ids`.

    page: rows of a page; nulls_last: where records without a time are sorted; refuse: raises for a
    request that is refused; before: called with every request, by its worker.
    """

    def __init__(
        self,
        lists: Mapping[str, list[Record]],
        of_each: Mapping[str, Rows] | None = None,
        bulk: Mapping[str, Rows] | None = None,
        page: int = 500,
        nulls_last: bool = False,
    ) -> None:
        super().__init__()
        self.lists = {"stages": [], **lists}
        self.of_each = dict(of_each or {})
        self.bulk = dict(bulk or {"deals/products": products_of})
        self.bulk.setdefault("deals/installments", installments_of)
        self.page = page
        self.nulls_last = nulls_last
        self.most = 10**9  # rows of an answer in bulk, which then does not tell what follows
        self.asked: list[Request] = []
        self.budget = 10**9  # tokens
        self.refuse: Callable[[Request], object] = lambda request: None
        self.before: Callable[[Request], object] = lambda request: None

    @property
    def paths(self) -> Counter[str]:
        """How often each path was asked for, whatever the id in it."""
        return Counter(re.sub(r"\d+", "{id}", request.path) for request in self.asked)

    def ids(self, path: str) -> list[str]:
        """The parents that requests for a path named, in order."""
        if path in self.bulk:
            return [r.params["deal_ids"] for r in self.asked if r.path == path]
        before, after = path.split("{id}")
        pattern = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
        return [m[1] for r in self.asked if (m := pattern.fullmatch(r.path))]

    def get(self, request: Request) -> Answer:
        """The decoded answer."""
        self.before(request)
        if self.usage.tokens + request.cost > self.budget:
            raise SyncError("the budget is spent", TRANSIENT)
        self.asked.append(request)
        self.usage.charge(request.stream, request.cost, {})
        self.refuse(request)
        return Answer(self._body(request.path, request.params), NOW)

    def _body(self, path: str, params: Params) -> Record:
        if path in self.lists:
            return self._list(self.lists[path], params)
        if path in self.bulk:
            ids = params["deal_ids"].split(",")
            assert len(ids) <= MOST_IDS, "Pipedrive answers 400"
            rows = [row for deal in ids for row in self.bulk[path](int(deal))]
            told = {} if self.most < 10**9 else {"next_cursor": None}
            return {"data": rows[: self.most], "additional_data": told}
        (id_,) = re.findall(r"\d+", path)
        rows = self.of_each[re.sub(r"\d+", "{id}", path)](int(id_))
        return {"data": rows, "additional_data": {"next_cursor": None}}

    def _list(self, rows: list[Record], params: Params) -> Record:
        if not self.nulls_last or "updated_since" in params:
            return v2_list(rows, self.page)(params)
        known = sorted((r for r in rows if r["update_time"]), key=lambda r: r["update_time"])
        unknown = [row for row in rows if not row["update_time"]]
        down = params.get("sort_direction") == "desc"
        ordered = [*unknown, *reversed(known)] if down else [*known, *unknown]
        start = int(params.get("cursor", 0))
        end = start + self.page
        cursor = str(end) if end < len(ordered) else None
        return {"data": ordered[start:end], "additional_data": {"next_cursor": cursor}}
