"""What the real Pipedrive is known or suspected to answer. The sandbox simulates it with switches,
and no data is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from integration_tests import program
from integration_tests.conftest import Box, Start

CLOCK = "2026-11-23T10:00:00Z"
OF_CAMPAIGNS = {"marketing_status", "doi_status"}
WITHOUT_CAMPAIGNS = "sales,global,account_settings"


@pytest.fixture(scope="module")
def one_box(start: Start) -> Box:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    box.control("clock", {"advance_seconds": 120})
    return box


@pytest.fixture
def box(one_box: Box) -> Iterator[Box]:
    """One sandbox for all tests; its switches are reset after each."""
    before = one_box.control("switches")
    one_box.control("reset-ledger", {})
    yield one_box
    one_box.control("switches", before)


def params_of(box: Box, path: str) -> list[dict[str, str]]:
    """The parameters of all requests for a path, in order."""
    return [dict(r["params"]) for r in box.control("requests") if r["path"].endswith(path)]


# --- fact 1: fields of an app


def test_fields_of_campaigns_are_not_requested_without_the_app(box: Box) -> None:
    box.control("switches", {"apps": WITHOUT_CAMPAIGNS})
    outcome = box.read("persons")
    assert outcome.code == 0, outcome.sentence()
    assert len(outcome.records("persons")) == 150
    assert not any(OF_CAMPAIGNS & record.keys() for record in outcome.records("persons"))
    asked = [params["include_fields"] for params in params_of(box, "persons")]
    assert asked
    assert "marketing_status" not in ",".join(asked)
    assert len([line for line in outcome.logs if "marketing_status" in line]) == 1


@pytest.mark.parametrize("names", ["one", "all", "none"])
def test_persons_are_read_even_if_the_fields_of_campaigns_are_refused(box: Box, names: str) -> None:
    box.control("switches", {"fields_refused": ",".join(OF_CAMPAIGNS), "refusal_names": names})
    # person_followers needs the list of persons, which is not selected the second time.
    for stream in ("persons", "person_followers"):
        outcome = box.read(stream)
        assert outcome.code == 0, outcome.sentence()
        assert outcome.records(stream)
        (line,) = [line for line in outcome.logs if "include_fields" in line]
        assert "without doi_status, marketing_status" in line
    assert "followers_count" in params_of(box, "persons")[-1]["include_fields"]


def test_other_lists_and_lists_of_fields_survive_a_refused_field(box: Box) -> None:
    refused = "smart_bcc_email,products_count,attendees,ui_visibility"
    box.control("switches", {"fields_refused": refused})
    streams = ("deals", "organizations", "activities", "deal_fields", "deal_products")
    outcome = box.read(*streams)
    assert outcome.code == 0, outcome.sentence()
    assert all(outcome.records(stream) for stream in streams)
    warned = [line.partition(":")[0] for line in outcome.logs if "include_fields" in line]
    assert sorted(warned) == [
        "activities",
        "deal_fields",
        "deals",
        "deals_archived",
        "organizations",
    ]
    assert not any("products_count" in record for record in outcome.records("deals"))
    assert all("files_count" in record for record in outcome.records("deals"))


def test_discover_succeeds_although_an_optional_field_is_refused(box: Box) -> None:
    box.control("switches", {"fields_refused": "important_fields", "refusal_names": "none"})
    outcome = box.run("discover", box.config(custom_fields="columns_and_raw"))
    assert outcome.code == 0, outcome.sentence()


# --- fact 5: goals of a type that goals/find does not list


@pytest.mark.parametrize("teams", ["ok", "400", "402", "403", "404"])
def test_goals_of_every_type_arrive_with_or_without_teams(box: Box, teams: str) -> None:
    goals = box.control("records/goals")
    box.control("switches", {"team_goals": teams})
    outcome = box.read("goals", "goal_results")
    assert outcome.code == 0, outcome.sentence()
    expected = [g for g in goals if teams == "ok" or g["assignee"]["type"] != "team"]
    found = outcome.records("goals")
    assert sorted(g["id"] for g in found) == sorted(g["id"] for g in expected)
    assert "Revenue forecast" in {g["type"]["name"] for g in found}
    assert {r["goal_id"] for r in outcome.records("goal_results")} == {g["id"] for g in expected}
    assert len([line for line in outcome.logs if "assignee.type team" in line]) == (teams != "ok")


# --- facts 6 and 7: keys that the specification lacks


def test_keys_that_the_specification_lacks_are_columns(box: Box) -> None:
    expected = {
        "leads": "archive_time",
        "leads_archived": "archive_time",
        "activities": "outcome",
        "users": "is_admin",
        "notes": "lead",
        "files": "people_name",
        "deal_fields": "is_writable",
        "activity_fields": "is_writable",
    }
    columns = {s["name"]: s["json_schema"]["properties"] for s in box.streams()}
    outcome = box.read(*expected)
    for stream, name in expected.items():
        assert name in columns[stream], stream
        held = [name in record for record in outcome.records(stream)]
        assert any(held) == (stream != "leads"), stream
    archived = outcome.records("leads_archived")
    assert all(record["archive_time"].endswith("Z") for record in archived)
    assert columns["leads_archived"]["archive_time"]["format"] == "date-time"


def test_the_outcome_of_an_activity_has_its_label(box: Box) -> None:
    config = box.config(custom_fields="columns_and_raw")
    (stream,) = [
        s
        for s in box.run("discover", config).of("CATALOG")[0]["streams"]
        if s["name"] == "activities"
    ]
    assert "outcome_name" in stream["json_schema"]["properties"]
    catalog = program.catalog_of([stream], "activities")
    outcome = box.run("read", config, "--catalog", box.file(catalog))
    done = [record for record in outcome.records("activities") if "outcome" in record]
    labels = {(record["outcome"], record["outcome_name"]) for record in done}
    assert labels == {
        ("connected", "Connected"),
        ("no_answer", "No answer"),
        ("left_voicemail", "Left voicemail"),
    }


# --- fact 8: whoever creates a record follows it


def test_followers_are_requested_for_every_record(box: Box) -> None:
    """Nearly every record has a counter above 0, so skipping by counter would save nothing."""
    outcome = box.read("person_followers", "persons")
    asked = [r for r in box.control("requests") if r["path"].endswith("/followers")]
    assert len(asked) == len(outcome.records("persons")) == 150


# --- fact 10: deal_ids that include a deal that is gone


@pytest.mark.parametrize("answer", ["400", "403", "404"])
def test_the_sandbox_can_refuse_a_request_that_names_a_gone_deal(box: Box, answer: str) -> None:
    live = box.control("records/deals")[0]["id"]
    gone = 10**6
    assert bulk(box, f"{live},{gone}") == 200
    box.control("switches", {"gone_deals": answer})
    assert bulk(box, f"{live},{gone}") == int(answer)
    assert bulk(box, f"{live}") == 200


def bulk(box: Box, ids: str) -> int:
    """The status of a request for the products of these deals."""
    headers = {"x-api-token": box.api_token}
    url = f"{box.url}/api/v2/deals/products?deal_ids={ids}"
    return requests.get(url, headers=headers, timeout=30).status_code


# --- fact 11: webhooks have scopes of their own


@pytest.mark.parametrize("scope", ["webhooks:read", "webhooks:full", "admin"])
def test_any_scope_for_webhooks_will_do(box: Box, scope: str) -> None:
    box.control("switches", {"scopes": f"base,{scope}"})
    config = box.oauth()
    checked = box.run("check", config)
    hidden = [line for line in checked.logs if "lacks the scope webhooks:read" in line]
    assert hidden == []
    outcome = box.read("webhooks", config=config)
    assert outcome.code == 0, outcome.sentence()
    assert outcome.records("webhooks")


def test_without_a_scope_for_webhooks_the_narrow_one_is_named(box: Box) -> None:
    box.control("switches", {"scopes": "base,deals:read"})
    outcome = box.read("webhooks", config=box.oauth())
    assert "Give the app the scope webhooks:read and reconnect." in outcome.sentence()


# --- fact 12: when a record was deleted, and what is still listed


def test_projects_that_stay_listed_after_30_days_are_deleted_records(start: Start) -> None:
    box = start(scale=0.3, clock=CLOCK, rate_limit=1_000_000, deleted_projects_stay=True)
    expected = {str(r["id"]) for r in box.control("records/projects?status=deleted")}
    expected |= {str(r["id"]) for r in box.control("records/projects_archived?status=deleted")}
    box.control("clock", {"advance_seconds": 40 * 86_400})
    outcome = box.read("deleted_records")
    found = {r["id"] for r in outcome.records("deleted_records") if r["object"] == "projects"}
    assert found == expected != set()


def test_persons_and_organizations_report_when_they_were_deleted(box: Box) -> None:
    outcome = box.read("deleted_records")
    persons = [r for r in outcome.records("deleted_records") if r["object"] == "persons"]
    assert any("deleted_time" in record for record in persons)


@pytest.mark.parametrize("stream", ["deal_products", "deal_installments"])
def test_a_gone_deal_does_not_spoil_the_answer_for_others(box: Box, stream: str) -> None:
    """Fact 10: the answer for a hundred deals of which one is gone is unknown."""
    expected: list[str] = []
    for answer in ("skipped", "400", "403", "404"):
        box.control("switches", {"gone_deals": answer})
        box.control("reset-ledger", {})
        outcome = box.read(stream)
        assert outcome.statuses(stream)[-1] == "COMPLETE", outcome.errors
        found = sorted(map(str, outcome.records(stream)))
        expected = expected or found
        assert found == expected != []
        refused = box.control("ledger")[stream]
        assert refused["requests"] < 100
        if answer != "skipped":
            assert any("skipped" in line for line in outcome.logs), "no deal has gone"
