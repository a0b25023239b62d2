"""v1 in the sandbox: strictness, offsets, sorting, and unusual lists."""

from __future__ import annotations

from typing import Any

import pytest

from pipedrive_sandbox import Options, Sandbox

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=0.3, clock=NOW, switches=LIMITS)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("files", "limit=101"),
        ("callLogs", "limit=51"),
        ("notes", "limit=501"),
        ("notes", "start=-1"),
        ("notes", "updated_since=2026-01-01"),
        ("notes", "sort=active_flag ASC"),
        ("notes", "sort=update_time UP"),
        ("files", "sort=name"),
        ("files", "updated_since=2026-01-01T00:00:00Z"),
        ("leads", "sort=nothing ASC"),
        ("leads/archived", "updated_since=2026-01-01T00:00:00Z"),
        ("users", "limit=10"),
        ("mailbox/mailThreads", ""),
        ("mailbox/mailThreads", "folder=spam"),
        ("goals/find", "type.name=sales"),
        ("goals/find", "period.start=2026-01-01"),
        ("legacyTeams", "order_by=users"),
        ("filters", "type=deal"),
        ("notes", "pinned_to_deal_flag=true"),
    ],
)
@pytest.mark.parametrize("root", ["api/v1", "v1"])
def test_v1_refuses_undocumented_requests(api: Caller, root: str, path: str, query: str) -> None:
    response = api.get(f"{api.box.url}/{root}/{path}?{query}")
    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": "Bad request",
        "error_info": "Please check developers.pipedrive.com for more information about "
        "Pipedrive API.",
        "data": None,
        "additional_data": None,
    }
    assert api.box.requests[-1].note, "the request list states the reason"


def test_offset_pages_count_live_rows(box: Sandbox, api: Caller) -> None:
    everything = box.records("notes")
    records = []
    for start in range(0, len(everything), 33):
        answer = api.ask("v1/notes", start=start, limit=33).json()
        records += answer["data"]
        following = {"next_start": start + 33} if start + 33 < len(everything) else {}
        assert answer["additional_data"]["pagination"] == {
            "start": start,
            "limit": 33,
            "more_items_in_collection": bool(following),
            **following,
        }
    assert records == everything


@pytest.mark.parametrize("path", ["v1/notes", "v1/files", "v2/deals"])
def test_a_list_that_ignores_its_sort(box: Sandbox, api: Caller, path: str) -> None:
    asked = {"sort": "update_time DESC, id DESC"}
    if path.startswith("v2"):
        asked = {"sort_by": "update_time", "sort_direction": "desc"}
    times = [row["update_time"] for row in api.walk(path, **asked)]
    assert times == sorted(times, reverse=True)
    box.set(sorting="first")
    times = [row["update_time"] for row in api.walk(path, **asked)]
    assert times == sorted(times, reverse=True)
    box.set(sorting="none")
    ids = [row["id"] for row in api.walk(path, **asked)]
    assert ids == sorted(ids)


def test_sorting_of_v1(box: Sandbox, api: Caller) -> None:
    notes = api.data("v1/notes", sort="user_id ASC, update_time DESC", limit=500)
    assert notes == sorted(
        sorted(sorted(notes, key=_id), key=_updated, reverse=True), key=lambda each: each["user_id"]
    )
    files = api.data("v1/files", sort="update_time DESC")
    assert files == sorted(sorted(files, key=_id), key=_updated, reverse=True)
    leads = api.data("v1/leads")
    assert leads == sorted(leads, key=lambda lead: lead["add_time"])
    box.set(v1_sort_keys=1)
    assert api.ask("v1/notes", sort="update_time ASC").status_code == 200
    assert api.ask("v1/notes", sort="update_time ASC, id ASC").status_code == 400


def _id(record: dict[str, Any]) -> Any:
    return record["id"]


def _updated(record: dict[str, Any]) -> Any:
    return record["update_time"]


def test_empty_lists_are_null_or_a_list(box: Sandbox, api: Caller) -> None:
    for path, params in (("v1/notes", {"deal_id": 10**6}), ("v1/currencies", {"term": "zzz"})):
        box.set(empty_list="null")
        assert api.ask(path, **params).json()["data"] is None
        box.set(empty_list="list")
        assert api.ask(path, **params).json()["data"] == []


def test_updated_since_of_notes_and_leads(box: Sandbox, api: Caller) -> None:
    notes = sorted(box.records("notes"), key=_updated)
    since = notes[100]["update_time"]
    asked = since.replace(" ", "T") + "Z"
    wanted = sum(note["update_time"] >= since for note in notes)
    assert len(api.data("v1/notes", updated_since=asked, limit=500)) == wanted
    leads = sorted(box.records("leads"), key=_updated)
    since = leads[40]["update_time"]
    assert since[-5] == "."
    found = api.data("v1/leads", updated_since=since, limit=500)
    assert len(found) == sum(lead["update_time"] >= since for lead in leads)
    same = api.data("v1/leads", updated_since=since[:-1] + "+00:00", limit=500)
    assert same == found
    earlier = api.data("v1/leads", updated_since=since[:-5] + "Z", limit=500)
    assert len(earlier) >= len(found)


def test_archived_leads_have_their_own_list(box: Sandbox) -> None:
    assert {lead["is_archived"] for lead in box.records("leads")} == {False}
    assert {lead["is_archived"] for lead in box.records("leads_archived")} == {True}


@pytest.mark.parametrize("path", ["leads", "leads/archived"])
def test_pagination_of_leads_is_nested_or_flat(box: Sandbox, api: Caller, path: str) -> None:
    nested = api.ask(f"v1/{path}", limit=2).json()["additional_data"]["pagination"]
    box.set(lead_pagination="flat")
    assert api.ask(f"v1/{path}", limit=2).json()["additional_data"] == nested


def test_mail_threads_by_folder(box: Sandbox, api: Caller) -> None:
    folders = ("inbox", "drafts", "sent", "archive")
    found = {folder: api.data("v1/mailbox/mailThreads", folder=folder) for folder in folders}
    ids = [thread["id"] for threads in found.values() for thread in threads]
    assert len(set(ids)) < len(ids), "some thread is in two folders"
    assert len(set(ids)) == len(box.records("mail_threads"))
    for folder, threads in found.items():
        assert all(folder in thread["folders"] for thread in threads)
        times = [thread["last_message_timestamp"] for thread in threads]
        assert times == sorted(times, reverse=True)
    box.set(mail_folders="inconsistent", mail_pagination="absent")
    answer = api.ask("v1/mailbox/mailThreads", folder="sent", limit=1, start=1).json()
    assert "additional_data" not in answer
    assert answer["data"] == [{**found["sent"][1], "folders": ["inbox"]}]


def test_which_goals_are_listed(box: Sandbox, api: Caller) -> None:
    """Without a filter, the token user's active goals; with one, everyone's."""
    everything = box.records("goals")
    assert len(everything) == 10
    mine = api.data("v1/goals/find")["goals"]
    assert {(goal["assignee"]["id"], goal["is_active"]) for goal in mine} == {(1, True)}
    assert len(mine) == 2
    assert len(api.data("v1/goals/find", is_active="false")["goals"]) == 1
    assert api.ask("v1/goals/find", type__name="revenue_forecast").status_code == 400
    assert "Revenue forecast" in {goal["type"]["name"] for goal in everything}
    box.set(team_goals="403")
    assert api.ask("v1/goals/find", assignee__type="team").status_code == 403
    box.set(team_goals="ok")
    won = api.data("v1/goals/find", type__name="deals_won")["goals"]
    assert len(won) == 2
    companies = {"assignee__type": "company", "is_active": "false"}
    assert len(api.data("v1/goals/find", **companies)["goals"]) == 2
    answer = api.ask("v1/goals/find").json()
    assert (answer["statusCode"], answer["statusText"]) == (20000, "OK")


def test_call_logs_are_the_token_users_only(box: Sandbox) -> None:
    assert {log["user_id"] for log in box.records("call_logs")} == {1}
    assert len(box.service.world.tables["call_logs"].rows) > len(box.records("call_logs"))


def test_deactivated_users_stay_listed(box: Sandbox, api: Caller) -> None:
    answer = api.ask("v1/users").json()
    assert {user["active_flag"] for user in answer["data"]} == {True, False}
    assert [user["id"] for user in answer["data"] if user["is_you"]] == [1]
    assert answer["additional_data"]["company_id"] == api.data("v1/users/me")["company_id"]


@pytest.mark.parametrize("status", [402, 403, 404, 410])
def test_legacy_teams_may_be_refused(box: Sandbox, api: Caller, status: int) -> None:
    assert len(api.data("v1/legacyTeams")) == 2
    assert "users" not in api.data("v1/legacyTeams", skip_users=1)[0]
    box.set(legacy_teams=str(status))
    assert api.ask("v1/legacyTeams").status_code == status


@pytest.mark.parametrize("path", ["globalMessages", "subscriptions/1", "deals", "leadLabels/1"])
def test_removed_endpoints_return_404(api: Caller, path: str) -> None:
    assert api.ask(f"v1/{path}").status_code == 404
    assert api.box.ledger()["unknown"]["tokens"] == 0


def test_the_shared_host_serves_some_paths_under_v1_only(box: Sandbox, api: Caller) -> None:
    moved = ("leads", "leads/archived", "leadSources", "goals/find")
    box.set(host_style="shared")
    for path in moved:
        assert api.ask(f"v1/{path}").status_code == 404
        assert api.get(f"{box.url}/v1/{path}").status_code == 200
    assert api.ask("v1/users/me").status_code == 200
    assert api.ask("v1/notes").status_code == 200
    assert api.get(f"{box.url}/v2/deals").status_code == 404, "v2 is only under /api/v2"


def test_the_user_of_the_token(box: Sandbox, api: Caller) -> None:
    me = api.data("v1/users/me")
    assert me["is_you"]
    assert me["company_domain"] == "sandbox"
    assert all(entry["admin"] for entry in me["access"])
    box.set(admin=False)
    assert not any(entry["admin"] for entry in api.data("v1/users/me")["access"])
    assert not any(entry["admin"] for entry in api.data("v1/users")[0]["access"])
