"""The structs of the fast path are written exactly as the dictionaries of the slow one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.fields.plan import plan_of
from source_pipedrive.fields.raw import CustomFields
from source_pipedrive.http.decoding import decode
from source_pipedrive.http.errors import PageError
from source_pipedrive.http.shapes import MISFITS, Shape, are_shaped
from source_pipedrive.reading.records import Plan
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsLines, AsMessages

RAW = "custom_fields"
OWN, SIZE, WHEN, TAGS = "a" * 40, "b" * 40, "c" * 40, "1e5" + "d" * 37
OPTIONS = [{"id": 1, "label": "Hot"}, {"id": 2, "label": "Cold"}]
FIELDS = [
    {"field_code": key, "field_name": name, "field_type": kind, "is_custom_field": own, **more}
    for key, name, kind, own, more in (
        ("label_ids", "Label", "set", False, {"options": OPTIONS}),
        ("type", "Type", "enum", False, {"options": [{"id": "call", "label": "Call"}]}),
        (OWN, "Tier", "enum", True, {"options": OPTIONS}),
        (SIZE, "Size", "double", True, {}),
        (WHEN, "When", "date", True, {}),
        (TAGS, "Tags", "text", True, {}),
    )
]
CONFIGS = ("raw", "columns")


def definitions() -> Definitions:
    return Definitions(lambda stream: FIELDS)


@cache
def plan_for(name: str, config: str) -> Plan:
    """The plan of a sync in which columns are wanted, or not."""
    stream = STREAMS[name]
    fields = None
    if config == "columns" and stream.columns.definitions:
        fields = plan_of(stream, {}, definitions(), labels=True)
    return Plan(stream, 7, fields)


def shape_for(name: str) -> Shape:
    stream = STREAMS[name]
    return Shape(stream.key, stream.columns.as_text, RAW if stream.columns.custom_fields else "")


def canonical(data: Any) -> str:
    """Sorted keys, and every digit of an integer."""
    return json.dumps(data, sort_keys=True)


def lines_of(plan: Plan, records: Any) -> list[str]:
    """The records as a program writes them."""
    shaped = plan.shape_structs(records) if are_shaped(records) else plan.shape(records)
    if not records:
        return []
    (text,) = AsLines().records("s", shaped)
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(line["record"]["emitted_at"] > 1_700_000_000_000 for line in lines)
    assert all(line["type"] == "RECORD" and line["record"]["stream"] == "s" for line in lines)
    return [canonical(line["record"]["data"]) for line in lines]


def messages_of(plan: Plan, records: Any) -> list[str]:
    """The records as Python callers receive them."""
    shaped = plan.shape_structs(records) if are_shaped(records) else plan.shape(records)
    return [canonical(m.record.data) for m in AsMessages().records("s", shaped) if m.record]


def answer(raw: bytes, shape: Shape | None = None) -> dict[str, Any] | str:
    """What a page holds; or the error for one that is none."""
    try:
        return shape.decode(raw, "s") if shape else decode(raw, "s")
    except PageError as error:
        return str(error)


def check(stream: str, config: str, first: bytes, *pages: bytes) -> list[bool]:
    """Both paths agree on every page. Returns which pages took the fast one."""
    shape = shape_for(stream)
    fast = []
    for raw in (first, *pages):
        theirs, ours = answer(raw), answer(raw, shape)
        if isinstance(theirs, str) and isinstance(ours, dict):  # an error in custom fields alone
            with pytest.raises(PageError) as error:
                CustomFields("s").settle(ours["data"])
            ours = str(error.value)
        if isinstance(theirs, str) or isinstance(ours, str):
            assert theirs == ours
            continue
        assert {**theirs, "data": 0} == {**ours, "data": 0}
        assert theirs.keys() == ours.keys()
        records = ours.get("data")
        fast.append(isinstance(records, list) and are_shaped(records))
        if isinstance(records, list) and all(isinstance(each, dict) for each in theirs["data"]):
            expected = lines_of(plan_for(stream, config), theirs["data"])
            assert lines_of(plan_for(stream, config), records) == expected
            assert messages_of(plan_for(stream, config), records) == expected
            for name in ("id", "update_time", "title", RAW, "no_such_key"):
                assert canonical([each.get(name) for each in records]) == canonical(
                    [each.get(name) for each in theirs["data"]]
                )
    return fast


# -- random pages

# Values as JSON, so that they can hold what no Python object does.
TOKENS = st.sampled_from(
    [
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "1e5",
        "1E+5",
        "-0",
        "-0.0",
        "0.1",
        "1.0",
        "1e22",
        "18446744073709551616",
        "-9223372036854775809",
        "1" * 40,
        "12345678901234567890.5",
        r'"\ud800"',
        r'"\udc00x"',
        r'"\ud83d\ude00"',
        r'"\u00e9\u2028\n\\\""',
        r'"\u0000"',
        '"x-e-y"',
        '"1e5,"',
        '"null"',
        '"é日😀"',
        '"a,1e400,"',
        '{"k":1,"k":2}',
        '{"k":[{}]}',
        "[" * 300 + "]" * 300,
        "[]",
        "{}",
        "null",
        '""',
        "tru",
        '"\n"',
        "1" * 400,
        '"2024-05-01"',
        "1",
        "2",
        "[1,2,7]",
        '"1,2"',
        '{"id":1}',
        "[1e5]",
        "[-1.5E300]",
        '[{"value":"a@b.example","primary":true},{"value":"c"}]',
        '[{"value":"","primary":true},{"value":"c","primary":1},null]',
        '{"amount":1,"currency":"EUR"}',
    ]
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def values(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 3)) == 0:
        return draw(TOKENS)
    ascii_, spaced = draw(st.booleans()), draw(st.integers(0, 9)) == 0
    return json.dumps(draw(PLAIN), ensure_ascii=ascii_, separators=None if spaced else (",", ":"))


@st.composite
def objects(draw: st.DrawFn, keys: tuple[str, ...]) -> str:
    """An object with some of these keys, perhaps one of them twice."""
    chosen = draw(st.lists(st.sampled_from(keys), max_size=5, unique=draw(st.booleans())))
    return "{" + ",".join(f'"{key}":{draw(values())}' for key in chosen) + "}"


STANDARD = ("title", "value", "label_ids", "type", "outcome", "update_time", "size", "emails")
MORE = (
    "new_key",
    "get",
    "class",
    "no identifier",
    "_private",
    "custom_fields",
    "id",
    "tier",
    "primary_email",
)


@st.composite
def records(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(STANDARD), max_size=5, unique=draw(st.booleans())))
    if draw(st.integers(0, 9)) == 0:
        names.append(draw(st.sampled_from(MORE)))
    parts = [f'"id":{draw(st.integers(1, 99))}'] if draw(st.integers(0, 19)) else []
    parts += [f'"{name}":{draw(values())}' for name in names]
    if draw(st.integers(0, 9)):
        own = draw(objects((OWN, SIZE, WHEN, TAGS)) | st.sampled_from(["null", "{}", "[]"]))
        parts.append(f'"{RAW}":{own}')
    return "{" + ",".join(parts) + "}"


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    rows = draw(st.lists(records(), max_size=3))
    cursor = draw(st.sampled_from(['"x"', "null", '{"next_cursor":null}', '{"next_cursor":"a"}']))
    raw = page(*rows, more=f'"additional_data":{cursor}')
    if draw(st.integers(0, 19)) == 0:
        raw = raw.replace(b"x", b"\xff").replace(b"e", b"\xc3", 1)
    if draw(st.integers(0, 19)) == 0:
        raw = raw[: draw(st.integers(0, len(raw)))]
    return raw


FIRST = json.dumps(
    {
        "success": True,
        "data": [{"id": 1, **dict.fromkeys(STANDARD), RAW: {OWN: None}}],
        "additional_data": {"next_cursor": "a"},
    }
).encode()


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", ["deals", "persons", "activities", "leads"])
@settings(max_examples=100, deadline=None)
@given(pages=st.lists(pages(), min_size=1, max_size=3))
def test_both_paths_write_the_same(name: str, config: str, pages: list[bytes]) -> None:
    check(name, config, FIRST, *pages)


# -- what takes which path


def page(*rows: str, more: str = '"additional_data":{"next_cursor":null}') -> bytes:
    text = '{"success":true,"data":[' + ",".join(rows) + f"],{more}}}"
    return text.encode("utf-8", "surrogatepass")


TIME = "2024-05-01T10:00:00Z"
GOOD = f'{{"id":1,"title":"a","update_time":"{TIME}","custom_fields":{{"{OWN}":1}}}}'


def changed(old: str, new: str) -> bytes:
    assert old in GOOD
    return page(GOOD, GOOD.replace(old, new))


FITTING = {
    "equal": page(GOOD),
    "empty object": changed(f'{{"{OWN}":1}}', "{}"),
    "empty list": changed(f'{{"{OWN}":1}}', "[]"),
    "null object": changed(f'{{"{OWN}":1}}', "null"),
    "no object": changed(f',"custom_fields":{{"{OWN}":1}}', ""),
    "null title": changed('"a"', "null"),
    "other type": changed('"a"', '{"a":[1]}'),
    "number as text": changed('"id":1', '"id":"1"'),
    "escapes": changed('"a"', r'"\"\\\u00e9\ud83d\ude00"'),
    "escapes inside": changed(":1}", r':"\"\\\u00e9\ud83d\ude00"}'),
    "beyond ASCII": changed('"a"', '"é日😀"'),
    "beyond ASCII inside": changed(":1}", ':"é日😀"}'),
    "large integer": changed('"a"', "18446744073709551616"),
    "large integer inside": changed(":1}", ":18446744073709551616}"),
    "exponent inside": changed(":1}", ":1.5e300}"),
    "unknown values": changed('"a"', '{"b":[null,true,{"c":0.5}]}'),
    "same key twice": changed('"id":1', '"id":2,"id":1,"title":"b"'),
    "same key twice inside": changed(":1}", f':1,"{OWN}":2}}'),
    "nested deeply": changed(":1}", ":" + "[" * 300 + "]" * 300 + "}"),
    "line breaks alone": changed(f'{{"{OWN}":1}}', f'{{\n"{OWN}":1}}'),
    "line breaks of old": changed(f'{{"{OWN}":1}}', f'{{\r"{OWN}":1}}'),
    "line breaks": page(json.dumps(json.loads(GOOD), indent=1)),
    "spaces": page(json.dumps(json.loads(GOOD.replace(":1}", ":1e5}")))),
    "too large for a float inside": changed(":1}", ":1e400}"),
    "the same with spaces": page(json.dumps(json.loads(GOOD)).replace(": 1}", ": 1e400}")),
    "the same with a tab": changed(":1}", ":\t1e400}"),
    "the same in a list": changed(":1}", ":[1, 1e400]}"),
    "the same at the end of a list": changed(":1}", ":[1e400 ]}"),
    "the same before a space": changed(":1}", ":-1E+400 }"),
    "the same behind spaces": changed(":1}", " : 1e400}"),
    "no UTF-8 inside": changed(":1}", ':"X"}').replace(b"X", b"\xff"),
}
MISFITTING = {
    "a new key": changed('"title"', '"new":1,"title"'),
    "no id": changed('"id":1,', ""),
    "null id": changed('"id":1', '"id":null'),
    "a broken text": changed('"a"', r'"\ud800"'),
    "a broken text inside": changed(":1}", r':"\ud800"}'),
    "a broken low surrogate inside": changed(":1}", r':"\udc00"}'),
    "NaN inside": changed(":1}", ":NaN}"),
    "NaN": changed('"a"', "NaN"),
    "too large for a float": changed('"a"', "1e400"),
    "no UTF-8": changed('"a"', '"X"').replace(b"X", b"\xff"),
    "null for records": page().replace(b"[]", b"null"),
    "another key around": page(GOOD, more='"related_objects":{}'),
}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("what", FITTING)
def test_a_page_that_fits_becomes_structs(what: str, config: str) -> None:
    for name in ("deals", "persons"):
        assert check(name, config, page(GOOD), FITTING[what]) == [False, True]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("what", MISFITTING)
def test_a_page_that_does_not_fit_becomes_dictionaries(what: str, config: str) -> None:
    taken = check("deals", config, page(GOOD), page(GOOD), MISFITTING[what], page(GOOD))
    assert taken == [False, True, False, True]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("depth", [900, 1100, 100_000])
def test_values_that_are_nested_too_deeply_are_an_error_on_both_paths(
    depth: int, config: str
) -> None:
    deep = changed(":1}", ":" + "[" * depth + "]" * depth + "}")
    check("deals", config, page(GOOD), deep, page(GOOD))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("literal", ["1" * 400, "9" * 5000, "1" * 400 + ".5", "0." + "1" * 400])
def test_a_number_of_any_length_is_the_same_on_both_paths(literal: str, config: str) -> None:
    for change in (changed(":1}", f":{literal}}}"), changed('"a"', literal)):
        check("deals", config, page(GOOD), change, page(GOOD))


def test_a_new_key_is_part_of_the_shape_from_then_on() -> None:
    new = changed('"title"', '"new":1,"title"')
    assert check("deals", "raw", page(GOOD), new, new, page(GOOD)) == [*(False, False, True, True)]


@pytest.mark.parametrize("key", ["get", "keys", "plain", "class", "a b", "_x", "1a", "", "é"])
def test_a_key_that_can_be_no_field_makes_no_structs(key: str) -> None:
    odd = page(json.dumps({"id": 1, key: 2}))
    assert check("deals", "raw", odd, odd, page('{"id":1}')) == [False] * 3
    assert check("deals", "raw", page(GOOD), odd, page(GOOD)) == [False] * 3


def test_a_text_that_is_sent_as_a_number_is_converted() -> None:
    first, second = page('{"id":1,"outcome":"a"}'), page('{"id":1,"outcome":49}')
    assert check("activities", "raw", first, first, second) == [False, True, False]


@pytest.mark.parametrize("config", CONFIGS)
def test_pages_that_never_fit_are_decoded_once(config: str) -> None:
    broken = changed('"a"', r'"\ud800"')
    stream = "deals"
    many = [broken] * (2 * MISFITS)
    assert check(stream, config, page(GOOD), *many, page(GOOD))[-1] is False
    assert check(stream, config, page(GOOD), *many[:5], page(GOOD), *many[:5], page(GOOD))[-1]


@pytest.mark.parametrize("config", CONFIGS)
def test_keys_that_appear_one_by_one_do_not_end_the_fast_path(config: str) -> None:
    growing = [page(GOOD.replace('"title"', f'"new{n}":1,"title"')) for n in range(2 * MISFITS)]
    assert check("deals", config, page(GOOD), *growing, page(GOOD))[-1]


def test_custom_fields_that_cannot_stay_bytes_still_become_structs() -> None:
    exponent = changed(":1}", ":1.5e300}")
    pages = [page(GOOD), *[exponent] * (2 * MISFITS), page(GOOD)]
    assert check("deals", "raw", *pages) == [False, *[True] * (len(pages) - 1)]


def test_a_column_with_the_name_of_a_standard_key_appears_once() -> None:
    """The custom field has the name; the key that Pipedrive has added since gets another."""
    row = json.dumps({"id": 1, "size": 5, RAW: {SIZE: 2}})
    assert check("deals", "columns", page(row), page(row)) == [False, True]
    (line,) = lines_of(plan_for("deals", "columns"), [json.loads(row)])
    assert json.loads(line)["size"] == 2
    assert json.loads(line)["pipedrive_size"] == 5


def test_columns_and_labels_are_added_to_structs() -> None:
    row = json.dumps({"id": 1, "label_ids": [2], RAW: {OWN: 1, SIZE: 2.5}})
    assert check("deals", "columns", page(row), page(row)) == [False, True]
    shape = shape_for("deals")
    records: Mapping[str, Any] = [shape.decode(page(row), "s") for _ in range(2)][1]
    (line,) = lines_of(plan_for("deals", "columns"), records["data"])
    assert json.loads(line)["label_names"] == ["Cold"]
    assert json.loads(line)["tier"] == "Hot"
    assert json.loads(line)["size"] == 2.5


def test_a_struct_is_read_like_a_dictionary() -> None:
    shape = shape_for("deals")
    row = '{"id":1,"title":null,"custom_fields":{"a":null}}'
    record = [shape.decode(page(row), "s") for _ in range(2)][1]["data"][0]
    assert (record["id"], record["title"], record.get("x"), record.get("x", 5)) == (
        1,
        None,
        None,
        5,
    )
    assert {**record} == record.plain() == {"id": 1, "custom_fields": {"a": None}}
    with pytest.raises(KeyError):
        record["x"]
