"""docs/streams.md: its tables match the streams, its SQL does what it says, and its links lead to
the vendor's pages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from docs.generators.blocks import updated
from docs.generators.listing import PAGES, PAGES_FILE, all_places, deletes, tables, touches
from source_pipedrive.stream import Changes, Touches
from source_pipedrive.streams import STREAMS
from unit_tests.contract import operation

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "streams.md"
GENERATED = {"moves": touches, "tables": tables}


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


def test_no_link_inside_the_page_is_broken() -> None:
    text = PAGE.read_text()
    headings = {
        re.sub(r"[^a-z0-9_ -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", text) if not t.startswith("https:")]
    assert targets
    for target in targets:
        path, _, heading = target.partition("#")
        assert (DOCS / path).exists(), target
        assert path or heading in headings, target


# --- the SQL of the page, on an example


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the page's views and no rows."""
    with duckdb.connect() as database:
        database.execute("""
            CREATE TABLE deals (id BIGINT, update_time TIMESTAMP);
            CREATE TABLE deals_archived (id BIGINT, update_time TIMESTAMP);
            CREATE TABLE deal_products (deal_id BIGINT, id BIGINT, deal_update_time TIMESTAMP);
            CREATE TABLE persons (id BIGINT, name VARCHAR);
            CREATE TABLE deleted_records (
                object VARCHAR, id VARCHAR, evidence VARCHAR, restored_time TIMESTAMP
            );
        """)
        blocks = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        assert len(blocks) == 2
        for block in blocks:
            database.execute(block)
        yield database


def products(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """(deal, product on the deal) of the view."""
    rows = warehouse.execute("SELECT deal_id, id FROM deal_products_now ORDER BY ALL").fetchall()
    return [(deal, product) for deal, product in rows]


def test_a_product_removed_from_its_deal_is_not_in_the_view(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute("""
        INSERT INTO deals VALUES (1, '2026-01-01'), (2, '2026-01-01');
        INSERT INTO deal_products VALUES
            (1, 10, '2026-01-01'), (1, 11, '2026-01-01'), (2, 20, '2026-01-01');
    """)
    assert products(warehouse) == [(1, 10), (1, 11), (2, 20)]
    # The deal loses 11, gets 12, and is read again.
    warehouse.execute("""
        UPDATE deals SET update_time = '2026-02-02' WHERE id = 1;
        UPDATE deal_products SET deal_update_time = '2026-02-02' WHERE id = 10;
        INSERT INTO deal_products VALUES (1, 12, '2026-02-02');
    """)
    assert products(warehouse) == [(1, 10), (1, 12), (2, 20)]


def test_a_deal_that_lost_all_its_products_has_none_in_the_view(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """A deal whose products_count is 0 needs no request: its old rows keep their old time."""
    warehouse.execute("""
        INSERT INTO deals VALUES (1, '2026-02-02');
        INSERT INTO deal_products VALUES (1, 10, '2026-01-01');
    """)
    assert products(warehouse) == []


def test_an_archived_deal_keeps_its_products_in_the_view(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """Its last row in deals remains, older than the one in deals_archived."""
    warehouse.execute("""
        INSERT INTO deals VALUES (1, '2026-01-01');
        INSERT INTO deals_archived VALUES (1, '2026-03-03');
        INSERT INTO deal_products VALUES (1, 10, '2026-03-03'), (1, 11, '2026-01-01');
    """)
    assert products(warehouse) == [(1, 10)]


def test_a_deal_that_changed_during_the_sync_keeps_its_products(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute("""
        INSERT INTO deals VALUES (1, '2026-01-01');
        INSERT INTO deal_products VALUES (1, 10, '2026-01-02');
    """)
    assert products(warehouse) == [(1, 10)]


def test_a_deal_without_a_time_keeps_its_products(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """Pipedrive has returned imported deals without an update_time."""
    warehouse.execute("""
        INSERT INTO deals VALUES (1, NULL);
        INSERT INTO deal_products VALUES (1, 10, NULL);
    """)
    assert products(warehouse) == [(1, 10)]


def test_a_deleted_person_is_not_in_the_view_of_persons(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    warehouse.execute("""
        INSERT INTO persons VALUES (1, 'Ada'), (2, 'Bob'), (3, 'Cy'), (4, 'Di'), (5, 'Ed');
        INSERT INTO deleted_records VALUES
            ('persons', '2', NULL, NULL), ('products', '3', 'flag', NULL),
            ('persons', '4', NULL, '2026-11-23'), ('persons', '5', 'unreachable', NULL);
    """)
    rows = warehouse.execute("SELECT name FROM persons_now ORDER BY id").fetchall()
    assert rows == [("Ada",), ("Cy",), ("Di",), ("Ed",)]
