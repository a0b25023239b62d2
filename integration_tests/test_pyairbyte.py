"""PyAirbyte reads into DuckDB, with the connector as an executable and as an image."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests.conftest import Box, Start
from integration_tests.pyairbyte import CONNECTOR, SCHEMA, PyAirbyte, Sync
from pipedrive_sandbox.clock import moment, plain
from pipedrive_sandbox.mutations import INCREMENTAL
from unit_tests.pyairbyte import needs_pyairbyte

pytestmark = needs_pyairbyte

CLOCK = "2026-11-23T10:00:00Z"
HOUR = 3_600
OVERLAP = 60  # seconds before the end of a sync that the next one reads again
CHANGED = (*INCREMENTAL, "deals_archived")  # read by their time of change
STREAMS = (*CHANGED, "role_assignments")
KEYS = {"role_assignments": ("role_id", "user_id")}
EVERY_DEAL = "?status=open,won,lost,deleted"
SECRETS = ("access_token", "refresh_token", "client_secret")
Way = dict[str, Any]
EXECUTABLE: Way = {"local_executable": str(Path(sys.executable).with_name(CONNECTOR))}
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyAirbyte]:
    program = PyAirbyte(tmp_path_factory.mktemp("pyairbyte"))
    yield program
    program.close()


@pytest.fixture(
    scope="module", params=["executable", pytest.param("image", marks=pytest.mark.image)]
)
def way(request: pytest.FixtureRequest) -> Way:
    """How PyAirbyte runs the connector: keywords of its `get_source`."""
    if request.param == "executable":
        return EXECUTABLE
    # The sandbox listens on loopback only.
    return {"docker_image": request.getfixturevalue("image"), "use_host_network": True}


@dataclass
class Step:
    """A sync, with copies of what the company and the DuckDB file held after it."""

    box: Box
    sync: Sync
    listed: Rows
    warehouse: Path

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def held(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT {', '.join(columns)} FROM {SCHEMA}.{name}")


@dataclass
class Company:
    """A sandbox, and the one DuckDB file that all its syncs go into."""

    box: Box
    client: PyAirbyte
    way: Way
    warehouse: Path

    def step(self, name: str) -> Step:
        """A sync in a process of its own; all it knows of the last one is in the file."""
        config = self.box.config(custom_fields="columns_and_raw")
        sync = self.client.sync(self.way, config, list(STREAMS), self.warehouse)
        assert sync.error == "", self.client.said()
        copy = shutil.copy(self.warehouse, self.warehouse.with_name(f"{name}.duckdb"))
        ask = {stream: EVERY_DEAL if stream == "deals" else "" for stream in STREAMS}
        listed = {name: self.box.control(f"records/{name}{more}") for name, more in ask.items()}
        return Step(self.box, sync, listed, copy)


@pytest.fixture(scope="module")
def company(
    start: Start, client: PyAirbyte, way: Way, tmp_path_factory: pytest.TempPathFactory
) -> Company:
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000)
    box.control("clock", {"advance_seconds": HOUR})
    return Company(box, client, way, tmp_path_factory.mktemp("warehouse") / "pipedrive.duckdb")


@pytest.fixture(scope="module")
def first(company: Company) -> Step:
    return company.step("first")


@pytest.fixture(scope="module")
def second(company: Company, first: Step) -> Step:
    """After a day's work of the company's users."""
    company.box.control("clock", {"advance_seconds": HOUR})
    company.box.control("mutate", {"seed": 1, "edits": 40, "adds": 10, "deletes": 5})
    company.box.control("clock", {"advance_seconds": HOUR})
    return company.step("second")


@pytest.fixture(scope="module")
def third(company: Company, second: Step) -> Step:
    """After an administrator has added two fields to the deals and ten deals have them."""
    company.box.control("clock", {"advance_seconds": HOUR})
    fields = [{"name": "Setup fee", "type": "monetary"}, {"name": "Go live", "type": "date"}]
    company.box.control("fields", {"object": "deals", "add": fields})
    company.box.control("clock", {"advance_seconds": HOUR})
    return company.step("third")


def key(name: str, record: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(record[column]) for column in KEYS.get(name, ("id",)))


def second_of(record: dict[str, Any]) -> str:
    """When a record changed, in the plainest of the ways in which Pipedrive writes it."""
    return str(record["update_time"])[:19].replace("T", " ")


def test_a_first_sync_brings_every_record_once(first: Step) -> None:
    for name in STREAMS:
        keys = sorted(key(name, record) for record in first.listed[name])
        assert keys, name
        held = first.held(name, *KEYS.get(name, ("id",)))
        assert sorted(tuple(map(str, row)) for row in held) == keys, name
        assert first.sync.rows[name] == len(keys), name


def test_the_next_sync_reads_what_changed(first: Step, second: Step) -> None:
    """And with the state that is in the cache: it is another process."""
    since = plain(moment(CLOCK) + HOUR - OVERLAP)
    for name in CHANGED:
        changed = [record for record in second.listed[name] if second_of(record) >= since]
        assert second.sync.rows.get(name, 0) == len(changed), name
    assert sum(second.sync.rows.values()) * 3 < sum(first.sync.rows.values())
    assert second.sync.rows["deals"] > 0


def test_the_warehouse_holds_the_newest_versions(first: Step, second: Step) -> None:
    for name in INCREMENTAL:
        rows = second.held(name, "id", "strftime(update_time, '%Y-%m-%d %H:%M:%S')")
        held = {str(id_): at for id_, at in rows}
        assert len(held) == len(rows), f"{name}: a key is there twice"
        for record in second.listed[name]:
            assert held[str(record["id"])] == second_of(record), (name, record["id"])
    titles = dict(second.held("deals", "id", "title"))
    assert titles != dict(first.held("deals", "id", "title"))
    assert {r["id"]: r["title"] for r in second.listed["deals"]}.items() <= titles.items()


def test_a_new_custom_field_becomes_a_column_that_sql_can_count_with(
    second: Step, third: Step
) -> None:
    columns = (
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = '{SCHEMA}' AND table_name = 'deals'"
    )
    before, after = dict(second.query(columns)), dict(third.query(columns))
    added = {name: kind for name, kind in after.items() if name not in before}
    assert added.keys() == {"setup_fee", "setup_fee_currency", "go_live"}
    assert added["go_live"] == "DATE"
    assert {name: after[name] for name in before} == before
    assert sorted(third.held("deals", "id")) == sorted(second.held("deals", "id"))

    fields = third.box.control("fields/deals")
    (fee,) = (field["key"] for field in fields if field["name"] == "Setup fee")
    (live,) = (field["key"] for field in fields if field["name"] == "Go live")
    values = [record["custom_fields"] for record in third.listed["deals"]]
    fees = [each[fee]["value"] for each in values if each.get(fee)]
    months = {each[live][:7] for each in values if each.get(live)}
    assert fees
    assert months
    ((total,),) = third.query(f"SELECT sum(setup_fee) FROM {SCHEMA}.deals")
    assert float(total) == pytest.approx(sum(fees))
    grouped = third.query(
        f"SELECT date_trunc('month', go_live) AS month, sum(setup_fee) FROM {SCHEMA}.deals "
        "WHERE go_live IS NOT NULL GROUP BY month"
    )
    assert {f"{month:%Y-%m}" for month, _ in grouped} == months


def test_rows_of_deleted_records_stay_and_lose_no_values(
    start: Start, client: PyAirbyte, way: Way, tmp_path: Path
) -> None:
    """PyAirbyte does not know the column _ab_cdc_deleted_at: a tombstone would leave nulls."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=100_000)
    company = Company(box, client, way, tmp_path / "pipedrive.duckdb")
    config = box.config(remove_deleted=True)
    names = ["deals", "deals_archived", "deleted_records"]
    box.control("clock", {"advance_seconds": HOUR})
    assert client.sync(way, config, names, company.warehouse).error == "", client.said()
    gone = box.control("mutate", {"objects": ["deals"], "deletes": 5, "archives": 5})["deals"]
    box.control("clock", {"advance_seconds": HOUR})
    assert client.sync(way, config, names, company.warehouse).error == "", client.said()
    with duckdb.connect(str(company.warehouse), read_only=True) as connection:
        columns = "id, title, _ab_cdc_deleted_at IS NOT NULL"
        both = " UNION ALL ".join(f"SELECT {columns} FROM {SCHEMA}.{name}" for name in names[:2])
        rows = connection.execute(both).fetchall()
        first = connection.execute(f"SELECT id FROM {SCHEMA}.deals").fetchall()
    assert all(title for _, title, _ in rows)
    assert set(gone["deleted"]) <= {id_ for id_, _, deleted in rows if deleted}
    assert set(gone["archived"]) & {id_ for (id_,) in first}, "the archived deals stay, too"


def test_tokens_that_were_renewed_reach_the_callback_and_no_log(
    start: Start, client: PyAirbyte, way: Way, tmp_path: Path
) -> None:
    box = start(scale=0.05, rotate_refresh_token=True)
    warehouse = tmp_path / "pipedrive.duckdb"
    old = box.oauth()
    del old["custom_fields"]  # the earlier key; a renewal replaces it
    old["custom_field_columns"] = {"mode": "columns_and_raw"}  # discover asks Pipedrive

    def sync(config: dict[str, Any]) -> Sync:
        return client.sync(way, config, ["currencies"], warehouse)

    syncs = [sync(old)]
    assert syncs[0].error == "", client.said()
    (new,) = syncs[0].kept
    assert new["credentials"]["refresh_token"] != box.refresh_token
    assert {**new, "credentials": 0} == {**old, "credentials": 0}

    box.control("expire-tokens", {})
    syncs.append(sync(new))
    assert syncs[1].error == "", client.said()
    assert syncs[1].rows == {"currencies": 6}
    (newer,) = syncs[1].kept

    box.control("expire-tokens", {})
    syncs.append(sync(old))
    assert syncs[2].rows == {}
    assert syncs[2].kept == []
    said = " ".join(client.said().split())
    assert 'refused to renew the access token (400): "invalid_grant"' in said
    assert "Reconnect the app." in said

    for config in (old, new, newer):
        for name in SECRETS:
            secret = config["credentials"].get(name, "none before the first sync")
            assert secret not in said, name
            assert not [each for each in syncs if secret in each.error], name


def test_nothing_that_held_a_secret_stays_on_disk(client: PyAirbyte, first: Step) -> None:
    assert list(client.files.iterdir()) == []
    assert first.box.api_token not in client.said()
    kept = [path for path in first.warehouse.parent.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if first.box.api_token.encode() in path.read_bytes()]
