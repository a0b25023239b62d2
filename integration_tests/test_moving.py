"""docs/moving.md and docs/renamed-fields.md: their queries run, and what they call ours exists."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from integration_tests.databases import SCHEMA, Database, InDuckDB, InPostgreSQL, insert
from integration_tests.engine import ROOT
from integration_tests.postgresql import PostgreSQL
from source_pipedrive.streams import STREAMS

MOVING = ROOT / "docs" / "moving.md"
RENAMED = ROOT / "docs" / "renamed-fields.md"
NAME = re.compile(r"`(\w+)`")
OLD = "crm_old"
EARLY, LATE = "2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"


def queries(page: Path) -> list[str]:
    found = re.findall(r"^ *```sql\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [query.strip().removesuffix(";") for query in found]


def deals(
    database: Database, schema: str, *rows: tuple[int, str], archive: tuple[int, str]
) -> None:
    """The two tables of deals in a schema."""
    database.run(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for table, found in (("deals", rows), ("deals_archived", (archive,))):
        columns = "id BIGINT, update_time TIMESTAMP WITH TIME ZONE"
        database.run(f"CREATE TABLE {schema}.{table} ({columns})")
        insert(database, f"{schema}.{table}", *({"id": i, "update_time": t} for i, t in found))


def both(database: Database) -> list[tuple[str, int, int]]:
    """The answer of the query on tables that differ in every way."""
    same, moved = (1, EARLY), (5, EARLY)
    deals(database, OLD, same, (2, EARLY), (3, EARLY), (6, LATE), archive=moved)
    deals(database, SCHEMA, same, (3, LATE), (4, EARLY), moved, (6, EARLY), archive=moved)
    (query,) = queries(MOVING)
    return [tuple(row.values()) for row in database.query(query)]  # type: ignore[misc]


WANTED = [
    ("newer in the new table", 1, 3),
    ("newer in the old table", 1, 6),
    ("only in the new table", 1, 4),
    ("only in the old table", 1, 2),
    ("same", 2, 1),
]


def test_the_comparison_finds_every_difference_in_duckdb() -> None:
    """A move that nobody can check is a risk."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        assert both(InDuckDB(connection)) == WANTED


def test_the_comparison_finds_every_difference_in_postgresql(postgresql: PostgreSQL) -> None:
    database = InPostgreSQL(postgresql)
    database.run(f"DROP SCHEMA IF EXISTS {OLD}, {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
    assert both(database) == WANTED


def test_the_queries_for_a_renamed_field() -> None:
    fill, keys, raw = queries(RENAMED)
    key = re.findall(r"'(\w{40})'", raw)[0]
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE deals (id INT, tier TEXT, customer_tier TEXT, custom_fields JSON)"
        )
        value = f'{{"{key}": 140}}'
        connection.execute(
            "INSERT INTO deals VALUES (1, 'Gold', NULL, ?), (2, 'Old', 'New', NULL)", [value]
        )
        connection.execute(fill)
        found = connection.execute("SELECT customer_tier FROM deals ORDER BY id").fetchall()
        assert found == [("Gold",), ("New",)]
        assert connection.execute(raw).fetchall() == [(1, "140"), (2, None)]
        columns = STREAMS["deal_fields"].schema["properties"]
        typed = {"is_custom_field": "BOOLEAN"}
        listed = ", ".join(f"{name} {typed.get(name, 'TEXT')}" for name in columns)
        connection.execute(f"CREATE TABLE deal_fields ({listed})")
        assert connection.execute(keys).fetchall() == []


def test_the_streams_of_the_same_name_exist() -> None:
    text = MOVING.read_text()
    (same,) = re.findall(r"These have the same name in both:\s(.*?)\.\n\n", text, re.DOTALL)
    names = NAME.findall(same)
    assert set(names) <= STREAMS.keys()
    theirs = [NAME.findall(row)[0] for row in rows_of("Streams")]
    assert len(set(names) | set(theirs)) == 35
    assert "Airbyte's connector has 35 streams" in text


def rows_of(heading: str) -> list[str]:
    """The rows of the table below a heading."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)^## ", MOVING.read_text(), re.DOTALL | re.MULTILINE
    )
    return [row for row in section.splitlines() if row.startswith("|")][2:]


@pytest.mark.parametrize("row", rows_of("Streams"))
def test_our_stream_exists(row: str) -> None:
    ours = row.split("|")[2]
    assert set(NAME.findall(ours)) <= STREAMS.keys()
    assert NAME.findall(ours) or "the same" in ours


def test_our_columns_exist() -> None:
    fields = STREAMS["deal_fields"].schema["properties"]
    assert {"field_code", "field_name", "is_custom_field"} <= fields.keys()
    changes = STREAMS["deal_changelog"].schema["properties"]
    assert {"deal_id", "time", "actor_user_id", "field_key", "number"} <= changes.keys()
    deals = STREAMS["deals"]
    assert {"products_count", "activities_count"} <= deals.schema["properties"].keys()
    assert {"label_names", "visible_to_name"} <= set(deals.columns.labels.values())
    assert "deal_update_time" in STREAMS["deal_products"].schema["properties"]
    for name in ("notes", "files", "filters", "users", "activity_types"):
        columns = STREAMS[name].schema["properties"]
        times = [of for of in columns.values() if of.get("format") == "date-time"]
        assert times
        assert {of["airbyte_type"] for of in times} == {"timestamp_with_timezone"}


def test_the_keys_are_those_of_the_page() -> None:
    stated = {
        NAME.findall(row.split("|")[2])[0]: row
        for row in rows_of("Streams")
        if "key: " in row and "the same" not in row
    }
    assert set(stated) == {"mail_messages", "deal_changelog"}
    for name, row in stated.items():
        assert tuple(NAME.findall(row.split("key: ")[1])) == STREAMS[name].key
    assert STREAMS["deal_products"].key == STREAMS["deal_installments"].key == ("deal_id", "id")
