"""Projects, settings, mail and statistics of the sandbox.

Where it were kinder than Pipedrive here, a client would lose these rows in the field only.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.route import Route
from pipedrive_sandbox.routes import ROUTES

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=1, clock=NOW, switches=LIMITS)
PROJECTS = [route for route in ROUTES if "projects:read" in route.scopes]
DATES = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
PERIOD = {"period.start": "2026-01-01", "period.end": "2026-01-31"}


def path_of(box: Sandbox, route: Route, id_: object = None) -> str:
    """The path of `route`, with an id that there is."""
    rows = box.service.world.tables[route.of or "users"].rows.values()
    there = next(row.id for row in rows if row.deleted_at is None)
    return f"{route.version}{route.path}".replace("{id}", str(id_ or there))


def named(object_: str) -> Route:
    return next(route for route in ROUTES if route.object == object_)


# -- what every endpoint has in common


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.object)
def test_what_is_not_documented_is_refused(box: Sandbox, api: Caller, route: Route) -> None:
    asked = dict(route.every[0])
    assert api.ask(path_of(box, route), **asked).status_code == 200
    assert api.ask(path_of(box, route), **asked, nothing=1).status_code == 400
    limit = api.ask(path_of(box, route), **asked, limit=501).status_code
    assert limit == 400, "beyond the maximum, or no parameter at all"
    for each in route.filters:
        if each.required:
            less = {name: value for name, value in asked.items() if name != each.name}
            assert api.ask(path_of(box, route), **less).status_code == 400


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if "{id}" in route.path], ids=lambda route: route.object
)
def test_rows_below_nothing_are_a_404_and_no_empty_list(
    box: Sandbox, api: Caller, route: Route
) -> None:
    for id_ in (999_999, "nothing"):
        answer = api.ask(path_of(box, route, id_), **route.every[0])
        assert answer.status_code == 404
        assert answer.json()["success"] is False


def test_the_same_seed_gives_the_same_rows() -> None:
    """Else no test could compare what a client holds with what there is."""
    texts = []
    for _ in range(2):
        with Sandbox(Options(seed=4, scale=0.05, clock=NOW)) as box:
            texts.append(json.dumps({each.object: box.records(each.object) for each in ROUTES}))
    assert texts[0] == texts[1]


# -- projects


def test_projects_are_listed_archived_or_deleted(box: Sandbox, api: Caller) -> None:
    listed, archived = box.records("projects"), box.records("projects_archived")
    assert {project["archive_time"] for project in listed} == {None}
    assert all(project["archive_time"] for project in archived)
    statuses = {project["status"] for project in (*listed, *archived)}
    assert statuses == {"open", "completed", "canceled"}
    gone = api.walk("v2/projects", status="deleted")
    gone_archived = api.walk("v2/projects/archived", status="deleted")
    assert gone
    assert gone_archived
    assert {project["status"] for project in (*gone, *gone_archived)} == {"deleted"}
    ids = [project["id"] for each in (listed, archived, gone, gone_archived) for project in each]
    assert len(ids) == len(set(ids))
    everything = api.walk("v2/projects", status="open,completed,canceled,deleted", limit=7)
    assert sorted(each["id"] for each in everything) == sorted(
        each["id"] for each in (*listed, *gone)
    )
    assert api.ask("v2/projects", status="won").status_code == 400
    assert not {"is_deleted", "is_archived"} & set(listed[0])


def test_filters_of_projects(box: Sandbox, api: Caller) -> None:
    listed = box.records("projects")
    wanted = [each["id"] for each in listed if each["phase_id"] == 3]
    assert [each["id"] for each in api.data("v2/projects", phase_id=3)] == wanted
    deal = next(each["deal_ids"][0] for each in listed if each["deal_ids"])
    assert all(deal in each["deal_ids"] for each in api.data("v2/projects", deal_id=deal))
    assert api.data("v2/projects", deal_id=deal)
    filters = {each["type"]: each for each in box.records("filters")}
    saved, other = filters["projects"], filters["deals"]
    owned = [each["id"] for each in listed if each["owner_id"] == saved["user_id"]]
    assert [each["id"] for each in api.data("v2/projects", filter_id=saved["id"])] == owned
    assert api.ask("v2/projects", filter_id=other["id"]).status_code == 400


def test_projects_have_fields_of_their_own(box: Sandbox) -> None:
    """What has no definition would have no column."""
    keys = {key for project in box.records("projects") for key in project["custom_fields"]}
    rows = [row for row in box.records("project_fields") if row["is_custom_field"]]
    assert keys == {row["field_code"] for row in rows}
    assert len(keys) == 3


def test_a_deleted_project_is_gone_but_for_its_status(box: Sandbox, api: Caller) -> None:
    done = box.mutate(7, deletes=1, edits=1, objects=["projects"])["projects"]
    (gone,), (edited,) = done["deleted"], done["edited"]
    deleted = [
        each["id"]
        for path in ("v2/projects", "v2/projects/archived")
        for each in api.walk(path, status="deleted")
    ]
    assert gone in deleted
    assert api.ask(f"v2/projects/{gone}/changelog").status_code == 404
    newest = api.data(f"v2/projects/{edited}/changelog")[0]
    assert newest["time"] == "2026-11-23T10:00:00.000Z"
    assert "(edited" in newest["new_values"]["title"]
    assert "(edited" not in newest["old_values"]["title"]


def test_tasks(box: Sandbox, api: Caller) -> None:
    tasks = box.records("tasks")
    assert api.walk("v2/tasks", limit=17) == tasks
    roots = [task["id"] for task in tasks if task["parent_task_id"] is None]
    assert 0 < len(roots) < len(tasks)
    assert [task["id"] for task in api.walk("v2/tasks", parent_task_id="null")] == roots
    below = next(task for task in tasks if task["parent_task_id"])
    siblings = api.walk("v2/tasks", parent_task_id=below["parent_task_id"])
    assert below in siblings
    assert {task["project_id"] for task in siblings} == {below["project_id"]}
    assert {task["is_done"] for task in api.walk("v2/tasks", is_done="true")} == {True}
    someone = next(task["assignee_ids"][0] for task in tasks if task["assignee_ids"])
    assert all(someone in t["assignee_ids"] for t in api.walk("v2/tasks", assignee_id=someone))


def test_every_phase_belongs_to_a_board(box: Sandbox, api: Caller) -> None:
    boards = {board["id"] for board in box.records("project_boards")}
    phases = {phase["id"]: phase for phase in box.records("project_phases")}
    assert {phase["board_id"] for phase in phases.values()} == boards
    assert [each["board_id"] for each in api.data("v2/phases", board_id=2)] == [2, 2, 2, 2]
    assert api.ask("v2/boards").json()["additional_data"] is None
    for project in box.records("projects"):
        assert phases[project["phase_id"]]["board_id"] == project["board_id"]


def test_the_plan_of_a_project_names_what_there_is(box: Sandbox, api: Caller) -> None:
    known = {
        name: {row["id"]: row for row in box.records(name)} for name in ("tasks", "activities")
    }
    kinds: Counter[str] = Counter()
    for project in box.records("projects"):
        groups = {each["id"] for each in api.data(f"v1/projects/{project['id']}/groups") or ()}
        plan = api.data(f"v1/projects/{project['id']}/plan") or ()
        kinds.update(item["item_type"] for item in plan)
        for item in plan:
            table = "tasks" if item["item_type"] == "task" else "activities"
            assert known[table][item["item_id"]]["project_id"] == project["id"]
            assert item["group_id"] in (groups or {None})
    assert set(kinds) == {"task", "activity"}


def test_a_projects_changes_come_newest_first_in_pages(box: Sandbox, api: Caller) -> None:
    """Two in one second are told apart by their order only."""
    seconds = []
    for project in box.records("projects_archived"):
        path = f"v2/projects/{project['id']}/changelog"
        whole = api.walk(path)
        times = [entry["time"] for entry in whole]
        assert times == sorted(times, reverse=True)
        assert all(project["add_time"] <= time <= project["update_time"] for time in times)
        assert api.walk(path, limit=2) == whole
        seconds += [(project["id"], time) for time in times]
    assert len(seconds) > len(set(seconds)) > 0


@pytest.mark.parametrize("cursor", ["garbage", "aWQ6MA", "aWQ6OTk5", "eA"])
def test_a_forged_cursor_is_refused(box: Sandbox, api: Caller, cursor: str) -> None:
    path = path_of(box, named("project_changelog"))
    assert api.ask(path, cursor=cursor).status_code == 400


@pytest.mark.parametrize("status", ["402", "403"])
def test_without_the_plan_all_of_projects_is_refused(
    box: Sandbox, api: Caller, status: str
) -> None:
    """Who takes that for a failure would end the whole sync for what was never bought."""
    assert len(PROJECTS) == 10  # their fields are one of them
    box.set(projects_plan=status)
    for route in PROJECTS:
        answer = api.ask(path_of(box, route), **route.every[0])
        assert answer.status_code == int(status)
        assert answer.json()["code"] == "feature_disabled_projects"
    assert api.ask("v2/projectFields").status_code == int(status)
    assert api.ask("v1/leadLabels").status_code == 200


def test_what_a_plan_refuses_is_refused_in_words_that_nobody_knows(
    box: Sandbox, api: Caller
) -> None:
    """A client that looks for one sentence in them would pass here and fail at Pipedrive."""
    box.set(projects_plan="403", installments="403")
    bodies = set()
    for form in ("code", "words", "nothing", "strange"):
        box.set(plan_refusal=form)
        answers = [api.ask("v2/projects"), api.ask("v2/deals/installments", deal_ids="1")]
        assert {answer.status_code for answer in answers} == {403}
        bodies |= {answer.text for answer in answers}
    assert "" in bodies
    assert sum("feature_disabled_" in body for body in bodies) == 2
    assert len(bodies) == 6
    box.set(projects_plan="404")
    assert api.ask("v2/boards").status_code == 404


def test_a_user_without_a_mailbox_is_told_so_with_a_404(box: Sandbox, api: Caller) -> None:
    assert api.ask("v1/mailbox/mailThreads", folder="inbox").status_code == 200
    box.set(mailbox="404")
    assert api.ask("v1/mailbox/mailThreads", folder="inbox").status_code == 404


# -- settings


def test_leads_have_labels_that_there_are(box: Sandbox) -> None:
    labels = {label["id"]: label["name"] for label in box.records("lead_labels")}
    assert {id_ for lead in box.records("leads") for id_ in lead["label_ids"]} == set(labels)
    field = next(row for row in box.records("lead_fields") if row["key"] == "label_ids")
    assert {option["id"]: option["label"] for option in field["options"]} == labels


def test_webhooks_carry_passwords(box: Sandbox, api: Caller) -> None:
    """A client that copied them would put them into a warehouse."""
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


def test_as_many_hold_a_permission_set_as_it_says(box: Sandbox, api: Caller) -> None:
    for held in box.records("permission_sets"):
        path = f"v1/permissionSets/{held['id']}/assignments"
        box.set(empty_list="list")
        rows = api.data(path)
        assert len(rows) == held["assignment_count"]
        assert {row["permission_set_id"] for row in rows} <= {held["id"]}
        pages = [api.data(path, start=at, limit=2) for at in range(0, len(rows), 2)]
        assert [row for page in pages for row in page] == rows


def test_a_user_has_the_settings_of_the_role(api: Caller) -> None:
    for user in api.data("v1/users"):
        mine = api.data(f"v1/users/{user['id']}/roleSettings")
        assert mine == api.data(f"v1/roles/{user['role_id']}/settings")


def test_a_role_sees_a_pipeline_or_not(box: Sandbox, api: Caller) -> None:
    hidden_somewhere = False
    for role in box.records("roles"):
        path = f"v1/roles/{role['id']}/pipelines"
        shown, hidden = api.data(path, visible="true"), api.data(path, visible="false")
        assert (shown["visible"], hidden["visible"]) == (True, False)
        assert sorted(shown["pipeline_ids"] + hidden["pipeline_ids"]) == [1, 2, 3]
        assert api.data(path) == shown
        hidden_somewhere |= bool(hidden["pipeline_ids"])
    assert hidden_somewhere


def test_a_filter_alone_shows_its_conditions(box: Sandbox, api: Caller) -> None:
    for row in box.records("filters"):
        alone = api.data(f"v1/filters/{row['id']}")
        assert "conditions" not in row
        (condition,) = alone.pop("conditions")["conditions"][0]["conditions"]
        assert alone == row
        assert condition["value"] == str(row["user_id"])
        assert "field_code" not in condition
    assert "field_code" in json.dumps(api.data("v1/filters/1", include_field_code="true"))


# -- notes and mail


def test_a_fifth_of_the_notes_has_comments_in_pages(box: Sandbox, api: Caller) -> None:
    commented = 0
    notes = box.records("notes")
    for note in notes:
        path = f"v1/notes/{note['id']}/comments"
        rows = api.data(path) or []
        commented += bool(rows)
        assert {row["object_id"] for row in rows} <= {str(note["id"])}
        assert all(row["add_time"][:19] >= note["add_time"].replace(" ", "T") for row in rows)
        assert all(row["add_time"] <= row["update_time"] for row in rows)
    assert commented == pytest.approx(len(notes) / 5, abs=1)
    first = api.ask("v1/notes/1/comments", limit=5, start=5).json()
    pagination = first["additional_data"]["pagination"]
    assert pagination == {
        "start": 5,
        "limit": 5,
        "more_items_in_collection": True,
        "next_start": 10,
    }
    assert [row["uuid"] for row in first["data"]] == [
        row["uuid"] for row in api.data("v1/notes/1/comments")[5:10]
    ]


def test_a_thread_has_as_many_messages_as_it_counts(box: Sandbox, api: Caller) -> None:
    seen: set[int] = set()
    for thread in box.records("mail_threads"):
        rows = api.data(f"v1/mailbox/mailThreads/{thread['id']}/mailMessages")
        assert len(rows) == thread["message_count"]
        assert {row["mail_thread_id"] for row in rows} == {thread["id"]}
        assert rows[0]["message_time"] == thread["first_message_timestamp"]
        assert rows[-1]["message_time"] == thread["last_message_timestamp"]
        assert sum(row["draft_flag"] for row in rows) == thread["has_draft_flag"]
        assert not seen & {row["id"] for row in rows}
        seen |= {row["id"] for row in rows}


def test_only_a_message_alone_has_a_body_and_only_if_asked(box: Sandbox, api: Caller) -> None:
    thread = next(each for each in box.records("mail_threads") if each["message_count"] > 2)
    for listed in api.data(f"v1/mailbox/mailThreads/{thread['id']}/mailMessages"):
        path = f"v1/mailbox/mailMessages/{listed['id']}"
        assert "body" not in listed
        plain = api.data(path)
        assert plain == {**listed, "draft": listed["draft"] or ""}
        assert api.data(path, include_body=0) == plain
        body = api.data(path, include_body=1).pop("body")
        assert str(listed["id"]) in body
    after = thread["id"] + thread["message_count"] * 1_000_000
    assert api.ask(f"v1/mailbox/mailMessages/{after}").status_code == 404
    assert api.ask(path, include_body="true").status_code == 400


# -- goals and statistics


def test_the_results_of_a_goal(box: Sandbox, api: Caller) -> None:
    goal = box.records("goals")[0]
    path, end = f"v1/goals/{goal['id']}/results", goal["duration"]["end"]
    found = api.data(path, **PERIOD)
    assert found["goal"] == goal
    assert found == api.data(path, **PERIOD)
    assert api.ask(path, **{"period.start": end, "period.end": "2020-01-01"}).status_code == 400
    assert api.ask(path, **{**PERIOD, "period.end": "tomorrow"}).status_code == 400
    beyond = {"period.start": end, "period.end": "2031-01-01"}
    assert api.ask(path, **beyond).status_code == 200
    box.set(goal_periods="inside")
    assert api.ask(path, **beyond).status_code == 400
    within = {"period.start": goal["duration"]["start"], "period.end": end}
    assert api.ask(path, **within).status_code == 200


@pytest.mark.parametrize("status", ["open", "won", "lost", None])
def test_the_summary_counts_the_deals(box: Sandbox, api: Caller, status: str | None) -> None:
    deals = [each for each in box.records("deals") if status in (None, each["status"])]
    found = api.data("v1/deals/summary", **({"status": status} if status else {}))
    assert found["total_count"] == len(deals) > 0
    for code, total in found["values_total"].items():
        values = [deal["value"] for deal in deals if deal["currency"] == code]
        assert (total["count"], total["value"]) == (len(values), pytest.approx(sum(values)))
    weighted = sum(each["value"] for each in found["weighted_values_total"].values())
    whole = sum(each["value"] for each in found["values_total"].values())
    assert weighted == pytest.approx(
        {"won": whole, "lost": 0}.get(status or "", weighted), abs=0.02
    )
    assert 0 <= weighted <= whole


def test_the_summary_takes_filters(box: Sandbox, api: Caller) -> None:
    deals = box.records("deals")
    for name, field in (("user_id", "owner_id"), ("pipeline_id", "pipeline_id")):
        found = api.data("v1/deals/summary", **{name: 2})
        assert found["total_count"] == sum(deal[field] == 2 for deal in deals)
    assert api.ask("v1/deals/summary", status="deleted").status_code == 400
    assert api.ask("v1/deals/summary", status="open,won").status_code == 400


def test_how_a_pipeline_moved(box: Sandbox, api: Caller) -> None:
    """Without a user it is the token's own: who takes it for everyone's tells half the story."""
    path = "v1/pipelines/1/movement_statistics"
    mine = [
        deal for deal in box.records("deals") if (deal["pipeline_id"], deal["owner_id"]) == (1, 1)
    ]
    found = api.data(path, **DATES)
    for name, field in (("new_deals", "add_time"), ("won_deals", "won_time")):
        within = {deal["id"] for deal in mine if (deal[field] or "").startswith("2026")}
        assert set(found[name]["deals_ids"]) == within
        assert found[name]["count"] == len(within) > 0
    assert found == api.data(path, **DATES, user_id=1)
    assert found != api.data(path, **DATES, user_id=2)
    stages = [each["stage_id"] for each in found["average_age_in_days"]["by_stages"]]
    assert stages == [1, 2, 3, 4]


def test_how_a_pipeline_converts(api: Caller) -> None:
    found = api.data("v1/pipelines/2/conversion_statistics", **DATES)
    steps = [(each["from_stage_id"], each["to_stage_id"]) for each in found["stage_conversions"]]
    assert steps == [(5, 6), (6, 7), (7, 8)]
    rates = [each["conversion_rate"] for each in found["stage_conversions"]]
    assert all(0 < rate < 100 for rate in rates)
    assert 0 < found["won_conversion"] + found["lost_conversion"] <= 100
    backwards = {"start_date": DATES["end_date"], "end_date": DATES["start_date"]}
    for kind in ("conversion", "movement"):
        path = f"v1/pipelines/2/{kind}_statistics"
        assert api.ask(path, **backwards).status_code == 400
        assert api.ask(path, **{**DATES, "end_date": "2026-13-01"}).status_code == 400
