"""The sandbox lists, pages, filters and refuses requests as Pipedrive does.

If it were more lenient, a client's mistake would pass here and fail in production.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from pipedrive_sandbox import Options, Sandbox

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=0.1, clock=NOW, switches=LIMITS)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("v2/deals", "foo=1"),
        ("v2/activities", "type=call"),
        ("v2/stages", "updated_since=2026-01-01T00:00:00Z"),
        ("v2/pipelines", "updated_since=2026-01-01T00:00:00Z"),
        ("v2/products", "updated_until=2026-01-01T00:00:00Z"),
        ("v2/deals", "updated_since=2026-01-01T00:00:00.000Z"),
        ("v2/deals", "updated_since=2026-01-01%2000:00:00"),
        ("v2/deals", "updated_since=2026-01-01T00:00:00%2B00:00"),
        ("v2/deals", "updated_since=2026-02-30T00:00:00Z"),
        ("v2/deals", "updated_until=yesterday"),
        ("v2/deals", "limit=501"),
        ("v2/deals", "limit=0"),
        ("v2/deals", "limit=1.5"),
        ("v2/deals", "limit=10&limit=20"),
        ("v2/deals", "sort_by=title"),
        ("v2/deals", "sort_by=update_time&sort_direction=down"),
        ("v2/deals", "status=all_not_deleted"),
        ("v2/deals", "include_fields=products_count,nothing"),
        ("v2/deals", "custom_fields=" + ",".join("abcdefghijklmnop")),
        ("v2/deals", "ids=" + ",".join(str(at) for at in range(101))),
        ("v2/deals", "owner_id=me"),
        ("v2/deals", "filter_id=999"),
        ("v2/deals", "cursor=garbage"),
        ("v2/deals", "cursor="),
        ("v2/deals/archived", "include_labels=true"),
        ("v2/persons", "include_labels=1"),
    ],
)
def test_v2_refuses_undocumented_requests(api: Caller, path: str, query: str) -> None:
    response = api.get(f"{api.box.url}/api/{path}?{query}")
    assert response.status_code == 400
    assert response.json()["success"] is False
    assert response.json()["code"] == "ERR_SCHEMA_VALIDATION_FAILED"
    assert response.json()["error"].startswith("Validation failed: ")


def test_a_cursor_belongs_to_its_sort_order(api: Caller) -> None:
    cursor = api.ask("v2/deals", limit=5).json()["additional_data"]["next_cursor"]
    assert api.ask("v2/deals", limit=5, cursor=cursor).status_code == 200
    for other in ({"sort_by": "update_time"}, {"sort_direction": "desc"}):
        assert api.ask("v2/deals", limit=5, cursor=cursor, **other).status_code == 400
    for marker in (b"[]", b"{}", b'{"field":"id","fieldValue":"x","sortDirection":"asc","id":1}'):
        forged = urlsafe_b64encode(marker).decode()
        assert api.ask("v2/deals", cursor=forged).status_code == 400


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", ["id", "update_time", "add_time"])
@pytest.mark.parametrize("nulls", ["first", "last"])
@pytest.mark.parametrize("marks", ["next", "last"])
@pytest.mark.parametrize("limit", [5, 500])
def test_pages_return_every_record_once_in_order(
    box: Sandbox, api: Caller, field: str, direction: str, nulls: str, marks: str, limit: int
) -> None:
    box.set(nulls=nulls, cursor_marks=marks, null_update_times=4)
    params: dict[str, object] = {"status": "lost", "limit": limit}
    records = api.walk("v2/deals", sort_by=field, sort_direction=direction, **params)
    assert len(records) == len(box.records("deals", status="lost")) > 30
    first = 0 if nulls == "first" else 2
    keys = [
        (first if record[field] is None else 1, record[field] or 0, record["id"])
        for record in records
    ]
    assert keys == sorted(keys, reverse=direction == "desc")
    assert len({record["id"] for record in records}) == len(records)


def test_since_is_inclusive_and_until_is_not(box: Sandbox, api: Caller) -> None:
    times = sorted(record["update_time"] for record in box.records("deals"))
    since, until = times[60], times[120]
    wanted = sum(since <= time < until for time in times)
    assert 0 < wanted < len(times)
    for field in ("id", "update_time"):
        window = {"updated_since": since, "updated_until": until, "sort_by": field}
        records = api.walk("v2/deals", limit=13, **window)
        assert len(records) == wanted
        assert min(record["update_time"] for record in records) == since
        assert max(record["update_time"] for record in records) < until
    assert api.data("v2/deals", updated_since=until, updated_until=since) == []


@pytest.mark.parametrize("nulls", ["first", "last"])
@pytest.mark.parametrize("field", ["id", "update_time"])
def test_time_windows_and_records_without_update_time(
    box: Sandbox, api: Caller, nulls: str, field: str
) -> None:
    """Whether a bounded request returns them is not known: the sandbox supports both."""
    params = {"sort_by": field, "updated_since": "2020-01-01T00:00:00Z", "limit": 500}
    everyone = len(box.records("persons"))
    box.set(nulls=nulls, null_update_times=6)
    without = [record for record in box.records("persons") if record["update_time"] is None]
    assert len(without) == 6
    assert len(api.walk("v2/persons", **params)) == everyone - 6
    box.set(bounded_returns_nulls=True)
    records = api.walk("v2/persons", **params)
    assert len(records) == everyone
    if field == "update_time":
        at_the_edge = records[:6] if nulls == "first" else records[-6:]
        assert {record["update_time"] for record in at_the_edge} == {None}
    box.set(null_update_times=0)
    assert all(record["update_time"] for record in box.records("persons"))


def test_opt_in_fields_appear_only_on_request(api: Caller) -> None:
    plain = api.data("v2/deals", ids="1")[0]
    assert "products_count" not in plain
    assert "attendees" not in api.data("v2/activities", limit=1)[0]
    asked = api.data("v2/deals", ids="1", include_fields="products_count,source_lead_id")[0]
    assert asked.keys() - plain.keys() == {"products_count", "source_lead_id"}
    assert "attendees" in api.data("v2/activities", limit=1, include_fields="attendees")[0]


def test_custom_fields_by_switch_and_by_parameter(box: Sandbox, api: Caller) -> None:
    deal = next(each for each in box.records("deals") if _set(each, list))
    fields, (key, options) = deal["custom_fields"], _set(deal, list)
    assert all(len(name) == 40 for name in fields)
    assert None in fields.values(), "unset fields are null"
    ids = str(deal["id"])
    some = api.data("v2/deals", ids=ids, custom_fields=f"{key},unknown")[0]["custom_fields"]
    assert some == {key: options}
    labelled = api.data("v2/deals", ids=ids, include_option_labels="true")[0]["custom_fields"]
    assert [option["id"] for option in labelled[key]] == options
    assert all(option["label"] for option in labelled[key])
    lead = next(each for each in box.records("leads") if any(len(name) == 40 for name in each))
    assert None not in [lead[name] for name in lead if len(name) == 40], "unset fields are absent"
    box.set(custom_fields="null")
    assert api.data("v2/deals", ids=ids)[0]["custom_fields"] is None
    assert not any(len(name) == 40 for each in box.records("leads") for name in each)


def _set(deal: dict[str, Any], kind: type) -> Any:
    """A custom field value of `deal` that is a `kind`."""
    fields = deal["custom_fields"].items()
    return next(((key, value) for key, value in fields if isinstance(value, kind)), None)


def test_archived_and_deleted_deals(box: Sandbox, api: Caller) -> None:
    listed, archived = box.records("deals"), box.records("deals_archived")
    assert {deal["is_archived"] for deal in listed} == {False}
    assert {deal["is_archived"] for deal in archived} == {True}
    assert {deal["is_deleted"] for deal in listed} == {False}
    deleted = api.data("v2/deals", status="deleted")
    assert {(deal["is_deleted"], deal["status"]) for deal in deleted} == {(True, "deleted")}
    everything = api.walk("v2/deals", status="open,won,lost,deleted", limit=500)
    assert len(everything) == len(listed) + len(deleted)
    box.set(deleted_status="keep")
    assert api.data("v2/deals", status="deleted")[0]["status"] in ("open", "won", "lost")


def test_deleted_contacts_vanish_unless_the_switch_says_otherwise(box: Sandbox) -> None:
    for name in ("persons", "organizations", "products", "activities"):
        listed = box.records(name)
        box.set(list_deleted=True)
        everything = box.records(name)
        box.set(list_deleted=False)
        gone = [record for record in everything if record["is_deleted"]]
        assert gone, name
        assert len(everything) == len(listed) + len(gone)


def test_filters_of_v2(box: Sandbox, api: Caller) -> None:
    deals = box.records("deals")
    wanted = [deal["id"] for deal in deals if deal["owner_id"] == 2 and deal["stage_id"] == 3]
    assert [deal["id"] for deal in api.data("v2/deals", owner_id=2, stage_id=3)] == wanted
    assert [deal["id"] for deal in api.data("v2/deals", ids="3,1,999999")] == [1, 3]
    saved = next(each for each in box.records("filters") if each["type"] == "deals")
    through_filter = api.walk("v2/deals", filter_id=saved["id"], ids="1", limit=500)
    assert len(through_filter) == sum(deal["owner_id"] == saved["user_id"] for deal in deals)
    deal = next(each for each in deals if each["person_id"])
    assert [each["id"] for each in api.data("v2/persons", deal_id=deal["id"])] == [
        deal["person_id"]
    ]
    done = api.data("v2/activities", done="true", limit=500)
    assert {activity["done"] for activity in done} == {True}
