"""README's picture shows what a sync really writes."""

from __future__ import annotations

import os
from decimal import Decimal

import duckdb

from docs.generators.result import CHARACTER, CUSTOM, MARGIN, QUERY, WIDTH, svg
from integration_tests import program
from integration_tests.conftest import Start
from integration_tests.databases import SCHEMA, InDuckDB, create_tables, files, insert
from integration_tests.engine import ROOT

PICTURE = ROOT / "docs" / "images" / "result.svg"
TABLES = ("deals", "deals_archived", "deleted_records", "organizations", "persons", "stages")


def test_the_golden_picture_shows_rows_of_a_sync(start: Start) -> None:
    """Otherwise README promises columns that nobody gets."""
    box = start(scale=1, rate_limit=100_000, clock="2026-11-23T10:00:00Z")
    config = {name: of for name, of in box.config().items() if name != "custom_fields"}
    found = box.run("discover", config).of("CATALOG")[0]["streams"]
    catalog = box.file(program.catalog_of(found, *TABLES))
    outcome = box.run("read", config, "--catalog", catalog)
    assert outcome.code == 0, outcome.logs
    with duckdb.connect() as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        database = InDuckDB(connection)
        schemas = {stream["name"]: stream["json_schema"] for stream in found}
        create_tables(database, {name: schemas[name] for name in TABLES})
        for name in TABLES:
            insert(database, name, *outcome.records(name))
        for file in files(database.dialect)[:2]:
            database.run(file.read_text())
        answer = connection.execute(QUERY)
        headings = [column[0] for column in answer.description or ()]
        rows = [[shown(cell) for cell in row] for row in answer.fetchall()]
    assert len(rows) == 6
    assert set(CUSTOM) < set(headings)
    wanted = svg(headings, rows)
    if os.environ.get("UPDATE_GOLDEN"):
        PICTURE.write_text(wanted)
    assert PICTURE.read_text() == wanted, "run `make golden`"
    longest = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    assert 2 * MARGIN + CHARACTER * (sum(longest) + 2 * len(longest)) < WIDTH <= 830


def shown(cell: object) -> str:
    """A cell as the picture shows it."""
    if cell is None:
        return ""
    return f"{cell:,.2f}" if isinstance(cell, Decimal) else f"{cell}"
