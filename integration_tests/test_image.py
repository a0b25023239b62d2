"""The Docker image, which an orchestrator schedules."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests.conftest import Box, Start
from integration_tests.engine import ROOT
from integration_tests.orchestrator import Orchestrator
from integration_tests.program import Message, catalog_of, run
from integration_tests.warehouse import Warehouse, listed
from source_pipedrive import __version__

STREAMS = ("deals", "persons", "users", "currencies")
INCREMENTAL = ("deals", "persons", "users")
STOPS_WITHIN = 10  # seconds that Docker waits before it kills

CONTENTS = """
import importlib.util, json, pathlib, shutil, sys
site = next(p for p in map(pathlib.Path, sys.path) if p.name == "site-packages")
package = site / "source_pipedrive"
found = lambda suffix: {str(p.relative_to(site)) for p in package.rglob("*" + suffix)}
modules = found(".py")
print(json.dumps({
    "files": sorted(modules | found(".json") | found(".typed")),
    "compiled": all(
        pathlib.Path(importlib.util.cache_from_source(p)).exists() for p in site.rglob("*.py")
        if p.stem.isidentifier() and "templates" not in str(p)
    ),
    "tools": [t for t in ("gcc", "cc", "make", "git") if shutil.which(t)],
    "pip": list(map(str, site.glob("pip"))),
    "others": [n for n in ("pytest", "pipedrive_sandbox", "unit_tests", "integration_tests")
               if importlib.util.find_spec(n)],
    "code": sorted(map(str, pathlib.Path("/airbyte").rglob("*"))),
}))
"""


@pytest.fixture
def orchestrator(engine: Any, image: str, tmp_path: Path) -> Orchestrator:
    return Orchestrator(engine, image, tmp_path)


@pytest.fixture
def company(start: Start) -> Box:
    box = start(scale=0.1, rate_limit=100_000)
    box.control("clock", {"advance_seconds": 5})
    return box


def test_the_image_runs_spec(orchestrator: Orchestrator) -> None:
    outcome = orchestrator.run("spec")
    assert outcome.code == 0
    assert outcome.of("SPEC") == run("spec").of("SPEC")


def test_the_image_has_the_right_metadata(engine: Any, image: str) -> None:
    """The name, version and entrypoint that Airbyte reads from the image match the files."""
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    config = engine.images.get(image).attrs["Config"]
    assert config["Labels"]["io.airbyte.name"] == metadata["dockerRepository"]
    assert config["Labels"]["io.airbyte.version"] == metadata["dockerImageTag"]
    assert metadata["dockerImageTag"] == __version__
    assert config["User"] not in ("", "0", "root")
    assert config["Entrypoint"] == ["python", "/airbyte/integration_code/main.py"]
    assert f"AIRBYTE_ENTRYPOINT={' '.join(config['Entrypoint'])}" in config["Env"]


def test_the_image_has_the_connector_but_no_development_files(engine: Any, image: str) -> None:
    """A larger image starts more slowly on every node, and a compiler helps an intruder."""
    command = ["-c", CONTENTS]
    found = json.loads(engine.containers.run(image, command, entrypoint="python", remove=True))
    package = ROOT / "source_pipedrive"
    kinds = ("*.py", "*.json", "*.typed")
    files = sorted(str(p.relative_to(ROOT)) for kind in kinds for p in package.rglob(kind))
    assert found["files"] == files
    assert found["compiled"]
    assert not found["tools"] + found["pip"] + found["others"]
    assert found["code"] == ["/airbyte/integration_code", "/airbyte/integration_code/main.py"]


def test_a_company_is_read_and_then_its_changes(orchestrator: Orchestrator, company: Box) -> None:
    """Each command has a read-only root, no capabilities, and only the mounted files."""
    config = company.config(custom_fields="columns_and_raw")
    checked = orchestrator.run("check", config=config)
    assert checked.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]

    streams = orchestrator.run("discover", config=config).of("CATALOG")[0]["streams"]
    assert streams == company.run("discover", config).of("CATALOG")[0]["streams"]
    catalog = catalog_of(streams, *STREAMS)

    full = orchestrator.run("read", config=config, catalog=catalog)
    assert full.code == 0
    outside = company.run("read", config, "--catalog", company.file(catalog))
    for name in STREAMS:
        assert full.records(name) == outside.records(name), name
        assert full.statuses(name) == ["STARTED", "RUNNING", "COMPLETE"]

    company.control("clock", {"advance_seconds": 3600})
    changed = company.control("mutate", {"seed": 3, "objects": ["deals", "persons"], "edits": 9})
    company.control("clock", {"advance_seconds": 60})
    later = orchestrator.run("read", config=config, catalog=catalog, state=full.state)
    assert later.code == 0
    for name in ("deals", "persons"):
        read = {record["id"] for record in later.records(name)}
        assert read >= set(changed[name]["edited"])
        assert len(read) < len(full.records(name)) / 2


def test_sigterm_during_a_read_leaves_complete_lines_and_a_usable_state(
    orchestrator: Orchestrator, start: Start
) -> None:
    """A second run with the state of the stopped one reads everything that was missing."""
    box = start(scale=1, rate_limit=100_000, latency_ms=100)
    box.control("clock", {"advance_seconds": 5})
    catalog = catalog_of(box.streams(), *INCREMENTAL)
    config = box.config(num_workers=2)
    asked_at: list[float] = []

    def stop(container: Any, message: Message) -> None:
        if message["type"] == "STATE" and not asked_at:
            asked_at.append(time.monotonic())
            container.kill("SIGTERM")

    stopped = orchestrator.run("read", stop, config=config, catalog=catalog)
    assert time.monotonic() - asked_at[0] < STOPS_WITHIN
    assert stopped.code == 128 + signal.SIGTERM
    assert "asked to stop" in stopped.errors[-1]["message"]
    assert "INCOMPLETE" in [stopped.statuses(name)[-1] for name in INCREMENTAL]
    box.control("switches", {"latency_ms": 0})
    rest = orchestrator.run("read", config=config, catalog=catalog, state=stopped.state)
    assert rest.code == 0
    warehouse = Warehouse()
    warehouse.load(stopped.messages)
    warehouse.load(rest.messages)
    for name in INCREMENTAL:
        assert warehouse.tables[name] == listed(box, name), name


def test_sigterm_before_the_first_read_stops_the_container(
    engine: Any, image: str, shared_box: Box, tmp_path: Path
) -> None:
    """The kernel does not stop a container's first process by default."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = "http://{}:{}".format(*silent.getsockname())
        (tmp_path / "config.json").write_text(json.dumps(shared_box.config(api_url=address)))
        tmp_path.chmod(0o755)  # for the image's user
        container = engine.containers.run(
            image,
            ["check", "--config", "/files/config.json"],
            detach=True,
            network_mode="host",
            volumes={str(tmp_path): {"bind": "/files", "mode": "ro"}},
        )
        try:
            silent.settimeout(STOPS_WITHIN)
            connection, _ = silent.accept()
            with connection:
                asked_at = time.monotonic()
                container.stop(timeout=STOPS_WITHIN)
            assert time.monotonic() - asked_at < STOPS_WITHIN / 2
            assert container.wait()["StatusCode"] == 128 + signal.SIGTERM
        finally:
            container.remove(force=True)
