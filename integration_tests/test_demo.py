"""`make demo`, run twice by a user: its output, and the contents of the DuckDB file."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from pipedrive_sandbox.clock import moment, plain
from pipedrive_sandbox.demo.sync import skipped_streams
from pipedrive_sandbox.mutations import INCREMENTAL
from pipedrive_sandbox.options import Options
from pipedrive_sandbox.routes import ROUTES
from pipedrive_sandbox.sandbox import Sandbox
from unit_tests.pyairbyte import needs_pyairbyte

pytestmark = needs_pyairbyte

ROOT = Path(__file__).parents[1]
SCALE = 0.1
EVERY_STATUS = {"status": "open,won,lost,deleted"}
OVERLAP = 60  # seconds before the end of a sync, which the next one reads again


def demo(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "pipedrive_sandbox.demo", "--folder", str(folder), *more)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {n: v for n, v in os.environ.items() if n not in ("FRESH", "DOCKER")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def table(output: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table whose first column is called `heading`, by their first cell."""
    lines = output[output.index(f"┃ {heading} ") :].split("└")[0].splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    return {first: rest for first, *rest in cells}


def number(cell: str) -> int:
    return int(cell.replace(",", "") or 0)


@dataclass
class Runs:
    folder: Path
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]
    memory: dict[str, Any]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "pipedrive.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("demo")
    first, second = (demo(folder, "--scale", str(SCALE)) for _ in range(2))
    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 0, second.stdout + second.stderr
    return Runs(folder, first, second, json.loads((folder / "demo.json").read_text()))


@pytest.fixture(scope="module")
def company(runs: Runs) -> Iterator[Sandbox]:
    """The company at the time of the first run."""
    with Sandbox(Options(scale=SCALE, clock=runs.memory["since"])) as box:
        yield box


@pytest.fixture(scope="module")
def company_after(runs: Runs) -> Iterator[Sandbox]:
    """The company at the time of the second run."""
    (batch,) = runs.memory["batches"]
    with Sandbox(Options(scale=SCALE, clock=runs.memory["since"])) as box:
        box.clock.set(batch["at"])
        assert box.mutate(1, edits=40, adds=10, deletes=5, archives=5) == batch["changes"]
        yield box


def listed(box: Sandbox, name: str) -> list[dict[str, Any]]:
    params = EVERY_STATUS if name in ("deals", "deals_archived") else {}
    return box.records(name, **params)


def test_a_pipe_gets_plain_text_and_no_output_of_pyairbyte(runs: Runs) -> None:
    for run in (runs.first, runs.second):
        assert run.stderr == ""
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", run.stdout)
        assert max(map(len, run.stdout.splitlines())) <= 120
    assert "Run `make demo` again to read only what has changed." in runs.first.stdout


def test_the_sandbox_ends_with_the_demo(runs: Runs) -> None:
    for run in (runs.first, runs.second):
        address = urlsplit(re.findall(r"http://127\.0\.0\.1:\d+", run.stdout)[0])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.hostname, address.port)).close()


def test_every_record_of_the_company_is_counted_once(runs: Runs, company: Sandbox) -> None:
    rows = table(runs.first.stdout, "stream")
    other = ("users_me", "recents", "deals_summary", "projects", "projects_archived")
    lists = [
        route.object
        for route in ROUTES
        if not route.relation.parent_table and not route.relation.ids_param
    ]
    names = [name for name in lists if name not in other]
    assert "deal_products" in rows.keys() - skipped_streams()
    assert set(names) <= set(rows)
    expected = {name: len(listed(company, name)) for name in names}
    assert {name: number(rows[name][0]) for name in names} == expected
    assert {name: number(rows[name][1]) for name in names} == expected
    assert number(rows["all"][3]) == sum(number(rows[name][3]) for name in rows if name != "all")


def test_the_query_shows_who_owns_the_deals(runs: Runs, company: Sandbox) -> None:
    users = {user["name"] for user in company.records("users")}
    for run in (runs.first, runs.second):
        assert "JOIN crm.users" in run.stdout
        lines = run.stdout[run.stdout.index("┃ pipeline ") :].splitlines()
        answers = [line.split("│") for line in lines if line.startswith("│")]
        assert len(answers) == 15
        assert {answer[3].strip() for answer in answers} <= users
        assert all(number(answer[5]) > 0 for answer in answers)
        assert all(answer[2].strip().startswith("Tier ") for answer in answers)


def test_the_views_hold_what_exists_after_the_second_run(
    runs: Runs, company_after: Sandbox
) -> None:
    """Deals were archived and deleted in between; the query counts each once."""
    assert "FROM crm.deals_now d" in runs.second.stdout
    both = [*company_after.records("deals"), *company_after.records("deals_archived")]
    assert len(runs.query("SELECT id FROM crm.deals")) > len(company_after.records("deals"))
    found = runs.query("SELECT id FROM crm.deals_now ORDER BY id")
    assert [id_ for (id_,) in found] == sorted(deal["id"] for deal in both)
    for name in ("persons", "organizations"):
        found = runs.query(f"SELECT id FROM crm.{name}_now ORDER BY id")
        assert [id_ for (id_,) in found] == sorted(r["id"] for r in company_after.records(name))


def test_custom_fields_are_columns_of_the_right_type(runs: Runs) -> None:
    """They need no cast, and have the names that users gave them in Pipedrive."""
    (budget, seats) = runs.query("SELECT sum(budget), avg(seats) FROM crm.deals")[0]
    assert budget > 0
    assert seats > 0
    months = runs.query(
        "SELECT date_trunc('month', renewal) AS month, count(*) FROM crm.deals "
        "WHERE renewal IS NOT NULL GROUP BY month ORDER BY month"
    )
    assert months
    assert all(month.day == 1 for month, _ in months)
    tiers = {tier for (tier,) in runs.query("SELECT DISTINCT tier FROM crm.leads")}
    assert "Tier 1" in tiers
    assert runs.query("SELECT count(DISTINCT budget_currency) FROM crm.deals")[0][0] > 1


def test_the_second_run_reads_and_reports_what_changed(runs: Runs, company: Sandbox) -> None:
    (batch,) = runs.memory["batches"]
    changed = {name: sum(map(len, kinds.values())) for name, kinds in batch["changes"].items()}
    shown = table(runs.second.stdout, "object")
    assert {name: sum(map(number, shown[name])) for name in changed} == changed

    since = moment(runs.memory["since"])
    before, after = (table(run.stdout, "stream") for run in (runs.first, runs.second))
    for name in INCREMENTAL:
        archived = f"{name}_archived" if f"{name}_archived" in after else name
        again = [
            record
            for each in {name, archived}
            for record in listed(company, each)
            if _after(record["update_time"], since - OVERLAP)
        ]
        read = sum(number(after[each][0]) for each in {name, archived})
        assert read <= changed.get(name, 0) + len(again), name
    assert number(after["all"][0]) * 3 < number(before["all"][0])
    assert number(after["all"][3]) <= number(before["all"][3])

    said = " ".join(runs.second.stdout.split())
    assert f"Since the last run, {sum(changed.values())} records changed." in said
    assert f"The first run read {before['all'][0]} rows" in said


def test_the_warehouse_has_the_changes_of_the_sandbox(runs: Runs, company_after: Sandbox) -> None:
    for name in (*INCREMENTAL, "deals_archived", "leads_archived"):
        held = runs.query(f"SELECT id, update_time FROM crm.{name}")
        latest = {str(id_): time.replace(microsecond=0) for id_, time in held}
        assert len(held) == len(latest), f"{name}: duplicate primary key"
        for record in listed(company_after, name):
            written = re.sub(r"\.\d+|Z", "", record["update_time"].replace("T", " "))
            assert str(latest[str(record["id"])]) == written, (name, record["id"])
    (batch,) = runs.memory["batches"]
    for id_ in batch["changes"].get("deals", {}).get("deleted", []):
        assert runs.query(f"SELECT status FROM crm.deals WHERE id = {id_}") == [("deleted",)]


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"seed": "?"}, "demo.json cannot be read."),
        ({"seed": 2}, "--seed 2"),
        ({"format": 0}, "another version"),
        ({"since": "2999-01-01T00:00:00Z"}, "from the future"),
        ({"synced": 0}, "pipedrive.duckdb is missing"),
    ],
)
def test_an_unusable_folder_is_explained(
    tmp_path: Path, known: dict[str, Any], sentence: str
) -> None:
    memory = {"format": 1, "seed": 1, "scale": 1, "since": "2026-01-01T00:00:00Z", **known}
    (tmp_path / "demo.json").write_text(json.dumps(memory))
    run = demo(tmp_path)
    said = run.stdout.replace("\n", "")
    assert run.returncode == 1
    assert sentence in said
    assert "make demo FRESH=1" in said
    assert run.stderr == ""


def test_the_image_resumes_where_the_program_stopped(
    runs: Runs, image: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(runs.folder, tmp_path / "demo")
    third = demo(folder, "--scale", str(SCALE), "--image", image)
    assert third.returncode == 0, third.stdout + third.stderr
    assert third.stderr == ""
    assert f"The image {image} syncs it through PyAirbyte" in third.stdout
    before, after = (table(each.stdout, "stream") for each in (runs.first, third))
    assert number(after["all"][0]) * 3 < number(before["all"][0])

    memory = json.loads((folder / "demo.json").read_text())
    now = Runs(folder, runs.first, third, memory)
    assert memory["synced"] == len(memory["batches"]) == 2
    with Sandbox(Options(scale=SCALE, clock=memory["since"])) as box:
        for seed, batch in enumerate(memory["batches"], start=1):
            box.clock.set(batch["at"])
            box.mutate(seed, edits=40, adds=10, deletes=5, archives=5)
        for name in ("deals", "persons", "activities"):
            held = dict(now.query(f"SELECT id, CAST(update_time AS TEXT) FROM crm.{name}"))
            for record in listed(box, name):
                written = record["update_time"][:19].replace("T", " ")
                assert held[record["id"]][:19] == written, (name, record["id"])


def test_a_stopped_demo_leaves_no_container(engine: Any, image: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipedrive_sandbox.demo", "--folder", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--scale", str(SCALE), "--image", image],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        give_up = time.monotonic() + 60
        while not containers(engine, tmp_path):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.1)
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith("Stopped. The next run resumes from what was written.\n")
    assert "Traceback" not in said
    give_up = time.monotonic() + 20
    while containers(engine, tmp_path):
        assert time.monotonic() < give_up
        time.sleep(0.1)


def containers(engine: Any, folder: Path) -> list[str]:
    """The containers that mount `folder`."""
    return [each["Id"] for each in engine.api.containers(filters={"volume": f"{folder}/files"})]


def test_a_missing_engine_is_explained(tmp_path: Path) -> None:
    """A user runs `make demo DOCKER=1` while Docker is not running."""
    closed = f"unix://{tmp_path}/closed.sock"
    here = f"BIN={Path(sys.executable).parent}"
    done = run("make", "-o", ".venv/ready", here, "demo", "DOCKER=1", DOCKER_HOST=closed)
    assert done.returncode != 0
    assert "No Docker engine responds." in done.stdout
    assert "docker info" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_missing_image_is_explained(engine: Any, tmp_path: Path) -> None:
    done = demo(tmp_path, "--image", "source-pipedrive:never-built")
    assert done.returncode == 1
    assert "Build it with: make image IMAGE=source-pipedrive:never-built" in done.stdout
    assert done.stderr == ""


def test_make_builds_the_image_only_on_request(engine: Any) -> None:
    for settings, wanted in (["DOCKER=1"], True), (["DOCKER=0"], False), ([], False):
        done = run("make", "-n", "-o", ".venv/ready", "demo", "IMAGE=a:b", "BUILD=-q", *settings)
        assert done.returncode == 0, done.stderr
        assert ("docker build -q -t a:b ." in done.stdout) is wanted
        assert ("pipedrive_sandbox.demo --image a:b" in done.stdout) is wanted


def _after(time: str, second: float) -> bool:
    return time[:19].replace("T", " ") >= plain(second)
