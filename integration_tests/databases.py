"""Warehouses with the views of docs/sql, in DuckDB and in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import duckdb

from integration_tests.postgresql import PostgreSQL

SQL = Path(__file__).parents[1] / "docs" / "sql"
SCHEMA = "crm"
Row = dict[str, Any]
# What PyAirbyte and Airbyte's PostgreSQL destination make of a type, by the word that names it in
# a JSON schema: airbyte_type, format or type.
ALIKE = {
    "time_without_timezone": "TIME",
    "date": "DATE",
    "integer": "BIGINT",
    "number": "DECIMAL(38, 9)",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
}
TYPES = {
    "duckdb": {
        "timestamp_with_timezone": "TIMESTAMP",
        "object": "JSON",
        "array": "JSON",
        **ALIKE,
    },
    "postgresql": {
        "timestamp_with_timezone": "TIMESTAMP WITH TIME ZONE",
        "object": "JSONB",
        "array": "JSONB",
        **ALIKE,
    },
}


class Database(Protocol):
    """A database whose schema `crm` holds the tables."""

    dialect: ClassVar[str]

    def run(self, sql: str) -> object:
        """Run statements."""

    def query(self, sql: str) -> list[Row]:
        """The rows of a query, with the values that JSON has."""


@dataclass(frozen=True)
class InDuckDB:
    """A connection to DuckDB."""

    connection: duckdb.DuckDBPyConnection
    dialect: ClassVar[str] = "duckdb"

    def run(self, sql: str) -> None:
        self.connection.execute(f"USE {SCHEMA}")
        self.connection.execute(sql)

    def query(self, sql: str) -> list[Row]:
        self.connection.execute(f"USE {SCHEMA}")
        found = self.connection.execute(f"SELECT TO_JSON(answer) FROM ({sql}) AS answer").fetchall()
        return [json.loads(text) for (text,) in found]


@dataclass(frozen=True)
class InPostgreSQL:
    """The schema of a running server."""

    server: PostgreSQL
    dialect: ClassVar[str] = "postgresql"

    def run(self, sql: str) -> str:
        return self.server.run(sql)

    def query(self, sql: str) -> list[Row]:
        return self.server.query(sql)

    def load(self, table: str, records: Iterable[Row]) -> None:
        """Append records; PostgreSQL gives their values the types of the columns."""
        lines = [json.dumps({k: v for k, v in r.items() if v is not None}) for r in records]
        # As CSV without separators and quotes, each line is one value.
        csv = r"FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02'"
        self.server.run(
            f"CREATE TEMP TABLE staged (doc JSONB); COPY staged FROM STDIN ({csv}); "
            f"INSERT INTO {table} "
            f"SELECT typed.* FROM staged, JSONB_POPULATE_RECORD(NULL::{table}, doc) AS typed",
            "".join(f"{line}\n" for line in lines),
        )


def create_tables(database: Database, schemas: Mapping[str, Mapping[str, Any]]) -> None:
    """A table for each stream, from its JSON schema."""
    types, statements = TYPES[database.dialect], []
    for name, schema in schemas.items():
        columns = (f'"{column}" {types[_word(of)]}' for column, of in schema["properties"].items())
        statements.append(f"CREATE TABLE {name} ({', '.join(columns)})")
    database.run("; ".join(statements))


def _word(of: Mapping[str, Any]) -> str:
    """What names the type of a property."""
    kinds = of["type"] if isinstance(of["type"], list) else [of["type"]]
    (kind,) = [each for each in kinds if each != "null"]
    return str(of.get("airbyte_type") or of.get("format") or kind)


def files(dialect: str) -> list[Path]:
    """The files that create all views, in their order."""
    return sorted(
        path for path in SQL.glob("*.sql") if path.stem[2:] not in TYPES.keys() - {dialect}
    )


def create_views(database: Database) -> None:
    """All views."""
    database.run("".join(path.read_text() for path in files(database.dialect)))


def insert(database: Database, table: str, *rows: Row) -> None:
    """Add rows; columns that a row lacks are null."""
    statements = []
    for row in rows:
        values = ", ".join(map(_literal, row.values()))
        statements.append(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})")
    database.run("; ".join(statements))


def _literal(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return "NULL" if value is None else str(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + text.replace("'", "''") + "'"
