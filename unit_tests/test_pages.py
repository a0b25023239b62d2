"""Paging: no row is lost between two requests, and no list goes on for ever."""

from __future__ import annotations

import random
from typing import Any, cast

import pytest

from source_pipedrive.http.client import Client
from source_pipedrive.http.errors import StreamError
from source_pipedrive.reading.pages import pages, rows_of
from source_pipedrive.streams import STREAMS
from unit_tests.fakes import FakeClient, Params, v1_list

FILES, DEALS, GOALS = STREAMS["files"], STREAMS["deals"], STREAMS["goals"]


def read(client: FakeClient, stream: str = "files") -> list[dict[str, Any]]:
    return [row for page in pages(cast("Client", client), STREAMS[stream], {}) for row in page.rows]


def test_offset_pages_bring_every_row_once() -> None:
    rows = [{"id": n} for n in range(250)]
    client = FakeClient(v1_list(rows, 100))
    assert read(client) == rows
    assert [asked["start"] for asked in client.asked] == ["0", "99", "198"]


def test_one_short_page_is_one_request() -> None:
    client = FakeClient(v1_list([{"id": 1}], 100))
    assert read(client) == [{"id": 1}]
    assert len(client.asked) == 1


@pytest.mark.parametrize("seed", range(20))
def test_rows_deleted_between_two_pages_hide_no_other(seed: int) -> None:
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


def test_a_row_that_changed_between_two_pages_comes_again() -> None:
    rows = [{"id": n, "size": 0} for n in range(150)]
    honest = v1_list(rows, 100)

    def editing(params: Params) -> dict[str, Any]:
        answer = honest(params)
        rows[99] = {"id": 99, "size": 1}
        return answer

    assert {"id": 99, "size": 1} in read(FakeClient(editing))


def test_a_missing_pagination_block_means_that_a_short_page_is_the_last() -> None:
    client = FakeClient(lambda params: {"data": [{"id": 1}]})
    assert read(client) == [{"id": 1}]


def test_a_server_that_ignores_the_offset_is_an_error_and_not_an_endless_sync() -> None:
    same = {
        "data": [{"id": n} for n in range(100)],
        "additional_data": {"pagination": {"more_items_in_collection": True, "next_start": 100}},
    }
    with pytest.raises(StreamError, match="never end"):
        read(FakeClient(lambda params: same))


def test_the_same_cursor_twice_is_an_error_and_not_an_endless_sync() -> None:
    same = {"data": [{"id": 1}], "additional_data": {"next_cursor": "abc"}}
    with pytest.raises(StreamError, match='same page of "deals"'):
        read(FakeClient(lambda params: same), "deals")


@pytest.mark.parametrize("end", [{"next_cursor": None}, {}, None])
def test_a_v2_list_ends_where_no_cursor_comes(end: Any) -> None:
    client = FakeClient(lambda params: {"data": [{"id": 1}], "additional_data": end})
    assert read(client, "deals") == [{"id": 1}]


def test_a_v2_page_of_null_is_asked_for_again() -> None:
    replies = [{"data": None, "additional_data": {"next_cursor": "a"}}, {"data": [{"id": 1}]}]
    client = FakeClient(lambda params: replies.pop(0))
    assert read(client, "deals") == [{"id": 1}]
    assert len(client.asked) == 2


def test_a_v2_page_that_stays_null_is_empty_where_nothing_follows_and_an_error_elsewhere() -> None:
    assert read(FakeClient(lambda params: {"data": None}), "deals") == []
    more = {"data": None, "additional_data": {"next_cursor": "a"}}
    with pytest.raises(StreamError, match="without its records"):
        read(FakeClient(lambda params: more), "deals")


def test_a_v2_page_of_null_behind_a_cursor_is_not_the_end_of_the_list() -> None:
    first = {"data": [{"id": 1}], "additional_data": {"next_cursor": "a"}}
    null = {"success": True, "data": None, "additional_data": None}
    client = FakeClient(lambda params: null if "cursor" in params else first)
    with pytest.raises(StreamError, match="without its records"):
        read(client, "deals")


def test_a_list_that_no_longer_comes_whole_is_an_error() -> None:
    part = {
        "data": [{"id": 1}],
        "additional_data": {"pagination": {"more_items_in_collection": True}},
    }
    with pytest.raises(StreamError, match="only a part"):
        read(FakeClient(lambda params: part), "users")


def test_null_and_absent_lists_are_empty() -> None:
    assert rows_of(FILES, {"success": True, "data": None}) == []
    assert rows_of(GOALS, {"success": True, "data": {"goals": []}}) == []


@pytest.mark.parametrize("body", [{"success": False}, {"data": {"id": 1}}, {"data": [1]}])
def test_an_answer_without_a_list_is_an_error_and_not_an_empty_stream(body: Any) -> None:
    with pytest.raises(StreamError, match="holds no list"):
        rows_of(FILES, body)
