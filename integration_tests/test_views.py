"""The views of docs/sql on what the connector has read in several syncs, against the truth.

DuckDB is filled by PyAirbyte, PostgreSQL with the types of Airbyte's destination. The commands of
docs/sql/README.md create the views.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests.conftest import Box, Start
from integration_tests.databases import (
    SCHEMA,
    SQL,
    Database,
    InDuckDB,
    InPostgreSQL,
    create_tables,
)
from integration_tests.engine import ROOT
from integration_tests.program import catalog_of
from integration_tests.pyairbyte import PyAirbyte
from integration_tests.test_pyairbyte import EXECUTABLE
from integration_tests.warehouse import Warehouse
from source_pipedrive.reading.instants import instant
from unit_tests.pyairbyte import needs_pyairbyte

CLOCK = "2026-11-23T10:00:00Z"
HOUR = 3_600
LABELLED = {"deal": "deals", "person": "persons", "organization": "organizations"}
STREAMS = (
    "deals",
    "deals_archived",
    "persons",
    "organizations",
    "deal_products",
    "deal_stage_history",
    "deleted_records",
    "stages",  # for the questions of the page
)
Record = dict[str, Any]


def blocks(language: str) -> list[str]:
    """The blocks of the page in one language."""
    page = (SQL / "README.md").read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found
    return found


def config(box: Box) -> dict[str, Any]:
    """An audit is due in each sync."""
    audit = {"mode": "verify", "every_days": 1, "share_of_day": 100}
    return box.config(custom_fields="columns_and_raw", find_deleted_records=audit)


def work(box: Box, seed: int) -> None:
    """Two days in which the company's users change, close, archive and delete records, bring them
    back, and merge them. Some leave no trace."""
    box.control("clock", {"advance_seconds": 48 * HOUR})
    for name in ("deals", "persons", "organizations"):
        ids = [record["id"] for record in box.control(f"records/{name}")]
        for action, some in (("merge", ids[5:8]), ("purge", ids[seed::40])):
            box.control("change-records", {"action": action, "object": name, "ids": some})
    kinds = ["stage", "status", "products"]
    box.control("mutate", {"seed": seed, "objects": ["deals"], "edits": 40, "edit_kinds": kinds})
    box.control("clock", {"advance_seconds": HOUR})
    several = ["deals", "persons", "organizations"]
    changes = {
        "edits": 20,
        "adds": 10,
        "deletes": 60,
        "archives": 30,
        "unarchives": 8,
        "restores": 12,
    }
    box.control("mutate", {"seed": seed, "objects": several, **changes})
    box.control("clock", {"advance_seconds": HOUR})


def in_duckdb(box: Box, folder: Path) -> Iterator[Database]:
    """What PyAirbyte writes in three syncs."""
    client, file = PyAirbyte(folder), folder / "pipedrive.duckdb"
    for seed in range(3):
        if seed:
            work(box, seed)
        assert client.sync(EXECUTABLE, config(box), list(STREAMS), file).error == "", client.said()
    client.close()
    (folder / "docs").symlink_to(ROOT / "docs")
    (block,) = blocks("python")
    subprocess.run([sys.executable, "-c", block], cwd=folder, check=True, timeout=60)
    with duckdb.connect(str(file), read_only=True) as connection:
        yield InDuckDB(connection)


def in_postgresql(box: Box, database: InPostgreSQL) -> Iterator[Database]:
    """What three syncs leave in a destination that keeps the last row of each primary key."""
    streams = box.run("discover", config(box)).of("CATALOG")[0]["streams"]
    catalog = catalog_of(streams, *STREAMS)
    schemas = {each["stream"]["name"]: each["stream"]["json_schema"] for each in catalog["streams"]}
    held, state = Warehouse(), []
    for seed in range(3):
        if seed:
            work(box, seed)
        files = ["--catalog", box.file(catalog), "--state", box.file(state)]
        outcome = box.run("read", config(box), *files)
        assert outcome.code == 0, outcome.sentence()
        held.load(outcome.messages)
        state = outcome.state
    database.run(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
    create_tables(database, schemas)
    for name in STREAMS:
        database.load(name, held.tables[name].values())
    (block,) = blocks("sh")
    typed = ["bash", "-euo", "pipefail", "-c", block]
    place = database.server.environment()
    subprocess.run(typed, cwd=ROOT, env=place, check=True, timeout=60)
    yield database


@dataclass(frozen=True)
class Company:
    """A company, and the warehouse that holds it."""

    box: Box
    database: Database

    def rows(self, columns: str, view: str) -> list[tuple[Any, ...]]:
        found = self.database.query(f"SELECT {columns} FROM {view}")
        return [tuple(row.values()) for row in found]

    def keys(self, columns: str, view: str) -> set[tuple[Any, ...]]:
        """The rows of a view, each of which must differ."""
        found = self.rows(columns, view)
        assert len(set(found)) == len(found), f"{view}: a row is there twice"
        return set(found)

    def ids(self, table: str, where: str = "TRUE") -> set[int]:
        return {id_ for (id_,) in self.keys("id", f"{table} WHERE {where}")}

    def listed(self, name: str) -> list[Record]:
        """The records that exist, as Pipedrive lists them."""
        found: list[Record] = self.box.control(f"records/{name}")
        assert found, name
        return found

    @cached_property
    def deals(self) -> dict[int, Record]:
        """The deals that exist, open lists and archive."""
        both = [*self.listed("deals"), *self.listed("deals_archived")]
        return {deal["id"]: deal for deal in both}

    @cached_property
    def stays(self) -> dict[int, list[Record]]:
        """The stays in stages of the deals that exist, oldest first."""
        history = self.box.control("stage-history")
        return {int(id_): found for id_, found in history.items() if int(id_) in self.deals}


@pytest.fixture(
    scope="module", params=[pytest.param("duckdb", marks=needs_pyairbyte), "postgresql"]
)
def company(
    request: pytest.FixtureRequest, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000)
    box.control("clock", {"advance_seconds": HOUR})
    if request.param == "postgresql":
        server = InPostgreSQL(request.getfixturevalue("postgresql"))
        filled = in_postgresql(box, server)
    else:
        filled = in_duckdb(box, tmp_path_factory.mktemp("views"))
    for database in filled:
        yield Company(box, database)


def test_deals_now_are_the_deals_that_exist(company: Company) -> None:
    """Each once, though the tables have more rows: archived twice, and deleted."""
    listed, archived = company.ids("deals"), company.ids("deals_archived")
    assert listed & archived
    assert len(listed | archived) > len(company.deals)
    columns = "id, title, status, is_archived, owner_id, value"
    found = company.rows(columns, "deals_now")
    wanted = [tuple(deal[name] for name in columns.split(", ")) for deal in company.deals.values()]
    assert sorted(found) == sorted(wanted)


def test_records_were_deleted_merged_and_brought_back(company: Company) -> None:
    """Without these, the comparisons of the views would prove little."""
    found = set(company.rows("object, evidence, restored_time IS NOT NULL", "deleted_records"))
    for name in ("persons", "organizations"):
        assert {(name, "recents", False), (name, "audit", False), (name, None, True)} <= found
    assert {("deals", "flag", False), ("deals", "audit", False), ("deals", None, True)} <= found
    open_again = "deals_archived AS old JOIN deals_now ON deals_now.id = old.id"
    assert company.rows("old.id", f"{open_again} WHERE deals_now.is_archived IS NOT TRUE")


def test_deletions_now_do_not_exist(company: Company) -> None:
    for name in ("deals", "persons", "organizations"):
        gone = {int(id_) for (id_,) in company.rows("id", f"deletions_now WHERE object = '{name}'")}
        lists = ("deals", "deals_archived") if name == "deals" else (name,)
        assert gone
        assert not gone & {record["id"] for each in lists for record in company.listed(each)}


def test_an_archived_deal_that_was_deleted_does_not_come_back(company: Company) -> None:
    gone = company.ids("deals", "is_deleted IS NOT TRUE") - company.deals.keys()
    archived = company.ids("deals_archived")
    assert gone & archived
    assert not gone & company.ids("deals_now")


@pytest.mark.parametrize("name", ["persons", "organizations"])
def test_contacts_now_are_the_contacts_that_exist(company: Company, name: str) -> None:
    existing = {record["id"] for record in company.listed(name)}
    assert company.ids(name) > existing
    assert company.ids(f"{name}_now") == existing


def test_deal_products_now_are_those_on_the_deals(company: Company) -> None:
    by_deal = company.box.control("records-by-parent/deal_products")
    wanted = {(int(id_), product["id"]) for id_, listed in by_deal.items() for product in listed}
    current = company.ids("deals_now")
    rows = company.keys("deal_id, id", "deal_products")
    assert {row for row in rows if row[0] in current} > wanted  # some were removed
    assert company.keys("deal_id, id", "deal_products_now") == wanted


@pytest.mark.parametrize("one", LABELLED)
def test_labels_are_those_of_the_field(company: Company, one: str) -> None:
    fields = company.listed(f"{one}_fields")
    (options,) = [field["options"] for field in fields if field["field_code"] == "label_ids"]
    names = {option["id"]: option["label"] for option in options}
    many = company.deals.values() if one == "deal" else company.listed(LABELLED[one])
    wanted = {
        (record["id"], label, names.get(label, str(label)))  # a deleted option has no name
        for record in many
        for label in record["label_ids"] or ()
    }
    assert {name for _, _, name in wanted} >= set(names.values())
    assert company.keys(f"{one}_id, label_id, label", f"{one}_labels") == wanted


@pytest.mark.parametrize("column", ["email", "phone"])
def test_ways_to_reach_a_person_are_those_listed(company: Company, column: str) -> None:
    wanted = {
        (person["id"], entry["value"], entry["label"], entry["primary"])
        for person in company.listed("persons")
        for entry in person[f"{column}s"] or ()
    }
    assert wanted
    columns = f"person_id, {column}, label, is_primary"
    assert company.keys(columns, f"person_{column}s") == wanted


@pytest.mark.parametrize("column", ["email", "phone"])
def test_the_primary_way_to_reach_a_person_has_a_column(company: Company, column: str) -> None:
    """The one that Pipedrive marks, or else the first."""
    wanted, unmarked = set(), 0
    for person in company.listed("persons"):
        entries = person[f"{column}s"] or []
        marked = [entry["value"] for entry in entries if entry["primary"]]
        unmarked += bool(entries and not marked)
        first = [*marked, *(entry["value"] for entry in entries)][:1]
        wanted.add((person["id"], first[0] if first else None))
    assert unmarked
    assert company.keys(f"id, primary_{column}", "persons_now") == wanted


def test_the_time_that_deals_spent_in_each_stage(company: Company) -> None:
    closed: defaultdict[tuple[int, int], int] = defaultdict(int)
    there = set()
    for id_, stays in company.stays.items():
        for stay in stays:
            place = (id_, stay["stage_id"])
            if stay["left_time"] is None:
                there.add(place)
            else:
                closed[place] += instant(stay["left_time"]) - instant(stay["entered_time"])
    found = company.rows("deal_id, stage_id, is_there_now, days", "deal_stage_durations")
    assert {(deal, stage) for deal, stage, now, _ in found if now} == there
    days = {(deal, stage): days for deal, stage, now, days in found if not now}
    wanted = {place: seconds / 86_400 for place, seconds in closed.items() if place not in there}
    assert days == pytest.approx(wanted)
    assert len(days) + len(there) == len(found)


def test_the_funnel_of_each_month(company: Company) -> None:
    entered: defaultdict[tuple[str, int, int], set[int]] = defaultdict(set)
    moved: defaultdict[tuple[str, int, int], set[int]] = defaultdict(set)
    for id_, stays in company.stays.items():
        entries = [
            stay
            for before, stay in zip([None, *stays], stays, strict=False)
            if before is None or before["stage_id"] != stay["stage_id"]
        ]
        for at, entry in enumerate(entries, 1):
            month = str(date.fromisoformat(entry["entered_time"][:10]).replace(day=1))
            key = (month, entry["pipeline_id"], entry["stage_id"])
            entered[key].add(id_)
            if at < len(entries):
                moved[key].add(id_)
    wanted = set()
    for key, ids in entered.items():
        by_status = Counter(company.deals[id_]["status"] for id_ in ids)
        outcomes = [by_status[status] for status in ("open", "won", "lost")]
        wanted.add((*key, len(ids), len(moved[key]), *outcomes))
    columns = "month, pipeline_id, stage_id, deals, moved_on, open, won, lost"
    assert company.keys(columns, "funnel_by_month") == wanted
    assert any(moved.values())


@pytest.mark.parametrize("number", range(len(blocks("sql"))))
def test_the_questions_of_the_page_have_answers(company: Company, number: int) -> None:
    question = blocks("sql")[number].strip().removesuffix(";")
    found = company.database.query(question)
    assert found
    assert all(value is not None for row in found for value in row.values())


def test_the_page_names_every_view_and_no_other(company: Company) -> None:
    views = company.database.query(
        f"SELECT table_name FROM information_schema.views WHERE table_schema = '{SCHEMA}'"
    )
    table = [line.split("|") for line in (SQL / "README.md").read_text().splitlines()]
    named = {
        name for cells in table if len(cells) == 6 for name in re.findall("`(\\w+)`", cells[1])
    }
    assert {row["table_name"] for row in views} == named
