"""Persons and organizations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..clock import DAY, date, zulu
from ..record import Record, Row
from ..table import Table
from .children import POOL, Children
from .company import Sizes
from .custom_fields import CustomFields
from .field_values import Pool
from .listing import Listing
from .random_values import RandomValues, RecordTimes

EXTRAS = POOL
DELETED = 0.01  # share of additional records, deleted within the last 30 days
UNMARKED = 25  # of this many persons, one has no primary address: Pipedrive does not promise one

_COUNTS = (
    "open_deals_count",
    "related_open_deals_count",
    "closed_deals_count",
    "related_closed_deals_count",
    "email_messages_count",
    "activities_count",
    "done_activities_count",
    "undone_activities_count",
    "files_count",
    "notes_count",
    "followers_count",
    "won_deals_count",
    "related_won_deals_count",
    "lost_deals_count",
    "related_lost_deals_count",
)
PERSON_EXTRA = (
    "next_activity_id",
    "last_activity_id",
    *_COUNTS,
    "participant_open_deals_count",
    "participant_closed_deals_count",
    "last_incoming_mail_time",
    "last_outgoing_mail_time",
    "marketing_status",
    "doi_status",
    "smart_bcc_email",
)
ORGANIZATION_EXTRA = (
    "next_activity_id",
    "last_activity_id",
    *_COUNTS,
    "people_count",
    "smart_bcc_email",
)


def times_and_deletions(rng: RandomValues, count: int) -> list[tuple[RecordTimes, int | None]]:
    """The times of `count` listed records and some deleted ones, each with its deletion second."""
    deleted = max(1, round(count * DELETED))
    result: list[tuple[RecordTimes, int | None]] = []
    chosen = set(rng.random.sample(range(count + deleted), deleted))
    for at, times in enumerate(rng.record_times(count + deleted)):
        if at in chosen:
            deleted_at = rng.between(max(times.added, rng.now - 29 * DAY), rng.now)
            result.append((RecordTimes(times.added, deleted_at), deleted_at))
        else:
            result.append((times, None))
    return result


def _labels(rng: RandomValues) -> list[int]:
    return [label for label in (1, 2, 3, 4) if rng.chance(0.2)]


def extra(
    kind: str, names: Sequence[str], seed: int, last_activity: int, children: Children
) -> Callable[[Row], Record]:
    """A function that returns a row's opt-in fields: counts, ids, times and an email address.

    Rows share a pool of values, chosen by id, and only their own values are filled in. The counts
    of child records are the real ones.
    """
    rng = RandomValues(seed, f"{kind}:extra", 0)
    counts = children.typical_counts(kind)
    values = [{**_extra(rng, names, last_activity), **counts[at]} for at in range(EXTRAS)]
    times = [name for name in names if name.endswith("_time")]

    def of(row: Row) -> Record:
        record = dict(values[row.id % EXTRAS])
        children.correct_counts(kind, row, record)
        for name in times:
            record[name] = record[name] and row.record["add_time"]
        record["smart_bcc_email"] = f"sandbox+{kind[:-1]}{row.id}@pipedrivemail.example"
        return record

    return of


def _extra(rng: RandomValues, names: Sequence[str], last_activity: int) -> Record:
    values: Record = {}
    for name in names:
        if name.endswith("_count"):
            values[name] = rng.number(0, 9)
        elif name.endswith("_activity_id"):
            values[name] = rng.some(rng.number(1, last_activity), 0.6)
        elif name == "marketing_status":
            values[name] = rng.pick(("no_consent", "subscribed", "unsubscribed"))
        elif name == "doi_status":
            values[name] = rng.number(1, 4)
        elif name == "source_lead_id":
            values[name] = rng.some(rng.uuid(), 0.2)
        else:
            values[name] = rng.some(name, 0.4)  # whether the row has one
    return values


def organizations(
    rng: RandomValues, sizes: Sizes, seed: int, custom: CustomFields, children: Children
) -> Table:
    count = sizes.organizations
    values = Pool(rng, custom, 256, sizes.last)
    rows = []
    for id_, (times, deleted_at) in enumerate(times_and_deletions(rng, count), start=1):
        name = rng.pick(rng.words.companies)
        host = name.split(",")[0].split(" ")[0].split("-")[0].lower()
        record: Record = {
            "id": id_,
            "name": name,
            "owner_id": rng.number(1, sizes.users),
            "add_time": zulu(times.added),
            "update_time": zulu(times.updated),
            "is_deleted": deleted_at is not None,
            "visible_to": rng.pick((3, 3, 7, 1)),
            "address": rng.some(rng.address(), 0.8),
            "label_ids": _labels(rng),
            "website": rng.some(f"https://www.{host}.example", 0.6),
            "linkedin": rng.some(f"https://linkedin.example/company/{host}", 0.4),
            "industry": rng.some(rng.number(1, 20), 0.5),
            "annual_revenue": rng.some(rng.number(1, 900) * 100_000, 0.4),
            "employee_count": rng.some(rng.number(1, 5_000), 0.5),
            "custom_fields": values.pick(id_),
        }
        rows.append(Row(record, deleted_at=deleted_at))
    of = extra("organizations", ORGANIZATION_EXTRA, seed, sizes.activities, children)
    return Table("organizations", rows, listed=Listing(custom), extra=of, core=True)


def persons(
    rng: RandomValues, sizes: Sizes, seed: int, custom: CustomFields, children: Children
) -> Table:
    count = sizes.persons
    values = Pool(rng, custom, 256, sizes.last)
    rows = []
    for id_, (times, deleted_at) in enumerate(times_and_deletions(rng, count), start=1):
        first, last = rng.name()
        mail = f"{first}.{last}".lower()
        marked = id_ % UNMARKED > 0
        record: Record = {
            "id": id_,
            "name": f"{first} {last}",
            "first_name": first,
            "last_name": last if id_ % 40 else None,
            "owner_id": rng.number(1, sizes.users),
            "org_id": rng.some(rng.number(1, sizes.organizations), 0.8),
            "add_time": zulu(times.added),
            "update_time": zulu(times.updated),
            "emails": _contacts(rng, f"{mail}@work.example", f"{mail}{id_}@home.example", marked),
            "phones": _contacts(rng, rng.phone(), rng.phone(), marked),
            "is_deleted": deleted_at is not None,
            "visible_to": rng.pick((3, 3, 7, 1)),
            "label_ids": _labels(rng),
            "picture_id": rng.some(rng.number(1, 9_999), 0.2),
            "custom_fields": values.pick(id_),
            "notes": rng.some(rng.pick(rng.words.sentences), 0.2),
            "im": [{"value": mail, "primary": True, "label": "skype"}] if rng.chance(0.1) else [],
            "birthday": rng.some(date(rng.now - rng.number(7_000, 25_000) * DAY), 0.2),
            "job_title": rng.some(rng.pick(rng.words.jobs), 0.6),
            "postal_address": rng.some(rng.address(), 0.3),
        }
        rows.append(Row(record, deleted_at=deleted_at))
    of = extra("persons", PERSON_EXTRA, seed, sizes.activities, children)
    return Table("persons", rows, listed=Listing(custom), extra=of, core=True)


def _contacts(rng: RandomValues, work: str, home: str, marked: bool) -> list[Record]:
    entries: list[Record] = [{"value": work, "primary": marked, "label": "work"}]
    if rng.chance(0.3):
        entries.append({"value": home, "primary": False, "label": "home"})
    return entries if rng.chance(0.9) else []
