"""Projects, their boards, phases, templates and tasks."""

from __future__ import annotations

from typing import Any

from ..answers import computed
from ..answers import projects as answers
from ..answers.pages import plain_list
from ..data import projects
from ..endpoints import ARCHIVED, LISTED, child_route, v1, v2
from ..params import Filter, boolean, integer, parse_integer, some_of
from ..route import Route

STATUSES = (*projects.STATUSES, "deleted")


def _statuses(text: str) -> frozenset[str]:
    return frozenset(some_of(*STATUSES)(text))


def _parent_task(text: str) -> int | str:
    return text if text == "null" else parse_integer(text)


SAVED = Filter("filter_id", parse_integer, "")
STATUS = Filter("status", _statuses, "state", test="in")
PHASE = integer("phase_id")
LINKED = tuple(
    Filter(f"{to}_id", parse_integer, f"{to}_ids", test="has") for to in ("deal", "person", "org")
)
TASKS = (
    boolean("is_done"),
    boolean("is_milestone"),
    Filter("assignee_id", parse_integer, "assignee_ids", test="has"),
    integer("project_id"),
    Filter("parent_task_id", _parent_task, "parent_task"),
)
BOARD = Filter("board_id", parse_integer, "board_id", required=True)
BOARDS = ({"board_id": "1"}, {"board_id": "2"})
PROJECT: dict[str, Any] = {"table": "projects", "answer": answers.projects_page}
BARE: dict[str, Any] = {"paging": "none", "answer": plain_list(additional_data=None)}

ROUTES: tuple[Route, ...] = (
    v2(
        "projects",
        "/projects",
        10,
        "projects",
        where=LISTED,
        filters=(SAVED, STATUS, PHASE, *LINKED),
        **PROJECT,
    ),
    v2(
        "projects_archived",
        "/projects/archived",
        10,
        "projects",
        where=ARCHIVED,
        filters=(SAVED, STATUS, PHASE),
        **PROJECT,
    ),
    v2("tasks", "/tasks", 10, "projects", filters=TASKS),
    v2("project_boards", "/boards", 10, "projects", **BARE),
    v2("project_phases", "/phases", 10, "projects", filters=(BOARD,), param_sets=BOARDS, **BARE),
    v2("project_templates", "/projectTemplates", 10, "projects"),
    v2(
        "project_changelog",
        "/projects/{id}/changelog",
        10,
        "projects",
        **child_route("projects", answer=computed.by_cursor(projects.changelog)),
    ),
    v1(
        "project_plan",
        "/projects/{id}/plan",
        20,
        "projects",
        **child_route("projects", answer=computed.whole(projects.plan, additional_data=None)),
    ),
    v1(
        "project_groups",
        "/projects/{id}/groups",
        20,
        "projects",
        **child_route("projects", answer=computed.whole(projects.groups, additional_data=None)),
    ),
)
