"""`make demo`, run twice by a user: its output, and the contents of the DuckDB file."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from integration_tests.terminal import in_terminal, screen
from pipedrive_sandbox.clock import moment, plain
from pipedrive_sandbox.demo.company import A_DAYS_WORK
from pipedrive_sandbox.demo.state import FORMAT
from pipedrive_sandbox.demo.sync import skipped_streams
from pipedrive_sandbox.mutations import INCREMENTAL
from pipedrive_sandbox.options import Options
from pipedrive_sandbox.routes import ROUTES
from pipedrive_sandbox.sandbox import Sandbox
from unit_tests.pyairbyte import needs_pyairbyte

pytestmark = needs_pyairbyte

ROOT = Path(__file__).parents[1]
SCALE = 0.1
DEALS = ("deals", "deals_archived")
EVERY_STATUS = {"status": "open,won,lost,deleted"}
OVERLAP = 60  # seconds before the end of a sync, which the next one reads again
MOST_LINES = 39  # and the line that says that something is being installed
BIN = Path(sys.executable).parent
# By a link, as in a checkout of which these tests' environment is the `.venv`.
PROGRAM = [f".venv/bin/{Path(sys.executable).name}", "-m", "pipedrive_sandbox.demo"]


def environment(**more: str) -> dict[str, str]:
    """Of a user who typed `make demo` and variables, in a folder whose demo is this checkout's."""
    others = ("ALL", "FRESH", "DOCKER", "SQL", "MAKEFLAGS", "MAKELEVEL")
    inherited = {n: v for n, v in os.environ.items() if n not in others}
    return {**inherited, "PYTHONPATH": str(ROOT), **more}


def demo(cwd: Path, *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
    link_environment(cwd)
    return run(*PROGRAM, *more, cwd=cwd, **variables)


def link_environment(cwd: Path) -> None:
    if not (cwd / ".venv").exists():
        (cwd / ".venv").symlink_to(BIN.parent)


def make(*words: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make with what is installed beside this Python."""
    given = ["-f", f"{ROOT}/Makefile", "-o", ".venv/demo", f"BIN={BIN}", *words]
    return run("make", *given, cwd=cwd, **variables)


def run(
    *command: str, cwd: Path = ROOT, timeout: float = 300, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def table(output: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table whose first column is called `heading`, by their first cell."""
    lines = output.splitlines()
    at = next(at for at, line in enumerate(lines) if re.match(f"{heading} {{3,}}", line))
    _, *ends = [cell.end() for cell in re.finditer(r"\S+(?: \S+)*", lines[at])]
    found = {}
    for line in lines[at + 1 :]:
        if not line.strip() or line.startswith("The "):
            break
        if not line.startswith("─"):
            name, *first = re.split(" {2,}", line[: ends[0]].rstrip())
            others = [line[start:end].strip() for start, end in pairwise(ends)]
            found[name] = ["".join(first), *others]
    return found


def number(cell: str) -> int:
    return int(cell.replace(",", "") or 0)


Sums = dict[str, tuple[int, Decimal]]


def open_deals(box: Sandbox) -> Sums:
    """{pipeline: (open deals in USD, the sum of their values)}."""
    names = {each["id"]: each["name"] for each in box.records("pipelines")}
    sums: Sums = {}
    for deal in box.records("deals"):
        if deal["status"] == "open" and deal["currency"] == "USD":
            count, value = sums.get(names[deal["pipeline_id"]], (0, Decimal(0)))
            sums[names[deal["pipeline_id"]]] = count + 1, value + Decimal(str(deal["value"]))
    return sums


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
    """Two runs whose output goes into a pipe, with all streams."""
    cwd = tmp_path_factory.mktemp("demo")
    first, second = (demo(cwd, "--scale", str(SCALE), ALL="1") for _ in range(2))
    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 0, second.stdout + second.stderr
    folder = cwd / ".demo"
    return Runs(folder, first, second, json.loads((folder / "demo.json").read_text()))


Screens = list[tuple[tuple[int, int], list[str]]]


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Screens:
    """Three runs in terminals, then a fresh one: ((columns, rows), lines of the screen)."""
    cwd = tmp_path_factory.mktemp("demo")
    large, small = (100, 35), (80, 24)
    link_environment(cwd)
    found = []
    for size, variables in (large, {}), (small, {}), (large, {}), (small, {"FRESH": "1"}):
        command = [*PROGRAM, "--scale", str(SCALE)]
        code, said = in_terminal(*size, command, cwd, environment(**variables))
        assert code == 0, said
        assert "Reading" in said, "no progress"
        found.append((size, screen(said, size[0])))
    return found


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
        assert box.mutate(1, **A_DAYS_WORK) == batch["changes"]
        yield box


def listed(box: Sandbox, name: str) -> list[dict[str, Any]]:
    params = EVERY_STATUS if name in DEALS else {}
    return box.records(name, **params)


def test_a_pipe_gets_plain_text_and_no_output_of_pyairbyte(runs: Runs) -> None:
    for run in (runs.first, runs.second):
        assert run.stderr == ""
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", run.stdout)
        assert max(map(len, run.stdout.splitlines())) <= 80
        assert "Reading" not in run.stdout


def test_a_run_fits_a_small_screen(screens: Screens) -> None:
    """Of 110 lines, a small terminal shows the tail."""
    for (columns, _), lines in screens:
        assert len(lines) <= MOST_LINES + ("first run" in "".join(lines)), "\n".join(lines)
        assert max(map(len, lines)) <= min(columns, 80), "a line was wrapped"
        assert re.match(r"stream {3,}rows read", lines[4 if "Since" in lines[1] else 3])


def test_the_last_screen_holds_the_bill_the_result_and_the_next_commands(screens: Screens) -> None:
    for _, lines in screens:
        last = "\n".join(lines[-23:])  # of 24; the shell's prompt takes one
        assert "The bill: " in last
        assert "  SELECT p.name AS pipeline" in last
        assert table(last, "pipeline").keys() == {"Sales", "Renewals", "Partners"}
        assert re.search(r"\n  read only changes +make demo\n", last)


def test_each_run_shows_a_result_that_has_changed(screens: Screens) -> None:
    *others, fresh = ["\n".join(lines) for _, lines in screens]
    first, second, third = others
    for again, before in (second, first), (third, second):
        assert re.search(r"\nSince the last run, [123] of 3 rows changed:", again)
        now, then = table(again, "pipeline"), table(before, "pipeline")
        figures = 0 if before is first else 1  # whether it has columns of changes
        for name, cells in now.items():
            old = then[name][:: 1 + figures]
            differences = [number(cell) for cell in cells[1::2]]
            wanted = [number(a) - number(b) for a, b in zip(cells[::2], old, strict=True)]
            # Each is rounded by itself.
            assert all(abs(a - b) <= 1 for a, b in zip(differences, wanted, strict=True))
        assert any(cell for cells in now.values() for cell in cells[1::2])
    for once in (first, fresh):
        assert "last run" not in once
        assert len(table(once, "pipeline")["Sales"]) == 3


def test_the_ten_largest_streams_are_listed_and_the_rest_is_counted(
    screens: Screens, runs: Runs
) -> None:
    for _, lines in screens:
        rows = table("\n".join(lines), "stream")
        names = list(rows)
        assert names[11:] in (["all"], ["all", "first run"])
        (more,) = re.findall(r"^(\d+) more, `make demo ALL=1`$", names[10])
        everything = [name for name in table(runs.first.stdout, "stream") if "(" not in name]
        assert int(more) + 10 == len(everything) - len(["all"])
        held = [number(rows[name][1]) for name in names[:10]]
        assert held == sorted(held, reverse=True)
        for column in range(4):
            listed = [number(rows[name][column]) for name in names[:11]]
            assert sum(listed) == number(rows["all"][column])


def test_the_next_commands_work(runs: Runs, company: Sandbox) -> None:
    """They are the last thing that a new user reads."""
    last = runs.second.stdout.splitlines()[-3:]
    commands = [re.split(" {2,}", line.strip(), maxsplit=1)[1] for line in last]
    again, query, own = map(shlex.split, commands)
    assert again == ["make", "demo"]
    done = make(*query[1:], "-n", cwd=runs.folder.parent)
    assert done.stdout.splitlines()[-1].endswith("-m pipedrive_sandbox.demo")

    done = make(*query[1:], cwd=runs.folder.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "title" in done.stdout
    assert "stream" not in done.stdout, "a query is no sync"

    config = {
        "credentials": {"auth_type": "api_token", "api_token": company.api_token},
        "api_url": company.url,
    }
    (runs.folder.parent / "config.json").write_text(json.dumps(config))
    done = run(*own, cwd=runs.folder.parent, NO_PROXY="127.0.0.1")
    assert '"SUCCEEDED"' in done.stdout


@pytest.mark.parametrize(
    ("query", "sentence"),
    [("FROM nothing", "DuckDB refused the query."), ("DROP VIEW crm.deals_now", "read-only")],
)
def test_a_wrong_query_is_explained(runs: Runs, query: str, sentence: str) -> None:
    done = demo(runs.folder.parent, SQL=query)
    assert done.returncode == 1
    assert sentence in done.stdout
    assert done.stderr == ""


def test_a_query_before_the_first_run_is_explained(tmp_path: Path) -> None:
    done = demo(tmp_path, SQL="FROM deals_now")
    assert done.returncode == 1
    assert "Create it with: make demo" in done.stdout


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
    assert f"The bill: {rows['all'][3]} API tokens, " in runs.first.stdout


def test_the_query_has_the_open_deals_of_each_run(
    runs: Runs, company: Sandbox, company_after: Sandbox
) -> None:
    """Archived and deleted deals are none of them, and no currencies are added up."""
    before, after = open_deals(company), open_deals(company_after)
    assert before.keys() == after.keys() == table(runs.first.stdout, "pipeline").keys()
    assert before != after
    for name, (deals, tier_1, usd) in table(runs.first.stdout, "pipeline").items():
        assert number(deals) == before[name][0]
        assert abs(number(usd) - before[name][1]) <= 1
        assert 0 <= number(tier_1) <= number(deals)
    for name, cells in table(runs.second.stdout, "pipeline").items():
        deals, more, _, _, usd, richer = cells
        assert (number(deals), number(more)) == (after[name][0], after[name][0] - before[name][0])
        assert abs(number(usd) - after[name][1]) <= 1
        assert abs(number(richer) - (after[name][1] - before[name][1])) <= 1


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

    kinds = [
        sum(len(of.get(kind, ())) for of in batch["changes"].values())
        for kind in ("edited", "added", "deleted", "archived")
    ]
    (said,) = re.findall("Since the last run, users edited .*", runs.second.stdout)
    assert list(map(int, re.findall(r"\d+", said))) == kinds
    kept = [after["first run"][at] for at in (0, 2, 3, 4)]
    assert kept == [before["all"][at] for at in (0, 2, 3, 4)]


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
        rows = [f"SELECT status FROM crm.{name} WHERE id = {id_}" for name in DEALS]
        assert runs.query(" UNION ".join(rows)) == [("deleted",)]


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
    memory = {"format": FORMAT, "seed": 1, "scale": 1, "since": "2026-01-01T00:00:00Z", **known}
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / "demo.json").write_text(json.dumps(memory))
    run = demo(tmp_path)
    said = run.stdout.replace("\n", "")
    assert run.returncode == 1
    assert sentence in said
    assert "make demo FRESH=1" in said
    assert run.stderr == ""


def test_the_image_resumes_where_the_program_stopped(
    runs: Runs, image: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(runs.folder, tmp_path / ".demo")
    third = demo(tmp_path, "--scale", str(SCALE), "--image", image, ALL="1")
    assert third.returncode == 0, third.stdout + third.stderr
    assert third.stderr == ""
    assert f"{image} reads it through PyAirbyte" in third.stdout
    before, after = (table(each.stdout, "stream") for each in (runs.first, third))
    assert number(after["all"][0]) * 3 < number(before["all"][0])

    memory = json.loads((folder / "demo.json").read_text())
    now = Runs(folder, runs.first, third, memory)
    assert memory["synced"] == len(memory["batches"]) == 2
    with Sandbox(Options(scale=SCALE, clock=memory["since"])) as box:
        for seed, batch in enumerate(memory["batches"], start=1):
            box.clock.set(batch["at"])
            box.mutate(seed, **A_DAYS_WORK)
        for name in ("deals", "persons", "activities"):
            held = dict(now.query(f"SELECT id, CAST(update_time AS TEXT) FROM crm.{name}"))
            for record in listed(box, name):
                written = record["update_time"][:19].replace("T", " ")
                assert held[record["id"]][:19] == written, (name, record["id"])


def test_a_stopped_demo_leaves_no_container(engine: Any, image: str, tmp_path: Path) -> None:
    command = [sys.executable, *PROGRAM[1:], "--folder", str(tmp_path)]
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
    assert said.endswith("Stopped. The next run reads again whatever was not written.\n")
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
    done = make("demo", "DOCKER=1", cwd=tmp_path, DOCKER_HOST=closed)
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
        done = make("-n", "demo", "IMAGE=a:b", "BUILD=-q", *settings)
        assert done.returncode == 0, done.stderr
        assert ("docker build -q -t a:b ." in done.stdout) is wanted
        assert ("pipedrive_sandbox.demo --image a:b" in done.stdout) is wanted


def _after(time: str, second: float) -> bool:
    return time[:19].replace("T", " ") >= plain(second)
