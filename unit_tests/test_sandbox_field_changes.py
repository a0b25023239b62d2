"""Custom fields that are renamed, added and deleted while a client reads.

If fields never changed, the tests would pass a client that caches their definitions forever.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.data.plans import TYPES
from pipedrive_sandbox.service import Service

from .caller import LIMITS, NOW, Caller
from .test_sandbox_fields import OWNERS, by_code

LATER = "2026-11-23T11:00:00Z"
EVERYONE = {"status": "open,won,lost,deleted"}


@pytest.fixture
def box() -> Service:
    box = Service(Options(scale=0.2, clock=NOW, switches=LIMITS))
    for name in (*OWNERS, "leads", "deal_fields", "lead_fields"):
        box.records(name)  # fills the caches, which are out of date after a change
    box.clock.set(LATER)
    return box


def field(box: Service, object_: str, type_: str) -> dict[str, Any]:
    """The first custom field of a type."""
    return next(each for each in box.custom_fields(object_) if each["type"] == type_)


def test_every_list_shows_a_new_name(box: Service) -> None:
    key = field(box, "deals", "enum")["key"]
    before = box.records("deals")
    assert box.change_fields("deals", rename={key: "Stufe"}) == {"added": []}
    assert field(box, "deals", "enum")["name"] == "Stufe"
    assert by_code(box, "deal_fields")[key]["field_name"] == "Stufe"
    for name in ("deal_fields_v1", "lead_fields"):
        row = by_code(box, name)[key]
        assert (row["name"], row["update_time"]) == ("Stufe", "2026-11-23 11:00:00")
        assert row["add_time"] < row["update_time"]
    assert box.records("deals") == before, "renaming changes no record"


@pytest.mark.parametrize("kind", OWNERS)
def test_a_deleted_field_disappears_from_lists_and_records(box: Service, kind: str) -> None:
    gone = box.custom_fields(kind)[0]["key"]
    records = box.records(kind)
    box.change_fields(kind, delete=[gone])
    assert gone not in by_code(box, f"{OWNERS[kind]}_fields")
    assert gone not in by_code(box, f"{OWNERS[kind]}_fields_v1")
    for before, after in zip(records, box.records(kind), strict=True):
        before["custom_fields"].pop(gone)
        assert after == before, "nothing else changes, not even the update time"
    if kind == "deals":
        others = box.records("deals_archived") + box.records("deals", **EVERYONE)
        assert not any(gone in record["custom_fields"] for record in others)


def test_leads_lose_all_subfields_of_a_deleted_deal_field(box: Service) -> None:
    gone = field(box, "deals", "monetary")["key"]
    assert any(f"{gone}_currency" in lead for lead in box.records("leads"))
    box.change_fields("deals", delete=[gone])
    for row in (*box.records("leads"), *box.records("lead_fields")):
        assert not any(gone in str(name) for name in (*row, row.get("key")))


@pytest.mark.parametrize("kind", OWNERS)
def test_an_added_field_is_null_except_in_ten_records(box: Service, kind: str) -> None:
    """An incremental client reads those ten."""
    choices = {"enum": ["a", "b"], "set": ["a", "b", "c"]}
    wanted = [{"name": f"A {type_}", "type": type_} for type_ in TYPES]
    wanted = [{**each, "options": choices.get(each["type"], [])} for each in wanted]
    last = box.custom_fields(kind)[-1]["id"]
    keys = box.change_fields(kind, add=wanted)["added"]
    fields = box.custom_fields(kind)
    options = [option["id"] for each in fields for option in each["options"]]
    assert len(set(options)) == len(options)
    listed = box.records(kind)
    for at, (key, new, asked) in enumerate(zip(keys, fields[-16:], wanted, strict=True)):
        labels = [option["label"] for option in new["options"]]
        assert new["id"] == last + 1 + at
        assert {**asked, "key": key} == {
            "key": new["key"],
            "name": new["name"],
            "type": new["type"],
            "options": labels,
        }
        assert by_code(box, f"{OWNERS[kind]}_fields")[key]["field_name"] == new["name"]
        assert by_code(box, f"{OWNERS[kind]}_fields_v1")[key]["id"] == new["id"]
        assert all(key in record["custom_fields"] for record in listed)
        filled = [record for record in listed if record["custom_fields"][key] is not None]
        assert filled == listed[:10]
    since = box.records(kind, updated_since=LATER)
    assert [record["id"] for record in since] == [record["id"] for record in listed[:10]]
    assert {record["update_time"] for record in since} == {LATER}


def test_ten_leads_have_an_added_deal_field(box: Service) -> None:
    (key,) = box.change_fields("deals", add=[{"name": "New", "type": "monetary"}])["added"]
    assert (
        by_code(box, "lead_fields")[f"{key}_currency"]["parent_id"]
        == (by_code(box, "lead_fields")[key]["id"])
    )
    filled = [lead for lead in box.records("leads") if key in lead]
    assert len(filled) == 10
    assert all(f"{key}_currency" in lead for lead in filled)
    assert {lead["update_time"] for lead in filled} == {"2026-11-23T11:00:00.000Z"}


def test_a_deleted_option_stays_in_records(box: Service) -> None:
    """Only v1 still has a label for its id."""
    tier = field(box, "deals", "enum")
    gone, *left = tier["options"]
    before = box.records("deals")
    box.change_fields("deals", delete_option={tier["key"]: gone["id"]})
    assert field(box, "deals", "enum")["options"] == left
    fields = by_code(box, "deal_fields")[tier["key"]]
    assert [option["id"] for option in fields["options"]] == [option["id"] for option in left]
    older = by_code(box, "deal_fields_v1")[tier["key"]]
    assert older["options_deleted"] == [gone]
    assert older["options"] == left
    assert box.records("deals") == before
    assert any(deal["custom_fields"][tier["key"]] == gone["id"] for deal in before)
    labelled = box.records("deals", include_option_labels="true")
    shown = [deal["custom_fields"][tier["key"]] for deal in labelled]
    assert {"id": gone["id"], "label": None} in shown


def test_a_reused_name_is_another_field(box: Service) -> None:
    old = box.custom_fields("deals")[-1]
    (new,) = box.change_fields(
        "deals", delete=[old["key"]], add=[{"name": old["name"], "type": old["type"]}]
    )["added"]
    last = box.custom_fields("deals")[-1]
    assert last["key"] == new != old["key"]
    assert last["id"] > old["id"], "ids are not reused"


@pytest.mark.parametrize(
    "wrong",
    [
        {"object_": "activities"},
        {"object_": "deals", "rename": {"0" * 40: "New"}},
        {"object_": "deals", "delete": ["title"]},
        {"object_": "deals", "add": [{"name": "New", "type": "int"}]},
        {"object_": "deals", "add": [{"name": "New", "type": "enum"}]},
        {"object_": "deals", "add": [{"name": "New", "type": "text", "options": ["a"]}]},
        {"object_": "deals", "delete_option": {"0" * 40: 1}},
    ],
)
def test_an_unknown_change_is_an_error(box: Service, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        box.change_fields(**wrong)
    key = field(box, "deals", "enum")["key"]
    with pytest.raises(ValueError, match="no option"):
        box.change_fields("deals", delete_option={key: 1})


def test_over_http() -> None:
    with Sandbox(Options(scale=0.05, clock=NOW, switches=LIMITS)) as box, Caller(box) as api:
        url = f"{box.url}/_sandbox/fields"
        assert len(api.data("v2/dealFields", limit=500)) == len(box.records("deal_fields"))
        deals = requests.get(f"{url}/deals", timeout=60).json()
        assert deals == box.custom_fields("deals")
        assert deals[4].keys() == {"key", "name", "type", "id", "options"}
        assert deals[4]["options"][0].keys() == {"id", "label"}
        body = {
            "object": "deals",
            "rename": {deals[0]["key"]: "New name"},
            "delete": [deals[1]["key"]],
            "add": [{"name": "Mood", "type": "set", "options": ["a", "b"]}],
            "delete_option": {deals[4]["key"]: deals[4]["options"][0]["id"]},
        }
        answer = requests.post(url, json=body, timeout=60).json()
        after = requests.get(f"{url}/deals", timeout=60).json()
        assert [each["key"] for each in after if each not in deals] == [
            deals[0]["key"],
            deals[4]["key"],
            *answer["added"],
        ]
        codes = {row["field_code"] for row in api.data("v2/dealFields", limit=500)}
        assert {*answer["added"]} == codes - {row["key"] for row in deals} - {
            code for code in codes if len(code) < 40
        }
        listed = requests.get(f"{box.url}/_sandbox/records/deal_fields_v1", timeout=60).json()
        assert len(listed) == len(box.records("deal_fields_v1"))
        for wrong in ({"object": "deals", "delete": ["x"]}, {"object": "leads"}, {}):
            assert requests.post(url, json=wrong, timeout=60).status_code == 400
        assert requests.get(f"{url}/leads", timeout=60).status_code == 400
