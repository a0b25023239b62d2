"""The commands of docs/setup.md, run as they stand, and the pod of docs/kubernetes as a container.

Two things differ from what a user types. The configuration leads to the sandbox; and the `docker`
that the commands find first on their path adds `--network host` to `docker run`, because the
sandbox listens on this machine's loopback alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests.conftest import Box, Start
from integration_tests.engine import ROOT
from integration_tests.program import Message, Outcome, catalog_of
from unit_tests.test_schedulers import pod
from unit_tests.test_setup_docs import RUN, RUN_IN_CHECKOUT, Block, block_ids, blocks

SYNC = ROOT / "docs" / "scheduled" / "sync.py"
STREAMS = {"deals", "persons", "users", "currencies"}  # those that the guide chooses
HOST_NETWORK = """#!/bin/sh
if [ "$1" = run ]; then shift; set -- run --network host "$@"; fi
exec {docker} "$@"
"""
OFFLINE = {
    "DO_NOT_TRACK": "1",
    "AIRBYTE_OFFLINE_MODE": "1",
    "NO_LIVE_PROGRESS": "1",
    "PYTHONWARNINGS": "ignore",  # of Google's libraries, about their future
}
Done = subprocess.CompletedProcess[str]


@dataclass
class Desk:
    """Where a user types: a folder of their own, and a company."""

    folder: Path
    box: Box

    def write_files(self) -> None:
        """The files that the guide has a user write, with the sandbox's address and token."""
        for block in blocks():
            kind, _, name = block.mark.partition(": ")
            if kind == "file":
                content = json.loads(block.text)
                content["credentials"]["api_token"] = self.box.api_token
                content["api_url"] = self.box.url
                (self.folder / name).parent.mkdir(exist_ok=True)
                (self.folder / name).write_text(json.dumps(content))

    def type(self, block: Block) -> Done:
        """Runs one block."""
        shells = {"sh": ["bash", "-eu", "-o", "pipefail", "-c"], "python": ["python", "-c"]}
        return subprocess.run(
            [*shells[block.language], block.text],
            cwd=ROOT if block.mark == RUN_IN_CHECKOUT else self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """This process's, with the checkout's place and its programs, and the other `docker`."""
        docker = shutil.which("docker")
        assert docker, "the commands of the guide need the program docker"
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "docker").write_text(HOST_NETWORK.format(docker=docker))
        (programs / "docker").chmod(0o755)
        path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        build = {"BUILD": os.environ.get("DOCKER_BUILD_OPTIONS", "")}
        places = {"CHECKOUT": str(ROOT), "AIRBYTE_LOGGING_ROOT": str(self.folder / "logs")}
        return {**os.environ, **OFFLINE, **build, **places, "PATH": ":".join(path)}

    def messages(self, pattern: str = "data/messages-*.jsonl") -> Outcome:
        """What the last file of that name holds; every line of it has to be a message."""
        newest = max(self.folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
        return Outcome(0, newest.read_bytes())

    @cached_property
    def company(self) -> dict[str, list[int]]:
        """The ids of the company's records by stream, as the program reads them outside."""
        return ids_of(self.box.read("deals", "persons", "users", "currencies"))


def ids_of(outcome: Outcome) -> dict[str, list[int]]:
    """The ids of the records by stream."""
    return {name: sorted(r["id"] for r in outcome.records(name)) for name in sorted(STREAMS)}


@pytest.fixture(scope="module")
def desk(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    box = start(scale=0.1, rate_limit=100_000)
    box.control("clock", {"advance_seconds": 5})
    folder = tmp_path_factory.mktemp("guide")
    folder.chmod(0o755)  # the image runs as another user
    return Desk(folder, box)


@pytest.fixture(scope="module")
def typed(image: str, desk: Desk) -> dict[Block, Done]:
    """Every block that can be run, in the order of the guide; files are there before."""
    desk.write_files()
    return {block: desk.type(block) for block in blocks() if block.mark in (RUN, RUN_IN_CHECKOUT)}


def only(typed: dict[Block, Done], words: str) -> tuple[Block, Done]:
    """The block that holds `words`."""
    ((block, done),) = [(block, done) for block, done in typed.items() if words in block.text]
    return block, done


@pytest.mark.parametrize(
    "block", [p for p in block_ids() if p.values[0].mark in (RUN, RUN_IN_CHECKOUT)]
)
def test_a_command_of_the_guide_works(typed: dict[Block, Done], desk: Desk, block: Block) -> None:
    done = typed[block]
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert desk.box.api_token not in done.stdout + done.stderr


def test_check_says_that_all_is_well(typed: dict[Block, Done]) -> None:
    _, done = only(typed, " check --config")
    assert '"status":"SUCCEEDED"' in done.stdout


def test_the_catalog_holds_what_was_chosen(typed: dict[Block, Done], desk: Desk) -> None:
    catalog = json.loads((desk.folder / "config" / "catalog.json").read_text())
    modes = {entry["stream"]["name"]: entry["sync_mode"] for entry in catalog["streams"]}
    assert modes == dict.fromkeys(STREAMS, "incremental") | {"currencies": "full_refresh"}


@pytest.mark.parametrize("pattern", ["messages.jsonl", "data/messages-*.jsonl"])
def test_a_read_of_the_guide_is_complete(
    typed: dict[Block, Done], desk: Desk, pattern: str
) -> None:
    assert all(desk.company.values())
    assert ids_of(desk.messages(pattern)) == desk.company


def test_the_counts_are_those_of_the_messages(typed: dict[Block, Done], desk: Desk) -> None:
    _, done = only(typed, "collections.Counter")
    records = desk.messages("messages.jsonl").of("RECORD")
    assert done.stdout.strip() == str(Counter(record["stream"] for record in records))


def test_pyairbyte_fills_a_table_both_ways(typed: dict[Block, Done], desk: Desk) -> None:
    for way in ("local_executable=", "docker_image="):
        _, done = only(typed, way)
        assert "[5 rows x " in done.stdout, done.stdout
    (file,) = (desk.folder / ".cache").rglob("*.duckdb")
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.execute("SELECT id FROM main.deals ORDER BY id").fetchall()
    assert [id_ for (id_,) in rows] == desk.company["deals"]


def test_the_next_run_of_the_same_command_reads_what_changed(
    typed: dict[Block, Done], desk: Desk
) -> None:
    """Otherwise each run pays for everything again."""
    block, _ = only(typed, "sync.py")
    before = {s["stream"]["stream_descriptor"]["name"] for s in states(desk.folder / "data")}
    assert before == STREAMS
    time.sleep(1)  # a file of its own
    assert desk.type(block).returncode == 0
    again = ids_of(desk.messages())
    assert len(again["deals"]) * 5 < len(desk.company["deals"])
    assert again["currencies"] == desk.company["currencies"]  # a list that is always read whole


def states(folder: Path) -> list[Message]:
    return list(json.loads((folder / "state.json").read_text()))


# The pod of the CronJob, which is that of the DAG as well.


@contextmanager
def running(engine: Any, image: str, folder: Path) -> Iterator[Any]:
    """The CronJob's container with its rights and mounts, from folders of the volumes' names."""
    spec = pod()
    (container,) = spec["containers"]
    rights, user = container["securityContext"], spec["securityContext"]
    mounts = {
        str(folder / mount["name"]): {
            "bind": mount["mountPath"],
            "mode": "ro" if mount.get("readOnly") else "rw",
        }
        for mount in container["volumeMounts"]
    }
    one = engine.containers.run(
        image,
        container["args"],
        entrypoint=container["command"],
        user=f"{user['runAsUser']}:{user['runAsGroup']}",
        read_only=rights["readOnlyRootFilesystem"],
        cap_drop=rights["capabilities"]["drop"],
        security_opt=["no-new-privileges"],
        mem_limit=container["resources"]["limits"]["memory"].replace("Mi", "m"),
        network_mode="host",
        volumes=mounts,
        detach=True,
    )
    try:
        yield one
    finally:
        one.remove(force=True)


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """A folder for each volume of the pod; what belongs into them is still to be written."""
    for name in ("config", "program", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "data").chmod(0o777)  # what fsGroup does in a cluster
    tmp_path.chmod(0o755)
    shutil.copy(SYNC, tmp_path / "program" / "sync.py")
    return tmp_path


def test_the_cronjob_ends_in_time_and_the_next_one_goes_on(
    engine: Any, image: str, volumes: Path, start: Start
) -> None:
    """The pod is deleted in the middle of the first sync: what it has read is not read again."""
    box = start(scale=1, rate_limit=100_000, latency_ms=150)
    box.control("clock", {"advance_seconds": 5})
    (volumes / "config" / "config.json").write_text(json.dumps(box.config(num_workers=1)))
    catalog = catalog_of(box.streams(), "deals", "persons", "users")
    (volumes / "program" / "catalog.json").write_text(json.dumps(catalog))
    grace = pod()["terminationGracePeriodSeconds"]
    with running(engine, image, volumes) as container:
        deadline = time.monotonic() + 60
        while not messages(volumes):
            assert time.monotonic() < deadline, container.logs().decode()
            time.sleep(0.1)
        began = time.monotonic()
        container.stop(timeout=grace)
        assert time.monotonic() - began < 10
        assert container.wait(timeout=5)["StatusCode"] == 143, container.logs().decode()
        assert "asked to stop" in container.logs().decode()
    assert states(volumes / "data")
    first = messages(volumes)
    with running(engine, image, volumes) as container:
        assert container.wait(timeout=120)["StatusCode"] == 0, container.logs().decode()
        assert box.api_token not in container.logs().decode()
    both = messages(volumes)
    outside = ids_of(box.read("deals", "persons", "users"))
    assert set(both) == {(stream, id_) for stream, ids in outside.items() for id_ in ids}
    assert len(both) < len(first) + len(set(both))  # not all of it twice


def messages(volumes: Path) -> list[tuple[str, Any]]:
    """(stream, id) of each record on the volume."""
    lines = [
        json.loads(text)
        for path in sorted((volumes / "data").glob("*.jsonl"))
        for text in path.read_text().splitlines()
    ]
    records = [message["record"] for message in lines if message["type"] == "RECORD"]
    return [(record["stream"], record["data"]["id"]) for record in records]
