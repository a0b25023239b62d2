"""The views of docs/sql, one of which the demo's query reads."""

from __future__ import annotations

from pathlib import Path

import duckdb

from .sync import SCHEMA

FOLDER = Path(__file__).parents[2] / "docs" / "sql"
FILES = ("1-contacts.sql", "2-duckdb.sql", "3-products.sql")  # the demo skips stage histories


def create_views(warehouse: Path) -> None:
    """Create the views, or replace them: a new column breaks a view that was made without it."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"USE {SCHEMA}")
        for name in FILES:
            connection.execute((FOLDER / name).read_text())
