"""docs/streams.md: its tables match the streams, and its links lead to the vendor's pages."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from docs.generators.blocks import updated
from docs.generators.listing import (
    PAGES,
    PAGES_FILE,
    all_places,
    deletes,
    removals,
    tables,
    touches,
)
from source_pipedrive.stream import Changes, Touches
from source_pipedrive.streams import STREAMS
from unit_tests.contract import operation

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "streams.md"
GENERATED = {"moves": touches, "removals": removals, "tables": tables}


def test_the_golden_links_lead_to_the_vendors_pages() -> None:
    """Otherwise readers land on the wrong page, or on none."""
    wanted = {}
    for place in all_places():
        version, _, path = place.partition("/")
        declared = operation(version, f"/{path}")
        wanted[place] = f"{declared['tag']}#{declared['operation']}"
    if os.environ.get("UPDATE_GOLDEN"):
        PAGES_FILE.write_text(json.dumps(wanted, indent=2) + "\n")
        PAGES.clear()
        PAGES.update(wanted)
    assert wanted == PAGES, "run `make golden`"


@pytest.mark.parametrize("part", GENERATED)
def test_the_golden_tables_match_the_streams(part: str) -> None:
    wanted = GENERATED[part]()
    assert updated(PAGE, part, wanted) == wanted, "run `make golden`"


def test_every_way_in_which_deletions_show_is_explained() -> None:
    text = PAGE.read_text()
    for name, stream in STREAMS.items():
        way = deletes(stream)
        if way == "-":
            continue
        word = way.partition(" or ")[0].partition(",")[0]
        assert f"- **{word}**" in text or f"**{word}, if listed**" in text, f"{name}: {way}"
        assert way.endswith(", if listed") == word.startswith("`")


def test_every_child_stream_states_whether_it_updates_its_parents() -> None:
    """Readers who mistake an unknown for a yes wait for changes that no sync reads."""
    for name, stream in STREAMS.items():
        if (
            stream.incremental.changes is Changes.OF_PARENT
            and stream.child
            and not stream.child.month_params
        ):
            parents = {parent.name for parent in stream.child.parents}
            assert stream.incremental.touches.keys() == parents
            assert f"`{name}`" in touches()
    for name in ("notes", "activities", "files"):
        assert STREAMS[name].incremental.touches.keys() <= STREAMS.keys()
    assert STREAMS["notes"].incremental.touches["deals"] is Touches.DELETION
    assert STREAMS["activities"].incremental.touches["persons"] is Touches.LIKELY
    assert STREAMS["deal_products"].incremental.touches["deals"] is Touches.UNKNOWN
