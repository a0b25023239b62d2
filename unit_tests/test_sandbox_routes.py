"""Behaviour shared by all endpoints of the sandbox.

If it were more lenient than Pipedrive, a client would lose these rows only in production.
"""

from __future__ import annotations

import json

import pytest

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.route import Route
from pipedrive_sandbox.routes import ROUTES

from .caller import LIMITS, NOW, Caller, path_of

OPTIONS = Options(scale=1, clock=NOW, switches=LIMITS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.object)
def test_undocumented_requests_are_refused(box: Sandbox, api: Caller, route: Route) -> None:
    asked = dict(route.param_sets[0])
    assert api.ask(path_of(box, route), **asked).status_code == 200
    assert api.ask(path_of(box, route), **asked, nothing=1).status_code == 400
    limit = api.ask(path_of(box, route), **asked, limit=501).status_code
    assert limit == 400, "above the maximum, or an unknown parameter"
    for each in route.listing.filters:
        if each.required:
            less = {name: value for name, value in asked.items() if name != each.name}
            assert api.ask(path_of(box, route), **less).status_code == 400


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if "{id}" in route.path], ids=lambda route: route.object
)
def test_children_of_an_unknown_parent_are_a_404(box: Sandbox, api: Caller, route: Route) -> None:
    for id_ in (999_999, "nothing"):
        answer = api.ask(path_of(box, route, id_), **route.param_sets[0])
        assert answer.status_code == 404
        assert answer.json()["success"] is False


def test_the_same_seed_gives_the_same_rows() -> None:
    """Otherwise no test could compare a client's records with the sandbox's."""
    texts = []
    for _ in range(2):
        with Sandbox(Options(seed=4, scale=0.05, clock=NOW)) as box:
            texts.append(json.dumps({each.object: box.records(each.object) for each in ROUTES}))
    assert texts[0] == texts[1]
