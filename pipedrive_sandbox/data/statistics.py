"""Statistics that Pipedrive computes from deals: the summary, and a pipeline's movements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ..clock import DAY, moment
from ..record import Condition, Record, Row
from .company import ME
from .settings import CURRENCIES
from .world import World

BASE = "USD"  # the company's default currency
_RATES = {"USD": 1.0, "EUR": 1.1, "GBP": 1.3}
_SYMBOLS = {code: symbol for code, _, _, symbol in CURRENCIES} | {"USD": "US$"}
_CLOSED = ("won", "lost")


def _money(currency: str, value: float) -> str:
    text = f"{value:,.2f}".removesuffix(".00")
    return f"{_SYMBOLS[currency]}{text}"


def _converted(currency: str, value: float) -> float:
    return round(value * _RATES[currency], 2)


def summary(deals: Iterable[Row], world: World) -> Record:
    """GET /v1/deals/summary of `deals`: counts and values by currency, plain and weighted by each
    deal's probability (its own, or else its stage's)."""
    stages = world.tables["stages"].rows
    values: defaultdict[str, float] = defaultdict(float)
    weighted: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for row in deals:
        deal = row.record
        likely = deal["probability"]
        if likely is None:
            likely = stages[deal["stage_id"]].record["deal_probability"]
        if deal["status"] in _CLOSED:
            likely = 100 if deal["status"] == "won" else 0
        values[deal["currency"]] += deal["value"]
        weighted[deal["currency"]] += deal["value"] * likely / 100
        counts[deal["currency"]] += 1
    total = round(sum(_converted(code, value) for code, value in values.items()), 2)
    likely_total = round(sum(_converted(code, value) for code, value in weighted.items()), 2)
    return {
        "values_total": {
            code: {
                "value": values[code],
                "count": counts[code],
                "value_converted": _converted(code, values[code]),
                "value_formatted": _money(code, values[code]),
                "value_converted_formatted": _money(BASE, _converted(code, values[code])),
            }
            for code in sorted(values)
        },
        "weighted_values_total": {
            code: {
                "value": round(weighted[code], 2),
                "count": counts[code],
                "value_formatted": _money(code, weighted[code]),
            }
            for code in sorted(values)
        },
        "total_count": sum(counts.values()),
        "total_currency_converted_value": total,
        "total_weighted_currency_converted_value": likely_total,
        "total_currency_converted_value_formatted": _money(BASE, total),
        "total_weighted_currency_converted_value_formatted": _money(BASE, likely_total),
    }


class _Period:
    """The listed deals of one user in one pipeline, and the days of the requested period."""

    def __init__(self, pipeline: Row, world: World, given: Mapping[str, Any]) -> None:
        chosen = (
            Condition("pipeline_id", "is", pipeline.id),
            Condition("owner_id", "is", given.get("user_id", ME)),
            Condition("is_archived", "is", False),
            Condition("is_deleted", "is", False),
        )
        table = world.tables["deals"]
        self.deals = [row.record for row in table.index(chosen, "id", "first").rows]
        stages = world.tables["stages"].rows.values()
        self.stages = [row.id for row in stages if row.record["pipeline_id"] == pipeline.id]
        self._first, self._last = given["start_date"], given["end_date"]

    def within(self, field: str) -> list[Record]:
        """Deals whose time `field` is within the period, including its last day."""
        return [
            deal for deal in self.deals if self._first <= (deal[field] or "")[:10] <= self._last
        ]


def conversions(pipeline: Row, world: World, given: Mapping[str, Any]) -> Record:
    """For deals added in the period: the percentages that reached the next stage, were won and
    were lost."""
    period = _Period(pipeline, world, given)
    added = period.within("add_time")
    reached = [sum(deal["stage_id"] >= stage for deal in added) for stage in period.stages]
    steps = zip(period.stages, period.stages[1:], reached, reached[1:], strict=False)
    won, lost = (sum(deal["status"] == status for deal in added) for status in _CLOSED)
    return {
        "stage_conversions": [
            {"from_stage_id": one, "to_stage_id": other, "conversion_rate": _percent(on, of)}
            for one, other, of, on in steps
        ],
        "won_conversion": _percent(won, len(added)),
        "lost_conversion": _percent(lost, len(added)),
    }


def movements(pipeline: Row, world: World, given: Mapping[str, Any]) -> Record:
    """Deals added, moved, won and lost in the period, and the average age of those closed in it."""
    period = _Period(pipeline, world, given)
    added, closed = period.within("add_time"), period.within("close_time")
    return {
        "movements_between_stages": {"count": len(period.within("stage_change_time"))},
        "new_deals": _counted(added),
        "deals_left_open": _counted(deal for deal in added if deal["status"] == "open"),
        "won_deals": _counted(period.within("won_time")),
        "lost_deals": _counted(period.within("lost_time")),
        "average_age_in_days": {
            "across_all_stages": _average_age(closed),
            "by_stages": [
                {
                    "stage_id": stage,
                    "value": _average_age(deal for deal in closed if deal["stage_id"] == stage),
                }
                for stage in period.stages
            ],
        },
    }


def _percent(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def _average_age(closed: Iterable[Record]) -> int:
    ages = [moment(deal["close_time"]) - moment(deal["add_time"]) for deal in closed]
    return round(sum(ages) / len(ages) / DAY) if ages else 0


def _counted(deals: Iterable[Record]) -> Record:
    found = list(deals)
    values: defaultdict[str, float] = defaultdict(float)
    for deal in found:
        values[deal["currency"]] += deal["value"]
    return {
        "count": len(found),
        "deals_ids": [deal["id"] for deal in found],
        "values": {code: round(value) for code, value in sorted(values.items())},
        "formatted_values": {code: _money(code, value) for code, value in sorted(values.items())},
    }
