"""How the sandbox's records disappear and come back, and what its single records answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipedrive_sandbox import Options, Sandbox
from unit_tests.caller import LIMITS, NOW, Caller


@pytest.fixture
def caller() -> Iterator[Caller]:
    with Sandbox(Options(seed=1, scale=0.03, clock=NOW, switches=LIMITS)) as box:
        yield Caller(box)


def ids(caller: Caller, name: str) -> set[object]:
    return {record["id"] for record in caller.box.records(name)}


@pytest.mark.parametrize("name", ["persons", "notes", "leads", "tasks", "users"])
@pytest.mark.parametrize("action", ["delete", "purge", "hide"])
def test_a_record_disappears(caller: Caller, name: str, action: str) -> None:
    first = next(iter(ids(caller, name)))
    assert caller.box.change_records(action, name, [first]) == [first]  # type: ignore[arg-type]
    assert first not in ids(caller, name)


@pytest.mark.parametrize("name", ["persons", "notes", "leads"])
@pytest.mark.parametrize(("action", "back"), [("delete", "restore"), ("hide", "show")])
def test_a_record_comes_back(caller: Caller, name: str, action: str, back: str) -> None:
    before = ids(caller, name)
    some = list(before)[:2]
    caller.box.change_records(action, name, some)  # type: ignore[arg-type]
    caller.box.change_records(back, name, some)  # type: ignore[arg-type]
    assert ids(caller, name) == before


@pytest.mark.parametrize("name", ["persons", "notes"])
@pytest.mark.parametrize("moves", [True, False])
def test_a_restored_record_has_a_new_time_if_the_switch_is_on(
    caller: Caller, name: str, moves: bool
) -> None:
    caller.box.set(restore_moves_update_time=moves)
    first = next(iter(ids(caller, name)))
    caller.box.change_records("delete", name, [first])
    caller.box.clock.advance(60)
    caller.box.change_records("restore", name, [first])
    (record,) = [each for each in caller.box.records(name) if each["id"] == first]
    assert record["update_time"][11:16] == ("10:01" if moves else "10:00")


def test_a_merge_leaves_the_first_record(caller: Caller) -> None:
    kept, *merged = sorted(ids(caller, "persons"), key=str)[:3]
    caller.box.change_records("merge", "persons", [kept, *merged])
    assert {kept} == {kept, *merged} & ids(caller, "persons")
    shown = next(each for each in caller.box.records("persons") if each["id"] == kept)
    assert shown["update_time"] == NOW


@pytest.mark.parametrize("name", ["deals", "persons", "notes", "files", "leads", "tasks"])
def test_a_renamed_record_keeps_its_update_time(caller: Caller, name: str) -> None:
    before = caller.box.records(name)[0]
    caller.box.change_records("rename", name, [before["id"]])
    (after,) = (each for each in caller.box.records(name) if each["id"] == before["id"])
    changed = {key for key in before if before[key] != after[key]}
    assert len(changed) == 1
    assert not changed & {"id", "update_time"}


def test_an_unknown_action_is_refused(caller: Caller) -> None:
    with pytest.raises(ValueError, match="unknown action"):
        caller.box.change_records("explode", "persons", [1])  # type: ignore[arg-type]
    assert caller.box.change_records("delete", "persons", [10**9]) == []


@pytest.mark.parametrize(("switch", "status"), [("404", 404), ("410", 410), ("marked", 200)])
def test_a_deleted_record_that_is_requested_alone(caller: Caller, switch: str, status: int) -> None:
    caller.box.set(deleted_singles=switch)
    deleted, purged, there = list(ids(caller, "notes"))[:3]
    caller.box.change_records("delete", "notes", [deleted, purged])
    caller.box.change_records("purge", "notes", [purged])
    answer = caller.ask(f"v1/notes/{deleted}")
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["data"]["active_flag"] is False
    assert caller.ask(f"v1/notes/{purged}").status_code == 404
    assert caller.data(f"v1/notes/{there}")["id"] == there


@pytest.mark.parametrize(("switch", "status"), [("skipped", 200), ("400", 400), ("404", 404)])
def test_missing_ids(caller: Caller, switch: str, status: int) -> None:
    caller.box.set(missing_ids=switch)
    some = next(iter(ids(caller, "persons")))
    assert caller.ask("v2/persons", ids=f"{some},999999").status_code == status
    assert [each["id"] for each in caller.data("v2/persons", ids=some)] == [some]


@pytest.mark.parametrize("how", ["answered", "hidden", "ignored", "400", "404"])
def test_what_the_archive_answers_about_ids(caller: Caller, how: str) -> None:
    caller.box.set(archive_ids=how)
    listed = ids(caller, "deals_archived")
    archived = [*listed][:2]
    answer = caller.ask("v2/deals/archived", ids=f"{archived[0]},{archived[1]},999999", limit=500)
    assert answer.status_code == (int(how) if how.isdigit() else 200)
    found = {each["id"] for each in answer.json().get("data") or ()}
    assert found == {"answered": {*archived}, "ignored": listed}.get(how, set())
    assert {each["id"] for each in caller.walk("v2/deals/archived")} == listed
    there = next(iter(ids(caller, "deals")))
    assert [each["id"] for each in caller.data("v2/deals", ids=there)] == [there]


@pytest.mark.parametrize(("name", "path"), [("leads", "v1/leads"), ("projects", "v2/projects")])
@pytest.mark.parametrize("how", ["found", "404"])
def test_an_archived_record_that_is_requested_alone(
    caller: Caller, name: str, path: str, how: str
) -> None:
    caller.box.set(archived_singles=how)
    archived = next(iter(ids(caller, f"{name}_archived")))
    answer = caller.ask(f"{path}/{archived}")
    assert answer.status_code == (404 if how == "404" else 200)
    there = next(iter(ids(caller, name)))
    assert caller.data(f"{path}/{there}")["id"] == there


LISTS = ("deals", "deals/archived", "projects", "projects/archived")


@pytest.mark.parametrize("ignored", ["", "deals", "projects", "deals,projects"])
def test_lists_that_ignore_the_status_of_deleted_records(caller: Caller, ignored: str) -> None:
    caller.box.change_records("delete", "deals", [next(iter(ids(caller, "deals_archived")))])
    caller.box.set(status_ignored=ignored)
    for path in LISTS:
        plain, deleted, every = (
            {each["id"] for each in caller.walk(f"v2/{path}", limit=500, **status)}
            for status in ({}, {"status": "deleted"}, {"status": "open,deleted"})
        )
        assert plain
        if path.split("/")[0] in ignored.split(","):
            assert deleted == plain
            assert every <= plain
        else:
            assert deleted
            assert not deleted & plain
            assert deleted < every


def test_only_lists_that_have_a_status_can_ignore_it(caller: Caller) -> None:
    with pytest.raises(ValueError, match="unknown persons"):
        caller.box.set(status_ignored="persons")


@pytest.mark.parametrize(("name", "path"), [("persons", ""), ("notes", "v1/notes")])
@pytest.mark.parametrize("lag", [0, 30])
def test_a_new_record_is_not_found_by_its_id_yet(
    caller: Caller, name: str, path: str, lag: int
) -> None:
    caller.box.set(new_records_lag=lag)
    caller.box.clock.advance(60)
    (new,) = caller.box.mutate(adds=1, objects=[name])[name]["added"]
    caller.box.clock.advance(10)

    def is_found() -> bool:
        if path:
            return caller.ask(f"{path}/{new}").status_code == 200
        return bool(caller.data(f"v2/{name}", ids=new))

    def recent() -> object:
        recents = caller.data("v1/recents", since_timestamp="2026-11-23 10:00:30")
        (change,) = [each for each in recents if each["id"] == new]
        return change["data"]

    assert is_found() == bool(recent()) == (lag == 0)
    assert new in ids(caller, name)
    caller.box.clock.advance(21)
    assert is_found()
    assert recent()
