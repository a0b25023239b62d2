"""Single records, by which an audit verifies deletions. No stream has their names."""

from __future__ import annotations

from typing import Any

from ..answers.singles import single
from ..endpoints import ANY_PARENT, v1, v2
from ..route import Route


def of(table: str, **more: Any) -> dict[str, Any]:
    """The fields of a route for one record of `table`."""
    return {
        "table": table,
        "parent_table": table,
        "itself": True,
        "answer": single,
        "paging": "none",
        **more,
    }


ROUTES: tuple[Route, ...] = (
    v1("note", "/notes/{id}", 2, "contacts deals", **of("notes")),
    v1("file", "/files/{id}", 2, ANY_PARENT, **of("files")),
    v1("lead", "/leads/{id}", 2, "leads", **of("leads", app="sales")),
    v2("project", "/projects/{id}", 1, "projects", **of("projects")),
    v2("task", "/tasks/{id}", 1, "projects", **of("tasks")),
    v1("user", "/users/{id}", 2, "users:read", **of("users")),
    v1("role", "/roles/{id}", 2, "admin", **of("roles", admin_only=True)),
    v2("pipeline", "/pipelines/{id}", 1, "admin deals", **of("pipelines", app="sales")),
    v2("stage", "/stages/{id}", 1, "admin deals", **of("stages", app="sales")),
    v2("project_board", "/boards/{id}", 10, "projects", **of("project_boards")),
    v2("project_template", "/projectTemplates/{id}", 1, "projects", **of("project_templates")),
)
