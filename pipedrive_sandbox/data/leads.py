"""Leads, including archived ones: v1 only, with the custom fields of deals at the top level."""

from __future__ import annotations

from ..clock import DAY, date, millis
from ..record import Record, Row, Variant
from ..switches import Switches
from ..table import Table
from .company import Sizes
from .custom_fields import CustomFields
from .field_values import Pool, inlined
from .random_values import RandomValues
from .settings import LEAD_SOURCES

ARCHIVED = 0.2
# Id, name and colour from the vendor's example of GET /v1/leadLabels.
LABELS = (
    ("f08b42a0-4e75-11ea-9643-03698ef1cfd6", "Hot", "red"),
    ("f08b42a1-4e75-11ea-9643-03698ef1cfd6", "Cold", "blue"),
    ("f08b69b0-4e75-11ea-9643-03698ef1cfd6", "Warm", "yellow"),
)


def lead_labels(rng: RandomValues) -> Table:
    rows = []
    for id_, name, color in LABELS:
        added = rng.before(rng.now, 900)
        record: Record = {
            "id": id_,
            "name": name,
            "color": color,
            "add_time": millis(added),
            "update_time": millis(rng.between(added, rng.now)),
        }
        rows.append(Row(record))
    return Table("lead_labels", rows, stamp=millis)


def _listed(row: Row, variant: Variant, switches: Switches) -> Record:
    if switches.custom_fields == "null":
        return row.record
    return {**row.record, **row.hidden["custom_fields"]}


def leads(rng: RandomValues, sizes: Sizes, deal_fields: CustomFields) -> Table:
    last = sizes.last
    values = [inlined(each, deal_fields) for each in Pool(rng, deal_fields, 64, last).values]
    rows = []
    for times in rng.record_times(sizes.leads):
        for_person = rng.chance(0.6)
        id_ = rng.uuid()
        record: Record = {
            "id": id_,
            "title": f"{rng.pick(rng.words.companies)} lead",
            "owner_id": rng.number(1, sizes.users),
            "creator_id": rng.number(1, sizes.users),
            "label_ids": [label for label, _, _ in LABELS if rng.chance(0.3)],
            "person_id": rng.number(1, last["people"]) if for_person else None,
            "organization_id": None if for_person else rng.number(1, last["org"]),
            "source_name": rng.pick(LEAD_SOURCES),
            "origin": rng.pick(("API", "ManuallyCreated", "Import")),
            "origin_id": None,
            "channel": rng.some(rng.number(1, 60), 0.1),
            "channel_id": rng.some("Jun23 Billboards", 0.1),
            "source_deal_id": rng.some(rng.number(1, max(1, sizes.deals)), 0.1),
            "is_archived": rng.chance(ARCHIVED),
            "was_seen": rng.chance(0.7),
            "value": rng.some({"amount": rng.number(1, 900) * 50, "currency": "USD"}, 0.6),
            "expected_close_date": rng.some(date(times.updated + 40 * DAY), 0.4),
            "next_activity_id": rng.some(rng.number(1, sizes.activities), 0.4),
            "add_time": millis(times.added + rng.number(0, 999) / 1000 - 1),
            "update_time": millis(times.updated + rng.number(0, 999) / 1000 - 1),
            "visible_to": rng.pick(("1", "3", "5", "7")),
            "cc_email": f"sandbox+lead{id_[:8]}@pipedrivemail.example",
        }
        record["update_time"] = max(record["update_time"], record["add_time"])
        record["archive_time"] = record["update_time"] if record["is_archived"] else None
        rows.append(Row(record, hidden={"custom_fields": rng.pick(values)}))
    rows.sort(key=lambda row: str(row.record["add_time"]))
    return Table("leads", rows, listed=_listed, stamp=millis, title="title")
