"""Deletions, gathered from lists that report them in different ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.reading.deleted import LATE_PAGES
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.state import VERSION
from unit_tests.fakes import ACME, NOW, FakeClient, Params
from unit_tests.single import UNTIL, run_of, run_to_end

DAY = 86_400
SAVED = {"version": VERSION, "company_id": ACME.id, "since": "1970-01-01T00:00:00Z"}
Record = dict[str, Any]


def deleted(recents: list[Record], listed: list[Record], saved: Record | None = None) -> list[Any]:
    """The records of a sync. listed: the answer to requests for deleted deals and projects."""

    def answer(params: Params) -> Record:
        if "items" in params:
            return {"data": recents}
        return {"data": listed if "status" in params else []}

    client = FakeClient(answer)
    records, _ = run_to_end(*run_of("deleted_records", client, saved=saved))
    return records


def test_the_time_of_a_deletion_is_pipedrives_own_if_it_reports_one() -> None:
    times = {"update_time": "2026-11-23 09:00:00", "delete_time": "2026-11-20 08:00:00"}
    gone = [
        {"item": "person", "id": 1, "data": {"active_flag": False, **times}},
        {"item": "organization", "id": 2, "data": {**times, "active_flag": 0, "delete_time": None}},
        {"item": "note", "id": 3, "data": None},
    ]
    assert [record.get("deleted_time") for record in deleted(gone, [])] == [
        "2026-11-20T08:00:00Z",
        "2026-11-23T09:00:00Z",
        None,
    ]


def test_everything_listed_as_deleted_is_read_however_long_ago_it_was_deleted() -> None:
    old = {"id": 1, "update_time": rfc3339(UNTIL - 400 * DAY)}
    found = {(record["object"], record["id"]) for record in deleted([], [old])}
    assert ("projects", "1") in found


@pytest.mark.parametrize("mark", [{}, {"is_deleted": False, "status": "open"}])
def test_what_a_list_returns_that_ignores_the_status_is_not_deleted(
    mark: Record, caplog: pytest.LogCaptureFixture
) -> None:
    live = [{"id": n, "update_time": rfc3339(UNTIL - n * DAY), **mark} for n in (1, 2)]
    gone = {"id": 3, "update_time": rfc3339(UNTIL - 3 * DAY), "is_deleted": True}

    def answer(params: Params) -> Record:
        mixed = [gone, *live] if "status" in params else live
        return {"data": [] if "items" in params else mixed}

    records, _ = run_to_end(*run_of("deleted_records", FakeClient(answer)))
    assert {(each["object"], each["id"]) for each in records} == {("deals", "3"), ("projects", "3")}
    assert len([r for r in caplog.records if "that exist" in r.getMessage()]) == 4, "one a list"


def test_a_later_sync_reads_what_was_deleted_since() -> None:
    listed = [{"id": n, "update_time": rfc3339(UNTIL - n * DAY)} for n in (1, 50, 100)]
    saved = {"seen_time": rfc3339(UNTIL - 60 * DAY), **SAVED}
    found = {(r["object"], r["id"]) for r in deleted([], listed, saved)}
    assert {id_ for name, id_ in found if name == "projects"} == {"1", "50"}


def test_deletions_in_a_list_that_was_unavailable_are_read_once_it_is_available() -> None:
    """A trial ends, projects are deleted at its end, and the add-on is bought a month later."""
    project = {"id": 7, "update_time": rfc3339(UNTIL - 40 * DAY)}
    saved = {"seen_time": rfc3339(UNTIL - 60 * DAY), **SAVED}
    lacking = True

    def answer(params: Params) -> Record:
        return {"data": [project] if "status" in params else []}

    class Account(FakeClient):
        def get(self, request: Request) -> Answer:
            if lacking and request.path.startswith("projects"):
                raise StreamError("not in this plan", CONFIG, 402, "{}")
            if request.path.startswith("deals"):
                return Answer({"data": []}, NOW)
            return super().get(request)

    first, states = run_to_end(*run_of("deleted_records", Account(answer), saved=saved))
    assert not first
    state = states[-1]
    assert set(state["lacking"]) == {"projects", "projects/archived"}
    lacking = False
    later, states = run_to_end(*run_of("deleted_records", Account(answer), saved=state))
    assert {record["id"] for record in later} == {"7"}
    assert "lacking" not in states[-1]


def changes_of_a_busy_company(ids: Sequence[int], more: bool) -> Record:
    """Recent changes of persons, one a second, most of them after the beginning of the sync."""
    times = {n: rfc3339(UNTIL - 50 + n) for n in ids}
    data = [
        {"item": "person", "id": n, "data": {"update_time": times[n], "active_flag": n > 0}}
        for n in ids
    ]
    pagination = {"more_items_in_collection": more}
    return {"data": data, "additional_data": {"pagination": pagination}}


def test_recent_changes_end_though_each_request_finds_as_many_later_ones() -> None:
    """Whatever changes after the beginning of a sync is for the next one."""
    asked: list[int] = []

    def answer(params: Params) -> Record:
        if "items" not in params:
            return {"data": []}
        asked.append(start := int(params["start"]))
        return changes_of_a_busy_company(range(start, start + 100), more=True)

    records, states = run_to_end(*run_of("deleted_records", FakeClient(answer)))
    assert {record["id"] for record in records} == {"0"}
    assert states
    assert len(asked) == LATE_PAGES + 1


def test_recent_changes_are_read_to_their_end_if_the_latest_come_first() -> None:
    def answer(params: Params) -> Record:
        if "items" not in params:
            return {"data": []}
        last = 9_999 - int(params["start"])
        ids = range(last, max(-1, last - 100), -1)
        return changes_of_a_busy_company(ids, more=last >= 100)

    records, _ = run_to_end(*run_of("deleted_records", FakeClient(answer)))
    assert {record["id"] for record in records} == {"0"}
