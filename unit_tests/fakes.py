"""A Pipedrive that is a function, for tests of readers and pages without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from source_pipedrive.http.company import Company
from source_pipedrive.http.decoding import NullAnswers
from source_pipedrive.http.errors import TRANSIENT, SyncError
from source_pipedrive.http.pacing import Pacing
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.http.usage import Usage

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
ACME = Company(id=42, name="Acme", user_id=7, user_name="Ada", at=NOW)
Params = Mapping[str, str]


class FakeApi:
    """The part of `Api` that all fakes share: everything but `get`."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.pacing = Pacing()
        self.null_answers = NullAnswers()
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        """Records how long a real client would wait, and takes no time."""
        self.pauses.append(seconds)

    def page_bytes(self, stream: str) -> int:
        """Bytes of an answer."""
        return 1_000


class BudgetedApi(FakeApi):
    """Records each request, and raises once `budget` tokens are spent. before, refuse: called with
    each request, by its worker; `refuse` raises the error of a request to refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self.budget = 10**9  # tokens
        self.before: Callable[[Request], object] = lambda request: None
        self.refuse: Callable[[Request], object] = lambda request: None

    def charge(self, request: Request) -> None:
        """Counts a request that is about to be answered. Raises if it is not."""
        self.before(request)
        if self.usage.tokens + request.cost > self.budget:
            raise SyncError("the budget is spent", TRANSIENT)
        self.asked.append(request)
        self.usage.charge(request.stream, request.cost, {})
        self.refuse(request)


class FakeClient(FakeApi):
    """Answers each request with `answer(its parameters)` and records them."""

    def __init__(self, answer: Callable[[Params], dict[str, Any]]) -> None:
        super().__init__()
        self._answer = answer
        self.asked: list[Params] = []

    def get(self, request: Request) -> Answer:
        """The answer."""
        self.asked.append(request.params)
        self.usage.charge(request.stream, request.cost, {})
        return Answer(self._answer(request.params), NOW)


def v2_list(rows: list[dict[str, Any]], limit: int = 500) -> Callable[[Params], dict[str, Any]]:
    """A v2 list of `rows`, sorted by update_time; in ascending order nulls are first."""

    def answer(params: Params) -> dict[str, Any]:
        since, until = params.get("updated_since", ""), params.get("updated_until", "~")
        found = [row for row in rows if since <= (row["update_time"] or "") < until]
        down = params.get("sort_direction") == "desc"
        found.sort(key=lambda row: (row["update_time"] or "", row["id"]), reverse=down)
        start = int(params.get("cursor", 0))
        following = start + limit if start + limit < len(found) else None
        cursor = str(following) if following else None
        return {"data": found[start : start + limit], "additional_data": {"next_cursor": cursor}}

    return answer


def v1_list(rows: list[dict[str, Any]], limit: int) -> Callable[[Params], dict[str, Any]]:
    """A v1 list of `rows` in their order. A test may change them between two requests."""

    def answer(params: Params) -> dict[str, Any]:
        start = int(params["start"])
        more = start + limit < len(rows)
        pagination: dict[str, Any] = {"start": start, "limit": limit}
        pagination["more_items_in_collection"] = more
        if more:
            pagination["next_start"] = start + limit
        page = rows[start : start + limit]
        return {"data": page or None, "additional_data": {"pagination": pagination}}

    return answer
