"""The schemas of the streams: their form, and whether they have all that the vendor declares.

Every property of the vendor's answers is looked for here, and a record of the form of each of the
vendor's examples is validated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from jsonschema import Draft7Validator, FormatChecker

from source_pipedrive.stream import NOT_REQUESTED, Kind, Stream
from source_pipedrive.streams import STREAMS
from unit_tests.contract import Json, operation

SCHEMAS = Path(__file__).parent.parent / "source_pipedrive" / "schemas"
FILES = sorted(path.stem for path in SCHEMAS.glob("*.json"))
NAMES = [name for name in FILES if name in STREAMS]
WITH_PARENTS = [row for row in STREAMS.values() if row.child]

HEAD = (
    '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",'
    ' "additionalProperties": true, "properties": {'
)

# API version, path and place of the records in the answer.
ENDPOINTS = {
    row.name: (
        f"v{row.endpoint.version}",
        f"/{row.endpoint.path}",
        ".".join(row.endpoint.records_path),
    )
    for row in STREAMS.values()
    if row.kind not in (*NOT_REQUESTED, Kind.DELETED)
}
WITHOUT_ENDPOINT = {
    "deal_stage_history": "derived from deal_changelog",
    "deleted_records": "merged from several lists",
    "global_messages": "Pipedrive removed the endpoint on 2022-08-21",
    "subscriptions": "derived from deal_products and deal_installments",
    "sync_reports": "written by the sync itself",
}

# Places that deliberately differ from what the vendor declares: by stream, with the reason.
MONEY = "may be an amount of money, which has decimals"
WHOLE_NUMBER = "an id is a whole number"
BY_CURRENCY = "an object whose keys are currencies; the vendor declares one of them as an example"
SECRET = "holds a password"
DEVIATIONS = {
    ("goals", "expected_outcome.target"): MONEY,
    ("goal_results", "goal.expected_outcome.target"): MONEY,
    ("goal_results", "progress"): MONEY,
    ("organizations", "annual_revenue"): MONEY,
    ("project_groups", "id"): WHOLE_NUMBER,
    ("project_plan", "item_id"): WHOLE_NUMBER,
    ("project_plan", "phase_id"): WHOLE_NUMBER,
    ("project_plan", "group_id"): WHOLE_NUMBER,
    ("role_pipelines", "pipeline_ids[]"): WHOLE_NUMBER,
    ("webhooks", "http_auth_user"): SECRET,
    ("webhooks", "http_auth_password"): SECRET,
    **{
        ("deals_summary", f"{total}.{name}"): BY_CURRENCY
        for total, names in {
            "values_total": "value count value_converted value_formatted value_converted_formatted",
            "weighted_values_total": "value count value_formatted",
        }.items()
        for name in names.split()
    },
    **{
        ("pipeline_movement_statistics", f"{deals}_deals.{name}.CURRENCY_ID"): BY_CURRENCY
        for deals in ("new", "won", "lost")
        for name in ("values", "formatted_values")
    },
    **{
        ("pipeline_movement_statistics", f"deals_left_open.{name}.CURRENCY_ID"): BY_CURRENCY
        for name in ("values", "formatted_values")
    },
}
# The vendor's schema of the answer declares no property of a record.
UNDECLARED = {"billing_addons"}

V1_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

# Our words, and those of Pipedrive's API.
JARGON = re.compile(
    r"opt-in field|opt-in;|\bhash|keyed by|option id|vendor|recorded answer|added here|payload"
    r"|\bendpoint|\bv[12]\b|param|\bboolean|\benum\b(?! \()|\barray"
)
formats = FormatChecker(formats=["date"])


@formats.checks("date-time", raises=ValueError)
def is_rfc3339(value: object) -> bool:
    """jsonschema checks date-time only if another package is installed, so it is done here."""
    if not isinstance(value, str):
        return True
    return bool(RFC3339.fullmatch(value)) and bool(datetime.fromisoformat(value))


@cache
def schema_of(stream: str) -> Json:
    schema: Json = json.loads(
        (SCHEMAS / f"{STREAMS[stream].columns.schema_of or stream}.json").read_bytes()
    )
    return schema


def types_of(schema: Json) -> set[str]:
    declared = schema["type"]
    return set(declared) if isinstance(declared, list) else {declared}


def parts(schema: Json, place: str) -> Iterator[tuple[str, Json]]:
    """Every schema inside a schema, with a readable place: `parties.to[].id`."""
    for name, child in schema.get("properties", {}).items():
        inner = f"{place}.{name}" if place else name
        yield inner, child
        yield from parts(child, inner)
    if "items" in schema:
        yield f"{place}[]", schema["items"]
        yield from parts(schema["items"], f"{place}[]")


# --- the form of the files


@pytest.mark.parametrize("stream", NAMES)
def test_file_has_one_property_a_line(stream: str) -> None:
    head, *lines, last = (SCHEMAS / f"{stream}.json").read_text("utf-8").splitlines()
    assert (head, last) == (HEAD, "}}"), (
        "its first and last line must be those of the other schemas"
    )
    assert all(line.endswith(",") for line in lines[:-1])
    names = []
    for line in lines:
        assert line.startswith('  "'), f"one property a line, indented by two spaces: {line}"
        [name] = json.loads("{" + line.removesuffix(",") + "}")
        names.append(name)
    assert names == list(schema_of(stream)["properties"]), "a property is listed twice"


@pytest.mark.parametrize("stream", NAMES)
def test_key_comes_first_and_everything_else_may_be_null(stream: str) -> None:
    Draft7Validator.check_schema(schema_of(stream))
    properties = schema_of(stream)["properties"]
    key = STREAMS[stream].key[0]
    assert next(iter(properties)) == key, "the key comes first"
    assert properties[key]["type"] in ("integer", "string")
    for place, part in parts(schema_of(stream), ""):
        assert place in STREAMS[stream].key or "null" in types_of(part), f"{place} can not be null"


@pytest.mark.parametrize("stream", NAMES)
def test_properties_are_described_open_and_typed(stream: str) -> None:
    for name, part in schema_of(stream)["properties"].items():
        assert 0 < len(part["description"]) <= 80, f"{name} needs a short description"
    for place, part in parts(schema_of(stream), ""):
        kinds = types_of(part) - {"null"}
        assert kinds <= {"array", "boolean", "integer", "number", "object", "string"}, place
        assert ("object" in kinds) == (part.get("additionalProperties") is True), place
        assert ("array" in kinds) == ("items" in part), place
        assert "enum" not in part, f"{place}: a new value of the vendor would break validation"


@pytest.mark.parametrize("stream", NAMES)
def test_a_description_has_no_words_of_programmers(stream: str) -> None:
    """An analyst reads it in the warehouse, without Pipedrive's API documentation."""
    for place, part in parts(schema_of(stream), ""):
        assert not JARGON.findall(part.get("description", "")), place


@pytest.mark.parametrize("stream", WITHOUT_ENDPOINT)
def test_a_column_that_we_named_needs_no_quotes_in_sql(stream: str) -> None:
    """`SELECT left FROM ...` is a syntax error in most warehouses."""
    kinds = "('reserved', 'type_function')"
    with duckdb.connect() as database:
        words = database.execute(
            f"SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN {kinds}"
        ).fetchall()
    assert ("left",) in words
    assert not {word for (word,) in words} & schema_of(stream)["properties"].keys()


@pytest.mark.parametrize("stream", NAMES)
def test_a_time_has_a_time_zone(stream: str) -> None:
    for place, part in parts(schema_of(stream), ""):
        assert part.get("format") in (None, "date", "date-time"), place
        zoned = part.get("airbyte_type") == "timestamp_with_timezone"
        assert zoned == (part.get("format") == "date-time"), place
        if "format" in part:
            assert types_of(part) - {"null"} == {"string"}, place


@pytest.mark.parametrize("stream", NAMES)
def test_custom_fields_have_no_fixed_properties(stream: str) -> None:
    custom = schema_of(stream)["properties"].get("custom_fields")
    assert custom is None or "properties" not in custom


# --- what the vendor declares


def merged(schema: Json) -> Json:
    """One schema out of the vendor's `allOf` chains."""
    whole: Json = {key: value for key, value in schema.items() if key != "allOf"}
    whole["properties"] = dict(schema.get("properties", {}))
    for member in map(merged, schema.get("allOf", [])):
        whole["properties"] |= member.pop("properties")
        whole |= member
    return whole


def declared_by_vendor(stream: str) -> Json:
    """The vendor's facts of a stream's endpoint."""
    version, path, _ = ENDPOINTS[stream]
    return operation(version, path)


def declared_record(stream: str) -> Json:
    """The vendor's schema of a stream's records."""
    schema = merged(declared_by_vendor(stream)["answer"])
    for name in ENDPOINTS[stream][2].split("."):
        schema = merged(schema["properties"][name])
    return merged(schema["items"]) if schema.get("type") == "array" else schema


def unwrapped(declared: Json, row: Stream) -> Json:
    """The record itself, if each item of the list is a wrapper around one."""
    child = row.child
    if child is None or not child.nested_under:
        return declared
    outer = dict(declared["properties"])
    record = merged(outer.pop(child.nested_under))
    outer.pop("object")
    return {**record, "properties": {**record["properties"], **outer}}


def vendor_type(schema: Json) -> str:
    """The declared type; `number` with whole numbers as its only values is an integer."""
    if schema.get("type") == "number" and "enum" in schema:
        return "integer" if all(isinstance(value, int) for value in schema["enum"]) else "number"
    declared: str = schema.get("type") or ("object" if schema["properties"] else "unknown")
    return declared


def differences(ours: Json, theirs: Json, place: str = "") -> dict[str, str]:
    """Places where our schema lacks what the vendor declares, or has another type."""
    found: dict[str, str] = {}
    for name, declared in theirs["properties"].items():
        inner = f"{place}.{name}" if place else name
        own = ours.get("properties", {}).get(name)
        found |= {inner: "not in our schema"} if own is None else compared(own, declared, inner)
    return found


def compared(ours: Json, declared: Json, place: str) -> dict[str, str]:
    theirs = merged(declared)
    if "oneOf" in theirs:
        either = {vendor_type(merged(one)) for one in theirs["oneOf"]}
        return {} if types_of(ours) - {"null"} == either else {place: f"one of {either}"}
    expected, own = vendor_type(theirs), types_of(ours) - {"null"}
    if own != {expected}:
        return {place: f"{expected} at Pipedrive, {' or '.join(sorted(own))} here"}
    if expected == "array":
        return compared(ours["items"], theirs["items"], f"{place}[]")
    return differences(ours, theirs, place)


@pytest.mark.parametrize("stream", ENDPOINTS)
def test_schema_has_all_that_the_vendor_declares(stream: str) -> None:
    theirs = declared_record(stream)
    declares = bool(theirs["properties"])
    assert declares != (stream in UNDECLARED), "is the place of the records right?"
    theirs = unwrapped(theirs, STREAMS[stream])
    found = differences(schema_of(stream), theirs)
    meant = {place for name, place in DEVIATIONS if name == stream}
    wrong = {place: text for place, text in found.items() if place not in meant}
    assert not wrong, f"correct these properties in schemas/{stream}.json: {wrong}"
    assert meant - set(found) == set(), "no longer a deviation: remove the line"


@pytest.mark.parametrize("stream", ENDPOINTS)
def test_schema_has_every_field_that_can_be_requested(stream: str) -> None:
    parameter = declared_by_vendor(stream)["parameters"].get("include_fields", {"enum": []})
    fields = {name for one in parameter["enum"] for name in one.split(",")}
    missing = fields - set(schema_of(stream)["properties"])
    assert not missing, f"add these properties to schemas/{stream}.json: {missing}"


def test_every_schema_belongs_to_a_stream() -> None:
    assert set(FILES) <= STREAMS.keys(), (
        "add its stream to one of the GROUPS in source_pipedrive/streams.py, or delete the file"
    )


def test_every_stream_is_compared_with_the_vendor() -> None:
    shared = {row.name: row.columns.schema_of for row in STREAMS.values() if row.columns.schema_of}
    assert set(NAMES) == {*ENDPOINTS, *WITHOUT_ENDPOINT} - shared.keys()
    assert set(shared.values()) <= set(NAMES)
    assert set(ENDPOINTS) | set(WITHOUT_ENDPOINT) == STREAMS.keys()


# --- records of the form of the vendor's examples


def with_rfc3339(record: Json) -> Json:
    """The record as the connector emits it: v1 times at its top level converted."""
    return {
        name: V1_TIME.sub(r"\1T\2Z", value)
        if isinstance(value, str) and V1_TIME.fullmatch(value)
        else value
        for name, value in record.items()
    }


def undeclared(value: object, schema: Json, place: str = "") -> list[str]:
    """Keys of a record that the schema does not name, where it names any."""
    if isinstance(value, list) and "items" in schema:
        return [key for item in value for key in undeclared(item, schema["items"], f"{place}[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = []
    for name, inner in value.items():
        if name in schema["properties"]:
            found += undeclared(inner, schema["properties"][name], f"{place}.{name}")
        else:
            found.append(f"{place}.{name}")
    return found


def added(row: Stream) -> Json:
    """The columns that the connector adds to a record."""
    time = "2021-01-01T00:00:00Z"
    told = {
        name: params[name]
        for params in row.endpoint.param_sets
        for name in row.columns.param_columns
    }
    child = row.child
    if child is None:
        return told | ({"user_id": 1} if row.kind is Kind.SINGLE else {})
    text = "string" in types_of(row.schema["properties"][child.key])
    columns = {**told, child.key: "1" if text else 1}
    if child.month_params:
        return {**columns, "period_start": "2021-01-01", "period_end": "2021-01-31"}
    if row.cursor_field:
        columns[row.cursor_field] = time
    return columns | ({"number": 1} if child.number_by else {})


@pytest.mark.parametrize("stream", ENDPOINTS)
def test_example_records_fit(stream: str) -> None:
    row = STREAMS[stream]
    found: Any = declared_by_vendor(stream)["sample"]
    for name in row.endpoint.records_path:
        found = found[name]
    records: list[Json] = found if isinstance(found, list) else [found]
    assert records
    validator = Draft7Validator(schema_of(stream), format_checker=formats)
    for record in records:
        if row.child and row.child.nested_under:
            wrapper = {
                k: v for k, v in record.items() if k not in ("object", row.child.nested_under)
            }
            record = {**record[row.child.nested_under], **wrapper}
        record = {
            name: value for name, value in record.items() if name not in row.columns.secret_keys
        }
        emitted = added(row) | with_rfc3339(record)
        assert [error.message for error in validator.iter_errors(emitted)] == []
        assert undeclared(emitted, schema_of(stream)) == []
        assert set(row.key) <= emitted.keys(), "the example lacks part of the key"


@pytest.mark.parametrize("row", WITH_PARENTS, ids=lambda row: row.name)
def test_a_child_has_a_column_for_all_that_the_connector_adds(row: Stream) -> None:
    """Without one, the value would be emitted, but no warehouse would type it."""
    assert added(row).keys() <= row.schema["properties"].keys()
    assert Draft7Validator(row.schema, format_checker=formats).is_valid(added(row))


@pytest.mark.parametrize("row", WITH_PARENTS, ids=lambda row: row.name)
def test_a_child_names_its_parents_and_has_an_id_of_their_type(row: Stream) -> None:
    assert row.child is not None
    column = row.schema["properties"][row.child.key]
    for parent in row.child.parents:
        name = parent.key[-1]
        assert f"{parent.name}.{name}" in column["description"]
        assert column["type"] == parent.schema["properties"][name]["type"]


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("2021-01-01T00:00:00Z", True),
        ("2021-01-01T00:00:00.123Z", True),
        ("2021-01-01 00:00:00", False),
        ("2021-13-01T00:00:00Z", False),
        ("", False),
        (None, True),
    ],
)
def test_the_check_of_times_works(value: str | None, fits: bool) -> None:
    validator = Draft7Validator(schema_of("deals"), format_checker=formats)
    assert validator.is_valid({"id": 1, "update_time": value}) is fits
