"""A fake Pipedrive with lists and child streams, which records every request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from source_pipedrive.http.request import Answer, Request
from source_pipedrive.reading.instants import rfc3339
from unit_tests.fakes import NOW, BudgetedApi, Params, v2_list

Record = dict[str, Any]
ChildrenOf = Callable[[int], list[Record]]  # by the parent's id

MOST_IDS = 100  # in a bulk request


def deals(times: Sequence[int | None], first: int = 1, **facts: Any) -> list[Record]:
    """Deals that changed at `times`, with ids from `first`."""
    return [
        {"id": n, "update_time": None if time is None else rfc3339(time), **facts}
        for n, time in enumerate(times, first)
    ]


def products_of(deal: int) -> list[Record]:
    """Two products, one of them with recurring payments."""
    return [
        {"id": 10 * deal + n, "deal_id": deal, "billing_frequency": kind, "sum": 5}
        for n, kind in ((1, "one-time"), (2, "monthly"))
    ]


def installments_of(deal: int) -> list[Record]:
    """One payment."""
    day = "2026-02-01"
    return [{"id": 10 * deal, "deal_id": deal, "amount": 7, "billing_date": day}]


class Deals(BudgetedApi):
    """lists: v2 lists by path, in order of update_time; of_each: children of one parent, by a path
    with `{id}`; bulk: children of many deals, by a path that takes `deal_ids`.

    page: records per page; nulls_last: whether records without an update time sort last.
    """

    def __init__(
        self,
        lists: Mapping[str, list[Record]],
        of_each: Mapping[str, ChildrenOf] | None = None,
        bulk: Mapping[str, ChildrenOf] | None = None,
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
        self.most = 10**9  # records of a bulk response; if lower, it has no cursor

    @property
    def paths(self) -> Counter[str]:
        """How often each path was requested, whatever the id in it."""
        return Counter(re.sub(r"\d+", "{id}", request.path) for request in self.asked)

    def ids(self, path: str) -> list[str]:
        """The parents in the requests for a path, in order."""
        if path in self.bulk:
            return [r.params["deal_ids"] for r in self.asked if r.path == path]
        before, after = path.split("{id}")
        pattern = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
        return [m[1] for r in self.asked if (m := pattern.fullmatch(r.path))]

    def get(self, request: Request) -> Answer:
        """The decoded response."""
        self.charge(request)
        return Answer(self._body(request.path, request.params), NOW)

    def _body(self, path: str, params: Params) -> Record:
        if path in self.lists:
            return self._list(self.lists[path], params)
        if path in self.bulk:
            ids = params["deal_ids"].split(",")
            assert len(ids) <= MOST_IDS, "Pipedrive answers 400"
            children = [child for deal in ids for child in self.bulk[path](int(deal))]
            cursor = {} if self.most < 10**9 else {"next_cursor": None}
            return {"data": children[: self.most], "additional_data": cursor}
        (id_,) = re.findall(r"\d+", path)
        children = self.of_each[re.sub(r"\d+", "{id}", path)](int(id_))
        return {"data": children, "additional_data": {"next_cursor": None}}

    def _list(self, records: list[Record], params: Params) -> Record:
        if not self.nulls_last or "updated_since" in params:
            return v2_list(records, self.page)(params)
        timed = sorted((r for r in records if r["update_time"]), key=lambda r: r["update_time"])
        nulls = [record for record in records if not record["update_time"]]
        down = params.get("sort_direction") == "desc"
        ordered = [*nulls, *reversed(timed)] if down else [*timed, *nulls]
        start = int(params.get("cursor", 0))
        end = start + self.page
        cursor = str(end) if end < len(ordered) else None
        return {"data": ordered[start:end], "additional_data": {"next_cursor": cursor}}
