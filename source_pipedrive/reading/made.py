"""Records that are made of what is read for other streams.

Each function gets the name of the stream that was read, its rows, and their parents as
reading/children.py keeps them: `id`, `time` and the fields that the row `takes`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.records import Row, as_rfc3339

Maker = Callable[[str, Sequence[Row], Sequence[Row]], list[Row]]

ONCE = (None, "", "one-time")
# Fields of a deal whose changes tell its way through the stages, as its changelog names them.
WAY = {"stage_id": "stage_id", "pipeline": "pipeline_id", "pipeline_id": "pipeline_id"}


def subscriptions(source: str, rows: Sequence[Row], deals: Sequence[Row]) -> list[Row]:
    """What the object meant that Pipedrive removed in 2025: a product of a deal that is paid again
    and again, or a deal that is paid in parts."""
    if source == "deal_products":
        return [_recurring(row) for row in rows if row.get("billing_frequency") not in ONCE]
    currency = {deal["id"]: deal.get("currency") for deal in deals}
    payments = defaultdict(list)
    for row in rows:
        payments[row["deal_id"]].append(row)
    return [_installments(deal, found, currency.get(deal)) for deal, found in payments.items()]


def _recurring(row: Row) -> Row:
    return {
        "deal_id": row["deal_id"],
        "kind": "recurring",
        "id": row["id"],
        "deal_update_time": row.get("deal_update_time"),
        "product_id": row.get("product_id"),
        "name": row.get("name"),
        "cadence": row["billing_frequency"],
        "cycles": row.get("billing_frequency_cycles"),
        "start_date": row.get("billing_start_date"),
        "amount": row.get("sum"),
        "currency": row.get("currency"),
    }


def _installments(deal: Any, rows: Sequence[Row], currency: Any) -> Row:
    by_date = sorted(rows, key=lambda row: (str(row.get("billing_date")), str(row["id"])))
    kept = ("id", "amount", "billing_date", "description")
    return {
        "deal_id": deal,
        "kind": "installments",
        "id": deal,
        "deal_update_time": rows[0].get("deal_update_time"),
        "cycles": len(rows),
        "start_date": by_date[0].get("billing_date"),
        "amount": total(row.get("amount") for row in rows),
        "currency": currency,
        "payments": [{name: row.get(name) for name in kept} for row in by_date],
    }


def total(amounts: Iterable[Any]) -> int | float:
    """The sum of amounts as they were written: as binary fractions they add up to something like
    1238.9599999999998."""
    numbers = [n for n in amounts if isinstance(n, int | float)]
    exact = sum((Decimal(str(n)) for n in numbers), Decimal())
    return int(exact) if all(isinstance(n, int) for n in numbers) else float(exact)


def deal_stage_history(source: str, rows: Sequence[Row], deals: Sequence[Row]) -> list[Row]:
    """One row for each time that an open deal spent in a stage, oldest first."""
    entries = defaultdict(list)
    for row in rows:
        if row.get("field_key") in (*WAY, "status"):
            entries[row["deal_id"]].append(row)
    return [stay for deal in deals for stay in stays(deal, entries[deal["id"]])]


def stays(deal: Row, entries: Sequence[Row]) -> list[Row]:
    """The stays of one deal. entries: those of its changelog, in any order.

    A stay ends when the deal moves on, is won, lost or deleted; one that is opened again begins a
    new one. What the changelog does not tell is taken from the deal as it is now.
    """
    at = _beginning(deal, entries)
    found: list[Row] = []
    now = dict(at)
    if now["status"] == "open":
        found.append(_stay(deal, now, as_rfc3339(deal.get("add_time"))))
    ordered = sorted(entries, key=_age)
    for time, group in groupby(ordered, key=lambda row: as_rfc3339(row.get("time"))):
        for step in _steps(list(group)):
            before, now = now, {**now, **step}
            if before == now:
                continue
            if before["status"] == "open" and found:
                _leave(found[-1], time)
            if now["status"] == "open":
                found.append(_stay(deal, now, time))
    return [{**stay, "number": number} for number, stay in enumerate(_ended(deal, found, now), 1)]


def _age(row: Row) -> tuple[int, int]:
    return instant_or_none(row.get("time")) or 0, row.get("number") or 0


def _beginning(deal: Row, entries: Sequence[Row]) -> Row:
    """Where the deal began: what its oldest entries say was before, or what it is now."""
    status = deal.get("status") or "open"
    at = {
        "stage_id": deal.get("stage_id"),
        "pipeline_id": deal.get("pipeline_id"),
        "status": "open" if status in ("won", "lost", "deleted") else status,
    }
    for row in sorted(entries, key=_age, reverse=True):
        at |= _values([row], "old_value")
    return at


def _steps(group: Sequence[Row]) -> list[Row]:
    """The changes of one second. Another pipeline comes together with the stage in it."""
    others = [row for row in group if row["field_key"] != "stage_id"]
    stages = [_values([row], "new_value") for row in group if row["field_key"] == "stage_id"]
    together = _values(others, "new_value")
    return [{**together, **stage} for stage in stages] or [together]


def _values(rows: Sequence[Row], which: str) -> Row:
    found: Row = {}
    for row in rows:
        key, value = str(row["field_key"]), row.get(which)
        name = WAY.get(key, key)
        if name == "status":
            found[name] = value or "open"
        elif str(value).isdigit():
            found[name] = int(str(value))
    return found


def _ended(deal: Row, found: list[Row], now: Row) -> list[Row]:
    """The stays, the last of them as the deal is now: it may be elsewhere than the changelog says,
    or closed."""
    stage, status = deal.get("stage_id"), deal.get("status")
    open_ = found[-1] if found and found[-1]["left"] is None else None
    if open_ and stage is not None and open_["stage_id"] != stage:
        moved = as_rfc3339(deal.get("stage_change_time") or deal["time"])
        _leave(open_, moved)
        open_ = _stay(deal, {**now, "stage_id": stage, "pipeline_id": deal["pipeline_id"]}, moved)
        found.append(open_)
    if open_ and status not in (None, "open"):
        times = {"won": "won_time", "lost": "lost_time"}
        closed = deal.get(times.get(status, "")) or deal.get("close_time")
        _leave(open_, as_rfc3339(closed or deal["time"]))
    elif open_ and deal.get("is_deleted"):
        _leave(open_, as_rfc3339(deal["time"]))
    return found


def _stay(deal: Row, at: Row, entered: Any) -> Row:
    place = {"stage_id": at["stage_id"], "pipeline_id": at["pipeline_id"]}
    mine = {"deal_id": deal["id"], "deal_update_time": deal["time"]}
    return {**mine, **place, "entered": entered, "left": None, "seconds": None}


def _leave(stay: Row, time: Any) -> None:
    start, end = instant_or_none(stay["entered"]), instant_or_none(time)
    stay["left"] = time
    if start is not None and end is not None:
        stay["seconds"] = max(0, end - start)


MAKERS: dict[str, Maker] = {
    "subscriptions": subscriptions,
    "deal_stage_history": deal_stage_history,
}
