"""Products, and deals: listed, archived and deleted ones in one table."""

from __future__ import annotations

from ..clock import DAY, date, zulu
from ..record import Record, Row
from ..table import Table
from .children import Children
from .company import Sizes
from .contacts import extra, times_and_deletions
from .custom_fields import CustomFields
from .field_values import Pool
from .listing import Listing
from .random_values import RandomValues, RecordTimes
from .settings import PIPELINES, STAGES

ARCHIVED = 0.075  # share of additional deals, which are archived
DEAL_EXTRA = (
    "next_activity_id",
    "last_activity_id",
    "first_won_time",
    "products_count",
    "files_count",
    "notes_count",
    "followers_count",
    "email_messages_count",
    "activities_count",
    "done_activities_count",
    "undone_activities_count",
    "participants_count",
    "last_incoming_mail_time",
    "last_outgoing_mail_time",
    "smart_bcc_email",
    "source_lead_id",
)
_STATUSES = ("open",) * 11 + ("won",) * 5 + ("lost",) * 4
_REASONS = ("Price", "Timing", "Competitor", "No answer")
_VISIBLE = (3, 3, 7, 1)
_LABELS = tuple([label for label in (1, 2, 3, 4) if mask >> label & 1] for mask in range(32))


def deals(
    rng: RandomValues, sizes: Sizes, seed: int, custom: CustomFields, children: Children
) -> Table:
    last = sizes.last
    values = Pool(rng, custom, 512, last)
    archived = max(1, round(sizes.deals * ARCHIVED)) if sizes.deals else 0
    all_times = times_and_deletions(rng, sizes.deals + archived)
    listed = [at for at, (_, deleted_at) in enumerate(all_times) if deleted_at is None]
    in_archive = set(rng.random.sample(listed, archived))
    rows = []
    for at, (times, deleted_at) in enumerate(all_times):
        record = _deal(rng, at + 1, times, last)
        record["custom_fields"] = values.pick(at + 1)
        record["is_deleted"] = deleted_at is not None
        if at in in_archive:
            record["is_archived"] = True
            record["archive_time"] = record["update_time"]
        rows.append(Row(record, deleted_at=deleted_at))
    of = extra("deals", DEAL_EXTRA, seed, sizes.activities, children)
    return Table("deals", rows, listed=Listing(custom), extra=of, title="title", core=True)


def _deal(rng: RandomValues, id_: int, times: RecordTimes, last: dict[str, int]) -> Record:
    status = rng.pick(_STATUSES)
    stage = rng.number(1, len(PIPELINES) * len(STAGES))
    closed_at = rng.between(times.added, times.updated) if status != "open" else None
    closed = zulu(closed_at) if closed_at is not None else None
    closed_date = date(closed_at) if closed_at is not None else None
    won, lost = status == "won", status == "lost"
    yearly = rng.number(1, 200) * 120 if rng.chance(0.2) else None
    return {
        "id": id_,
        "title": f"{rng.pick(rng.words.companies)} {rng.pick(rng.words.words)}",
        "creator_user_id": rng.number(1, last["user"]),
        "owner_id": rng.number(1, last["user"]),
        "value": rng.number(0, 40_000) / 2 if rng.chance(0.5) else rng.number(1, 90) * 500,
        "person_id": rng.some(rng.number(1, last["people"]), 0.9),
        "org_id": rng.some(rng.number(1, last["org"]), 0.85),
        "stage_id": stage,
        "pipeline_id": (stage - 1) // len(STAGES) + 1,
        "currency": rng.pick(("EUR", "USD", "USD", "GBP")),
        "archive_time": None,
        "add_time": zulu(times.added),
        "update_time": zulu(times.updated),
        "stage_change_time": zulu(rng.between(times.added, times.updated)) if id_ % 3 else None,
        "status": status,
        "is_archived": False,
        "is_deleted": False,
        "probability": rng.some(rng.number(0, 20) * 5, 0.3),
        "lost_reason": rng.pick(_REASONS) if lost else None,
        "visible_to": rng.pick(_VISIBLE),
        "close_time": closed,
        "won_time": closed if won else None,
        "lost_time": closed if lost else None,
        "local_won_date": closed_date if won else None,
        "local_lost_date": closed_date if lost else None,
        "local_close_date": closed_date,
        "expected_close_date": rng.some(date(times.updated + 30 * DAY), 0.6),
        "label_ids": rng.pick(_LABELS),
        "origin": rng.pick(("ManuallyCreated", "API", "Import", "WebForm")),
        "origin_id": None,
        "channel": rng.some(rng.number(1, 60), 0.1),
        "channel_id": rng.some("Jun23 Billboards", 0.1),
        "acv": yearly,
        "arr": yearly,
        "mrr": yearly // 12 if yearly else None,
    }


def products(rng: RandomValues, sizes: Sizes, custom: CustomFields) -> Table:
    values = Pool(rng, custom, 64, sizes.last)
    rows = []
    for id_, (times, deleted_at) in enumerate(times_and_deletions(rng, sizes.products), start=1):
        recurring = rng.chance(0.4)
        record: Record = {
            "id": id_,
            "name": f"{rng.pick(rng.words.phrases)} {id_}",
            "code": f"P-{id_:04}",
            "description": rng.some(rng.pick(rng.words.sentences), 0.5),
            "unit": rng.pick(("piece", "hour", "")),
            "tax": rng.pick((0, 20, 22.5)),
            "category": rng.some(rng.pick(("Retail", "Services")), 0.5),
            "is_linkable": id_ % 17 != 16,
            "is_deleted": deleted_at is not None,
            "visible_to": rng.pick(_VISIBLE),
            "owner_id": rng.number(1, sizes.users),
            "add_time": zulu(times.added),
            "update_time": zulu(times.updated),
            "billing_frequency": rng.pick(("monthly", "annually")) if recurring else "one-time",
            "billing_frequency_cycles": rng.some(rng.number(1, 12), 0.5) if recurring else None,
            "prices": _prices(rng, id_),
            "custom_fields": values.pick(id_),
        }
        rows.append(Row(record, deleted_at=deleted_at))
    return Table("products", rows, listed=Listing(custom), core=True)


def _prices(rng: RandomValues, product: int) -> list[Record]:
    prices = []
    for currency in ("EUR", "USD")[: rng.number(1, 2)]:
        price = rng.number(1, 400) * 2.5
        direct = rng.some(price / 2, 0.5)
        prices.append(
            {
                "product_id": product,
                "price": price,
                "currency": currency,
                "cost": price / 5,
                "direct_cost": direct,
                "notes": "",
            }
        )
    return prices
