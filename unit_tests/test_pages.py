"""Paging: no record is lost between two requests, and no list is read endlessly."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from source_pipedrive.http.decoding import ENOUGH_CONFIRMED
from source_pipedrive.http.errors import TRANSIENT, StreamError
from source_pipedrive.reading.answers import records_of
from source_pipedrive.reading.pages import NULL_TRIES, Page, pages
from source_pipedrive.streams import STREAMS
from unit_tests.fakes import FakeClient, Params, v1_list

FILES, DEALS, GOALS = STREAMS["files"], STREAMS["deals"], STREAMS["goals"]


def read(client: FakeClient, stream: str = "files") -> list[dict[str, Any]]:
    return [row for page in pages(client, STREAMS[stream], {}) for row in page.records]


def test_offset_pages_return_every_record_once() -> None:
    rows = [{"id": n} for n in range(250)]
    client = FakeClient(v1_list(rows, 100))
    assert read(client) == rows
    assert [asked["start"] for asked in client.asked] == ["0", "99", "198"]


def test_a_single_short_page_takes_one_request() -> None:
    client = FakeClient(v1_list([{"id": 1}], 100))
    assert read(client) == [{"id": 1}]
    assert len(client.asked) == 1


@pytest.mark.parametrize("seed", range(20))
def test_records_deleted_between_two_pages_hide_no_others(seed: int) -> None:
    chance = random.Random(seed)
    rows = [{"id": n} for n in range(600)]
    everything = {row["id"] for row in rows}
    gone: set[int] = set()
    honest = v1_list(rows, 100)

    def shrinking(params: Params) -> dict[str, Any]:
        answer = honest(params)
        for _ in range(min(len(rows), chance.choice([0, 3, 120]))):
            gone.add(rows.pop(chance.randrange(len(rows)))["id"])
        return answer

    seen = {row["id"] for row in read(FakeClient(shrinking))}
    assert seen >= everything - gone


@pytest.mark.parametrize("size", [20, 50, 100])
@pytest.mark.parametrize("seed", range(5))
def test_a_list_with_smaller_pages_than_requested_ends_while_records_are_deleted(
    size: int, seed: int
) -> None:
    """A step back of the requested size would begin the list again, and do so forever."""
    chance = random.Random(seed)
    rows = [{"id": n} for n in range(1_000)]
    everything = {row["id"] for row in rows}
    gone: set[int] = set()
    honest = v1_list(rows, size)

    def changing(params: Params) -> dict[str, Any]:
        assert len(client.asked) < 10 * len(everything) / size
        answer = honest(params)
        for _ in range(3):
            gone.add(rows.pop(chance.randrange(len(rows)))["id"])
            rows.append({"id": 10_000 + len(gone)})
        return answer

    client = FakeClient(changing)
    assert {row["id"] for row in read(client)} >= everything - gone


def test_a_list_that_loses_each_page_before_the_next_request_ends() -> None:
    """Nothing that comes can be recognized, and the list grows as fast as it shrinks."""
    begin = 0

    def moving(params: Params) -> dict[str, Any]:
        nonlocal begin
        begin += 1_000
        start = begin + int(params["start"])
        more = {"more_items_in_collection": True, "next_start": int(params["start"]) + 100}
        rows = [{"id": n} for n in range(start, start + 100)]
        return {"data": rows, "additional_data": {"pagination": more}}

    with pytest.raises(StreamError, match="keeps sending the same page"):
        read(FakeClient(moving))


def test_a_record_that_moved_to_the_end_of_the_list_does_not_continue_it() -> None:
    """Recent changes are listed by their time. What is between was never read."""
    rows = [{"id": n, "update_time": f"2026-11-23 09:{n:02}:00"} for n in range(25)]
    honest = v1_list(rows, 10)
    edited = [{"id": n, "update_time": f"2026-11-23 10:{n:02}:00"} for n in range(10, 19)]

    def editing(params: Params) -> dict[str, Any]:
        answer = honest(params)
        if len(client.asked) == 2:
            rows[:] = [row for row in rows if not 10 <= row["id"] < 19] + edited
        return answer

    client = FakeClient(editing)
    assert {row["id"] for row in read(client)} == set(range(25))


def test_a_record_that_changed_between_two_pages_is_read_again() -> None:
    rows = [{"id": n, "size": 0} for n in range(150)]
    honest = v1_list(rows, 100)

    def editing(params: Params) -> dict[str, Any]:
        answer = honest(params)
        rows[99] = {"id": 99, "size": 1}
        return answer

    assert {"id": 99, "size": 1} in read(FakeClient(editing))


@pytest.mark.parametrize("before", range(4))
def test_a_record_that_is_listed_twice_is_read_twice(before: int) -> None:
    """Recent changes may list a change and then the deletion, wherever the pages meet. If the page
    did not seem to continue the one before, the list would never end."""
    times = [*range(before), 100, 100, *range(before + 1, 9)]
    rows = [{"id": id_, "update_time": str(n)} for n, id_ in enumerate(times)]
    assert read(FakeClient(v1_list(rows, 3))) == rows


def test_without_a_pagination_block_a_short_page_is_the_last() -> None:
    client = FakeClient(lambda params: {"data": [{"id": 1}]})
    assert read(client) == [{"id": 1}]


def test_a_server_that_ignores_the_offset_causes_an_error_rather_than_an_endless_sync() -> None:
    same = {
        "data": [{"id": n} for n in range(100)],
        "additional_data": {"pagination": {"more_items_in_collection": True, "next_start": 100}},
    }
    with pytest.raises(StreamError, match="keeps sending the same page"):
        read(FakeClient(lambda params: same))


def test_the_same_cursor_twice_is_an_error_rather_than_an_endless_sync() -> None:
    same = {"data": [{"id": 1}], "additional_data": {"next_cursor": "abc"}}
    with pytest.raises(StreamError, match='same page of "deals"'):
        read(FakeClient(lambda params: same), "deals")


@pytest.mark.parametrize("end", [{"next_cursor": None}, {}, None])
def test_a_v2_list_ends_when_there_is_no_next_cursor(end: Any) -> None:
    client = FakeClient(lambda params: {"data": [{"id": 1}], "additional_data": end})
    assert read(client, "deals") == [{"id": 1}]


NULL: dict[str, Any] = {"success": True, "data": None}
MISSING: dict[str, Any] = {"success": True}
DECLARED_EMPTY = {**NULL, "additional_data": {"pagination": {"more_items_in_collection": False}}}
ONE = {"data": [{"id": 1}]}


def in_turn(*replies: dict[str, Any]) -> FakeClient:
    """Gives these answers in turn, then keeps repeating the last one."""
    rest = list(replies)
    return FakeClient(lambda params: rest.pop(0) if len(rest) > 1 else rest[0])


@pytest.mark.parametrize(
    "null", [NULL, MISSING, DECLARED_EMPTY], ids=["null", "missing", "declared"]
)
@pytest.mark.parametrize("name", ["deals", "pipelines", "project_boards", "deal_fields", "users"])
def test_null_is_never_an_empty_list_in_v2_or_where_records_always_exist(
    name: str, null: dict[str, Any]
) -> None:
    """Otherwise a momentary fault looks like a complete sync of an empty list."""
    client = in_turn(null, null, null, ONE)
    assert read(client, name) == [{"id": 1}]
    assert len(client.pauses) == 3
    client = in_turn(null)
    with pytest.raises(StreamError, match="without its records") as caught:
        read(client, name)
    assert caught.value.failure_type is TRANSIENT
    assert len(client.asked) == NULL_TRIES + 1
    assert client.pauses[-1] > client.pauses[0]


def test_a_v2_list_may_be_empty_but_the_list_of_users_may_not() -> None:
    assert read(in_turn({"data": []}), "deals") == []
    with pytest.raises(StreamError, match="without its records"):
        read(in_turn({"data": []}), "users")


@pytest.mark.parametrize("name", ["notes", "files", "roles"])
def test_a_v1_null_is_an_empty_list_if_its_pagination_block_says_that_nothing_follows(
    name: str,
) -> None:
    client = in_turn(DECLARED_EMPTY)
    assert read(client, name) == []
    assert len(client.asked) == 1


@pytest.mark.parametrize("name", ["notes", "files"])
def test_a_v1_null_is_not_the_end_if_its_pagination_block_says_that_more_follows(name: str) -> None:
    more = {**NULL, "additional_data": {"pagination": {"more_items_in_collection": True}}}
    assert read(in_turn(more, more, ONE), name) == [{"id": 1}]
    with pytest.raises(StreamError, match="without its records"):
        read(in_turn(more), name)


@pytest.mark.parametrize("null", [NULL, MISSING], ids=["null", "missing"])
@pytest.mark.parametrize("name", ["filters", "notes", "deal_discounts", "product_images"])
def test_an_unexplained_null_is_believed_the_second_time(name: str, null: dict[str, Any]) -> None:
    client = in_turn(null)
    assert read(client, name) == []
    assert len(client.asked) == 2
    assert read(in_turn(null, ONE), name) == [{"id": 1}]


def test_after_ten_confirmed_nulls_a_sync_believes_those_of_the_stream_at_once() -> None:
    """Otherwise child streams that are empty for most parents cost twice as much."""
    client = in_turn(NULL)
    for _ in range(30):
        assert read(client, "product_images") == []
    assert len(client.asked) == 30 + ENOUGH_CONFIRMED
    read(client, "deal_discounts")
    assert len(client.asked) == 30 + ENOUGH_CONFIRMED + 2, "each stream is counted on its own"


def test_once_a_null_proves_to_be_a_fault_the_sync_confirms_every_null() -> None:
    client = in_turn(*[NULL] * 10, NULL, ONE, *[NULL, ONE] * 12)
    found = [len(read(client, "product_images")) for _ in range(18)]
    assert found == [0] * 5 + [1] * 13


@pytest.mark.parametrize("name", ["deal_products", "deal_participants", "organization_followers"])
def test_null_is_never_an_empty_list_for_a_parent_known_to_have_children(name: str) -> None:
    def rows(client: FakeClient) -> list[Any]:
        found = pages(client, STREAMS[name], {}, known_records=True)
        return [row for page in found for row in page.records]

    assert rows(in_turn(NULL, DECLARED_EMPTY, ONE)) == [{"id": 1}]
    for null in (NULL, DECLARED_EMPTY, MISSING):
        with pytest.raises(StreamError, match="without its records"):
            rows(in_turn(null))


@pytest.mark.parametrize("name", ["deals", "deal_changelog", "deal_followers"])
@pytest.mark.parametrize("more", [None, {"next_cursor": None}, {"next_cursor": "b"}])
def test_a_null_after_a_cursor_is_not_the_end_of_the_list(name: str, more: Any) -> None:
    first = {**ONE, "additional_data": {"next_cursor": "a"}}
    null = {**NULL, "additional_data": more}
    client = FakeClient(lambda params: null if "cursor" in params else first)
    with pytest.raises(StreamError, match="without its records"):
        read(client, name)


@pytest.mark.parametrize("null", [NULL, DECLARED_EMPTY], ids=["null", "declared"])
def test_a_null_at_a_later_offset_is_not_the_end_of_the_list(null: dict[str, Any]) -> None:
    rows = [{"id": n} for n in range(450)]
    honest, faults = v1_list(rows, 100), [3]

    def answer(params: Params) -> dict[str, Any]:
        if int(params["start"]) > 150 and faults[0]:
            faults[0] -= 1
            return null
        return honest(params)

    assert read(FakeClient(answer)) == rows
    faults[0] = 10**9
    with pytest.raises(StreamError, match="keeps sending the same page"):
        read(FakeClient(answer))


WAYS_TO_GO_ON = {
    "v1's flag": {"pagination": {"more_items_in_collection": True, "next_start": 500}},
    "v1's flag without its block": {"more_items_in_collection": True},
    "a cursor": {"next_cursor": "abc"},
}


@pytest.mark.parametrize("way", WAYS_TO_GO_ON.values(), ids=WAYS_TO_GO_ON)
@pytest.mark.parametrize("stream", ["users", "project_boards"])
def test_a_list_that_is_no_longer_returned_whole_is_an_error(
    stream: str, way: dict[str, Any]
) -> None:
    part = {"data": [{"id": 1}], "additional_data": way}
    with pytest.raises(StreamError, match="only a part"):
        read(FakeClient(lambda params: part), stream)


@pytest.mark.parametrize("way", list(WAYS_TO_GO_ON)[:2])
def test_a_list_that_goes_on_without_a_cursor_is_an_error(way: str) -> None:
    """However short its pages are: Pipedrive may cap the limit lower."""
    part = {"data": [{"id": 1}], "additional_data": WAYS_TO_GO_ON[way]}
    with pytest.raises(StreamError, match="whether more records follow"):
        read(FakeClient(lambda params: part), "deals")


def test_a_list_that_goes_on_without_an_offset_is_an_error() -> None:
    part = {"data": [{"id": 1}], "additional_data": WAYS_TO_GO_ON["a cursor"]}
    with pytest.raises(StreamError, match="keeps sending the same page"):
        read(FakeClient(lambda params: part))


def test_null_and_absent_lists_are_empty() -> None:
    assert records_of(FILES, {"success": True, "data": None}) == []
    assert records_of(GOALS, {"success": True, "data": {"goals": []}}) == []


BROKEN = [
    {"success": False},
    {"success": False, "data": []},
    {"data": {"id": 1}},
    {"data": [1]},
]


@pytest.mark.parametrize("body", BROKEN)
def test_an_answer_without_a_list_is_an_error_rather_than_an_empty_stream(body: Any) -> None:
    with pytest.raises(StreamError, match="contains no list"):
        records_of(FILES, body)


class WithoutEnd:
    """A v2 list of 1,000 records, whose answers may lack the cursor of the next page."""

    def __init__(self, number: int, lacking: Callable[[dict[str, Any]], bool]) -> None:
        self.rows = [{"id": n, "update_time": "2026-01-01T00:00:00Z"} for n in range(number)]
        self.lacking = lacking

    def __call__(self, params: Params) -> dict[str, Any]:
        start, limit = int(params.get("cursor", 0)), int(params["limit"])
        body: dict[str, Any] = {"success": True, "data": self.rows[start : start + limit]}
        following = start + limit < len(self.rows)
        body["additional_data"] = {"next_cursor": str(start + limit) if following else None}
        if self.lacking(body):
            del body["additional_data"]
        return body


@pytest.mark.parametrize("stream", ["deals", "pipelines", "tasks"])
def test_an_answer_that_lost_its_end_is_not_taken_for_the_last(stream: str) -> None:
    asked = iter([False, True])
    server = WithoutEnd(1_300, lambda body: next(asked, False))
    assert read(FakeClient(server), stream) == server.rows


@pytest.mark.parametrize("number", [499, 500, 501, 1_000])
def test_a_list_whose_last_page_names_no_cursor_ends(number: int) -> None:
    server = WithoutEnd(number, lambda body: body["additional_data"]["next_cursor"] is None)
    client = FakeClient(server)
    assert {row["id"] for row in read(client, "deals")} == set(range(number))
    assert len(client.asked) <= number // 500 + 2


def test_a_list_that_never_says_whether_more_follow_is_incomplete() -> None:
    found: list[Page] = []
    walk = pages(FakeClient(WithoutEnd(1_300, lambda body: True)), DEALS, {})
    with pytest.raises(StreamError, match="does not say whether more records follow"):
        found.extend(walk)
    assert [(len(page.records), page.last) for page in found] == [(499, False)]
    short = WithoutEnd(200, lambda body: True)
    assert read(FakeClient(short), "deals") == short.rows


@pytest.mark.parametrize("rows", [[], [{"id": 1}, {"id": 2}]])
def test_a_list_with_ever_new_cursors_ends(rows: list[dict[str, Any]]) -> None:
    cursors = itertools.count(1)

    def endless(params: Params) -> dict[str, Any]:
        assert len(client.asked) < 2_000
        return {"data": rows, "additional_data": {"next_cursor": f"c{next(cursors)}"}}

    client = FakeClient(endless)
    with pytest.raises(StreamError, match="keeps sending the same page"):
        read(client, "pipelines")


@pytest.mark.parametrize("extra", [None, [1], "more", {"pagination": "more"}, {"pagination": None}])
@pytest.mark.parametrize("stream", ["pipelines", "files", "users"])
def test_a_paging_block_of_the_wrong_type_is_none(extra: Any, stream: str) -> None:
    body = {"data": [{"id": 1, "update_time": {"not": "a time"}}], "additional_data": extra}
    assert read(FakeClient(lambda params: body), stream) == body["data"]


@pytest.mark.parametrize("following", [-1, 0, 10**30, "100", None, 1.5])
def test_an_offset_that_nobody_means_is_none(following: Any) -> None:
    rows = [{"id": n} for n in range(250)]
    honest = v1_list(rows, 100)

    def odd(params: Params) -> dict[str, Any]:
        answer = honest(params)
        answer["additional_data"]["pagination"]["next_start"] = following
        return answer

    walk = list(pages(FakeClient(odd), FILES, {}))
    assert [row for page in walk for row in page.records] == rows
    assert [page.position for page in walk] == [100, 199, 250]
