"""Changes of child records while a client reads."""

from __future__ import annotations

from typing import Any

import pytest

from pipedrive_sandbox import Options
from pipedrive_sandbox.clock import plain, zulu
from pipedrive_sandbox.routes import ROUTES
from pipedrive_sandbox.service import Service

from .caller import LIMITS, NOW
from .test_sandbox_children import OBJECTS

MANY = 12


def service(**more: Any) -> Service:
    return Service(Options(scale=0.05, clock=NOW, switches={**LIMITS, **more}))


def below(box: Service, prefix: str = "") -> dict[str, dict[int, list[dict[str, Any]]]]:
    """All child records, by object and parent."""
    objects = [route.object for route in ROUTES if route.relation.child_kind]
    return {name: box.records_by_parent(name) for name in objects if name.startswith(prefix)}


def deals(box: Service) -> dict[int, dict[str, Any]]:
    fields = "products_count,participants_count,followers_count,email_messages_count"
    listed = box.records("deals", include_fields=fields)
    listed += box.records("deals_archived", include_fields=fields)
    return {deal["id"]: deal for deal in listed}


def edit(box: Service, work: str, seed: int = 1, edits: int = MANY) -> list[int]:
    box.clock.advance(3600)
    changes = box.mutate(seed, edits=edits, objects=["deals"], edit_kinds=[work])
    return [int(id_) for id_ in changes["deals"]["edited"]]


def test_the_same_seed_gives_the_same_children_and_changes() -> None:
    one, other = service(), service()
    assert below(one) == below(other)
    for box in (one, other):
        box.clock.advance(60)
        box.mutate(3, edits=60, adds=6, deletes=6, archives=3)
    assert below(one) == below(other)
    assert below(one) != below(service())


def test_reading_stores_nothing() -> None:
    """Reading 400,000 deals must not use more memory."""
    box = service()
    below(box)
    assert not box.world.children._changed
    assert not box.world.children._originals


@pytest.mark.parametrize("kind", ["products", "participants", "followers"])
@pytest.mark.parametrize("moves", [True, False])
def test_a_change_of_a_deals_children(kind: str, moves: bool) -> None:
    box = service(children_move_update_time=moves)
    before, rows = deals(box), box.records_by_parent(f"deal_{kind}")
    ids = edit(box, kind)
    now, field = zulu(box.clock.now()), f"{kind}_count"
    after, changed = deals(box), box.records_by_parent(f"deal_{kind}")
    assert len(ids) == MANY
    for id_, deal in after.items():
        assert deal[field] == len(changed.get(id_, [])), "the counter changes too"
        if id_ not in ids:
            assert deal == before[id_]
            assert changed.get(id_) == rows.get(id_)
            continue
        assert changed.get(id_) != rows.get(id_)
        assert abs(deal[field] - before[id_][field]) == 1
        assert (deal["update_time"] == now) is moves
        same = {**deal, "update_time": 0, field: 0}
        assert same == {**before[id_], "update_time": 0, field: 0}


def test_the_id_of_a_removed_product_is_not_reused() -> None:
    box, seen = service(), {}
    taken = 0
    for seed in range(40):
        edit(box, "products", seed)
        now = {row["id"]: row["add_time"] for row in box.records("deal_products")}
        taken += len(set(seen) - set(now))
        assert all(now[id_] == seen.get(id_, now[id_]) for id_ in now)
        seen |= now
    assert taken > 20


@pytest.mark.parametrize("is_purged", [False, True])
@pytest.mark.parametrize("kind", ["products", "installments"])
def test_the_highest_id_is_not_reused_after_its_removal(kind: str, is_purged: bool) -> None:
    world = service().world
    deals = world.tables["deals"].rows
    newest = max(id_ for id_, row in deals.items() if world.children.rows("deals", kind, row))
    rows = world.children.change("deals", kind, deals[newest])
    highest = rows.pop()["id"]
    for id_ in range(newest, max(deals) + 1) if is_purged else ():
        del deals[id_]
    assert world.children.next_id("deals", kind) == highest + 1


@pytest.mark.parametrize("kind", ["participants", "followers"])
def test_additions_are_in_the_changelog(kind: str) -> None:
    box = service()
    before = box.records_by_parent(f"deal_{kind}_changelog")
    for id_ in edit(box, kind):
        log = box.records_by_parent(f"deal_{kind}_changelog")[id_]
        assert log[1:] == before.get(id_, []), "older entries stay the same"
        stamp = zulu if kind == "followers" else plain
        assert log[0]["time"] == stamp(box.clock.now())
        assert log[0]["action"] in ("added", "removed")


def test_a_move_changes_the_deal_and_its_changelog() -> None:
    box = service()
    for seed in range(4):  # some deals move twice
        before, logs = deals(box), box.records_by_parent("deal_changelog")
        for id_ in edit(box, "stage", seed, edits=60):
            deal, log = deals(box)[id_], box.records_by_parent("deal_changelog")[id_]
            assert deal["stage_id"] != before[id_]["stage_id"]
            assert deal["stage_change_time"] == deal["update_time"] == zulu(box.clock.now())
            added = log[: len(log) - len(logs.get(id_, []))]
            assert log[len(added) :] == logs.get(id_, [])
            changes = {entry["field_key"]: entry for entry in added}
            assert changes["stage_id"]["old_value"] == str(before[id_]["stage_id"])
            assert changes["stage_id"]["new_value"] == str(deal["stage_id"])
            assert {entry["time"] for entry in added} == {plain(box.clock.now())}
            other = deal["pipeline_id"] != before[id_]["pipeline_id"]
            assert set(changes) == {"stage_id", "pipeline_id"} if other else {"stage_id"}


def test_the_stage_history_of_a_deal_ends_at_its_stage() -> None:
    """The connector's history is compared with it."""
    box = service()
    for seed in range(3):  # in one second
        box.mutate(seed, edits=60, deletes=2, objects=["deals"], edit_kinds=["stage", "status"])
    stays = box.stage_history()
    live = {id_: deal for id_, deal in deals(box).items() if not deal["is_deleted"]}
    assert stays.keys() == live.keys()
    for id_, deal in live.items():
        last = stays[id_][-1] if stays[id_] else {"left_time": ""}
        assert (last["left_time"] is None) == (deal["status"] == "open")
        if deal["status"] == "open":
            place = last["stage_id"], last["pipeline_id"]
            assert place == (deal["stage_id"], deal["pipeline_id"])
    assert any(one["entered_time"] == one["left_time"] for found in stays.values() for one in found)


def test_a_changelog_may_omit_the_change_of_pipeline() -> None:
    box = service()
    box.mutate(1, edits=60, objects=["deals"], edit_kinds=["stage"])
    before, truth = box.records_by_parent("deal_changelog"), box.stage_history()
    box.set(changelog_pipelines="absent")
    after = box.records_by_parent("deal_changelog")
    kept = {
        id_: [each for each in log if each["field_key"] != "pipeline_id"]
        for id_, log in before.items()
    }
    assert after == {id_: log for id_, log in kept.items() if log} != before
    assert box.stage_history() == truth


def test_a_deal_is_closed_and_reopened() -> None:
    box = service()
    before = deals(box)
    ids = edit(box, "status")
    now = zulu(box.clock.now())
    for id_ in ids:
        deal, log = deals(box)[id_], box.records_by_parent("deal_changelog")[id_]
        assert (deal["status"] == "open") is (before[id_]["status"] != "open")
        assert deal["close_time"] == (None if deal["status"] == "open" else now)
        status = log[0]
        assert (status["field_key"], status["new_value"]) == ("status", deal["status"])
        assert status["old_value"] == before[id_]["status"]


@pytest.mark.parametrize("name", ["deals", "persons", "organizations"])
def test_a_new_name_is_in_the_changelog(name: str) -> None:
    box = service()
    object_, field = f"{name[:-1]}_changelog", "title" if name == "deals" else "name"
    before = box.records_by_parent(object_)
    box.clock.advance(60)
    (id_,) = box.mutate(1, edits=1, objects=[name], edit_kinds=["title"])[name]["edited"]
    log = box.records_by_parent(object_)[id_]
    assert log[1:] == before.get(id_, [])
    assert (log[0]["field_key"], log[0]["time"]) == (field, plain(box.clock.now()))


def test_changing_a_parent_changes_no_other_children() -> None:
    box = service()
    before = below(box)
    box.clock.advance(86_400)
    box.mutate(5, edits=40, objects=["deals", "persons", "organizations"], edit_kinds=["title"])
    box.mutate(6, archives=20, objects=["deals"])
    box.bulk_update("persons", 20, "2026-11-24T09:00:00Z")
    box.change_fields("persons", add=[{"name": "Shoe size", "type": "double"}])
    after = below(box)
    for name in before:
        if not name.endswith("_changelog") or "follow" in name or "particip" in name:
            strip = name in ("deal_participants", "organization_relationships")
            assert bare(after[name], strip) == bare(before[name], strip), name


def bare(rows: dict[int, list[dict[str, Any]]], strip: bool) -> object:
    """Without names of persons and organizations and titles of deals, which change."""
    if not strip:
        return rows
    return {id_: [(each["id"], each["add_time"]) for each in found] for id_, found in rows.items()}


def test_a_new_deal_has_its_own_children() -> None:
    box = service()
    box.clock.advance(60)
    ids = box.mutate(1, adds=20, objects=["deals"])["deals"]["added"]
    now, made = box.clock.now(), deals(box)
    rows = {kind: box.records_by_parent(OBJECTS[kind].format("deal")) for kind in OBJECTS}
    for id_ in set(ids) & set(made):
        assert made[id_]["status"] == "open"
        assert made[id_]["stage_change_time"] is None
        for row in rows["products"].get(id_, []):
            assert row["add_time"] == row["update_time"] == zulu(now)
        for kind, found in rows.items():
            counter = "email_messages" if kind == "mail_messages" else kind
            assert made[id_][f"{counter}_count"] == len(found.get(id_, []))


def test_the_ids_of_products_and_installments_count_up() -> None:
    box = service()
    kinds = ("deal_products", "deal_installments")
    known = {name: {row["id"] for row in box.records(name)} for name in kinds}
    for seed in range(3):
        edit(box, "products", seed)
        box.mutate(seed, adds=20, objects=["deals"])
        for name in kinds:
            ids = [row["id"] for row in box.records(name)]
            assert len(ids) == len(set(ids))
            new = set(ids) - known[name]
            assert len(new) > 3
            assert min(new) > max(known[name])
            known[name] |= new


def test_an_unknown_kind_of_edit_is_an_error() -> None:
    box = service()
    for wrong in (["dance"], []):
        with pytest.raises(ValueError, match="unknown kinds of edit"):
            box.mutate(1, edits=1, edit_kinds=wrong)
