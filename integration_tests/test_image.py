"""The image: what an orchestrator schedules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from integration_tests.conftest import Box
from integration_tests.engine import IMAGE
from integration_tests.program import Outcome, catalog_of, run


def in_container(engine: Any, files: Path, *arguments: str) -> Outcome:
    """One command in a container that sees `files` read-only and this machine's loopback."""
    container = engine.containers.run(
        IMAGE,
        list(arguments),
        detach=True,
        network_mode="host",
        cap_drop=["ALL"],
        volumes={str(files): {"bind": "/config", "mode": "ro"}},
    )
    try:
        code = container.wait(timeout=120)["StatusCode"]
        return Outcome(code, container.logs(stdout=True, stderr=False))
    finally:
        container.remove(force=True)


def test_the_image_answers_spec(engine: Any, image: str, tmp_path: Path) -> None:
    outcome = in_container(engine, tmp_path, "spec")
    assert outcome.code == 0
    assert outcome.of("SPEC") == run("spec").of("SPEC")


def test_the_image_runs_as_nobody_in_particular(engine: Any, image: str) -> None:
    config = engine.images.get(image).attrs["Config"]
    assert config["User"] not in ("", "0", "root")
    assert config["Entrypoint"] == ["python", "/airbyte/integration_code/main.py"]


def test_the_image_reads(engine: Any, image: str, tmp_path: Path, shared_box: Box) -> None:
    (tmp_path / "config.json").write_text(json.dumps(shared_box.config()))
    catalog = catalog_of(shared_box.streams(), "deals", "users", "currencies")
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    tmp_path.chmod(0o755)
    config = ["--config", "/config/config.json"]
    checked = in_container(engine, tmp_path, "check", *config)
    assert checked.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    outcome = in_container(engine, tmp_path, "read", *config, "--catalog", "/config/catalog.json")
    assert outcome.code == 0
    outside = shared_box.read("deals", "users", "currencies")
    for name in ("deals", "users", "currencies"):
        assert outcome.records(name) == outside.records(name), name
