"""Child records of deals, persons, organizations and products, as Pipedrive lists them.

A mistake here would teach clients the wrong thing about when to request children, and about what
a changelog means.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.data.children import COUNTED
from pipedrive_sandbox.routes import ROUTES

from .caller import LIMITS, NOW, Caller
from .test_sandbox_account import bearer

OPTIONS = Options(scale=0.1, clock=NOW, switches=LIMITS)
BELOW = [route for route in ROUTES if route.relation.parent_table and route.relation.child_kind]
OBJECTS = {
    "products": "deal_products",
    "participants": "deal_participants",
    "followers": "{}_followers",
    "mail_messages": "{}_mail_messages",
}


def every_deal(box: Sandbox, **params: str) -> dict[int, dict[str, Any]]:
    deals = box.records("deals", **params) + box.records("deals_archived", **params)
    return {deal["id"]: deal for deal in deals}


@pytest.mark.parametrize("table", ["deals", "persons", "organizations"])
def test_counters_match_the_numbers_of_rows(box: Sandbox, table: str) -> None:
    """A client that relies on a wrong counter would miss rows, or waste requests."""
    for kind, (field, _) in COUNTED[table].items():
        rows = box.records_by_parent(OBJECTS[kind].format(table[:-1]))
        parents = box.records(table, include_fields=field)
        assert sum(parent[field] > 0 for parent in parents) > len(parents) / 5
        for parent in parents:
            assert parent[field] == len(rows.get(parent["id"], [])), (kind, parent["id"])
        assert field not in box.records(table)[0]


@pytest.mark.parametrize("kind", ["products", "installments"])
def test_ids_count_up_without_gaps(box: Sandbox, kind: str) -> None:
    """An audit asks about every gap."""
    world = box.service.world
    deals = world.tables["deals"].rows
    ids = [each["id"] for row in deals.values() for each in world.children.rows("deals", kind, row)]
    assert len(ids) > 20
    first = world.children.before("deals", kind, min(deals)) + 1
    assert ids == list(range(first, first + len(ids)))


@pytest.mark.parametrize("route", BELOW, ids=lambda route: route.object)
def test_a_deleted_or_unknown_parent_is_a_404(box: Sandbox, api: Caller, route: Any) -> None:
    rows = box.service.world.tables[route.relation.parent_table].rows.values()
    deleted = next(row.id for row in rows if row.deleted_at is not None)
    for id_ in (deleted, 10**8):
        path = f"{route.version}{route.path}".replace("{id}", str(id_))
        assert api.ask(path).status_code == 404


def test_undoing_a_changelog_yields_the_original_deal(box: Sandbox) -> None:
    """A client builds the stage history from it."""
    deals, logs = every_deal(box), box.records_by_parent("deal_changelog")
    moved = reopened = 0
    for id_, deal in deals.items():
        log = logs.get(id_, [])
        times = [entry["time"] for entry in log]
        assert times == sorted(times, reverse=True), "newest first"
        assert all(plain(deal["add_time"]) <= at <= plain(deal["update_time"]) for at in times)
        for field in ("stage_id", "pipeline_id", "status", "value", "title"):
            entries = [entry for entry in log if entry["field_key"] == field]
            if entries:
                assert entries[0]["new_value"] == text(deal[field])
            assert all(new["old_value"] == old["new_value"] for new, old in pairwise(entries))
            assert all(entry["old_value"] != entry["new_value"] for entry in entries)
        stages = [entry for entry in log if entry["field_key"] == "stage_id"]
        assert bool(stages) is bool(deal["stage_change_time"])
        if stages:
            moved += 1
            assert stages[0]["time"] == plain(deal["stage_change_time"])
        statuses = [entry for entry in log if entry["field_key"] == "status"]
        if deal["status"] != "open":
            assert statuses[0]["time"] == plain(deal["close_time"])
        if statuses:
            assert statuses[-1]["old_value"] == "open"
            reopened += any(entry["new_value"] == "open" for entry in statuses)
        for entry in log:
            assert entry["old_value"] is None or isinstance(entry["old_value"], str)
    assert moved > len(deals) / 2
    assert reopened > 5
    assert any(id_ not in logs for id_ in deals), "some deals were never changed"


def plain(time: str) -> str:
    return time.replace("T", " ").rstrip("Z")


def text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@pytest.mark.parametrize("object_", ["deal_changelog", "organization_changelog"])
def test_a_field_is_edited_twice_in_one_second(box: Sandbox, object_: str) -> None:
    """Time and field do not identify an entry."""
    logs = box.records_by_parent(object_).values()
    twins = [
        log
        for log in logs
        if len({(entry["time"], entry["field_key"]) for entry in log}) < len(log)
    ]
    assert len(twins) >= 5


@pytest.mark.parametrize("marks", ["next", "last"])
@pytest.mark.parametrize("last", ["null", "absent"])
def test_pages_of_a_changelog(box: Sandbox, api: Caller, marks: str, last: str) -> None:
    """An entry added in the meantime does not shift the older ones."""
    box.set(cursor_marks=marks, next_cursor=last)
    logs = box.records_by_parent("deal_changelog")
    id_ = max(logs, key=lambda each: len(logs[each]))
    assert len(logs[id_]) > 6
    for limit in (1, 2, 500):
        assert api.walk(f"v1/deals/{id_}/changelog", limit=limit) == logs[id_]
    for cursor in ("garbage", "aWQ6eA", ""):
        assert api.ask(f"v1/deals/{id_}/changelog", cursor=cursor).status_code == 400
    assert api.ask(f"v1/deals/{id_}/changelog", limit=501).status_code == 400


def test_an_empty_changelog_is_null_or_a_list(box: Sandbox, api: Caller) -> None:
    logs = box.records_by_parent("deal_changelog")
    id_ = next(id_ for id_ in every_deal(box) if id_ not in logs)
    assert api.data(f"v1/deals/{id_}/changelog") is None
    box.set(empty_list="list")
    assert api.data(f"v1/deals/{id_}/changelog") == []


def test_changelogs_need_their_own_scope(box: Sandbox) -> None:
    box.set(scopes="base,deals:full,contacts:full")
    for path in ("deals/1/changelog", "persons/1/changelog", "recents"):
        assert bearer(box, f"/v1/{path}").status_code == 403
    assert bearer(box, "/v1/deals/1/participants").status_code == 200
    box.set(scopes="base,recents:read")
    assert bearer(box, "/v1/deals/1/changelog").status_code == 200
    assert bearer(box, "/v1/deals/1/participants").status_code == 403


@pytest.mark.parametrize(("kind", "who"), [("followers", "user_id"), ("participants", "person_id")])
def test_replaying_the_changelog_yields_the_current_members(
    box: Sandbox, kind: str, who: str
) -> None:
    logs = box.records_by_parent(f"deal_{kind}_changelog")
    there = box.records_by_parent(f"deal_{kind}")
    named = "follower_user_id" if kind == "followers" else who
    left = 0
    for id_ in every_deal(box):
        found: set[int] = set()
        for entry in reversed(logs.get(id_, [])):
            change = found.add if entry["action"] == "added" else found.remove
            change(entry[named])
            left += entry["action"] == "removed"
        rows = [row[who] for row in there.get(id_, [])]
        people = {row if isinstance(row, int) else row["value"] for row in rows}
        assert found == people
        assert len(rows) == len(people)
    assert left > 10


def test_a_deals_person_is_a_participant(box: Sandbox, api: Caller) -> None:
    participants, names = box.records_by_parent("deal_participants"), box.records("persons")
    by_id = {person["id"]: person["name"] for person in names}
    for id_, deal in every_deal(box).items():
        rows = participants.get(id_, [])
        if deal["person_id"]:
            assert rows[0]["person_id"]["value"] == deal["person_id"]
        for row in rows:
            assert row["related_item_data"] == {"deal_id": id_, "title": deal["title"]}
            known = by_id.get(row["person"]["id"])
            assert row["person"]["active_flag"] is (known is not None)
            assert known in (None, row["person_id"]["name"])
    id_ = max(participants, key=lambda each: len(participants[each]))
    answer = api.ask(f"v1/deals/{id_}/participants", start=1, limit=1).json()
    assert answer["data"] == participants[id_][1:2]
    assert answer["additional_data"]["pagination"]["next_start"] == 2


def test_mail_is_wrapped_and_shows_its_body_on_request(box: Sandbox, api: Caller) -> None:
    for of in ("deals", "persons", "organizations"):
        mails = box.records_by_parent(f"{of[:-1]}_mail_messages")
        path = f"v1/{of}/{max(mails, key=lambda each: len(mails[each]))}/mailMessages"
        page = api.data(path, limit=2)
        assert {mail["object"] for mail in page} == {"mailMessage"}
        assert "body" not in page[0]["data"]
        assert api.data(path, include_body=1)[0]["data"]["body"]
        box.set(mail_pagination="absent")
        answer = api.ask(path, start=1, limit=1).json()
        assert "additional_data" not in answer
        assert answer["data"] == page[1:2]
        box.set(mail_pagination="present")
    objects = ("deal", "person", "organization")
    every = [mail for name in objects for mail in box.records(f"{name}_mail_messages")]
    assert len({mail["data"]["id"] for mail in every}) == len(every)


def test_both_organizations_list_a_relationship(box: Sandbox, api: Caller) -> None:
    by_org = box.records_by_parent("organization_relationships")
    seen = [(row["id"], id_) for id_, rows in by_org.items() for row in rows]
    assert len(seen) == 2 * len({id_ for id_, _ in seen})
    daughter = next(row for row in by_org[3] if row["type"] == "parent")
    assert daughter["rel_owner_org_id"]["value"] == 3
    assert daughter["calculated_type"] == "daughter"
    other = daughter["calculated_related_org_id"]
    mirrored = next(row for row in by_org[other] if row["id"] == daughter["id"])
    assert (mirrored["calculated_type"], mirrored["calculated_related_org_id"]) == ("parent", 3)
    assert api.ask("v1/organizationRelationships").status_code == 400
    assert api.ask("v1/organizationRelationships", org_id=10**8).status_code == 404


def test_variations_and_images_of_products(box: Sandbox, api: Caller) -> None:
    ids = [product["id"] for product in box.records("products")]
    images = box.records_by_parent("product_images")
    without = next(id_ for id_ in ids if id_ not in images)
    assert api.ask(f"v2/products/{without}/images").status_code == 404
    box.set(no_image="null")
    assert api.data(f"v2/products/{without}/images") is None
    with_one = min(images)
    assert api.data(f"v2/products/{with_one}/images")["product_id"] == with_one
    for id_, rows in box.records_by_parent("product_variations").items():
        assert api.walk(f"v2/products/{id_}/variations", limit=1) == rows
        assert {row["product_id"] for row in rows} == {id_}


def test_discounts_are_a_list_without_pages(box: Sandbox, api: Caller) -> None:
    id_, rows = next(iter(box.records_by_parent("deal_discounts").items()))
    answer = api.ask(f"v2/deals/{id_}/discounts").json()
    assert answer == {"success": True, "data": rows}
    assert api.ask(f"v2/deals/{id_}/discounts", limit=1).status_code == 400
