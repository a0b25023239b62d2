"""docs/recipes: what the pages have a user type, run as it stands.

From the text of a page to rows in PostgreSQL; then what its code leaves in PostgreSQL and in DuckDB
after a first sync, after a day's work of the company, and after a new custom field.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests import databases
from integration_tests.conftest import Box, Start
from integration_tests.engine import ROOT
from integration_tests.postgresql import on_a_port
from integration_tests.test_docs import OFFLINE
from pipedrive_sandbox.clock import plain
from source_pipedrive.reading.instants import instant
from unit_tests.pyairbyte import needs_pyairbyte
from unit_tests.recipes import RECIPES, RUN, files, section
from unit_tests.test_setup_docs import Block, blocks

pytestmark = needs_pyairbyte

CLOCK = "2026-11-23T10:00:00Z"
HOUR = 3_600
TEN_MINUTES = 600
# The pages that lead from a fresh clone to rows, with the heading of that part.
FIRST_HOURS = [(RECIPES / "postgresql.md", "From a clone to rows")]
EVERY_DEAL = "?status=open,won,lost,deleted"
# More than 100 tokens, with a list that is complete before these are spent.
TOO_MUCH = ["pipelines", "deals", "persons", "organizations", "activities", "deleted_records"]
LISTED = {"deals": EVERY_DEAL, "deals_archived": "", "persons": "", "organizations": ""}
Row = dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """A user's checkout, shell and account. `database`: variables that replace the page's."""

    checkout: Path
    box: Box
    database: Mapping[str, str]

    def write(self, found: list[Block]) -> None:
        """The files that a page shows, with the sandbox's address and token."""
        for name, text in files(found).items():
            if name == "config.json":
                config = json.loads(text)
                config["credentials"]["api_token"] = self.box.api_token
                text = json.dumps({**config, "api_url": self.box.url})
            (self.checkout / name).write_text(text)

    def type(self, *found: Block) -> str:
        """What the blocks print, typed into one shell."""
        text = "".join(block.text for block in found)
        for name, value in self.database.items():
            text = re.sub(rf"\b{name}=\S+", lambda _, v=f"{name}={value}": shlex.quote(v), text)
        programs = str(Path(sys.executable).parent)
        # What the text exports itself has to be enough.
        offline = {name: value for name, value in OFFLINE.items() if f"{name}=" not in text}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.checkout,
            env={
                **os.environ,
                **offline,
                **self.database,
                "PATH": f"{programs}:{os.environ['PATH']}",
                # What the page installs must do without.
                "PYTHONPATH": "" if "pip install" in text else str(self.checkout),
                "AIRBYTE_LOGGING_ROOT": str(self.checkout / "logs"),
            },
            capture_output=True,
            text=True,
            timeout=TEN_MINUTES,
            check=False,
        )
        said = done.stdout + done.stderr
        secret = self.box.api_token, self.database.get("PGPASSWORD", self.box.api_token)
        assert not any(each in said for each in secret)
        assert done.returncode == 0, said[-3000:]
        return done.stdout

    def listed(self, name: str) -> dict[Any, Row]:
        """The records of a stream that Pipedrive lists, by id."""
        found = self.box.control(f"records/{name}{LISTED[name]}")
        assert found, name
        return {record["id"]: record for record in found}


def checkout(folder: Path) -> Path:
    """What a fresh clone holds, with what has not been committed yet."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@contextmanager
def company(start: Start, folder: Path, database: Mapping[str, str]) -> Iterator[Desk]:
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000)
    box.control("clock", {"advance_seconds": HOUR})
    yield Desk(checkout(folder), box, database)


# From the text to rows.


@pytest.mark.parametrize(
    ("page", "heading"), [pytest.param(*each, id=each[0].name) for each in FIRST_HOURS]
)
def test_a_stranger_gets_from_the_text_to_rows(
    start: Start, tmp_path: Path, page: Path, heading: str
) -> None:
    """In CI with the page's own installation; elsewhere with the packages of the tests, to save
    minutes and the network."""
    typed = section(page, heading)
    commands = [block for block in typed if block.language == "sh"]
    install = [block for block in commands if "pip install" in block.text]
    assert install
    if not os.environ.get("CI"):
        commands = [block for block in commands if block not in install]
    with on_a_port() as database, company(start, tmp_path, database) as desk:
        desk.write(typed)
        printed = desk.type(*commands)
        rows = re.findall(r"^ *(\w+) *\| *(\d+) *\|", printed, re.MULTILINE)
        deals = desk.listed("deals").values()
        assert {status: int(count) for status, count in rows} == Counter(
            deal["status"] for deal in deals
        )


# What the programs leave in the database.


class InDatabase:
    """One recipe: its program, and questions to what it has filled."""

    program: str

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        found = blocks((RECIPES / "postgresql.md").read_text())
        desk.write([block for block in found if block.mark == "file: config.json"])

    def sync(self) -> None:
        self.desk.type(Block("", "sh", f"python docs/recipes/{self.program}\n"))

    def query(self, sql: str) -> list[Row]:
        raise NotImplementedError


class InPostgreSQL(InDatabase):
    program = "to_postgresql.py"

    def query(self, sql: str) -> list[Row]:
        whole = f"SELECT COALESCE(JSON_AGG(answer), '[]') FROM ({sql}) AS answer"
        command = f"PGOPTIONS=--search_path=crm psql -X -A -t -c {shlex.quote(whole)}"
        return list(json.loads(self.desk.type(Block("", "sh", command))))


class InDuckDB(InDatabase):
    program = "to_duckdb.py"

    def query(self, sql: str) -> list[Row]:
        file = str(self.desk.checkout / "pipedrive.duckdb")
        with duckdb.connect(file, read_only=True) as connection:
            return databases.InDuckDB(connection).query(sql)


@dataclass(frozen=True)
class Step:
    """What a table held after a sync, by id, and what Pipedrive listed then."""

    deals: dict[int, Row]
    columns: dict[str, str]
    listed: dict[str, dict[Any, Row]]
    held: dict[str, set[Any]]


def step(recipe: InDatabase) -> Step:
    """A sync, and what it leaves."""
    recipe.sync()
    columns = recipe.query(
        "SELECT column_name AS name, LOWER(data_type) AS type FROM information_schema.columns "
        "WHERE table_schema = 'crm' AND table_name = 'deals'"
    )
    rows = recipe.query("SELECT * FROM deals")
    deals = {row["id"]: row for row in rows}
    assert len(deals) == len(rows), "a deal is there twice"
    return Step(
        deals=deals,
        columns={each["name"]: each["type"] for each in columns},
        listed={name: recipe.desk.listed(name) for name in LISTED},
        held={
            name: {row["id"] for row in recipe.query(f"SELECT id FROM {name}")} for name in LISTED
        },
    )


@dataclass(frozen=True)
class Story:
    """A first sync; one after a day's work; one after an administrator has added two fields."""

    recipe: InDatabase
    first: Step
    second: Step
    third: Step


def story(recipe: InDatabase) -> Story:
    box = recipe.desk.box
    first = step(recipe)
    box.control("clock", {"advance_seconds": HOUR})
    box.control("mutate", {"seed": 1, "edits": 40, "adds": 10, "deletes": 5})
    box.control("clock", {"advance_seconds": HOUR})
    second = step(recipe)
    fields = [{"name": "Setup fee", "type": "monetary"}, {"name": "Go live", "type": "date"}]
    box.control("fields", {"object": "deals", "add": fields})
    box.control("clock", {"advance_seconds": HOUR})
    return Story(recipe, first, second, step(recipe))


@pytest.fixture(scope="module")
def told_postgresql(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("postgresql")
    with on_a_port() as database, company(start, folder, database) as desk:
        yield story(InPostgreSQL(desk))


@pytest.fixture(scope="module")
def told_duckdb(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with company(start, tmp_path_factory.mktemp("duckdb"), {}) as desk:
        yield story(InDuckDB(desk))


@pytest.fixture(params=["postgresql", "duckdb"])
def told(request: pytest.FixtureRequest) -> Story:
    found = request.getfixturevalue(f"told_{request.param}")
    assert isinstance(found, Story)
    return found


def test_a_first_sync_brings_every_record_once(told: Story) -> None:
    for name in LISTED:
        assert told.first.held[name] == told.first.listed[name].keys(), name


def test_the_next_sync_reads_only_what_has_changed(told: Story) -> None:
    """Otherwise each run of the page's command would pay for everything again."""
    before, after = told.first, told.second
    read_again = {
        id_
        for id_, row in after.deals.items()
        if row["_airbyte_extracted_at"] != before.deals.get(id_, row)["_airbyte_extracted_at"]
        or id_ not in before.deals
    }
    changed = {
        id_
        for id_, deal in after.listed["deals"].items()
        if before.listed["deals"].get(id_, {}).get("update_time") != deal["update_time"]
    }
    assert changed
    assert changed <= read_again
    assert len(read_again) * 3 < len(after.deals)
    assert {i: after.deals[i]["title"] for i in after.listed["deals"]} == {
        i: deal["title"] for i, deal in after.listed["deals"].items()
    }


def test_a_new_custom_field_becomes_a_column_with_values(told: Story) -> None:
    before, after = told.second.columns, told.third.columns
    added = {name: kind for name, kind in after.items() if name not in before}
    assert added.keys() == {"setup_fee", "setup_fee_currency", "go_live"}
    assert added["go_live"] == "date"
    assert added["setup_fee"].startswith(("numeric", "decimal"))
    fields = told.recipe.desk.box.control("fields/deals")
    (live,) = (field["key"] for field in fields if field["name"] == "Go live")
    values = {i: deal["custom_fields"].get(live) for i, deal in told.third.listed["deals"].items()}
    assert any(values.values())
    assert {i: told.third.deals[i]["go_live"] for i in values} == values


def test_times_are_in_utc(told: Story) -> None:
    """The server of the tests is in New York: PyAirbyte would store its local time."""
    held = {id_: plain(instant(row["update_time"])) for id_, row in told.first.deals.items()}
    assert held == {
        id_: plain(instant(deal["update_time"])) for id_, deal in told.first.listed["deals"].items()
    }


def test_text_that_looks_like_a_number_stays_text(told: Story) -> None:
    """+37251234 is a phone number; 37251234 is none."""
    fields = told.recipe.desk.box.control("fields/deals")
    (hotline,) = (field["key"] for field in fields if field["name"] == "Hotline")
    deals = told.first.listed["deals"]
    wanted = {id_: deal["custom_fields"].get(hotline) for id_, deal in deals.items()}
    assert all(re.fullmatch(r"\+\d+", phone) for phone in wanted.values() if phone)
    assert any(wanted.values())
    assert {id_: row["hotline"] for id_, row in told.first.deals.items()} == wanted


def marked(page: str, mark: str) -> Block:
    """The block of a page with a mark of its own."""
    (found,) = [b for b in blocks((RECIPES / page).read_text()) if b.mark == f"{RUN}{mark}"]
    return found


def test_postgresql_has_the_types_of_the_page(told_postgresql: Story) -> None:
    page = (RECIPES / "postgresql.md").read_text()
    columns = {
        "id": "bigint",
        "value": "numeric",
        "title": "character varying",
        "update_time": "timestamp without time zone",
        "expected_close_date": "date",
        "office_hours": "time without time zone",
        "label_ids": "json",
    }
    assert {name: told_postgresql.first.columns[name] for name in columns} == columns
    for kind in ("bigint", "numeric", "varchar", "timestamp without time zone", "date", "json"):
        assert f"`{kind}" in page


def test_the_views_run_on_the_tables(told_postgresql: Story) -> None:
    recipe = told_postgresql.recipe
    for _ in range(2):  # as the page says: again after a new column
        recipe.desk.type(marked("postgresql.md", ": views"))
    now = [row["id"] for row in recipe.query("SELECT id FROM deals_now")]
    exist = {**recipe.desk.listed("deals_archived"), **recipe.desk.listed("deals")}
    wanted = {id_ for id_, deal in exist.items() if deal["status"] != "deleted"}
    assert sorted(now) == sorted(wanted)
    for view in ("deal_labels", "person_emails", "person_phones", "deal_products_now"):
        assert recipe.query(f"SELECT * FROM {view}"), view


def test_a_dropped_schema_is_read_in_full_again(told_postgresql: Story) -> None:
    recipe = told_postgresql.recipe
    recipe.desk.type(marked("postgresql.md", ": starts over"))
    again = step(recipe)
    for name in LISTED:
        assert again.held[name] == again.listed[name].keys(), name


def test_the_question_of_duckdbs_page_has_an_answer(told_duckdb: Story) -> None:
    printed = told_duckdb.recipe.desk.type(marked("duckdb.md", ""))
    for status in ("open", "won", "lost"):
        assert status in printed


def test_a_sync_that_ends_with_an_error_leaves_the_tables_as_they_were(
    start: Start, tmp_path: Path
) -> None:
    """Recipes promise no more: PyAirbyte drops even the streams that were complete. What another
    call has read before stays."""
    assert (
        "stores nothing of a sync that ends with an error"
        in (RECIPES / "postgresql.md").read_text()
    )
    with company(start, tmp_path, {}) as desk:
        recipe = InDuckDB(desk)
        file, program = desk.checkout / "config.json", RECIPES / "to_duckdb.py"
        config = json.loads(file.read_text())
        file.write_text(json.dumps({**config, "daily_token_budget": 100}))
        text, mark, end = program.read_text().partition("source.read(")
        calls = (f"{mark}streams={streams}, {end}" for streams in (["users"], TOO_MUCH))
        (desk.checkout / "two.py").write_text(text + "".join(calls))
        said = desk.type(Block("", "sh", "python two.py 2>&1 && exit 1 || true\n"))
        assert "daily_token_budget" in said
        tables = (
            "SELECT table_name AS name FROM information_schema.tables "
            "WHERE table_schema = 'crm' AND table_name NOT LIKE '\\_%' ESCAPE '\\'"
        )
        assert [row["name"] for row in recipe.query(tables)] == ["users"]
        file.write_text(json.dumps(config))
        whole = step(recipe)
        for name in LISTED:
            assert whole.held[name] == whole.listed[name].keys(), name


# Programs that need an account.


def types(*programs: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--follow-imports", "silent", *map(str, programs)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TEN_MINUTES)


def test_every_program_fits_the_types_of_pyairbyte(tmp_path: Path) -> None:
    """Those for Snowflake and BigQuery run in no test. One that passes a wrong name fails here."""
    programs = sorted(RECIPES.glob("to_*.py"))
    assert len(programs) == 4
    checked = types(*programs)
    assert checked.returncode == 0, checked.stdout
    text = (RECIPES / "to_snowflake.py").read_text()
    (tmp_path / "wrong.py").write_text(text.replace("warehouse=", "storehouse="))
    assert 'Unexpected keyword argument "storehouse"' in types(tmp_path / "wrong.py").stdout
