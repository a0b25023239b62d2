"""Columns with a part of a standard field's value: a person's primary address, a lead's amount."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteStream,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager

from source_pipedrive.fields.columns import discovered, with_columns
from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.fields.plan import plan_of
from source_pipedrive.http.decoding import decode
from source_pipedrive.http.shapes import Shape, are_shaped
from source_pipedrive.reading.records import Plan
from source_pipedrive.source import select
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsLines

KEY = "9b2f" * 10
WORK = {"value": "w@work.example", "primary": True, "label": "work"}
HOME = {"value": "h@home.example", "primary": False, "label": "home"}
UNMARKED = {"value": "u@home.example"}
EMPTY = {"value": "", "primary": True, "label": "work"}


def defined(*names: str) -> Definitions:
    """An account with a custom text field of each name."""
    fields = [
        {"field_code": KEY, "field_name": name, "field_type": "varchar", "is_custom_field": True}
        for name in names
    ]
    return Definitions(lambda stream: fields)


def schema_of(stream: Stream, definitions: Definitions) -> dict[str, Any]:
    found: dict[str, Any] = with_columns(stream, discovered(stream, definitions), True)
    return found


def written(
    name: str,
    records: Sequence[Mapping[str, Any]],
    schema: Mapping[str, Any] | None = None,
    definitions: Definitions | None = None,
) -> list[dict[str, Any]]:
    """The records as a sync writes them, which must be the same on both paths. Without
    definitions, custom fields stay raw."""
    stream, schema = STREAMS[name], schema or {}
    fields = plan_of(stream, schema, definitions, labels=True) if definitions else None
    raw = json.dumps({"success": True, "data": records}).encode()
    shape = Shape(stream.key, stream.columns.as_text, "custom_fields")
    shape.decode(raw, name)
    structs = shape.decode(raw, name)["data"]
    assert are_shaped(structs)
    plan = Plan(stream, 7, fields, schema=schema)
    both = [plan.shape(decode(raw, name)["data"]), plan.shape_structs(structs)]
    slow, fast = (
        [json.loads(line)["record"]["data"] for line in b"".join(lines).splitlines()]
        for lines in (AsLines().records(name, shaped) for shaped in both)
    )
    assert slow == fast
    return list(slow)


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([WORK, HOME], "w@work.example"),
        ([HOME, WORK], "w@work.example"),
        ([HOME, UNMARKED], "h@home.example"),
        ([UNMARKED, HOME], "u@home.example"),
        # What Pipedrive has sent for a person without an address.
        ([EMPTY], None),
        ([EMPTY, HOME], "h@home.example"),
        ([WORK, {**HOME, "primary": True}], "w@work.example"),
        # Not a mark.
        ([HOME, {**UNMARKED, "primary": "yes"}], "h@home.example"),
        ([{"value": 123, "primary": True}], "123"),
        ([{"primary": True}, {"value": None}, None, "text", 5], None),
        ([], None),
        (None, None),
        ({"value": "an object"}, None),
        ("text", None),
    ],
)
@pytest.mark.parametrize("column", ["email", "phone"])
def test_the_primary_one_of_a_person(column: str, entries: Any, found: str | None) -> None:
    person = {"id": 1, f"{column}s": entries, "name": "A"}
    for definitions in (None, defined("Tier")):
        (record,) = written("persons", [person], definitions=definitions)
        assert record.get(f"primary_{column}") == found
        assert record.get(f"{column}s") == entries, "the list itself stays"


@pytest.mark.parametrize("name", ["leads", "leads_archived"])
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"amount": 3000, "currency": "EUR"}, {"value_amount": 3000, "value_currency": "EUR"}),
        ({"amount": 0.5, "currency": None}, {"value_amount": 0.5}),
        ({"amount": "12.5", "currency": ""}, {"value_amount": 12.5, "value_currency": ""}),
        ({"amount": None}, {}),
        ({"amount": {"x": 1}}, {}),
        (None, {}),
        (3000, {}),
    ],
)
def test_the_amount_of_a_lead_and_its_currency(
    name: str, value: Any, found: dict[str, Any]
) -> None:
    for definitions in (None, defined("Tier")):
        (record,) = written(name, [{"id": "a", "value": value}], definitions=definitions)
        assert {k: v for k, v in record.items() if k.startswith("value_")} == found
        assert record.get("value") == value


def test_a_page_has_its_values_in_the_order_of_its_records() -> None:
    persons = [{"id": 1, "emails": [WORK]}, {"id": 2, "emails": None}, {"id": 3, "emails": [HOME]}]
    found = [record.get("primary_email") for record in written("persons", persons)]
    assert found == ["w@work.example", None, "h@home.example"]


def test_a_custom_field_of_the_same_name_gets_another_column() -> None:
    """As with every standard column."""
    definitions = defined("Primary email")
    schema = schema_of(STREAMS["persons"], definitions)
    person = {"id": 1, "emails": [WORK], "custom_fields": {KEY: "own"}}
    (record,) = written("persons", [person], schema, definitions)
    assert (record["primary_email"], record[f"primary_email_{KEY[:6]}"]) == (WORK["value"], "own")


def test_a_custom_field_keeps_its_column_until_the_schema_is_refreshed() -> None:
    """A schema from before these columns existed: its `primary_email` means the custom field."""
    definitions = defined("Primary email")
    schema = schema_of(STREAMS["persons"], definitions)
    properties = schema["properties"]
    properties["primary_email"] = properties.pop(f"primary_email_{KEY[:6]}")
    del properties["primary_phone"]
    person = {
        "id": 1,
        "emails": [WORK],
        "phones": [{"value": "+1", "primary": True}],
        "custom_fields": {KEY: "own"},
    }
    (record,) = written("persons", [person], schema, definitions)
    assert record["primary_email"] == "own"
    assert "primary_phone" not in record, "the destination has no such column"
    (raw,) = written("persons", [person], schema)
    assert "primary_email" not in raw, "that column is the custom field's"


def test_a_key_that_pipedrive_may_add_one_day_stays_visible() -> None:
    """API v1 has sent a `primary_email` of its own."""
    persons = [{"id": 1, "emails": [WORK], "primary_email": "other"}]
    for definitions in (None, defined("Tier")):
        (record,) = written("persons", persons, definitions=definitions)
        assert record["primary_email"] == WORK["value"]
        assert record["pipedrive_primary_email"] == "other"


@pytest.mark.parametrize("properties", [{"id": True, "primary_email": True}, [], None, True])
def test_a_catalog_may_say_only_that_a_property_exists(properties: Any) -> None:
    """JSON Schema allows `true` in place of a property's schema."""
    chosen = {"name": "persons", "json_schema": {"properties": properties}}
    stream = AirbyteStream(**chosen, supported_sync_modes=[SyncMode.full_refresh])
    configured = ConfiguredAirbyteStream(
        stream=stream,
        sync_mode=SyncMode.full_refresh,
        destination_sync_mode=DestinationSyncMode.overwrite,
    )
    selection = select(configured, ConnectorStateManager([]))
    record = {"id": 1, "emails": [{"value": "ada@example.org", "primary": True}]}
    (shaped,) = Plan(STREAMS["persons"], 7, schema=selection.schema).shape([record])
    assert shaped["primary_email"] == "ada@example.org"
