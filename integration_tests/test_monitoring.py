"""The queries of docs/monitoring.md on tables that syncs of a sandbox have written, in DuckDB
and in PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from integration_tests.conftest import Box, Start
from integration_tests.databases import (
    SCHEMA,
    Database,
    InDuckDB,
    InPostgreSQL,
    create_tables,
    create_views,
    insert,
)
from integration_tests.engine import ROOT
from integration_tests.program import Outcome
from integration_tests.warehouse import Warehouse
from source_pipedrive.streams import STREAMS

PAGE = ROOT / "docs" / "monitoring.md"
CHOSEN = (
    *("deals", "deals_archived", "deals_summary", "deal_products", "deal_installments"),
    *("deal_stage_history", "persons", "organizations", "mail_threads", "deleted_records"),
    "sync_reports",
)
LABELLED = ("deals", "deals_archived", "persons", "organizations")
Rows = list[tuple[Any, ...]]


def queries() -> dict[str, str]:
    """The queries by the heading above each."""
    sections = PAGE.read_text().split("\n## ")
    return {
        section.splitlines()[0]: query
        for section in sections
        for query in re.findall(r"^```sql\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    }


BEHIND, COST, UNSEEN, COUNTS, DELETED = (
    "What is behind?",
    "What did it cost?",
    "What is hidden?",
    "Do the counts match?",
    "What was deleted?",
)


class Tables:
    """A company, and the deduplicated tables of its syncs."""

    def __init__(self, box: Box, database: Database) -> None:
        self.box = box
        self._database = database
        self._warehouse = Warehouse()
        self._state: Any = None

    def sync(self, *names: str, **changes: Any) -> Outcome:
        """One more sync, from the last one's state."""
        self.box.control("clock", {"advance_seconds": 600})
        config = self.box.config(**changes)
        outcome = self.box.read(*(names or CHOSEN), config=config, state=self._state)
        self._warehouse.load(outcome.messages)
        self._state = outcome.state
        return outcome

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """The rows of a table."""
        return list(self._warehouse.tables[stream].values())

    def ask(self, question: str) -> Rows:
        """The answer of one of the page's queries."""
        database = self._database
        database.run(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        columns = {name: dict(STREAMS[name].schema["properties"]) for name in CHOSEN}
        for name in LABELLED:
            columns[name]["label_names"] = {"type": ["null", "array"]}
        create_tables(database, {name: {"properties": of} for name, of in columns.items()})
        for name in CHOSEN:
            rows = [{k: v for k, v in row.items() if k in columns[name]} for row in self.rows(name)]
            if isinstance(database, InPostgreSQL):
                database.load(name, rows)
            elif rows:
                insert(database, name, *rows)
        create_views(database)
        question = queries()[question].strip().removesuffix(";")
        return [tuple(row.values()) for row in database.query(question)]

    def forget(self, stream: str, how_many: int) -> None:
        """Removes rows from a table, as a broken destination might."""
        table = self._warehouse.tables[stream]
        for key in list(table)[:how_many]:
            del table[key]


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "postgresql":
        yield InPostgreSQL(request.getfixturevalue("postgresql"))
    else:
        with duckdb.connect() as connection:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
            yield InDuckDB(connection)


@pytest.fixture
def tables(start: Start, database: Database) -> Tables:
    return Tables(start(scale=0.1, rate_limit=100_000), database)


def test_the_page_has_the_five_queries() -> None:
    assert list(queries()) == [BEHIND, COST, UNSEEN, COUNTS, DELETED]


def test_what_is_behind(tables: Tables) -> None:
    cut_short = tables.sync(daily_token_budget=150)
    assert cut_short.code == 1
    behind = {stream: row for stream, *row in tables.ask(BEHIND)}
    unfinished = {name for name in CHOSEN if cut_short.statuses(name)[-1] == "INCOMPLETE"}
    assert unfinished
    assert set(behind) == unfinished - {"sync_reports"}
    assert {status for status, *_ in behind.values()} == {"incomplete"}
    assert all("daily_token_budget" in error for *_, error in behind.values())
    assert tables.sync().code == 0
    assert tables.ask(BEHIND) == []
    tables.box.control("fail-next", [{"path_contains": "/persons", "status": 403, "times": 50}])
    assert tables.sync().code == 1
    ((stream, status, complete_to, *_, error),) = tables.ask(BEHIND)
    assert (stream, status) == ("persons", "incomplete")
    assert complete_to is not None
    assert "403" in error


def test_what_it_cost(tables: Tables) -> None:
    tables.box.control("reset-ledger", {})
    tables.sync()
    ledger = tables.box.control("ledger")
    cost = tables.ask(COST)
    tokens = {stream: tokens for _, stream, _, tokens, _ in cost}
    assert sum(requests for _, _, requests, _, _ in cost) == sum(
        of["requests"] for of in ledger.values()
    )
    assert sum(tokens.values()) == sum(of["tokens"] for of in ledger.values())
    assert tokens["deals_summary"] == 120
    assert [row[3] for row in cost] == sorted(tokens.values(), reverse=True)
    assert all(round(100 * tokens / 150_000, 1) == float(share) for _, _, _, tokens, share in cost)


def test_what_it_may_not_see(start: Start, database: Database) -> None:
    box = start(scale=0.1, rate_limit=100_000, admin=False, installments="402")
    tables = Tables(box, database)
    assert tables.sync().code == 0
    unseen = {stream: row for stream, *row in tables.ask(UNSEEN)}
    assert set(unseen) == {"", "deal_installments", "mail_threads"}
    assert "is neither Deals admin nor Global admin" in unseen[""][-1]
    status, own, refused, _ = unseen["deal_installments"]
    assert (status, own) == ("unavailable", False)
    assert "402" in refused
    assert unseen["mail_threads"][1] is True
    tables.box.control("switches", {"installments": "ok"})
    assert tables.sync().code == 0
    assert {row[0] for row in tables.ask(UNSEEN)} == {"", "mail_threads"}


def test_whether_the_counts_match(tables: Tables) -> None:
    tables.sync()
    tables.box.control("mutate", {"seed": 1, "objects": ["deals"], "edits": 30, "archives": 5})
    tables.sync()
    counts = tables.ask(COUNTS)
    assert [stream for _, stream, *_ in counts] == ["deal_products", "deals", "deal_products"]
    assert all(expected == found > 0 for *_, expected, found in counts)
    tables.forget("deals", 3)
    wrong = [(stream, e - f) for _, stream, e, f in tables.ask(COUNTS) if e != f]
    assert wrong == [("deals", 3)]


def test_whether_the_counts_match_those_of_an_audit(tables: Tables) -> None:
    audited = {"find_deleted_records": {"mode": "verify", "share_of_day": 100}}
    chosen = [name for name in CHOSEN if name != "deals_summary"]
    tables.sync(*chosen, **audited)
    for name in ("persons", "organizations"):
        ids = [record["id"] for record in tables.box.control(f"records/{name}")][:2]
        purge = {"action": "purge", "object": name, "ids": ids}
        tables.box.control("change-records", purge)
    mutation = {"seed": 1, "objects": ["deals"], "edits": 0, "deletes": 3, "archives": 5}
    tables.box.control("mutate", mutation)
    tables.box.control("clock", {"advance_seconds": 8 * 86_400})
    tables.sync(*chosen, **audited)
    counts = {stream: rest for _, stream, *rest in tables.ask(COUNTS)[::-1]}
    assert counts.keys() == {"deal_products", "deals", "persons", "organizations"}
    assert all(expected == found > 0 for expected, found in counts.values()), counts
    assert {evidence for *_, evidence, _ in tables.ask(DELETED)[:3]} == {"audit", "flag"}
    tables.forget("persons", 5)  # of which two are deleted
    ((wrong, missing),) = [(what, e - f) for _, what, e, f in tables.ask(COUNTS) if e != f]
    assert wrong == "persons"
    assert 3 <= missing <= 5


def test_what_was_deleted(tables: Tables) -> None:
    tables.sync()
    before = len(tables.rows("deleted_records"))
    work = {"objects": ["deals", "persons"], "edits": 0, "adds": 0, "archives": 0, "deletes": 6}
    deleted = tables.box.control("mutate", {"seed": 4, **work})
    tables.sync()
    (started, *_), *_ = answer = tables.ask(DELETED)
    found = {what: number for at, _, what, _, number in answer if at == started}
    assert found == {name: len(deleted[name]["deleted"]) for name in ("deals", "persons")}
    assert {status for _, status, *_ in answer} == {"complete"}
    assert sum(number for *_, number in answer) == before + sum(found.values())
    tables.sync()
    assert tables.ask(DELETED)[0][1:] == ("complete", None, None, 0)
