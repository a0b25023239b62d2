"""GET /v1/recents: the only v1 endpoint that reports deleted records."""

from __future__ import annotations

from typing import Any

import pytest

from pipedrive_sandbox import Options, Sandbox

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=0.2, clock=NOW, switches=LIMITS)
WEEK = "2026-11-16 10:00:00"
LONG_AGO = "2000-01-01 00:00:00"


def walk(api: Caller, **params: object) -> list[dict[str, Any]]:
    """The records of all pages."""
    found: list[dict[str, Any]] = []
    while True:
        answer = api.ask("v1/recents", start=len(found), **params).json()
        found += answer["data"] or []
        if not answer["additional_data"]["pagination"]["more_items_in_collection"]:
            return found


@pytest.mark.parametrize(
    "query",
    [
        "",
        "since_timestamp=2026-11-16",
        "since_timestamp=2026-11-16T10:00:00Z",
        "since_timestamp=2026-11-16%2010:00:00&items=lead",
        "since_timestamp=2026-11-16%2010:00:00&limit=501",
        "since_timestamp=2026-11-16%2010:00:00&sort=id",
    ],
)
def test_undocumented_requests_are_refused(api: Caller, query: str) -> None:
    assert api.get(f"{api.box.url}/v1/recents?{query}").status_code == 400


def test_every_change_once_and_oldest_first(box: Sandbox, api: Caller) -> None:
    box.set(recents_deleted="record")
    changes = walk(api, since_timestamp=WEEK, limit=7)
    assert len(changes) > 30
    keys = [(change["item"], change["id"]) for change in changes]
    assert len(set(keys)) == len(keys)
    times = [change["data"].get("update_time") or change["data"]["modified"] for change in changes]
    assert times == sorted(times)
    assert times[0] >= WEEK
    people = box.records("persons", updated_since="2026-11-16T10:00:00Z")
    assert {person["id"] for person in people} <= {id_ for item, id_ in keys if item == "person"}
    some = walk(api, since_timestamp=WEEK, items="deal,note", limit=500)
    assert {change["item"] for change in some} == {"deal", "note"}


def test_changes_of_at_most_a_month(api: Caller) -> None:
    changes = walk(api, since_timestamp=LONG_AGO, limit=500)
    assert changes == walk(api, since_timestamp="2026-10-23 10:00:00", limit=500)
    assert len(changes) > len(walk(api, since_timestamp=WEEK, limit=500))
    answer = api.ask("v1/recents", since_timestamp=LONG_AGO, limit=1).json()
    assert answer["additional_data"]["since_timestamp"] == LONG_AGO
    assert answer["additional_data"]["last_timestamp_on_page"] >= "2026-10-23 10:00:00"


KINDS = ("activities", "deals", "files", "notes", "organizations", "persons", "products")
ITEMS = ("activity", "deal", "file", "note", "organization", "person", "product")


@pytest.mark.parametrize("how", ["record", "null", "both"])
def test_a_deleted_record_is_inactive_or_null(how: str) -> None:
    with Sandbox(Options(scale=0.2, clock=NOW, switches={"recents_deleted": how, **LIMITS})) as box:
        box.clock.advance(3600)
        deleted = set()
        for at, name in enumerate(KINDS):
            changes = box.mutate(at, deletes=4, objects=[name])
            deleted |= {(ITEMS[at], id_) for id_ in changes[name]["deleted"]}
        with Caller(box) as api:
            changes = walk(api, since_timestamp="2026-11-23 10:30:00", limit=500)
            found = {(each["item"], each["id"]): each["data"] for each in changes}
            assert set(found) == deleted
            hollow = [data for data in found.values() if data is None]
            assert len(hollow) == {"record": 0, "null": len(deleted)}.get(how, len(hollow))
            if how == "both":
                assert 0 < len(hollow) < len(deleted)
            for data in found.values():
                assert data is None or data.get("active_flag") is False or data["deleted"] is True
            box.clock.advance(31 * 86_400)
            later = walk(api, since_timestamp=LONG_AGO, limit=500)
            assert not deleted & {(each["item"], each["id"]) for each in later}


def test_an_empty_list_is_null_or_a_list(box: Sandbox, api: Caller) -> None:
    assert api.data("v1/recents", since_timestamp="2026-11-23 10:00:01") is None
    box.set(empty_list="list")
    assert api.data("v1/recents", since_timestamp="2026-11-23 10:00:01") == []


@pytest.mark.parametrize("whose", ["survivor", "deleted", "neither"])
def test_a_merged_person_is_named(whose: str) -> None:
    switches = {"recents_merged": whose, "recents_deleted": "record", **LIMITS}
    with Sandbox(Options(scale=0.2, clock=NOW, switches=switches)) as box:
        kept, merged = [person["id"] for person in box.records("persons")][:2]
        box.change_records("merge", "persons", [kept, merged])
        with Caller(box) as api:
            changes = walk(api, since_timestamp="2026-11-23 10:00:00", limit=500)
        named = {each["id"]: each["data"].get("merge_what_id") for each in changes}
        assert named[kept] == (merged if whose == "survivor" else None)
        assert named[merged] == (kept if whose == "deleted" else None)


def test_a_deleted_record_may_be_listed_twice() -> None:
    switches = {"recents_repeat": True, "recents_deleted": "null", **LIMITS}
    with Sandbox(Options(scale=0.2, clock=NOW, switches=switches)) as box:
        (person, *_) = [person["id"] for person in box.records("persons")]
        box.clock.advance(60)
        box.change_records("delete", "persons", [person])
        with Caller(box) as api:
            changes = walk(api, since_timestamp="2026-11-23 10:00:00", limit=500)
        first, second = [each["data"] for each in changes if each["id"] == person]
        assert (first["active_flag"], second) == (True, None)
