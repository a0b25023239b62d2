"""Leads, including archived ones: v1 only, with the custom fields of deals at the top level."""

from __future__ import annotations

from ..clock import DAY, date, millis
from ..record import Record, Row, Variant
from ..switches import Switches
from ..table import Table
from .company import Sizes
from .custom_fields import CustomFields
from .draw import Draw
from .field_values import Pool, inlined
from .settings import LEAD_SOURCES

ARCHIVED = 0.2
# Id, name and colour from the vendor's example of GET /v1/leadLabels.
LABELS = (
    ("f08b42a0-4e75-11ea-9643-03698ef1cfd6", "Hot", "red"),
    ("f08b42a1-4e75-11ea-9643-03698ef1cfd6", "Cold", "blue"),
    ("f08b69b0-4e75-11ea-9643-03698ef1cfd6", "Warm", "yellow"),
)


def lead_labels(draw: Draw) -> Table:
    rows = []
    for id_, name, color in LABELS:
        added = draw.before(draw.now, 900)
        record: Record = {
            "id": id_,
            "name": name,
            "color": color,
            "add_time": millis(added),
            "update_time": millis(draw.between(added, draw.now)),
        }
        rows.append(Row(record))
    return Table("lead_labels", rows, stamp=millis)


def _listed(row: Row, variant: Variant, switches: Switches) -> Record:
    if switches.custom_fields == "null":
        return row.record
    return {**row.record, **row.hidden["custom_fields"]}


def leads(draw: Draw, sizes: Sizes, deal_fields: CustomFields) -> Table:
    last = sizes.last
    values = [inlined(each, deal_fields) for each in Pool(draw, deal_fields, 64, last).values]
    rows = []
    for life in draw.lives(sizes.leads):
        for_person = draw.chance(0.6)
        id_ = draw.uuid()
        record: Record = {
            "id": id_,
            "title": f"{draw.pick(draw.words.companies)} lead",
            "owner_id": draw.number(1, sizes.users),
            "creator_id": draw.number(1, sizes.users),
            "label_ids": [label for label, _, _ in LABELS if draw.chance(0.3)],
            "person_id": draw.number(1, last["people"]) if for_person else None,
            "organization_id": None if for_person else draw.number(1, last["org"]),
            "source_name": draw.pick(LEAD_SOURCES),
            "origin": draw.pick(("API", "ManuallyCreated", "Import")),
            "origin_id": None,
            "channel": draw.some(draw.number(1, 60), 0.1),
            "channel_id": draw.some("Jun23 Billboards", 0.1),
            "source_deal_id": draw.some(draw.number(1, max(1, sizes.deals)), 0.1),
            "is_archived": draw.chance(ARCHIVED),
            "was_seen": draw.chance(0.7),
            "value": draw.some({"amount": draw.number(1, 900) * 50, "currency": "USD"}, 0.6),
            "expected_close_date": draw.some(date(life.updated + 40 * DAY), 0.4),
            "next_activity_id": draw.some(draw.number(1, sizes.activities), 0.4),
            "add_time": millis(life.added + draw.number(0, 999) / 1000 - 1),
            "update_time": millis(life.updated + draw.number(0, 999) / 1000 - 1),
            "visible_to": draw.pick(("1", "3", "5", "7")),
            "cc_email": f"sandbox+lead{id_[:8]}@pipedrivemail.example",
        }
        record["update_time"] = max(record["update_time"], record["add_time"])
        record["archive_time"] = record["update_time"] if record["is_archived"] else None
        rows.append(Row(record, hidden={"custom_fields": draw.pick(values)}))
    rows.sort(key=lambda row: str(row.record["add_time"]))
    return Table("leads", rows, listed=_listed, stamp=millis, title="title")
