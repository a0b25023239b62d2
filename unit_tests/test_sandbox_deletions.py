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
