"""The diagram of the streams: it is current, complete and readable."""

from __future__ import annotations

import os
import re
from collections import Counter
from xml.etree import ElementTree

import pytest

from docs.generators import core
from docs.generators.erd import (
    COLOURS,
    IMAGES,
    SEE,
    SHELVES,
    kinds,
    mermaid,
    packed,
    references,
    svg,
)
from source_pipedrive.stream import Stream
from source_pipedrive.streams import GROUPS, STREAMS

EACH_STREAM = pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
SPACE = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("name", "make"), [("erd.mmd", mermaid), ("erd.svg", svg), ("core.svg", core.svg)]
)
def test_the_golden_diagram_matches_the_schemas(name: str, make: object) -> None:
    file = IMAGES / name
    wanted = make()  # type: ignore[operator]
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(wanted)
    assert file.read_text() == wanted, "run `make golden`"


@EACH_STREAM
def test_every_column_that_a_description_refers_to_exists(stream: Stream) -> None:
    """Otherwise a description sends its reader to a column that does not exist."""
    for name, column in stream.schema["properties"].items():
        for found in SEE.findall(column["description"]):
            for place in found.split(", "):
                source, target = place.split(".")
                assert target in STREAMS[source].schema["properties"], f"{name}: {place}"


@EACH_STREAM
def test_a_reference_has_the_type_of_its_target(stream: Stream) -> None:
    """Otherwise a join needs a cast, or fails. For an array, the type is that of its items."""
    for each in references(stream):
        column = stream.schema["properties"][each.column]
        target = STREAMS[each.to].schema["properties"][each.target]
        if kinds(column) != {"object"} and "as text" not in column["description"]:
            assert kinds(column) & kinds(target), f"{each.column} -> {each.to}.{each.target}"


def test_every_stream_is_in_the_picture_once() -> None:
    nodes = Counter(
        each.title
        for shelf in SHELVES
        for title, number in shelf
        for column in packed(GROUPS[title], number)
        for root in column
        for each in root.flat()
        if not each.dashed
    )
    assert nodes == Counter(STREAMS.keys())
    assert COLOURS.keys() == GROUPS.keys() == {title for shelf in SHELVES for title, _ in shelf}


def test_the_diagram_shows_every_key_and_every_parent() -> None:
    text = mermaid()
    for stream in STREAMS.values():
        (block,) = re.findall(
            rf"^    {stream.name} {{\n(.*?)^    }}", text, re.MULTILINE | re.DOTALL
        )
        assert set(re.findall(r"(\w+) PK", block)) == set(stream.key)
        for parent in stream.child.parents if stream.child else ():
            assert f"    {parent.name} ||--o{{ {stream.name} : {stream.key[0]}\n" in text


def test_no_box_overlaps_another_or_leaves_the_picture() -> None:
    root = ElementTree.parse(IMAGES / "erd.svg").getroot()
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert width / height < 2.2, "the picture is too wide for a screen"
    boxes = [
        tuple(float(each.attrib[name]) for name in ("x", "y", "width", "height"))
        for each in root.iter(f"{SPACE}rect")
        if each.get("rx") == "4"
    ]
    assert len(boxes) >= len(STREAMS)
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


@pytest.mark.parametrize("name", ["erd.svg", "core.svg"])
def test_the_picture_loads_nothing_and_runs_nothing(name: str) -> None:
    root = ElementTree.parse(IMAGES / name).getroot()
    found = {element.tag.removeprefix(SPACE) for element in root.iter()}
    assert found - {"circle"} == {"svg", "title", "rect", "path", "text"}


def test_the_small_picture_joins_ten_objects() -> None:
    """Each column that an analyst would join on has a line to its object, and no other."""
    assert len(core.NAMES) == len(set(core.NAMES)) == 10
    drawn = {
        (box.name, join.column, join.to) for box in core.boxes().values() for join in box.joins
    }
    assert {("deals", "person_id", "persons"), ("deals", "stage_id", "stages")} <= drawn
    assert {("deal_products", "product_id", "products"), ("notes", "lead_id", "leads")} <= drawn
    assert not [column for _, column, _ in drawn if column.startswith(("next_", "last_"))]
    root = ElementTree.parse(IMAGES / "core.svg").getroot()
    assert len(list(root.iter(f"{SPACE}path"))) == len(drawn)


def test_the_small_picture_can_be_read_in_readme() -> None:
    """GitHub shows a README 830 pixels wide, and scales down what is wider."""
    root = ElementTree.parse(IMAGES / "core.svg").getroot()
    assert float(root.attrib["width"]) <= 830
    assert min(int(each.attrib["font-size"]) for each in root.iter(f"{SPACE}text")) >= 13
    boxes = list(core.boxes().values())
    for i, one in enumerate(boxes):
        assert 0 < one.x < one.x + core.BOX < core.WIDTH
        assert one.y + one.height < float(root.attrib["height"])
        for other in boxes[i + 1 :]:
            below = other.y >= one.y + one.height
            assert one.column != other.column or below
