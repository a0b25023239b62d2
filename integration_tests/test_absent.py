"""A trial that expires, and an add-on that is bought later."""

from __future__ import annotations

import pytest

from integration_tests.conftest import Start
from integration_tests.program import Message
from integration_tests.warehouse import Warehouse

CLOCK = "2026-11-23T10:00:00Z"
LISTS = ("projects", "projects_archived", "tasks", "project_boards")
NAMES = (*LISTS, "project_phases", "project_changelog", "project_plan")
DEALS = ("deals", "deal_installments", "subscriptions")


@pytest.mark.parametrize("answer", ["402", "403"])
@pytest.mark.parametrize("trial", [False, True])
def test_a_feature_bought_later_is_read_from_the_beginning(
    start: Start, answer: str, trial: bool
) -> None:
    """Otherwise earlier projects, tasks and installments would never arrive.

    trial: the account had the feature before, in its trial.
    """
    box = start(scale=0.05, clock=CLOCK, rate_limit=100_000)
    ok, refused = [{"projects_plan": one, "installments": one} for one in ("ok", answer)]
    warehouse, states = Warehouse(), dict[str, Message]()
    for account in ([ok] if trial else []) + [refused, refused, ok]:
        box.control("switches", account)
        box.control("clock", {"advance_seconds": 3_600})
        outcome = box.read(*NAMES, *DEALS, state=list(states.values()))
        assert outcome.code == 0, outcome.sentence()
        new = {s["stream"]["stream_descriptor"]["name"]: s for s in outcome.state}
        if account is refused:
            assert new.keys() <= {"deals", "subscriptions"}
        states |= new
        warehouse.load(outcome.messages)
        if trial:
            box.control("mutate", {"seed": 1, "edits": 20, "deletes": 0, "archives": 0})
    box.control("clock", {"advance_seconds": 3_600})
    whole = Warehouse()
    whole.load(box.read(*NAMES, *DEALS).messages)
    for name in (*NAMES, *DEALS):
        assert whole.tables[name], name
        assert whole.tables[name].keys() <= warehouse.tables[name].keys(), name
