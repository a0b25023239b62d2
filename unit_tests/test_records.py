"""Records: one time format for the warehouse, no top-level nulls, lines that equal messages."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint

from source_pipedrive.http.decoding import decode
from source_pipedrive.http.errors import PageError
from source_pipedrive.reading.instants import instant, instant_or_none, instants, rfc3339
from source_pipedrive.reading.records import Plan, as_rfc3339
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsLines, AsMessages


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2024-02-29 10:00:00", "2024-02-29T10:00:00Z"),
        ("2023-09-22 08:14:40.288", "2023-09-22T08:14:40.288Z"),
        ("2024-02-29T10:00:00.551Z", "2024-02-29T10:00:00.551Z"),
        ("", None),
        ("0000-00-00 00:00:00", None),
        ("not a time", "not a time"),
        (None, None),
    ],
)
def test_v1_times_are_written_as_rfc_3339(given: str | None, written: str | None) -> None:
    assert as_rfc3339(given) == written


def test_only_declared_times_of_v1_records_are_converted() -> None:
    row = {"id": 1, "add_time": "2024-01-01 10:00:00", "content": "2024-01-01 10:00:00"}
    (note,) = Plan(STREAMS["notes"], 7).shape([row])
    assert note == {**row, "add_time": "2024-01-01T10:00:00Z"}
    assert row["add_time"] == "2024-01-01 10:00:00"


def test_top_level_nulls_are_dropped_and_nested_ones_kept() -> None:
    rows = [{"id": 1, "title": None, "custom_fields": {"a": None}}]
    assert Plan(STREAMS["deals"], 7).shape(rows) == [{"id": 1, "custom_fields": {"a": None}}]


def test_records_written_as_lines_equal_records_written_as_messages() -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": 1,
            "title": 'quotes " and \u2028 lines\n',
            "value": 1.5,
            "custom_fields": {"a": None},
        },
        {"id": 2, "nested": [{"b": [1, 2]}], "big": 2**60},
    ]
    messages = AsMessages().records("deals", rows)
    stock = [json.loads(AirbyteEntrypoint.airbyte_message_to_string(m)) for m in messages]
    (piece,) = AsLines().records("deals", rows)
    lines = [json.loads(line) for line in piece.splitlines()]
    for message in (*stock, *lines):
        assert message["record"].pop("emitted_at") > 1_700_000_000_000
    assert lines == stock
    assert [list(line) for line in lines] == [list(message) for message in stock]


@pytest.mark.parametrize(
    "text", ["2024-05-01 10:00:00", "2024-05-01T10:00:00Z", "2024-05-01T12:00:00.999+02:00"]
)
def test_times_compare_as_instants_whatever_their_format(text: str) -> None:
    assert rfc3339(instant(text)) == "2024-05-01T10:00:00Z"


@pytest.mark.parametrize("value", [None, "", "soon", 5, {}])
def test_a_value_that_is_not_a_time_is_none(value: object) -> None:
    assert instant_or_none(value) is None


def test_a_lone_surrogate_costs_one_character_rather_than_the_page() -> None:
    raw = rb'{"data": [{"id": 1, "title": "a\ud800b"}, {"id": 2}]}'
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(raw)
    assert decode(raw, "deals") == {"data": [{"id": 1, "title": "a\ufffdb"}, {"id": 2}]}


@pytest.mark.parametrize(
    ("raw", "kind"), [(b"", "empty"), (b"<html></html>", "HTML"), (b'{"data": [{', "truncated")]
)
def test_the_error_for_a_page_that_is_not_json_says_what_it_is(raw: bytes, kind: str) -> None:
    with pytest.raises(PageError, match=kind):
        decode(raw, "deals")


def test_a_page_that_is_not_an_object_is_refused() -> None:
    with pytest.raises(PageError, match="not a JSON object"):
        decode(b"[]", "deals")


def test_without_a_connected_account_the_column_is_null_rather_than_false() -> None:
    (row,) = Plan(STREAMS["user_connections"], 7).shape([{"google": False}])
    assert row == {"user_id": 7}
    (row,) = Plan(STREAMS["user_settings"], 7).shape([{"beta_app": False}])
    assert row == {"user_id": 7, "beta_app": False}


@pytest.mark.parametrize(
    ("sent", "written"), [("no_answer", "no_answer"), (49, "49"), (None, None)]
)
def test_the_outcome_of_an_activity_is_written_as_text(sent: object, written: str | None) -> None:
    """Pipedrive does not document whether it sends an id or text; a column has one type."""
    (record,) = Plan(STREAMS["activities"], 7).shape([{"id": 1, "outcome": sent}])
    assert record.get("outcome") == written


MOMENTS = [
    ["2024-05-01T10:00:00Z", "2024-05-01T10:00:00.999999Z", "1969-12-31T23:59:59.5Z"],
    ["2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"],
    ["2024-05-01 10:00:00", "2024-05-01T10:00:00Z", "20240501T100000.1234"],
    ["2024-05-01", None, "", 5, "soon", "0000-00-00 00:00:00", "0001-01-01T00:00:00Z"],
    [],
]


@pytest.mark.parametrize("texts", MOMENTS)
def test_the_times_of_a_page_are_those_of_its_records(texts: list[Any]) -> None:
    assert instants(texts) == [instant_or_none(text) for text in texts]
    for text in texts:
        assert instants([text, text]) == [instant_or_none(text)] * 2
