"""How the value of a custom field becomes the values of its columns."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from source_pipedrive.fields.columns import columns_of
from source_pipedrive.fields.definitions import Field, from_v2
from source_pipedrive.fields.leads import gathered
from source_pipedrive.fields.values import Conversion, compiled
from source_pipedrive.http.decoding import encode

KEY = "d4de1c1518b4531717c676029a45911c340390a6"
OPTIONS = {"123": "Gold", "456": "Silver", "open": "Open"}
CREATABLE = [
    *("varchar", "varchar_auto", "text", "double", "monetary", "enum", "set", "user", "org"),
    *("people", "phone", "date", "daterange", "time", "timerange", "address"),
]


def fill(record: dict[str, Any], value: Any, by_key: dict[str, list[Conversion]]) -> None:
    """The columns of one value, which two others on its page do not change."""
    for conversion in by_key.get(KEY, ()):
        found = conversion.run([value])[0]
        for before in ([None], ["2024-05-01"], [1, 0.5, True, {"value": 5}, [1]]):
            column = conversion.run([*before, value, None])
            assert (encode(column[-2]), column[-1]) == (encode(found), None)
        if found is not None:
            record[conversion.column] = found


def of(kind: str, value: Any, labels: bool = True, hidden: bool = False) -> dict[str, Any]:
    """The columns of a record with one field named Thing, validated against their properties."""
    field = Field(KEY, "Thing", kind, custom=True, options=OPTIONS, order=1)
    columns = columns_of([field], ())
    conversions = compiled(print, columns, None if hidden else {KEY: field}, labels)
    record: dict[str, Any] = {}
    fill(record, value, conversions)
    schema = {"type": "object", "properties": {column.name: column.schema for column in columns}}
    Draft7Validator(schema, format_checker=FormatChecker()).validate(record)
    return record


@pytest.mark.parametrize(
    ("kind", "value", "columns"),
    [
        ("varchar", "a", {"thing": "a"}),
        ("varchar_auto", "a", {"thing": "a"}),
        ("text", "a\nb", {"thing": "a\nb"}),
        ("phone", "+372 5555", {"thing": "+372 5555"}),
        ("varchar", 5, {"thing": "5"}),
        ("double", 500, {"thing": 500}),
        ("double", 0.5, {"thing": 0.5}),
        ("double", "500.5", {"thing": 500.5}),
        ("double", "many", {}),
        ("double", True, {}),
        ("int", 7, {"thing": 7}),
        ("boolean", False, {"thing": False}),
        ("boolean", "yes", {}),
        ("boolean", 1, {}),
        ("monetary", {"value": 500, "currency": "USD"}, {"thing": 500, "thing_currency": "USD"}),
        ("monetary", {"value": 500, "currency": None}, {"thing": 500}),
        ("monetary", 500, {"thing": 500}),
        ("enum", 123, {"thing": "Gold"}),
        ("enum", "123", {"thing": "Gold"}),
        ("enum", "open", {"thing": "Open"}),
        ("enum", {"id": 123, "label": "Gold"}, {"thing": "Gold"}),
        ("set", [123, "456"], {"thing": ["Gold", "Silver"]}),
        ("set", [], {"thing": []}),
        ("set", "123,456", {"thing": ["Gold", "Silver"]}),
        ("date", "2024-01-01", {"thing": "2024-01-01"}),
        ("date", "soon", {}),
        ("date", "0000-00-00", {}),
        ("date", "2024-02-30", {}),
        ("date", "٢٠٢٤-٠١-٠١", {}),
        ("time", {"value": "9:00", "timezone_id": 318}, {"thing": "09:00:00",
                                                       "thing_timezone": "318"}),
        ("time", {"value": "25:99:00"}, {}),
        ("double", "nan", {}),
        ("double", "1e999", {}),
        ("double", "1_0", {}),
        ("user", "9" * 30, {}),
        ("user", "9" * 5_000, {}),
        ("user", {"id": None, "value": 7}, {"thing": 7}),
        ("set", [None, 123], {"thing": ["Gold"]}),
        ("set", "123, 456", {"thing": ["Gold", "Silver"]}),
        ("enum", 123.0, {"thing": "Gold"}),
        ("enum", True, {"thing": "True"}),
        ("address", {"value": "5th Ave 1", "formatted_address": ""}, {"thing": "5th Ave 1"}),
        (
            "daterange",
            {"value": "2024-01-01", "until": "2024-02-01"},
            {"thing": "2024-01-01", "thing_until": "2024-02-01"},
        ),
        (
            "time",
            {"value": "09:00:00", "timezone_id": 318, "timezone_name": "Europe/London"},
            {"thing": "09:00:00", "thing_timezone": "Europe/London"},
        ),
        (
            "timerange",
            {"value": "09:00:00", "until": "11:00:00", "timezone_name": "Europe/London"},
            {
                "thing": "09:00:00",
                "thing_until": "11:00:00",
                "thing_timezone": "Europe/London",
            },
        ),
        ("address", {"value": "5th Ave 1", "formatted_address": "5th Avenue 1, New York"},
         {"thing": "5th Avenue 1, New York"}),
        ("address", {"value": "5th Ave 1", "formatted_address": None}, {"thing": "5th Ave 1"}),
        ("address", "5th Ave 1", {"thing": "5th Ave 1"}),
        ("user", 12, {"thing": 12}),
        ("org", {"value": 12, "name": "Acme"}, {"thing": 12}),
        ("people", "12", {"thing": 12}),
        ("deal", 12, {"thing": 12}),
        ("lead", "adf21080-0e10-11eb-879b-05d71fb426ec",
         {"thing": "adf21080-0e10-11eb-879b-05d71fb426ec"}),
        ("a type to come", "x", {"thing": "x"}),
        ("a type to come", {"a": [1]}, {"thing": '{"a":[1]}'}),
        ("a type to come", 4.5, {"thing": "4.5"}),
    ],
    ids=str,
)  # fmt: skip
def test_every_type_has_its_columns(kind: str, value: Any, columns: dict[str, Any]) -> None:
    assert of(kind, value) == columns


@pytest.mark.parametrize("kind", CREATABLE)
@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "x", 0, -1, 1.5, True, [], {}, [{}], {"value": None}, [None], [[1]], [True]),
        *("9" * 30, "²", "0000-00-00", "2024-02-30", "24:00:00", "9:00", "nan", {"id": None}),
        *({"value": "x", "until": 5, "currency": []}, {"value": {"value": 1}}),
    ],
    ids=str,
)
def test_nothing_that_pipedrive_could_send_fails_or_breaks_a_type(kind: str, value: Any) -> None:
    for labels in (True, False):
        encode(of(kind, value, labels))


def test_without_labels_the_ids_stay_as_text() -> None:
    assert of("enum", 123, labels=False) == {"thing": "123"}
    assert of("set", [123, 456], labels=False) == {"thing": ["123", "456"]}


def test_a_deleted_option_becomes_its_id_and_is_logged_once_per_field() -> None:
    field = Field(KEY, "Tier", "enum", custom=True, options=OPTIONS)
    told: list[str] = []
    conversions = compiled(told.append, columns_of([field], ()), {KEY: field}, True)
    for value in (999, 998, 999):
        record: dict[str, Any] = {}
        fill(record, value, conversions)
        assert record == {"tier": str(value)}
    assert len(told) == 1
    assert '"Tier" contains options that have been deleted' in told[0]


def test_options_of_a_deleted_field_are_not_logged_as_deleted() -> None:
    told: list[str] = []
    field = Field(KEY, "Tier", "enum", custom=True, options=OPTIONS)
    conversions = compiled(told.append, columns_of([field], ()), {}, True)
    record: dict[str, Any] = {}
    fill(record, 123, conversions)
    assert (record, told) == ({"tier": "123"}, [])


def test_without_visible_definitions_no_id_passes_for_a_label() -> None:
    assert of("enum", 123, hidden=True) == {}
    assert of("monetary", {"value": 1, "currency": "EUR"}, hidden=True) == {
        "thing": 1,
        "thing_currency": "EUR",
    }


def test_the_vendors_own_shapes_of_v1_become_those_of_v2() -> None:
    kinds = {
        "double": (500, 500),
        "enum": ("123", 123),
        "set": ("123,456", [123, 456]),
        "date": ("2024-01-01", "2024-01-01"),
        "user": (1234, 1234),
    }
    for kind, (v1, v2) in kinds.items():
        assert gathered({"id": 1, KEY: v1}, {KEY: kind}) == {"id": 1, "custom_fields": {KEY: v2}}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("monetary", {"value": 500, "currency": "USD"}),
        ("daterange", {"value": "2024-01-01", "until": "2024-02-01"}),
        ("timerange", {"value": "09:00:00", "until": "11:00:00", "timezone_id": 318}),
        ("address", {"value": "5th Ave", "route": "5th Avenue", "admin_area_level_1": "NY"}),
    ],
)
def test_parts_of_a_value_are_merged_in_any_order(
    kind: str, parts: dict[str, Any], known: bool
) -> None:
    inline = {KEY if part == "value" else f"{KEY}_{part}": v for part, v in parts.items()}
    types = {KEY: kind} if known else {}
    for row in (inline, dict(reversed(inline.items()))):
        assert gathered({"title": "x", **row}, types) == {
            "title": "x",
            "custom_fields": {KEY: parts},
        }


def test_an_amount_without_a_currency_is_still_an_amount() -> None:
    row = gathered({KEY: 500}, {KEY: "monetary"})
    assert row == {"custom_fields": {KEY: {"value": 500}}}


def test_an_unset_field_with_parts_is_null() -> None:
    row = gathered({KEY: None, f"{KEY}_currency": None}, {KEY: "monetary"})
    assert row == {"custom_fields": {KEY: None}}


@pytest.mark.parametrize(
    ("value", "several"),
    [
        ("9" * 30, ["9" * 30]),
        ("9" * 5_000, ["9" * 5_000]),
        ("²", ["²"]),
        ("1,²", [1, "²"]),
        ("", []),
    ],
)
def test_an_odd_id_of_a_lead_stays_as_it_is(value: str, several: list[Any]) -> None:
    """int() raises for some of these, and JSON has no place for others: a page would fail."""
    for kind, kept in (("enum", value), ("set", several), ("user", value)):
        assert gathered({KEY: value}, {KEY: kind}) == {"custom_fields": {KEY: kept}}


def test_options_without_an_id_or_a_label_are_ignored() -> None:
    options: list[Any] = [{"id": 1, "label": None}, {"id": None, "label": "x"}, {"id": "²"}, 5]
    options.append({"id": True, "label": "Yes"})
    field = from_v2({"field_code": "x", "options": options})
    assert field.options == {"True": "Yes"}


def test_keys_that_are_no_hash_stay_where_they_are() -> None:
    row = {"id": 1, "title": "x" * 50, "x" * 40: 1, KEY.upper(): 2}
    assert gathered(row, {}) == row
