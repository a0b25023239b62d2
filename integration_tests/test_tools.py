"""The tools as a person runs them: their output, their errors, and the files that they write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from source_pipedrive.stream_sets import CORE, SETS
from source_pipedrive.streams import STREAMS

ROOT = Path(__file__).parents[1]
COLUMNS = {"custom_fields": "columns_and_raw"}  # so that discover asks Pipedrive


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One tool, as a separate process."""
    command = [sys.executable, str(ROOT / "main.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)


def config_file(folder: Path, config: dict[str, Any]) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path


@pytest.fixture
def box(start: Start) -> Box:
    return start(rate_limit=100_000)


def test_the_catalog_of_the_core_set_can_be_read(box: Box, tmp_path: Path) -> None:
    config = config_file(tmp_path, box.config(**COLUMNS))
    done = run("catalog", "--config", str(config))
    assert done.returncode == 0, done.stderr
    catalog = tmp_path / "catalog.json"
    catalog.write_text(done.stdout)
    entries = {each["stream"]["name"]: each for each in json.loads(done.stdout)["streams"]}
    assert entries.keys() == CORE
    assert entries["deals"]["sync_mode"] == "incremental"
    assert entries["deals"]["destination_sync_mode"] == "append_dedup"
    assert entries["currencies"]["sync_mode"] == "full_refresh"
    assert "tier" in entries["deals"]["stream"]["json_schema"]["properties"]

    read = run("read", "--config", str(config), "--catalog", str(catalog))
    messages = [json.loads(line) for line in read.stdout.splitlines()]
    assert read.returncode == 0, messages[-1]
    read_from = {m["record"]["stream"] for m in messages if m["type"] == "RECORD"}
    assert {"deals", "persons", "organizations"} <= read_from


@pytest.mark.parametrize("name", SETS)
def test_every_set_names_streams_that_exist(box: Box, tmp_path: Path, name: str) -> None:
    config = config_file(tmp_path, {**box.config(), "custom_fields": "raw"})
    found = json.loads(run("catalog", "--config", str(config), "--set", name).stdout)["streams"]
    expected = STREAMS.keys() if SETS[name] is None else SETS[name]
    assert {each["stream"]["name"] for each in found} == expected


def test_single_streams(box: Box, tmp_path: Path) -> None:
    config = str(config_file(tmp_path, {**box.config(), "custom_fields": "raw"}))
    done = run("catalog", "--config", config, "--streams", "users", "deals")
    names = [each["stream"]["name"] for each in json.loads(done.stdout)["streams"]]
    assert names == ["deals", "users"]
    commas = run("catalog", "--config", config, "--streams", "users,deals,")
    assert commas.stdout == done.stdout
    both = run("catalog", "--config", config, "--streams", "deals", "currencies")
    modes = {e["stream"]["name"]: e["sync_mode"] for e in json.loads(both.stdout)["streams"]}
    assert modes == {"deals": "incremental", "currencies": "full_refresh"}
    wrong = run("catalog", "--config", config, "--streams", "deal")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith(
        "source-pipedrive catalog: There is no stream called deal. Did you mean deals?"
    )


def test_a_spent_day_is_one_line_about_the_day(box: Box, tmp_path: Path) -> None:
    box.control("switches", {"daily_tokens": 1})
    config = str(config_file(tmp_path, box.config(**COLUMNS)))
    for name in ("catalog", "estimate"):
        done = run(name, "--config", config)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith("server time. Run the command again then.\n")
        assert len(done.stderr.splitlines()) == 1


def test_an_error_is_one_line_without_the_token(box: Box, tmp_path: Path) -> None:
    token = "0123456789abcdef0123456789abcdef01234567"
    wrong = {**box.config(**COLUMNS), "credentials": {"auth_type": "api_token", "api_token": token}}
    done = run("catalog", "--config", str(config_file(tmp_path, wrong)))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("source-pipedrive catalog: ")
    assert token not in done.stderr


def test_a_new_refresh_token_goes_to_the_file_and_nowhere_else(box: Box, tmp_path: Path) -> None:
    """Otherwise the next sync has a token that is void."""
    box.control("switches", {"rotate_refresh_token": True})
    path = config_file(tmp_path, {**box.oauth(), **COLUMNS})
    done = run("catalog", "--config", str(path))
    assert done.returncode == 0, done.stderr
    credentials = json.loads(path.read_text())["credentials"]
    assert credentials["refresh_token"] != box.oauth()["credentials"]["refresh_token"]
    assert path.stat().st_mode & 0o777 == 0o600
    for name in ("access_token", "refresh_token", "client_secret"):
        assert credentials[name] not in done.stdout + done.stderr
    assert os.listdir(tmp_path) == ["config.json"]
    assert run("catalog", "--config", str(path)).returncode == 0


def test_a_tool_that_is_stopped_saves_a_new_refresh_token(box: Box, tmp_path: Path) -> None:
    """Otherwise `docker stop` costs the connection."""
    box.control("switches", {"rotate_refresh_token": True})
    box.control("fail-next", [{"path_contains": "Fields", "delay_ms": 120_000, "times": 99}])
    path = config_file(tmp_path, {**box.oauth(), **COLUMNS})
    command = [sys.executable, str(ROOT / "main.py"), "catalog", "--config", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as running:
        try:
            while not any("users/me" in request["path"] for request in box.control("requests")):
                assert running.poll() is None, "it ended before it was stopped"
                time.sleep(0.05)
            running.terminate()
            assert running.wait(timeout=60) == 128 + signal.SIGTERM
        finally:
            running.kill()
    credentials = json.loads(path.read_text())["credentials"]
    assert credentials["refresh_token"] != box.oauth()["credentials"]["refresh_token"]
    box.control("clear-faults", {})
    assert run("catalog", "--config", str(path)).returncode == 0
