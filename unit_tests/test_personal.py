"""Whoever adds a stream decides about each column that may hold personal data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from source_pipedrive.config.privacy import PRESETS
from source_pipedrive.fields.columns import RAW
from source_pipedrive.privacy.rules import column_of
from source_pipedrive.stream.personal import KEPT, PERSONAL, Personal, personal_columns
from source_pipedrive.streams import STREAMS

SMELL = re.compile(
    "name|email|phone|address|title|subject|snippet|note|body|content|comment|description|"
    "label$|url|icon_|pic_|draft$|^value$|extra_value|new_value|old_value|lost_reason"
)
# Objects whose texts all count.
SMELLY_OBJECT = re.compile("address|location|pictures$")
# Ids and names that programs use.
NOT_TEXT = re.compile("_id$|icon_key")


def texts(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The path of each text in a schema. Lists on the way do not count."""
    if "items" in schema:
        yield from texts(schema["items"], path)
    elif "properties" in schema:
        for name, each in schema["properties"].items():
            yield from texts(each, f"{path}.{name}".strip("."))
    elif has_any_text(schema) or (
        "string" in schema.get("type", ()) and schema.get("format") is None
    ):
        yield path


def has_any_text(schema: dict[str, Any]) -> bool:
    """Whether a value is an object or a list of which the schema lists no more."""
    deeper = {"properties", "items"} & schema.keys()
    return not deeper and bool({"object", "array"} & {*schema.get("type", ())})


def objects(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of the objects and lists of which a schema lists no more."""
    if has_any_text(schema):
        yield path
    elif "items" in schema:
        yield from objects(schema["items"], path)
    for name, each in schema.get("properties", {}).items():
        yield from objects(each, f"{path}.{name}".strip("."))


def undecided(name: str, schema: dict[str, Any]) -> list[str]:
    """The texts whose names suggest personal data, and about which nobody has decided."""
    personal = [path.replace("/", ".") for path in personal_columns(name)]
    kept = [p for streams, paths in KEPT if name in streams.split() for p in paths.split()]
    unlisted = {*objects(schema)} - {RAW, *map(column_of, personal)}
    return [
        path
        for path in texts(schema)
        if (path in unlisted or smells(*path.rpartition(".")[::2]))
        and not any(covers(known, path) for known in (*personal, *kept))
    ]


def smells(objects: str, name: str) -> bool:
    inside = any(map(SMELLY_OBJECT.search, objects.split(".")))
    return inside or bool(SMELL.search(name) and not NOT_TEXT.search(name))


def covers(known: str, path: str) -> bool:
    return path.startswith(known[:-1]) if known.endswith("*") else path == known


@pytest.mark.parametrize("name", STREAMS)
def test_each_text_that_may_be_personal_is_decided(name: str) -> None:
    """If this fails, add the column to PERSONAL or to KEPT in stream/personal.py."""
    assert undecided(name, STREAMS[name].schema) == []


def test_a_new_column_needs_a_decision() -> None:
    schema = {"properties": {"owner": {"properties": {"nick_name": {"type": ["null", "string"]}}}}}
    assert undecided("persons", schema) == ["owner.nick_name"]


def test_a_new_object_whose_keys_nobody_has_listed_needs_a_decision() -> None:
    schema = {"properties": {"extra": {"type": ["null", "object"]}}}
    assert undecided("persons", schema) == ["extra"]


@pytest.mark.parametrize("rows", [*PERSONAL.values(), KEPT])
def test_the_table_names_streams_and_columns_that_exist(rows: Any) -> None:
    for streams, paths in rows:
        for name in streams.split():
            known = [*texts(STREAMS[name].schema)]
            for path in paths.replace("/", ".").split():
                assert any(covers(path, each) or path.startswith(f"{each}.") for each in known), (
                    f"{name} has no {path}"
                )


def test_no_column_is_in_the_table_twice() -> None:
    decided = [
        (name, path)
        for rows in (*PERSONAL.values(), KEPT)
        for streams, paths in rows
        for name in streams.split()
        for path in paths.split()
    ]
    assert sorted(decided) == sorted(set(decided))


def test_each_kind_has_its_preset() -> None:
    assert tuple(Personal) == PRESETS
    assert PERSONAL.keys() == {*Personal}
