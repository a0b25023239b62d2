"""The sandbox's projects, with their boards, phases, tasks and changelogs."""

from __future__ import annotations

from collections import Counter

import pytest

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.routes import ROUTES

from .caller import LIMITS, NOW, Caller, path_of

OPTIONS = Options(scale=1, clock=NOW, switches=LIMITS)
PROJECTS = [route for route in ROUTES if "projects:read" in route.access.scopes]
CHANGELOG = next(route for route in ROUTES if route.object == "project_changelog")


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


def test_projects_have_their_own_custom_fields(box: Sandbox) -> None:
    """A field without a definition would have no column."""
    keys = {key for project in box.records("projects") for key in project["custom_fields"]}
    rows = [row for row in box.records("project_fields") if row["is_custom_field"]]
    assert keys == {row["field_code"] for row in rows}
    assert len(keys) == 3


def test_a_deleted_project_is_listed_only_by_status(box: Sandbox, api: Caller) -> None:
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


def test_the_plan_of_a_project_names_existing_items(box: Sandbox, api: Caller) -> None:
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


def test_a_project_changelog_is_paged_newest_first(box: Sandbox, api: Caller) -> None:
    """Only the order distinguishes two changes in one second."""
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
    path = path_of(box, CHANGELOG)
    assert api.ask(path, cursor=cursor).status_code == 400


@pytest.mark.parametrize("status", ["402", "403"])
def test_without_the_plan_every_project_endpoint_is_refused(
    box: Sandbox, api: Caller, status: str
) -> None:
    """A client that treats that as a failure would abort its sync over a missing feature."""
    assert len(PROJECTS) == 10  # including their fields
    box.set(projects_plan=status)
    for route in PROJECTS:
        answer = api.ask(path_of(box, route), **route.param_sets[0])
        assert answer.status_code == int(status)
        assert answer.json()["code"] == "feature_disabled_projects"
    assert api.ask("v2/projectFields").status_code == int(status)
    assert api.ask("v1/leadLabels").status_code == 200


def test_the_refusal_of_a_plan_has_an_unknown_body(box: Sandbox, api: Caller) -> None:
    """A client that looks for one sentence would pass here and fail with Pipedrive."""
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
