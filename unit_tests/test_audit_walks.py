"""A walk ends, however few pages a sync may read and however many records changed at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import islice
from threading import RLock
from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.reading.answers import EXPIRED
from source_pipedrive.reading.audit import walks
from source_pipedrive.reading.audit.walks import walk_of
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.progress import OVERLAP
from source_pipedrive.stream.audited import AUDITED
from unit_tests.fakes import NOW, FakeApi, Params, v1_list, v2_list
from unit_tests.single import UNTIL

BY_NAME = {each.name: each for each in AUDITED}
DAY = 86_400
Record = dict[str, Any]
Lasting = Callable[[str, int], str | None]
# What becomes of a cursor in a later sync: it is still good, it is refused, or it is taken for
# the beginning of the list.
CURSORS: dict[str, Lasting] = {
    "last": lambda cursor, age: cursor,
    "are refused": lambda cursor, age: None if age else cursor,
    "start over": lambda cursor, age: "0" if age else cursor,
}


class Imported(FakeApi):
    """A list in which most records changed in the same second. Cursors name the sync."""

    def __init__(self, answer: Callable[[Params], Record], lasting: Lasting) -> None:
        super().__init__()
        self._answer, self._lasting, self.status = answer, lasting, 400
        self.day = self.requests = 0

    def get(self, request: Request) -> Answer:
        """A page, or an error for a cursor that has expired."""
        self.requests += 1
        params = dict(request.params)
        if "cursor" in params:
            day, _, at = params["cursor"].partition(":")
            cursor = self._lasting(at, self.day - int(day))
            if cursor is None:
                raise StreamError("refused", SYSTEM, self.status, "{}")
            params["cursor"] = cursor
        body = self._answer(params)
        more = body["additional_data"]
        if more.get("next_cursor"):
            more["next_cursor"] = f"{self.day}:{more['next_cursor']}"
        return Answer(body, NOW)


def imported(count: int) -> list[Record]:
    """Some records, many of one second, and some more."""
    times = ["2026-11-01T08:00:00Z"] * 3 + ["2026-11-02T08:00:00Z"] * count
    times += ["2026-11-03T08:00:00Z"] * 3
    return [{"id": n, "update_time": time} for n, time in enumerate(times, 1)]


def walked(name: str, api: Imported, pages: int, most: int) -> tuple[set[Any], int]:
    """What the syncs have seen that each read so many pages, and how many there were."""
    seen: set[Any] = set()

    def note(page: Any) -> None:
        seen.update(each["id"] for each in page)

    saved: Record | None = None
    for api.day in range(most):
        until = UNTIL + api.day * DAY
        walk = walk_of(BY_NAME[name].lists[0], api, RLock(), note, until, saved)
        left = 2 * pages  # each page is its records and a pause
        while left and (reading := walk.take(1)) is not None:
            left -= len(list(islice(reading, left)))
        if walk.complete:
            return seen, api.day + 1
        saved = walk.dump()
    raise AssertionError("it never ends")


@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize("cursors", CURSORS)
def test_a_second_with_more_records_than_a_sync_may_read_ends(
    cursors: str, pages: int, caplog: pytest.LogCaptureFixture
) -> None:
    rows = imported(100)
    api = Imported(v2_list(rows, limit=10), CURSORS[cursors])
    with caplog.at_level(logging.INFO, "airbyte"):
        seen, syncs = walked("persons", api, pages, walks.TRIES + 10)
    around = {row["id"] for row in rows if "-02T" not in row["update_time"]}
    assert seen >= around
    given_up = any("changed within one second" in text for text in caplog.messages)
    assert given_up == (cursors != "last"), "the others are candidates"
    if cursors == "last":
        assert len(seen) == len(rows)
        assert syncs <= 12 // pages + 4
    elif cursors == "are refused":
        assert syncs <= walks.TRIES // walks.REFUSED + 4


@pytest.mark.parametrize("pages", [1, 3])
def test_a_second_that_is_read_by_offset_is_read_whole(pages: int) -> None:
    rows = imported(100)

    def answer(params: Params) -> Record:
        since = params.get("updated_since", "")
        return v1_list([row for row in rows if row["update_time"] >= since], limit=10)(params)

    seen, _ = walked("notes", Imported(answer, CURSORS["last"]), pages, 40)
    assert seen == {row["id"] for row in rows}


def test_records_above_may_go_while_a_second_is_read_by_offset() -> None:
    rows = imported(100)

    def answer(params: Params) -> Record:
        since = params.get("updated_since", "")
        found = v1_list([row for row in rows if row["update_time"] >= since], limit=10)(params)
        del rows[4:6]
        return found

    seen, _ = walked("notes", Imported(answer, CURSORS["last"]), 1, 60)
    assert seen >= {row["id"] for row in rows}


def test_a_second_that_was_resumed_does_not_stand_for_what_came_later() -> None:
    """The list of the earlier sync ends where that sync did."""
    rows = imported(30)
    resumed = 2  # on this day, from where the day before has stopped
    before = UNTIL + (resumed - 1) * DAY
    late = [
        {"id": 998, "update_time": rfc3339(before - OVERLAP + 1)},
        {"id": 999, "update_time": rfc3339(before + 60)},
    ]

    class Adding(Imported):
        def get(self, request: Request) -> Answer:
            if self.day > resumed and late[0] not in rows:
                rows.extend(late)
            return super().get(request)

    api = Adding(v2_list(rows, limit=10), CURSORS["last"])
    seen, syncs = walked("persons", api, 2, 20)
    assert syncs > resumed + 1
    assert {998, 999} <= seen


@pytest.mark.parametrize("cursors", CURSORS)
def test_a_list_that_is_read_by_cursor_ends(cursors: str) -> None:
    rows = [{"id": n, "update_time": ""} for n in range(1, 101)]
    api = Imported(v2_list(rows, limit=10), CURSORS[cursors])
    seen, syncs = walked("tasks", api, 3, walks.TRIES + 2)
    assert seen >= {*range(1, 31)}
    assert (len(seen) == 100) == (cursors == "last")
    most = {"last": 5, "are refused": walks.TRIES // walks.REFUSED + 2}
    assert syncs <= most.get(cursors, walks.TRIES + 2)


@pytest.mark.parametrize("name", ["persons", "tasks"])
@pytest.mark.parametrize("status", EXPIRED)
def test_a_cursor_may_be_refused_in_any_way(name: str, status: int) -> None:
    """Otherwise each sync would send the same cursor, or begin another pass."""
    api = Imported(v2_list(imported(100), limit=10), CURSORS["are refused"])
    api.status = status
    seen, _ = walked(name, api, 3, walks.TRIES)
    assert len(seen) >= 30


def test_a_place_in_a_second_that_was_read_meanwhile_takes_no_room() -> None:
    rows = imported(30)
    api = Imported(v2_list(rows, limit=10), CURSORS["last"])
    at = rows[4]["update_time"]
    saved = {"done": [[rfc3339(0), at]]}
    walk = walk_of(BY_NAME["persons"].lists[0], api, RLock(), lambda page: None, UNTIL, saved)
    reading = walk.take(1)
    assert reading is not None
    list(islice(reading, 2))
    (place,) = walk.dump()["places"]
    assert instant(place["at"]) == instant(at)
    list(reading)
    assert "places" not in walk.dump()
