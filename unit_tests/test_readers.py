"""Readers against a fake Pipedrive: which requests they send, and that they miss no record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.http.usage import Usage
from source_pipedrive.reading import state
from source_pipedrive.reading.answers import EXPIRED
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.failures import EndedError
from source_pipedrive.sync.graph import Graph
from source_pipedrive.sync.priority import Priority
from unit_tests import single
from unit_tests.fakes import ACME, FakeClient, Params, v2_list
from unit_tests.single import LOWER, UNTIL, Record, no_sources, run_of, run_to_end, stopped, work


def saved_at(time: int, field: str = "update_time") -> Record:
    """The state of a sync that was complete at that time."""
    first = "1970-01-01T00:00:00Z"
    return {field: rfc3339(time), "version": 1, "company_id": ACME.id, "since": first}


def deals(times: Sequence[int | None]) -> list[Record]:
    return [
        {"id": n, "update_time": None if time is None else rfc3339(time)}
        for n, time in enumerate(times, 1)
    ]


def test_a_small_stream_takes_one_bounded_and_one_unbounded_request() -> None:
    client = FakeClient(v2_list(deals([LOWER, LOWER + 5])))
    records, states = run_to_end(*run_of("deals", client))
    assert len(records) == 2
    assert len(client.asked) == 2
    assert "updated_since" not in client.asked[1]  # finds records without a time
    asked = client.asked[0]
    assert (asked["updated_since"], asked["updated_until"]) == (rfc3339(LOWER), rfc3339(UNTIL))
    assert (asked["sort_by"], asked["sort_direction"]) == ("update_time", "asc")
    assert (asked["limit"], asked["status"]) == ("500", "open,won,lost,deleted")
    assert states[-1]["update_time"] == rfc3339(UNTIL)


def test_all_persons_are_read_whatever_the_history() -> None:
    client = FakeClient(v2_list(deals([LOWER - 10**7])))
    records, _ = run_to_end(*run_of("persons", client))
    assert len(records) == 1
    assert "updated_since" not in client.asked[0]


@pytest.mark.parametrize("nulls_first", [True, False])
def test_records_without_a_time_are_read_wherever_they_sort(nulls_first: bool) -> None:
    rows = deals([None] * 7 + [LOWER + n for n in range(1_200)])
    honest = v2_list(rows)

    def nulls_last(params: Params) -> Record:
        """Sorts nulls to the other end."""
        known = [row for row in rows if row["update_time"]]
        unknown = [row for row in rows if not row["update_time"]]
        if "updated_since" in params:
            return v2_list(known)(params)
        down = params.get("sort_direction") == "desc"
        ordered = [*unknown, *reversed(known)] if down else [*known, *unknown]
        start = int(params.get("cursor", 0))
        cursor = str(start + 500) if start + 500 < len(ordered) else None
        page = ordered[start : start + 500]
        return {"data": page, "additional_data": {"next_cursor": cursor}}

    client = FakeClient(honest if nulls_first else nulls_last)
    records, _ = run_to_end(*run_of("persons", client))
    assert {record["id"] for record in records} == {row["id"] for row in rows}
    assert len(client.asked) == 3 if nulls_first else 4


def test_a_checkpoint_never_includes_the_last_second_of_a_page() -> None:
    """Bulk imports put thousands of records into one second."""
    rows = deals([LOWER + 10] * 499 + [LOWER + 20] * 900)
    client = FakeClient(v2_list(rows))
    _, states = run_to_end(*run_of("deals", client))
    assert states[0]["update_time"] == rfc3339(LOWER + 20)
    assert states[1]["update_time"] == rfc3339(LOWER + 20)


@pytest.mark.parametrize("name", ["deals", "products", "notes", "files"])
def test_a_record_without_a_time_that_is_twice_on_one_page_is_written(name: str) -> None:
    """The list may change while Pipedrive puts a page together."""
    (row,) = deals([None])
    body = {"data": [row, row], "additional_data": {"pagination": {}, "next_cursor": None}}
    records, _ = run_to_end(*run_of(name, FakeClient(lambda params: body), lower=0))
    assert {record["id"] for record in records} == {1}


@pytest.mark.parametrize("name", ["deals", "products", "notes", "files", "users", "tasks"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "0000-00-00"])
def test_a_record_of_no_time_that_anyone_means_is_written(name: str, time: str) -> None:
    """Some languages write no time as the first of the year 1; no history reaches back so far."""
    row = {"id": 1, "update_time": time, "modified": time}
    body = {"data": [row], "additional_data": {"pagination": {}, "next_cursor": None}}
    records, states = run_to_end(*run_of(name, FakeClient(lambda params: body), lower=0))
    assert {record["id"] for record in records} == {1}
    assert states[-1][STREAMS[name].cursor_field or ""] == rfc3339(UNTIL)


@pytest.mark.parametrize("status", EXPIRED)
def test_a_cursor_that_expires_in_the_middle_costs_no_record(status: int) -> None:
    """After a pause of hours, for example, because the destination is slow."""
    rows = deals([LOWER + 10 * n for n in range(1_700)])
    whole = v2_list(rows)
    cursors: list[str] = []

    def expiring(params: Params) -> dict[str, Any]:
        cursors.append(params.get("cursor", ""))
        if cursors[-2:].count("") == 0:  # each cursor lives for one request
            raise StreamError("gone", CONFIG, status)
        return whole(params)

    records, states = run_to_end(*run_of("deals", FakeClient(expiring)))
    assert {row["id"] for row in records} == {row["id"] for row in rows}
    assert states[-1]["update_time"] == rfc3339(UNTIL)


def test_answers_that_never_name_a_cursor_hide_no_record() -> None:
    rows = deals([LOWER + 10 * n for n in range(1_700)])
    whole = v2_list(rows)

    def mute(params: Params) -> dict[str, Any]:
        page = whole(params)["data"][: int(params["limit"])]
        return {"success": True, "data": page}

    records, states = run_to_end(*run_of("deals", FakeClient(mute)))
    assert {row["id"] for row in records} == {row["id"] for row in rows}
    assert states[-1]["update_time"] == rfc3339(UNTIL)


def test_products_stop_at_the_upper_bound_that_the_server_does_not_support() -> None:
    rows = deals([LOWER + n for n in range(600)] + [UNTIL + 5])
    client = FakeClient(v2_list(rows))
    saved = saved_at(LOWER)
    records, states = run_to_end(*run_of("products", client, saved=saved))
    assert all("updated_until" not in asked for asked in client.asked)
    assert len(records) == 600
    assert states[-1]["update_time"] == rfc3339(UNTIL)


def v1_by_time(rows: list[Record], two_keys: bool = True) -> FakeClient:
    """A v1 list with updated_since and sort, like notes."""

    def answer(params: Params) -> Record:
        if "," in params["sort"] and not two_keys:
            raise StreamError("bad sort", state.CONFIG, 400)
        down = "DESC" in params["sort"]
        since = params.get("updated_since", "")
        found = [row for row in rows if (row["update_time"] or "") >= since]
        found.sort(key=lambda row: (row["update_time"] or "", row["id"]), reverse=down)
        start, limit = int(params["start"]), int(params["limit"])
        more = start + limit < len(found)
        page = {"more_items_in_collection": more, "start": start, "limit": limit}
        return {
            "data": found[start : start + limit] or None,
            "additional_data": {"pagination": page},
        }

    return FakeClient(answer)


@pytest.mark.parametrize("two_keys", [True, False])
def test_notes_resume_from_the_last_time_seen(two_keys: bool) -> None:
    rows = deals([LOWER + n // 3 for n in range(1_700)])
    client = v1_by_time(rows, two_keys)
    records, states = run_to_end(*run_of("notes", client))
    assert {record["id"] for record in records} == {row["id"] for row in rows}
    answered = [asked for asked in client.asked if two_keys or "," not in asked["sort"]]
    assert {asked["start"] for asked in answered} == {"0"}
    assert len(answered) == 4 + 2  # two for records without a time
    assert states[-1]["update_time"] == rfc3339(UNTIL)


def test_a_second_with_more_records_than_a_page_is_read_by_offset() -> None:
    rows = deals([LOWER + 5] * 1_300 + [LOWER + 9] * 2)
    records, _ = run_to_end(*run_of("notes", v1_by_time(rows)))
    assert {record["id"] for record in records} == {row["id"] for row in rows}


def test_files_are_read_newest_first_down_to_the_last_sync() -> None:
    rows = deals([UNTIL - 60 * n for n in range(1_000)])
    client = v1_by_time(rows)
    saved = saved_at(UNTIL - 60 * 150)
    records, states = run_to_end(*run_of("files", client, saved=saved))
    assert {record["id"] for record in records} == set(range(1, 153))
    assert len(client.asked) == 2
    assert states[-1] == {**states[-1], "update_time": rfc3339(UNTIL)}
    assert "done" not in states[-1]


def test_an_interrupted_backfill_of_files_resumes_below_what_it_read() -> None:
    """At most a page is read again, and files changed or added in between are not missed."""
    rows = deals([UNTIL - 120 - 60 * n for n in range(3_000)])
    lower = instant("2020-01-01")
    run, buffer = run_of("files", v1_by_time(rows), lower)
    honest, read = run.output.render, []

    def dies(records: Sequence[Record]) -> Any:
        if len(read) == 12:
            raise StreamError("killed", state.CONFIG)
        read.append(records)
        return honest(records)

    run.output.render = dies  # type: ignore[method-assign]
    with pytest.raises(StreamError, match="killed"):
        run_to_end(run, buffer)
    first, states = run_to_end(run, buffer)
    assert states[-1]["update_time"] == rfc3339(lower)  # no gap for readers of this key alone
    rows[2_000]["update_time"] = rfc3339(UNTIL - 5)
    rows.append({"id": 9_999, "update_time": rfc3339(UNTIL - 3)})
    client = v1_by_time(rows)
    later, ends = run_to_end(*run_of("files", client, lower, states[-1]))
    assert {r["id"] for r in first} | {r["id"] for r in later} == {r["id"] for r in rows}
    assert {2_001, 9_999} <= {r["id"] for r in later}
    again = {r["id"] for r in first} & {r["id"] for r in later}
    assert len(again) <= 100 + 1
    assert len(client.asked) <= 22
    assert ends[-1]["update_time"] == rfc3339(UNTIL)


@pytest.mark.parametrize("gone", [50, 700, 1_190])
def test_files_deleted_between_two_syncs_hide_no_others(gone: int) -> None:
    rows = deals([UNTIL - 120 - 60 * n for n in range(3_000)])
    read = UNTIL - 120 - 60 * 1_200
    saved = {
        "update_time": "2020-01-01T00:00:00Z",
        "version": 1,
        "company_id": ACME.id,
        "since": "2020-01-01T00:00:00Z",
        "done": [[rfc3339(read + 1), rfc3339(UNTIL - 60)]],
        "skip": 1_201,
    }
    del rows[5 : 5 + gone]
    client = v1_by_time(rows)
    later, _ = run_to_end(*run_of("files", client, instant("2020-01-01"), saved))
    unread = {r["id"] for r in rows if instant(r["update_time"]) <= read}
    assert unread <= {r["id"] for r in later}


def test_users_take_one_request_and_only_changed_ones_are_written() -> None:
    times = ["2026-11-20 10:00:00", "2026-11-22 10:00:00", None]
    rows = [{"id": n, "modified": time} for n, time in enumerate(times)]
    client = FakeClient(lambda params: {"data": rows})
    first, _ = run_to_end(*run_of("users", client))
    assert [record["id"] for record in first] == [0, 1, 2]
    assert first[0]["modified"] == "2026-11-20T10:00:00Z"
    since = instant("2026-11-21")
    later, _ = run_to_end(*run_of("users", client, saved=saved_at(since, "modified")))
    assert [record["id"] for record in later] == [1, 2]
    assert len(client.asked) == 2


def test_goals_of_every_assignee_type_are_read_once() -> None:
    client = FakeClient(lambda params: {"data": {"goals": [{"id": params["assignee.type"]}]}})
    records, _ = run_to_end(*run_of("goals", client))
    assert [record["id"] for record in records] == ["person", "company", "team"]
    assert [params["is_active"] for params in client.asked] == ["true", "false"] * 3
    # No type.name that Pipedrive accepts returns goals of type revenue_forecast.
    assert not any("type.name" in params for params in client.asked)


@pytest.mark.parametrize("status", [400, 402, 403, 404, 410, 415])
@pytest.mark.parametrize("refused", ["team", "person"])
def test_an_account_may_lack_goals_of_teams_but_no_others(
    refused: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(params: Params) -> Record:
        if params["assignee.type"] == refused:
            raise StreamError("refused", CONFIG, status)
        return {"data": {"goals": [{"id": params["assignee.type"]}]}}

    run, buffer = run_of("goals", FakeClient(answer))
    if refused == "person":
        with pytest.raises(StreamError):
            run_to_end(run, buffer)
        return
    with caplog.at_level("INFO", "airbyte"):
        records, _ = run_to_end(run, buffer)
    assert [record["id"] for record in records] == ["person", "company"]
    (line,) = caplog.messages
    assert f"goals: Pipedrive refused assignee.type team ({status})" in line


def test_a_mail_thread_is_written_once_with_all_its_folders() -> None:
    folders = {"inbox": [1, 2], "drafts": [], "sent": [2], "archive": [3]}

    def answer(params: Params) -> Record:
        rows = [
            {"id": n, "folders": ["inbox"], "last_message_timestamp": "2026-01-01T00:00:00.000Z"}
            for n in folders[params["folder"]]
        ]
        return {"data": rows or None}

    records, _ = run_to_end(*run_of("mail_threads", FakeClient(answer)))
    assert {r["id"]: r["folders"] for r in records} == {
        1: ["inbox"],
        2: ["inbox", "sent"],
        3: ["archive", "inbox"],
    }


def test_calls_older_than_the_history_are_left_out() -> None:
    rows = [
        {"id": "a", "start_time": "2024-01-01T00:00:00.000Z"},
        {"id": "b", "start_time": "2026-01-01T00:00:00.000Z"},
        {"id": "c"},
    ]
    records, _ = run_to_end(*run_of("call_logs", FakeClient(lambda params: {"data": rows})))
    assert [record["id"] for record in records] == ["b", "c"]


def test_settings_carry_the_user_they_belong_to() -> None:
    client = FakeClient(lambda params: {"data": {"list_limit": 100}})
    records, _ = run_to_end(*run_of("user_settings", client))
    assert records == [{"user_id": 7, "list_limit": 100}]


def test_a_removed_endpoint_is_not_requested() -> None:
    client = FakeClient(lambda params: {})
    records, _ = run_to_end(*run_of("global_messages", client))
    assert (records, client.asked) == ([], [])


def test_no_worker_takes_a_span_whose_last_page_is_being_written() -> None:
    """An idle worker that looks for work at that moment must not read the stream again."""
    client = FakeClient(v2_list(deals([LOWER + n * 10**5 for n in range(200)])))
    run, _ = run_of("persons", client)
    first = run.take()
    assert first is not None
    honest, offered = run.output.render, []

    def render(rows: Sequence[Record]) -> Any:
        offered.append(run.take())
        return honest(rows)

    run.output.render = render  # type: ignore[method-assign]
    work(run, first)
    assert set(offered) == {None}
    assert len(client.asked) == 1


def test_a_span_is_never_split_inside_a_page_that_is_being_written() -> None:
    """Otherwise the records after the split would be written twice."""
    crowd = [LOWER + n for n in range(500)]
    client = FakeClient(v2_list(deals([*crowd, *(LOWER + 40_000 * n for n in range(1, 701))])))
    run, buffer = run_of("deals", client)
    tasks, honest = [run.take()], run.output.render

    def render(rows: Sequence[Record]) -> Any:
        if task := run.take():
            tasks.append(task)
        return honest(rows)

    run.output.render = render  # type: ignore[method-assign]
    while tasks:
        work(run, tasks.pop(0))  # type: ignore[arg-type]
    records, _ = run_to_end(run, buffer)
    assert len(client.asked) > 3  # the span was shared
    assert len(records) == len({record["id"] for record in records}) == 1_200


def test_no_state_is_saved_before_the_records_without_a_time_are_out() -> None:
    """While one worker requests them, the others are already reading."""
    rows = deals([LOWER + 40 * n for n in range(12_000)])
    lost = [{"id": 99_000 + n, "update_time": None} for n in range(3)]
    taken: list[Any] = []

    def answer(params: Params) -> Record:
        if params["sort_direction"] == "asc":
            return v2_list(rows)(params)
        while task := run.take():  # the other workers, during this request
            taken.append(task)
            work(run, task)
        return {"data": [*lost, rows[-1]], "additional_data": {"next_cursor": "more"}}

    run, buffer = run_of("persons", FakeClient(answer))
    while (task := run.take()) is not None:
        work(run, task)
    assert len(taken) > 3
    messages = buffer.drain()
    first_state = next(n for n, m in enumerate(messages) if m.state)
    before = {m.record.data["id"] for m in messages[:first_state] if m.record}
    assert {row["id"] for row in lost} <= before


def test_a_refused_request_for_records_without_a_time_fails_the_stream() -> None:
    def answer(params: Params) -> Record:
        if params["sort_direction"] == "desc":
            raise StreamError("refused", state.CONFIG, 400)
        return v2_list(deals([LOWER + n for n in range(1_200)]))(params)

    run, buffer = run_of("persons", FakeClient(answer))
    with pytest.raises(StreamError):
        run_to_end(run, buffer)
    _, states = run_to_end(run, buffer)
    assert states == []


def test_two_workers_share_a_backfill_without_a_gap() -> None:
    rows = deals([LOWER + 40 * n for n in range(12_000)])
    client = FakeClient(v2_list(rows))
    run, buffer = run_of("deals", client)
    first = run.take()
    assert first is not None
    assert run.take() is None  # nothing is known about the span yet
    taken: list[Any] = []

    def share() -> bool:
        """Another worker takes part of the rest after each page."""
        if len(taken) < 3 and (task := run.take()):
            taken.append(task)
            work(run, task, share)
        return False

    work(run, first, share)
    records, states = run_to_end(run, buffer)
    assert {record["id"] for record in records} == {row["id"] for row in rows}
    assert len(taken) == 3
    assert len(client.asked) <= 24 + 2 * len(taken) + 1 + 2  # two for records without a time
    assert states[-1]["update_time"] == rfc3339(UNTIL)


def test_a_page_that_arrives_after_the_end_of_its_stream_does_not_count_as_read() -> None:
    """The sync was stopped and did not wait for it, so the destination never gets this page."""
    honest = v2_list(deals([LOWER + n for n in range(5)]))

    def answer(params: Params) -> Record:
        run.fail_here(stopped())
        run.end()
        buffer.drain()
        return honest(params)

    run, buffer = run_of("persons", FakeClient(answer), lower=0)
    task = run.take()
    assert task is not None
    work(run, task)
    assert buffer.drain() == []
    assert not run.reader.progress.complete


@pytest.mark.parametrize("name", ["deals", "notes", "files", "persons", "currencies"])
def test_nothing_is_requested_after_the_end_of_a_stream(name: str) -> None:
    client = FakeClient(v2_list(deals([LOWER])))
    run, _ = run_of(name, client)
    task = run.take()
    assert task is not None
    run.fail_here(stopped())
    with pytest.raises(EndedError):
        work(run, task)
    assert client.asked == []


def test_work_paused_for_lack_of_memory_resumes_where_it_was() -> None:
    records = deals([LOWER + n for n in range(2_000)])
    client = FakeClient(v2_list(records))
    run, buffer = run_of("deals", client)
    pages = 0
    while not run.exhausted:
        task = run.take()
        assert task is not None
        work(run, task, pause=lambda: True)
        pages += 1
    assert pages >= 4
    found = [m.record.data["id"] for m in buffer.drain() if m.record]
    assert set(found) == {record["id"] for record in records}


def test_small_lists_are_read_first_then_the_streams_furthest_behind() -> None:
    """Otherwise syncs that a budget cuts short would read the same streams every time."""
    client = FakeClient(v2_list([]))
    recent = {"update_time": "2026-11-20T00:00:00Z", "version": 1, "since": "1970-01-01T00:00:00Z"}
    graph: Graph[Any] = Graph(no_sources)
    runs = [
        run_of("currencies", client, graph=graph)[0],
        run_of("persons", client, saved={**recent, "company_id": ACME.id}, graph=graph)[0],
        run_of("deals", client, graph=graph)[0],
        run_of("deals_archived", client, lower=0, graph=graph)[0],
        run_of("organizations", client, lower=0, graph=graph)[0],
    ]
    assert graph.connect(runs) == []
    order = [run.stream.name for run in sorted(runs, key=Priority(runs, Usage()).key)]
    assert order == ["currencies", "deals", "organizations", "deals_archived", "persons"]


def test_the_highest_id_counts_only_if_the_newest_records_were_seen() -> None:
    times: list[int | None] = [None, *(LOWER + n * 1_000 for n in range(1_999))]
    client = FakeClient(v2_list(deals(times)))
    run, buffer = run_of("persons", client, lower=0)
    seen: list[int | None] = []
    honest = run.forecast.announce_at_page

    def announce() -> None:
        seen.append(run.expected)
        honest()

    run.forecast.announce_at_page = announce  # type: ignore[method-assign]
    run_to_end(run, buffer)
    assert seen
    assert all(expected is None or expected > 1_500 for expected in seen), seen
    full = FakeClient(v2_list(deals(times[1:])))
    run, buffer = run_of("persons", full, lower=0)
    run_to_end(run, buffer)
    assert run.expected == 1_999


def test_a_list_with_pages_smaller_than_requested_is_shared() -> None:
    client = FakeClient(v2_list(deals([LOWER + n * 100 for n in range(400)]), limit=20))
    run, _ = run_of("deals", client)
    task = run.take()
    assert task is not None
    taken: list[Any] = []

    def share() -> bool:
        taken.append(run.take())
        return False

    work(run, task, share)
    assert [task for task in taken if task is not None]


def test_a_mailbox_that_is_stopped_requests_no_further_page() -> None:
    """It writes nothing before the last folder, so no page on its way out would stop it."""
    asked: list[Params] = []

    def answer(params: Params) -> Record:
        asked.append(params)
        if len(asked) == 2:
            run.stop(stopped())
        start = int(params["start"])
        rows = [{"id": start + n, "last_message_timestamp": rfc3339(UNTIL)} for n in range(50)]
        more = {"more_items_in_collection": True, "next_start": start + 50}
        return {"data": rows, "additional_data": {"pagination": more}}

    run, buffer = run_of("mail_threads", FakeClient(answer))
    task = run.take()
    assert task is not None
    with pytest.raises(EndedError):
        work(run, task)
    assert len(asked) == 2
    run.end()
    statuses = [m.trace.stream_status for m in buffer.drain() if m.trace and m.trace.stream_status]
    assert statuses[-1].status.value == "INCOMPLETE"


def test_a_v1_list_stops_when_its_children_are_full_though_a_part_of_it_has_just_ended() -> None:
    """They receive the parents of the first page only after the look for records without a time."""
    rows = deals([LOWER + n for n in range(400)])

    def answer(params: Params) -> Record:
        found = [row for row in rows if row["update_time"] >= params.get("updated_since", "")]
        found = found[::-1] if "DESC" in params["sort"] else found
        more = {"pagination": {"more_items_in_collection": len(found) > 300}}
        return {"data": found[:300], "additional_data": more}

    gap = [[rfc3339(LOWER + 100), rfc3339(LOWER + 200)]]
    saved = {"update_time": rfc3339(0), "version": 1, "since": rfc3339(0), "done": gap}
    client = FakeClient(answer)
    run, _ = run_of("notes", client, lower=0, saved=saved)
    task = run.take()
    assert task is not None
    work(run, task, pause=lambda: len(client.asked) > 1)
    assert ["DESC" in params["sort"] for params in client.asked] == [False, True]
    assert run.reader.remaining() == {"notes": [(LOWER + 200, UNTIL)]}


class OldFieldsOnly(FakeClient):
    """A Pipedrive that shows only v1's list of fields."""

    def get(self, request: Request) -> Answer:
        if request.version == 2:
            raise StreamError("no", CONFIG, 403)
        return super().get(request)


@pytest.mark.parametrize(
    ("scopes", "remedy"),
    [
        (None, "To get them, use the credentials of an admin."),
        (
            {"base"},
            "To get them, give the app the scope admin, or use the credentials of an admin.",
        ),
    ],
    ids=["API token", "OAuth"],
)
def test_what_an_older_list_of_fields_lacks_has_a_remedy_that_exists(
    scopes: set[str] | None,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An API token has no scopes, and its user no app."""
    company = replace(ACME, scopes=None if scopes is None else frozenset(scopes))
    monkeypatch.setattr(single, "ACME", company)
    fields = [{"id": 1, "key": "type", "name": "Type", "field_type": "varchar"}]
    client = OldFieldsOnly(lambda params: {"data": fields})
    records, _ = run_to_end(*single.run_of("activity_fields", client))
    assert len(records) == 1
    (line,) = [r.message for r in caplog.records if r.message.startswith("activity_fields: read")]
    assert line.endswith(remedy)
