"""Streams without an endpoint: their records are derived from those of other streams.

Each derivation takes the name of the source stream, its records, their parents as
reading/pending.py keeps them (`id`, `time` and the fields that the source stream needs), and the
reference list in which the stream looks facts up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from source_pipedrive.reading.batch import Batch, Handover, Step, Task
from source_pipedrive.reading.coverage import Remaining
from source_pipedrive.reading.dependent import DependentReader
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.records import Record, as_rfc3339
from source_pipedrive.reading.reference import ReferenceList

Derivation = Callable[[str, Sequence[Record], Sequence[Record], ReferenceList], list[Record]]

ONCE = (None, "", "one-time")
# Fields whose changes show a deal's path through the stages, by their names in the changelog.
PATH_FIELDS = {"stage_id": "stage_id", "pipeline": "pipeline_id", "pipeline_id": "pipeline_id"}


class Derived(DependentReader):
    """Derives records as soon as a source delivers any."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        stream = self.stream
        self._reference = ReferenceList(self.context.client, stream.derived.lookup, stream.name)

    def take(self, more: bool = False) -> Task | None:
        return None

    def receive(
        self, source: Reader, handover: Handover, needed: Remaining | None
    ) -> Iterator[Step]:
        name, derive = source.stream.name, DERIVATIONS[self.stream.name]
        records = derive(name, handover.records, handover.parents, self._reference)

        def moved(_: object) -> None:
            self.coverage.cover(self.coverage.covered_by(name, handover, source.remaining()))

        yield Batch(records, moved if handover.covered else None)
        with self.lock:
            for parent in handover.parents:
                self.note_done(parent, f"{name}:")


def subscriptions(
    source: str, rows: Sequence[Record], deals: Sequence[Record], reference: ReferenceList
) -> list[Record]:
    """Replaces the object that Pipedrive removed in 2025: a product of a deal with recurring
    payments, or a deal that is paid in installments."""
    if source == "deal_products":
        return [_recurring(row) for row in rows if row.get("billing_frequency") not in ONCE]
    currency = {deal["id"]: deal.get("currency") for deal in deals}
    payments = defaultdict(list)
    for row in rows:
        payments[row["deal_id"]].append(row)
    return [_installments(deal, found, currency.get(deal)) for deal, found in payments.items()]


def _recurring(row: Record) -> Record:
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


def _installments(deal: Any, rows: Sequence[Record], currency: Any) -> Record:
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
    """The exact sum of decimal amounts; as binary fractions they add up to something like
    1238.9599999999998."""
    numbers = [n for n in amounts if isinstance(n, int | float)]
    exact = sum((Decimal(str(n)) for n in numbers), Decimal())
    return int(exact) if all(isinstance(n, int) for n in numbers) else float(exact)


def deal_stage_history(
    source: str, rows: Sequence[Record], deals: Sequence[Record], stages: ReferenceList
) -> list[Record]:
    """One record for each stay of an open deal in a stage, oldest first."""
    entries = defaultdict(list)
    for row in rows:
        if row.get("field_key") in (*PATH_FIELDS, "status"):
            entries[row["deal_id"]].append(row)
    pipelines = {row.get("id"): row.get("pipeline_id") for row in stages.records()} if deals else {}
    return [stay for deal in deals for stay in stays(deal, entries[deal["id"]], pipelines)]


def stays(deal: Record, entries: Sequence[Record], pipelines: Mapping[Any, Any]) -> list[Record]:
    """The stays of one deal. entries: its changelog, in Pipedrive's order; pipelines: by stage.

    A stay ends when the deal changes stage, is won, lost or deleted; reopening the deal begins a
    new one. Whatever the changelog lacks is taken from the deal as it is now.
    """
    ordered = _oldest_first(entries)
    now = _beginning(deal, ordered)
    found: list[Record] = []
    if now["status"] == "open":
        found.append(_stay(deal, now, as_rfc3339(deal.get("add_time"))))
    for time, group in groupby(ordered, key=lambda row: as_rfc3339(row.get("time"))):
        for step in _steps(list(group)):
            before, now = now, {**now, **step}
            if all(before[name] == now[name] for name in ("stage_id", "status")):
                continue
            if before["status"] == "open" and found:
                _leave(found[-1], time)
            if now["status"] == "open":
                found.append(_stay(deal, now, time))
    found = _ended(deal, found, now)
    for number, stay in enumerate(found, 1):
        stay["number"] = number
        stay["pipeline_id"] = _pipeline(deal, stay, pipelines)
    return found


def _pipeline(deal: Record, stay: Record, pipelines: Mapping[Any, Any]) -> Any:
    """The stage's pipeline. If the stage is no longer listed: the one in the changelog, or, for the
    stage the deal is in now, the deal's own."""
    known = pipelines.get(stay["stage_id"]) or stay["pipeline_id"]
    return known or (deal["pipeline_id"] if stay["stage_id"] == deal["stage_id"] else None)


def _oldest_first(entries: Sequence[Record]) -> list[Record]:
    """Entries of the same second keep the list's order, oldest or newest first."""
    times = [instant_or_none(row.get("time")) or 0 for row in entries]
    rows = list(zip(times, entries, strict=True))
    if times and times[0] >= times[-1]:
        rows.reverse()
    return [row for _, row in sorted(rows, key=lambda timed: timed[0])]


def _beginning(deal: Record, ordered: Sequence[Record]) -> Record:
    """Where the deal began: the old values of its oldest entries, or its values now."""
    status = deal.get("status") or "open"
    at = {
        "stage_id": deal.get("stage_id"),
        "pipeline_id": None,
        "status": "open" if status in ("won", "lost", "deleted") else status,
    }
    for row in reversed(ordered):
        at |= _value(row, "old_value")
    return at


def _steps(group: Sequence[Record]) -> list[Record]:
    """The changes of one second, in order. A pipeline beside several moves belongs to the last of
    them; the pipelines of the earlier moves are unknown."""
    steps = [_value(row, "new_value") for row in group]
    pipelines = [step["pipeline_id"] for step in steps if "pipeline_id" in step]
    moves = [step for step in steps if "stage_id" in step]
    for move in moves if pipelines else ():
        move["pipeline_id"] = pipelines[-1] if move is moves[-1] else None
    return steps


def _value(row: Record, which: str) -> Record:
    key, value = str(row["field_key"]), row.get(which)
    if key == "status":
        return {key: value or "open"}
    return {PATH_FIELDS[key]: int(str(value))} if str(value).isdigit() else {}


def _ended(deal: Record, found: list[Record], now: Record) -> list[Record]:
    """The stays, with the last one matched to the deal as it is now: the deal may be in a
    different stage than the changelog says, or closed."""
    stage, status = deal.get("stage_id"), deal.get("status")
    open_ = found[-1] if found and found[-1]["left_time"] is None else None
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


def _stay(deal: Record, at: Record, entered: Any) -> Record:
    stage = {"stage_id": at["stage_id"], "pipeline_id": at["pipeline_id"]}
    mine = {"deal_id": deal["id"], "deal_update_time": deal["time"]}
    return {**mine, **stage, "entered_time": entered, "left_time": None, "seconds": None}


def _leave(stay: Record, time: Any) -> None:
    start, end = instant_or_none(stay["entered_time"]), instant_or_none(time)
    stay["left_time"] = time
    if start is not None and end is not None:
        stay["seconds"] = max(0, end - start)


DERIVATIONS: dict[str, Derivation] = {
    "subscriptions": subscriptions,
    "deal_stage_history": deal_stage_history,
}
