"""An HTTP client for the tests of the sandbox itself, which runs in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from pipedrive_sandbox import Sandbox
from pipedrive_sandbox.route import Route

NOW = "2026-11-23T10:00:00Z"
LIMITS: dict[str, Any] = {"rate_limit": 10**6, "daily_tokens": 10**9}
MOST_PAGES = 1000


def path_of(box: Sandbox, route: Route, id_: object = None) -> str:
    """The path of `route`, with an existing id."""
    rows = box.service.world.tables[route.relation.parent_table or "users"].rows.values()
    there = next(row.id for row in rows if row.deleted_at is None)
    return f"{route.version}{route.path}".replace("{id}", str(id_ or there))


class Caller(requests.Session):
    """A client of one sandbox, with its API token."""

    def __init__(self, box: Sandbox) -> None:
        super().__init__()
        self.box = box
        self.headers["x-api-token"] = box.api_token

    def ask(self, path: str, **params: object) -> requests.Response:
        url = f"{self.box.url}/api/{path}"
        return self.request("GET", url, params={k.replace("__", "."): v for k, v in params.items()})

    def data(self, path: str, **params: object) -> Any:
        response = self.ask(path, **params)
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def walk(self, path: str, **params: object) -> list[dict[str, Any]]:
        """The records on all pages of a v2 list."""
        return [record for page in self.pages(path, **params) for record in page]

    def pages(self, path: str, **params: object) -> Iterator[list[dict[str, Any]]]:
        for _ in range(MOST_PAGES):
            answer = self.ask(path, **params).json()
            yield answer["data"]
            params["cursor"] = answer["additional_data"].get("next_cursor")
            if not params["cursor"]:
                return
        raise AssertionError("the pages never end")
