"""The sandbox's settings: labels, webhooks, roles, permission sets and filters."""

from __future__ import annotations

import json

from pipedrive_sandbox import Options, Sandbox

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=1, clock=NOW, switches=LIMITS)


def test_leads_have_existing_labels(box: Sandbox) -> None:
    labels = {label["id"]: label["name"] for label in box.records("lead_labels")}
    assert {id_ for lead in box.records("leads") for id_ in lead["label_ids"]} == set(labels)
    field = next(row for row in box.records("lead_fields") if row["key"] == "label_ids")
    assert {option["id"]: option["label"] for option in field["options"]} == labels


def test_webhooks_contain_passwords(box: Sandbox, api: Caller) -> None:
    """A client must not copy them into a warehouse."""
    answer = api.ask("v1/webhooks").json()
    assert answer["status"] == "ok"
    held = {(hook["http_auth_user"], hook["http_auth_password"]) for hook in answer["data"]}
    assert held == {("hook-user", "hook-secret"), (None, None)}
    assert {hook["is_active"] for hook in answer["data"]} == {0, 1}
    box.set(admin=False)
    assert api.ask("v1/webhooks").status_code == 403


def test_followers_of_users_are_other_users(box: Sandbox, api: Caller) -> None:
    users = {user["id"] for user in box.records("users")}
    counts = set()
    for id_ in users:
        followers = api.walk(f"v2/users/{id_}/followers", limit=1)
        counts.add(len(followers))
        assert {each["user_id"] for each in followers} <= users - {id_}
    assert {0, 2} <= counts


def test_a_permission_sets_count_matches_its_assignments(box: Sandbox, api: Caller) -> None:
    for held in box.records("permission_sets"):
        path = f"v1/permissionSets/{held['id']}/assignments"
        box.set(empty_list="list")
        rows = api.data(path)
        assert len(rows) == held["assignment_count"]
        assert {row["permission_set_id"] for row in rows} <= {held["id"]}
        pages = [api.data(path, start=at, limit=2) for at in range(0, len(rows), 2)]
        assert [row for page in pages for row in page] == rows


def test_a_user_has_the_settings_of_their_role(api: Caller) -> None:
    for user in api.data("v1/users"):
        mine = api.data(f"v1/users/{user['id']}/roleSettings")
        assert mine == api.data(f"v1/roles/{user['role_id']}/settings")


def test_a_pipeline_is_visible_to_a_role_or_not(box: Sandbox, api: Caller) -> None:
    hidden_somewhere = False
    for role in box.records("roles"):
        path = f"v1/roles/{role['id']}/pipelines"
        shown, hidden = api.data(path, visible="true"), api.data(path, visible="false")
        assert (shown["visible"], hidden["visible"]) == (True, False)
        assert sorted(shown["pipeline_ids"] + hidden["pipeline_ids"]) == [1, 2, 3]
        assert api.data(path) == shown
        hidden_somewhere |= bool(hidden["pipeline_ids"])
    assert hidden_somewhere


def test_only_a_single_filter_shows_its_conditions(box: Sandbox, api: Caller) -> None:
    for row in box.records("filters"):
        alone = api.data(f"v1/filters/{row['id']}")
        assert "conditions" not in row
        (condition,) = alone.pop("conditions")["conditions"][0]["conditions"]
        assert alone == row
        assert condition["value"] == str(row["user_id"])
        assert "field_code" not in condition
    assert "field_code" in json.dumps(api.data("v1/filters/1", include_field_code="true"))
