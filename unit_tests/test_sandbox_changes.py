"""Reproducible records, and the effects of edits, additions, deletions and the clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.clock import Clock, moment, zulu
from pipedrive_sandbox.routes import ROUTES
from pipedrive_sandbox.service import Service

from .caller import LIMITS, NOW, Caller

DAY = 86_400


def service(seed: int = 1, **more: Any) -> Service:
    return Service(Options(seed=seed, scale=0.05, clock=NOW, switches={**LIMITS, **more}))


def everything(box: Service) -> str:
    return json.dumps({route.object: box.records(route.object) for route in ROUTES})


def test_the_same_seed_and_clock_give_the_same_bytes() -> None:
    assert everything(service()) == everything(service())
    assert everything(service()) != everything(service(seed=2))


def test_the_number_of_deals_does_not_change_other_records() -> None:
    few, many = (Service(Options(scale=0.05, clock=NOW, deals=deals)) for deals in (10, 300))
    assert len(many.records("deals")) == 300
    assert few.records("persons") == many.records("persons")


def test_times_are_within_three_years_and_mostly_recent() -> None:
    box, now = service(), moment(NOW)
    for name in ("deals", "persons", "organizations", "activities"):
        records = box.records(name)
        added = [moment(record["add_time"]) for record in records]
        updated = [moment(record["update_time"]) for record in records]
        assert min(added) > now - 3 * 366 * DAY
        assert max(updated) <= now
        assert all(start <= end for start, end in zip(added, updated, strict=True))
    added = [moment(record["add_time"]) for record in box.records("activities")]
    assert sum(at > now - 365 * DAY for at in added) > len(added) / 2


def test_bulk_imports_create_many_records_in_one_second() -> None:
    times = [record["update_time"] for record in service().records("activities")]
    assert max(times.count(each) for each in set(times)) > 2


def test_mutations_depend_on_their_seed() -> None:
    one, other = service(), service()
    for box in (one, other):
        box.clock.advance(60)
    wanted = {"edits": 12, "adds": 6, "deletes": 6, "archives": 3}
    changes = one.mutate(7, **wanted)
    assert changes == other.mutate(7, **wanted)
    assert everything(one) == everything(other)
    counts = [len(ids) for kinds in changes.values() for ids in kinds.values()]
    assert sum(counts) == sum(wanted.values())


def test_edits_move_the_update_time_to_now() -> None:
    box = service()
    before = {record["id"]: record for record in box.records("persons")}
    box.clock.advance(3600)
    ids = box.mutate(1, edits=4, objects=["persons"])["persons"]["edited"]
    now = zulu(box.clock.now())
    since = box.records("persons", updated_since=now)
    assert sorted(record["id"] for record in since) == sorted(ids)
    assert all(record["name"] != before[record["id"]]["name"] for record in since)
    assert box.records("persons", sort_by="update_time")[-1]["id"] in ids


def test_additions_get_new_ids_and_the_current_time() -> None:
    box = service()
    before = {record["id"] for record in box.records("leads")}
    box.clock.advance(60)
    (added,) = box.mutate(1, adds=1, objects=["leads"])["leads"]["added"]
    new = [record for record in box.records("leads") if record["id"] not in before]
    assert [record["id"] for record in new] == [added]
    assert new[0]["add_time"] == new[0]["update_time"] == "2026-11-23T10:01:00.000Z"


def test_the_id_of_a_purged_record_is_not_used_again() -> None:
    box = service()
    last = max(record["id"] for record in box.records("notes"))
    assert box.change_records("purge", "notes", [last]) == [last]
    assert box.mutate(1, adds=1, objects=["notes"])["notes"]["added"] == [last + 1]


def test_a_converted_lead_becomes_a_deal() -> None:
    box = service()
    leads = {lead["id"]: lead for n in ("leads", "leads_archived") for lead in box.records(n)}
    deals = {deal["id"] for n in ("deals", "deals_archived") for deal in box.records(n)}
    box.clock.advance(60)
    changes = box.mutate(1, conversions=3)
    gone = changes["leads"]["converted"]
    left = {lead["id"] for n in ("leads", "leads_archived") for lead in box.records(n)}
    assert leads.keys() - left == set(gone)
    made = [deal for deal in box.records("deals") if deal["id"] not in deals]
    assert {deal["id"] for deal in made} == set(changes["deals"]["added"])
    assert [deal["title"] for deal in made] == [leads[id_]["title"] for id_ in gone]
    assert {deal["add_time"] for deal in made} == {zulu(box.clock.now())}
    assert box.mutate(2, conversions=10_000)["leads"].keys() == {"converted"}
    assert not box.records("leads") + box.records("leads_archived")


@pytest.mark.parametrize("moves", [True, False])
def test_archiving_moves_a_record_to_the_other_list(moves: bool) -> None:
    box = service(archive_moves_update_time=moves)
    before = {record["id"]: record["update_time"] for record in box.records("deals")}
    box.clock.advance(60)
    changes = box.mutate(3, archives=4)
    for name in changes:
        ids = set(changes[name]["archived"])
        assert not ids & {record["id"] for record in box.records(name)}
        assert ids <= {record["id"] for record in box.records(f"{name}_archived")}
    archived = {record["id"]: record for record in box.records("deals_archived")}
    for id_ in changes["deals"]["archived"]:
        assert archived[id_]["archive_time"] == zulu(box.clock.now())
        assert (archived[id_]["update_time"] != before[id_]) is moves


@pytest.mark.parametrize("moves", [True, False])
def test_archived_and_deleted_records_come_back(moves: bool) -> None:
    box = service(archive_moves_update_time=moves, restore_moves_update_time=moves)
    objects = ["deals", "projects"]
    gone = box.mutate(1, deletes=6, objects=objects), box.mutate(2, archives=6, objects=objects)
    before = {(n, r["id"]): r["update_time"] for n in objects for r in box.records(f"{n}_archived")}
    box.clock.advance(60)
    unarchived = box.mutate(3, unarchives=500, objects=objects)
    assert set(gone[1]["projects"]["archived"]) <= set(unarchived["projects"]["unarchived"])
    restored = box.mutate(4, restores=500, objects=objects)
    assert set(gone[0]["deals"]["deleted"]) <= set(restored["deals"]["restored"])
    for name in objects:
        assert box.records(name, status="deleted") == []
        live = {record["id"]: record for record in box.records(name)}
        assert live.keys() >= {*unarchived[name]["unarchived"], *restored[name]["restored"]} - {
            record["id"] for record in box.records(f"{name}_archived")
        }
        for id_ in unarchived[name]["unarchived"]:
            assert live[id_]["archive_time"] is None
            assert (live[id_]["update_time"] != before[name, id_]) is moves


def test_a_deleted_deal_is_available_for_thirty_days() -> None:
    box = service()
    (id_,) = box.mutate(1, deletes=1, objects=["deals"])["deals"]["deleted"]
    assert id_ not in {deal["id"] for deal in box.records("deals")}
    box.clock.advance(30 * DAY - 1)
    deleted = {deal["id"]: deal for deal in box.records("deals", status="deleted")}
    assert deleted[id_]["update_time"] == NOW
    box.clock.advance(1)
    assert box.records("deals", status="deleted") == []


def test_deleted_notes_and_persons_are_no_longer_listed() -> None:
    box = service()
    for name in ("notes", "persons", "files", "leads"):
        (id_,) = box.mutate(1, deletes=1, objects=[name])[name]["deleted"]
        assert id_ not in {record["id"] for record in box.records(name)}


def test_reading_a_list_while_it_changes() -> None:
    """Sorted by update time, a record edited in the meantime appears again at the end."""
    with Sandbox(Options(scale=0.05, clock=NOW, switches=LIMITS)) as box:
        seen: list[int] = []
        with Caller(box) as api:
            for page in api.pages("v2/deals", sort_by="update_time", limit=30):
                seen += [record["id"] for record in page]
                if len(seen) == 30:
                    box.clock.advance(1)
                    edited = box.mutate(1, edits=5, objects=["deals"])["deals"]["edited"]
        listed = {record["id"] for record in box.records("deals")}
        assert set(seen) == listed
        assert set(seen[-5:]) >= set(edited) & listed


def test_a_frozen_an_advanced_and_a_running_clock() -> None:
    clock = Clock(NOW)
    assert zulu(clock.now()) == NOW
    clock.advance(90)
    assert zulu(clock.now()) == "2026-11-23T10:01:30Z"
    clock.set("2027-01-01T00:00:00Z")
    assert clock.date_header() == b"Fri, 01 Jan 2027 00:00:00 GMT"
    clock.run()
    running = clock.now()
    clock.advance(1000)
    assert 1000 <= clock.now() - running < 1010
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)


def test_an_unknown_switch_or_value_is_an_error() -> None:
    box = service()
    for wrong in ({"nul": "last"}, {"nulls": "middle"}, {"admin": "yes"}, {"rate_limit": "many"}):
        with pytest.raises(ValueError, match=r"."):
            box.set(**wrong)


def test_the_program_and_its_control_routes() -> None:
    arguments = ["--port", "0", "--scale", "0.02", "--clock", NOW, "--switch", "nulls=last"]
    command = [sys.executable, "-m", "pipedrive_sandbox", *arguments]
    here = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=here) as process:
        try:
            assert process.stdout
            ready = json.loads(process.stdout.readline())
            control(ready["url"])
        finally:
            process.terminate()
    assert process.returncode == 0


def control(url: str) -> None:
    def send(method: str, name: str, body: object = None) -> Any:
        response = requests.request(method, f"{url}/_sandbox/{name}", json=body, timeout=60)
        assert response.status_code == 200, response.text
        return response.json()

    assert send("GET", "switches")["nulls"] == "last"
    assert send("POST", "switches", {"nulls": "first"})["nulls"] == "first"
    assert send("POST", "clock", {"advance_seconds": 5}) == {"now": "2026-11-23T10:00:05Z"}
    changes = send("POST", "mutate", {"seed": 1, "edits": 2, "objects": ["deals"]})
    assert len(changes["deals"]["edited"]) == 2
    assert len(send("GET", "records/deals?status=deleted")) == 1
    assert send("POST", "fail-next", [{"status": 500}]) == {"open": 1}
    headers = {"x-api-token": Sandbox.api_token}
    assert requests.get(f"{url}/v1/users/me", headers=headers, timeout=60).status_code == 500
    assert send("GET", "ledger") == {"users_me": {"requests": 1, "tokens": 2, "refused": 0}}
    assert send("GET", "requests")[0]["status"] == 500
    send("POST", "reset-ledger")
    assert send("GET", "ledger") == {}
    send("POST", "expire-tokens")
    send("POST", "clear-faults")
    wrong = requests.post(f"{url}/_sandbox/switches", json={"nothing": 1}, timeout=60)
    assert wrong.status_code == 400
    assert "nothing" in wrong.json()["error"]


@pytest.mark.parametrize("moves", [True, False])
def test_notes_and_activities_may_change_the_update_time_of_linked_records(moves: bool) -> None:
    """A client that relies on one behaviour reads too much, or misses child records."""
    box = service(notes_move_update_time=moves)
    notes = {note["id"]: note for note in box.records("notes")}
    persons_of = {each["id"]: each["person_id"] for each in box.records("activities")}
    box.clock.advance(3600)
    now = zulu(box.clock.now())
    gone = box.mutate(1, deletes=10, objects=["notes"])["notes"]["deleted"]
    times = {deal["id"]: deal["update_time"] for deal in box.records("deals")}
    deals = {notes[id_]["deal_id"] for id_ in gone} & times.keys()
    assert deals
    assert {id_ for id_, time in times.items() if time == now} == (deals if moves else set())
    box.clock.advance(3600)
    edited = box.mutate(2, edits=10, objects=["activities"])["activities"]["edited"]
    times = {person["id"]: person["update_time"] for person in box.records("persons")}
    persons = {persons_of[id_] for id_ in edited} & times.keys()
    assert persons
    now = zulu(box.clock.now())
    assert {id_ for id_, time in times.items() if time == now} == (persons if moves else set())
