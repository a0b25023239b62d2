"""docs/recipes/several-companies.md: the pods of the indexed Job and of the mapped Airflow task,
each run as a program for a company of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from integration_tests.conftest import Box, Start
from integration_tests.engine import ROOT
from integration_tests.program import Outcome, catalog_of
from unit_tests.recipes import RECIPES
from unit_tests.test_companies import Pod, indexed, mapped
from unit_tests.test_setup_docs import blocks

SYNC = ROOT / "docs" / "scheduled" / "sync.py"


@pytest.fixture
def boxes(start: Start) -> list[Box]:
    """Three companies, whose records differ."""
    found = [start(scale=0.05, seed=seed, rate_limit=100_000) for seed in (1, 2, 3)]
    for box in found:
        box.control("clock", {"advance_seconds": 5})
    return found


def run(pod: Pod, company: str, volumes: Path) -> subprocess.CompletedProcess[str]:
    """The pod's command, with its mounts in a folder of their own; `volumes` holds the volumes."""
    mounts = volumes / f"pod-{company}"
    for path, volume, key in pod.mounts(company):
        (mounts / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (mounts / path[1:]).symlink_to(volumes / volume / key if key else volumes / volume)
    words = pod.command(company)
    places = {"python": sys.executable, "/airbyte/integration_code/main.py": str(ROOT / "main.py")}
    roots = ("/config/", "/data/", "/program/")
    command = [
        places.get(word, f"{mounts}{word}" if word.startswith(roots) else word) for word in words
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    finally:
        shutil.rmtree(mounts)


@pytest.mark.parametrize(
    ("pod", "names"),
    [
        pytest.param(indexed, ["0", "1", "2"], id="kubernetes"),
        pytest.param(mapped, ["acme", "globex", "initech"], id="airflow"),
    ],
)
def test_each_company_is_read_into_its_own_folder(
    boxes: list[Box], tmp_path: Path, pod: Callable[[], Pod], names: list[str]
) -> None:
    """With one pod's token in another's folder, companies would mix without a trace."""
    for volume in ("config", "program", "data"):
        (tmp_path / volume).mkdir()
    catalog = catalog_of(boxes[0].streams(), "deals", "sync_reports")
    (tmp_path / "program" / "catalog.json").write_text(json.dumps(catalog))
    shutil.copy(SYNC, tmp_path / "program")
    wrong, good = names[0], names[1:]
    for name, box in zip(names, boxes, strict=True):
        config = box.config(credentials={"auth_type": "api_token", "api_token": "wrong"})
        config = config if name == wrong else box.config()
        (tmp_path / "config" / f"{name}.json").write_text(json.dumps(config))
    for name in names:
        done = run(pod(), name, tmp_path)
        assert (done.returncode == 0) == (name != wrong), done.stderr
    for name, box in zip(names[1:], boxes[1:], strict=True):
        assert titles(tmp_path / "data" / name) == {
            deal["title"] for deal in box.control("records/deals?status=open,won,lost,deleted")
        }
    states = [json.loads((tmp_path / "data" / name / "state.json").read_text()) for name in good]
    assert all(states)


def titles(folder: Path) -> set[str]:
    (file,) = folder.glob("messages-*.jsonl")
    return {deal["title"] for deal in Outcome(0, file.read_bytes()).records("deals")}


def test_the_union_of_the_page_keeps_companies_apart() -> None:
    (sql,) = [b.text for b in blocks(text("several-companies.md")) if b.language == "sql"]
    columns = "id BIGINT, title VARCHAR, status VARCHAR, value DECIMAL, currency VARCHAR"
    with duckdb.connect() as connection:
        for name, more in (("acme", "tier VARCHAR"), ("globex", "size BIGINT, region VARCHAR")):
            connection.execute(f"CREATE SCHEMA crm_{name}")
            table = f"crm_{name}.deals"
            connection.execute(f"CREATE TABLE {table} ({columns}, {more}, update_time TIMESTAMP)")
            connection.execute(f"INSERT INTO {table} (id, title) VALUES (1, '{name} first')")
        connection.execute(sql)
        rows = connection.execute("SELECT company, id, title FROM deals_of_all").fetchall()
    assert sorted(rows) == [("acme", 1, "acme first"), ("globex", 1, "globex first")]


def text(page: str) -> str:
    return (RECIPES / page).read_text()
