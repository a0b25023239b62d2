"""Goals: every type, every kind of assignee, active and inactive."""

from __future__ import annotations

from typing import Any

from ..clock import DAY, date
from ..record import Record, Row
from ..table import Table
from .company import COMPANY_ID, ME, Sizes
from .random_values import RandomValues
from .world import World

TYPES = {
    "deals_won": "Deals won",
    "deals_progressed": "Deals progressed",
    "activities_completed": "Activities completed",
    "activities_added": "Activities added",
    "deals_started": "Deals started",
}
FORECAST = "revenue_forecast"  # a type of goal that goals/find does not accept as type.name
TEAM = "team"
# Type, kind of assignee, whether that is the token's user, whether active.
_GOALS = (
    ("deals_started", "person", True, True),
    ("deals_won", "person", True, True),
    ("deals_won", "person", False, True),
    ("deals_progressed", "team", False, True),
    ("activities_completed", "company", False, True),
    ("activities_added", "person", True, False),
    ("deals_started", "company", False, False),
    ("activities_completed", "person", False, False),
    (FORECAST, "person", False, True),
    (FORECAST, "company", False, False),
)


def goals(rng: RandomValues, sizes: Sizes, teams: Table) -> Table:
    """Ten goals at any scale, one for each case that requests distinguish."""
    rows = []
    for type_, kind, mine, active in _GOALS:
        assignee = ME if mine else rng.number(2, sizes.users)
        if kind == "company":
            assignee = COMPANY_ID
        elif kind == "team":
            assignee = rng.pick(list(teams.rows))
        about_deals = not type_.startswith("activities")
        name = TYPES.get(type_, "Revenue forecast")
        metric = "sum" if type_ == FORECAST else "quantity"
        money = {"currency_id": 1} if type_ == FORECAST else {}
        start = rng.before(rng.now - 100 * DAY, 400)
        record: Record = {
            "id": rng.hex(32),
            "owner_id": ME,
            "title": f"{name}: {rng.pick(rng.words.words)}",
            "type": {
                "name": name,
                "params": {"pipeline_id": [1, 2]} if about_deals else {"activity_type_id": [1, 2]},
            },
            "assignee": {"type": kind, "id": assignee},
            "interval": rng.pick(("weekly", "monthly", "quarterly")),
            "duration": {"start": date(start), "end": date(start + 365 * DAY)},
            "expected_outcome": {
                "target": rng.number(1, 20) * 10,
                "tracking_metric": metric,
                **money,
            },
            "is_active": active,
            "report_ids": [rng.hex(32)],
        }
        hidden = {
            "type.name": type_,
            "assignee.id": assignee,
            "assignee.type": kind,
            "expected_outcome.target": record["expected_outcome"]["target"],
            "expected_outcome.tracking_metric": metric,
            "type.params.pipeline_id": (1, 2) if about_deals else (),
            "type.params.activity_type_id": () if about_deals else (1, 2),
            "expected_outcome.currency_id": money.get("currency_id"),
            "type.params.stage_id": None,
            "starts": record["duration"]["start"],
            "ends": record["duration"]["end"],
            "mine": kind == "person" and mine,
        }
        rows.append(Row(record, hidden))
    return Table("goals", rows, title="title")


def result(rng: RandomValues, goal: Row, world: World, given: Any) -> Record:
    """GET /v1/goals/{id}/results: the same period always has the same progress."""
    start, end = given["period.start"], given["period.end"]
    progress = RandomValues(
        world.seed, f"goal_results:{goal.id}:{start}:{end}", world.created_at
    ).number(0, 30)
    return {"goal": goal.record, "progress": progress}
