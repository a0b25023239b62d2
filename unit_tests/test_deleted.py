"""What was deleted, put together from lists that tell it in different ways."""

from __future__ import annotations

from typing import Any

from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.state import VERSION
from unit_tests.fakes import ACME, FakeClient, Params
from unit_tests.test_readers import UNTIL, reader_of, run

DAY = 86_400
SAVED = {"version": VERSION, "company_id": ACME.id, "since": "1970-01-01T00:00:00Z"}
Record = dict[str, Any]


def deleted(recents: list[Record], listed: list[Record], saved: Record | None = None) -> list[Any]:
    """The records of a sync. listed: what deals and projects answer for the deleted ones."""

    def answer(params: Params) -> Record:
        return {"data": recents if "items" in params else listed}

    client = FakeClient(answer)
    records, _ = run(*reader_of("deleted_records", client, saved=saved))
    return records


def test_the_time_of_a_deletion_is_pipedrives_own_where_it_tells_one() -> None:
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


def test_all_that_is_listed_as_deleted_comes_however_long_ago_that_was() -> None:
    old = {"id": 1, "update_time": rfc3339(UNTIL - 400 * DAY)}
    found = {(record["object"], record["id"]) for record in deleted([], [old])}
    assert ("projects", "1") in found


def test_a_later_sync_brings_what_was_deleted_since() -> None:
    listed = [{"id": n, "update_time": rfc3339(UNTIL - n * DAY)} for n in (1, 50, 100)]
    saved = {"seen_time": rfc3339(UNTIL - 60 * DAY), **SAVED}
    found = {(r["object"], r["id"]) for r in deleted([], listed, saved)}
    assert {id_ for name, id_ in found if name == "projects"} == {"1", "50"}
