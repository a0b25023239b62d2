"""Answers are decoded without loss: digits, texts, and values that JSON does not allow."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from source_pipedrive.fields.values import number, text
from source_pipedrive.http.decoding import decode, encode, server_time
from source_pipedrive.http.errors import PageError
from source_pipedrive.sync.messages import AsLines, AsMessages

LARGE = [2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**29 + 1, 10**4000 + 1]
INTEGERS = [*LARGE, *(-n for n in LARGE), -(2**63), 0, 7]


@pytest.mark.parametrize("integer", INTEGERS, ids=lambda n: f"{len(str(n))} digits")
@pytest.mark.parametrize("title", ['"a"', r'"\ud800"'], ids=["proper", "broken"])
@pytest.mark.parametrize("space", ["", " "])
def test_an_integer_keeps_its_digits_in_every_output(integer: int, title: str, space: str) -> None:
    raw = f'{{"data":[{{"id":1,"title":{title},"n":{space}{integer},"in":[{integer}]}}]}}'
    rows = decode(raw.encode(), "deals")["data"]
    assert rows[0]["n"] == integer
    assert rows[0]["in"] == [integer]
    (lines,) = AsLines().records("deals", [*rows, {"id": 2, "title": "é"}])
    written = [json.loads(line)["record"]["data"] for line in lines.splitlines()]
    objects = [m.record.data for m in AsMessages().records("deals", [*rows, {"id": 2}])]  # type: ignore[union-attr]
    assert written[0] == objects[0] == rows[0]
    assert type(written[0]["n"]) is int
    assert written[1]["title"] == "é"
    assert json.loads(text({"n": integer}) or "") == {"n": integer}


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_invalid_numbers_become_null(literal: str, caplog: pytest.LogCaptureFixture) -> None:
    """Emitted as they are, they would not be JSON: the platform would drop the line or fail."""
    (row,) = decode(f'{{"data":[{{"id":1,"n":{literal},"m":[{literal}]}}]}}'.encode(), "d")["data"]
    assert row == {"id": 1, "n": None, "m": [None]}
    assert "null" in caplog.text


@pytest.mark.parametrize(
    "value", [0.1, 1e300, 12345678901234567890.5, 1e22, "1" * 40, "a\u2028b", None, True]
)
def test_ordinary_values_are_as_the_fast_decoder_reads_them(value: Any) -> None:
    raw = json.dumps({"data": [{"v": value}]}).encode()
    assert decode(raw, "deals") == orjson.loads(raw)
    assert json.loads(encode({"v": value})) == {"v": value}


def test_values_beyond_pythons_limits_cost_no_page() -> None:
    raw = b'{"data":[{"n":%s}]}' % (b"9" * 300)
    assert decode(raw, "deals")["data"][0]["n"] == int("9" * 300)
    deep = b'{"data":' + b"[" * 900 + b"1" * 25 + b"]" * 900 + b"}"
    assert decode(deep, "deals")


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize(
    "date",
    [
        "Mon, 23 Nov 2026 10:00:00 GMT",
        "Monday, 23-Nov-26 10:00:00 GMT",
        "Mon Nov 23 10:00:00 2026",
        "Mon, 23 Nov 2026 10:00:00",
    ],
)
def test_pipedrives_clock_does_not_depend_on_this_machines_time_zone(
    monkeypatch: pytest.MonkeyPatch, zone: str, date: str
) -> None:
    """In New York it would be five hours ahead, and whatever changed in these would be lost."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert server_time({"Date": date}) == datetime(2026, 11, 23, 10, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"a":', b"[" * 10**5, b"[1]", b"7"])
def test_a_body_that_is_no_object_is_an_error(raw: bytes) -> None:
    with pytest.raises(PageError):
        decode(raw, "deals")


@pytest.mark.parametrize("digits", ["12345678901234567890", "-123456789012345678901234567890"])
def test_a_number_sent_as_text_keeps_its_digits(digits: str) -> None:
    assert number(digits) == int(digits)
    assert number("12.50") == 12.5
    assert math.isclose(number("1" * 20 + ".5") or 0, 1.1111111111111111e19)
