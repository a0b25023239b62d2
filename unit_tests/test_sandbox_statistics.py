"""Results of goals, and statistics of deals."""

from __future__ import annotations

import pytest

from pipedrive_sandbox import Options, Sandbox

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=1, clock=NOW, switches=LIMITS)
DATES = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
PERIOD = {"period.start": "2026-01-01", "period.end": "2026-01-31"}


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


def test_the_summary_accepts_filters(box: Sandbox, api: Caller) -> None:
    deals = box.records("deals")
    for name, field in (("user_id", "owner_id"), ("pipeline_id", "pipeline_id")):
        found = api.data("v1/deals/summary", **{name: 2})
        assert found["total_count"] == sum(deal[field] == 2 for deal in deals)
    assert api.ask("v1/deals/summary", status="deleted").status_code == 400
    assert api.ask("v1/deals/summary", status="open,won").status_code == 400


def test_movement_statistics_of_a_pipeline(box: Sandbox, api: Caller) -> None:
    """Without a user id they cover the token's user only, not everyone."""
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


def test_conversion_statistics_of_a_pipeline(api: Caller) -> None:
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
