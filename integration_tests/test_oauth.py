"""OAuth: tokens are renewed once, when necessary, and the new ones are kept."""

from __future__ import annotations

from typing import Any

from integration_tests.conftest import Box, Start
from integration_tests.program import Outcome, catalog_of


def kept(outcome: Outcome) -> list[dict[str, Any]]:
    """The configurations that the platform is asked to keep."""
    return [control["connectorConfig"]["config"] for control in outcome.of("CONTROL")]


def renewals(box: Box) -> int:
    return sum(r["path"] == "/oauth/token" for r in box.control("requests"))


def test_a_first_sync_renews_once_and_keeps_the_tokens(start: Start) -> None:
    box = start(rate_limit=100_000)
    outcome = box.read("currencies", "deals", "persons", config=box.oauth())
    assert outcome.code == 0
    (config,) = kept(outcome)
    credentials = config["credentials"]
    assert credentials["access_token"]
    assert credentials["refresh_token"] == box.refresh_token
    assert credentials["api_domain"] == box.url
    assert credentials["token_expiry_date"] > "2026"
    assert config["api_url"] == box.url
    assert renewals(box) == 1

    again = box.read("currencies", config=config)
    assert (again.code, kept(again), renewals(box)) == (0, [], 1)


def test_an_expired_token_is_renewed_once_for_all_workers(start: Start) -> None:
    box = start(rate_limit=100_000, scale=0.5)
    (config,) = kept(box.read("currencies", config=box.oauth()))
    box.control("expire-tokens", {})
    outcome = box.read(config=config)
    assert outcome.code == 0
    assert len(kept(outcome)) == 1
    assert renewals(box) == 2
    refused = [r for r in box.control("requests") if r["status"] == 401]
    assert len(refused) == 1  # the first request of the sync


def test_a_token_refused_during_a_sync_is_renewed_and_the_page_is_read_again(
    start: Start,
) -> None:
    box = start(rate_limit=100_000, scale=0.5)
    (config,) = kept(box.read("currencies", config=box.oauth()))
    refusal = {"path_contains": "/persons", "status": 401, "body": "json", "times": 1}
    box.control("fail-next", [{**refusal, "after_requests": 1}])
    outcome = box.read("persons", config=config)
    assert outcome.code == 0
    assert len(kept(outcome)) == 1
    assert {r["id"] for r in outcome.records("persons")} == {
        r["id"] for r in box.control("records/persons")
    }


def test_a_new_refresh_token_is_kept(start: Start) -> None:
    box = start(rotate_refresh_token=True, rate_limit=100_000)
    (config,) = kept(box.read("currencies", config=box.oauth()))
    assert config["credentials"]["refresh_token"] != box.refresh_token
    box.control("expire-tokens", {})
    outcome = box.read("currencies", config=config)
    assert outcome.code == 0
    old = box.run("check", box.oauth())
    assert old.of("CONNECTION_STATUS")[0]["status"] == "FAILED"


def test_check_keeps_a_renewed_token_too(start: Start) -> None:
    box = start(rotate_refresh_token=True)
    outcome = box.run("check", box.oauth())
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert len(kept(outcome)) == 1


def test_no_token_is_logged_even_in_debug_mode(start: Start) -> None:
    box = start(rate_limit=100_000)
    config = box.oauth()
    box.control("expire-tokens", {})
    streams = box.file({"streams": []})
    outcome = box.run("read", config, "--debug", "--catalog", streams)
    (kept_config,) = kept(outcome)
    lines = [line for line in outcome.output.splitlines() if b'"CONTROL"' not in line]
    for name in ("access_token", "refresh_token", "client_secret"):
        secret = kept_config["credentials"][name].encode()
        assert not [line for line in lines if secret in line], name
    assert not [r for r in box.control("requests") if "token" in str(r.get("params", ""))]


def test_no_api_token_is_logged_even_in_debug_mode(shared_box: Box) -> None:
    catalog = shared_box.file(catalog_of(shared_box.streams(), "currencies"))
    outcome = shared_box.run("read", None, "--debug", "--catalog", catalog)
    assert outcome.code == 0
    assert any(log["level"] == "DEBUG" for log in outcome.of("LOG"))
    assert shared_box.api_token.encode() not in outcome.output


def test_configs_of_airbytes_own_connector_are_accepted(shared_box: Box) -> None:
    start = {"replication_start_date": "2024-01-01T00:00:00Z", "api_url": shared_box.url}
    forms = [
        {"api_token": shared_box.api_token},
        {"authorization": {"auth_type": "Token", "api_token": shared_box.api_token}},
        {"credentials": {"auth_type": "api_token", "api_token": shared_box.api_token}},
    ]
    for form in forms:
        outcome = shared_box.run("check", {**start, **form})
        assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED", form.keys()
