"""The estimate of a first sync, compared with what that sync then costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import LISTS, catalog_of
from integration_tests.test_tools import config_file, run

YEAR = {"mode": "duration", "duration": "1 year"}
ALL = {"mode": "all"}
COUNTED = sorted({*LISTS, "deleted_records"})


def estimate(folder: Path, config: dict[str, Any], *more: str) -> dict[str, Any]:
    done = run("estimate", "--json", "--config", str(config_file(folder, config)), *more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def spent(box: Box) -> int:
    """API tokens of all requests since the sandbox's ledger was last reset."""
    return sum(int(request["tokens"]) for request in box.control("requests"))


@pytest.mark.parametrize("history", [ALL, YEAR], ids=["all", "a year"])
@pytest.mark.parametrize("scale", [0.2, 1, 4])
def test_the_lists_cost_what_was_estimated(
    start: Start, tmp_path: Path, scale: float, history: dict[str, str]
) -> None:
    box = start(rate_limit=100_000, scale=scale)
    config = box.config(custom_fields="columns_and_raw", history=history)
    before = spent(box)
    found = estimate(tmp_path, config, "--streams", *COUNTED)
    used = spent(box) - before
    assert used == found["spent"] <= 150
    outcome = box.read(*COUNTED, config=config)
    assert outcome.code == 0
    real = spent(box) - before - used
    assert abs(found["tokens"] - real) <= 0.1 * real


def test_child_streams_cost_at_least_what_is_estimated(start: Start, tmp_path: Path) -> None:
    box = start(rate_limit=100_000)
    streams = ["deals", "deal_changelog", "deal_products", "role_settings"]
    found = estimate(tmp_path, box.config(), "--streams", *streams)
    assert found["at_least"]
    price = {each["stream"]: each for each in found["streams"]}
    outcome = box.read(*streams)
    assert outcome.code == 0
    for name in streams[1:]:
        assert price[name]["certainty"] == "at least"
        requests = [r for r in box.control("requests") if _is_of(name, r["path"])]
        real = sum(int(request["tokens"]) for request in requests)
        assert 0.5 * real <= price[name]["tokens"] <= 1.15 * real, name
    unselected = {name for name, each in price.items() if not each["selected"]}
    assert {"deals_archived", "roles"} <= unselected


PATHS = {
    "deal_changelog": ("/deals/", "/changelog"),
    "deal_products": ("/deals/products", ""),
    "role_settings": ("/roles/", "/settings"),
}


def _is_of(stream: str, path: str) -> bool:
    inside, end = PATHS[stream]
    return inside in path and path.endswith(end)


def test_a_refused_list_counts_as_empty(start: Start, tmp_path: Path) -> None:
    box = start(rate_limit=100_000)
    box.control("fail-next", [{"path_contains": "/api/v2/deals", "status": 403, "times": 9}])
    found = estimate(tmp_path, box.config(), "--streams", "deals", "persons")
    rows = {each["stream"]: each["records"] for each in found["streams"]}
    assert rows["deals"] == 0
    assert rows["persons"] > 0


def test_a_spent_day_still_gives_an_estimate(start: Start, tmp_path: Path) -> None:
    """Of what is known without asking."""
    box = start(rate_limit=100_000, daily_tokens=60)
    found = estimate(tmp_path, box.config(), "--set", "core")
    assert found["spent"] < 60
    assert found["at_least"]
    assert found["days"] > 1


def test_it_reads_like_a_bill(start: Start, tmp_path: Path) -> None:
    box = start(rate_limit=100_000)
    done = run("estimate", "--config", str(config_file(tmp_path, box.config())), "--set", "all")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].split() == ["stream", "records", "tokens", "of", "the", "day"]
    assert len(lines) <= 35
    assert max(map(len, lines)) <= 100
    assert "API tokens" in done.stdout


def test_tries_that_use_up_the_tokens_still_give_an_estimate(start: Start, tmp_path: Path) -> None:
    """Each try of a list that fails is paid for, within the most that an estimate spends."""
    box = start(rate_limit=100_000)
    faults = [{"path_contains": "/api/v1/files", "status": 500, "times": 99}]
    box.control("fail-next", faults)
    config = box.config(daily_token_budget=100)
    found = estimate(tmp_path, config, "--streams", "files", "leads", "notes", "deals", "persons")
    assert found["spent"] <= 150
    certainty = {each["stream"]: each["certainty"] for each in found["streams"]}
    assert certainty["files"] == "at least"


def test_a_catalog_without_streams_is_not_everything(start: Start, tmp_path: Path) -> None:
    box = start()
    catalog = tmp_path / "catalog.json"
    catalog.write_text('{"streams": []}')
    config = config_file(tmp_path, box.config())
    done = run("estimate", "--config", str(config), "--catalog", str(catalog))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("catalog.json selects no streams.\n")


@pytest.mark.parametrize("are_there", [True, False], ids=["records", "none"])
def test_what_is_exact_is_what_is_paid(start: Start, tmp_path: Path, are_there: bool) -> None:
    """The definitions of an empty list are not read."""
    box = start(rate_limit=100_000)
    names = {"organizations": "organization_fields", "leads": "lead_labels"}
    for name in () if are_there else names:
        ids = [record["id"] for record in box.control(f"records/{name}")]
        box.control("change-records", {"action": "purge", "object": name, "ids": ids})
    config = box.config(custom_fields="columns_and_raw")
    found = estimate(tmp_path, config, "--streams", *names, *names.values())
    streams = box.run("discover", config).of("CATALOG")[0]["streams"]
    catalog = box.file(catalog_of(streams, *names, *names.values()))
    box.control("reset-ledger", {})
    assert box.run("read", config, "--catalog", catalog).code == 0
    paid = box.control("ledger")
    exact = {e["stream"]: e["tokens"] for e in found["streams"] if e["certainty"] == "exact"}
    assert exact.keys() >= {"organization_fields", "lead_labels", "users_me"}
    assert exact == {name: paid[name]["tokens"] for name in exact}
