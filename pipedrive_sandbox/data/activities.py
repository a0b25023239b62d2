"""Activities of all users, which is what v2 lists."""

from __future__ import annotations

from ..clock import DAY, date, zulu
from ..record import Record, Row
from ..table import Table
from .company import Sizes
from .contacts import EXTRAS, times_and_deletions
from .listing import Listing
from .random_values import RandomValues
from .settings import ACTIVITY_TYPES

ACTIVITY_EXTRA = ("attendees",)
OUTCOMES = ("connected", "no_answer", "left_voicemail")  # ids of options
PROJECTS = 40  # one in this many activities belongs to a project


def activities(rng: RandomValues, sizes: Sizes, lead_ids: list[str]) -> Table:
    """Activities of deals and of the leads in `lead_ids`."""
    persons, organizations = sizes.persons, sizes.organizations
    rows = []
    for id_, (times, deleted_at) in enumerate(times_and_deletions(rng, sizes.activities), start=1):
        person = rng.some(rng.number(1, persons), 0.8)
        done = rng.chance(0.6)
        for_lead = rng.chance(0.1) and bool(lead_ids)
        call = rng.chance(0.1)
        meeting = rng.hex(10) if call else None
        record: Record = {
            "id": id_,
            "subject": rng.pick(rng.words.phrases),
            "type": rng.pick(ACTIVITY_TYPES),
            "owner_id": rng.number(1, sizes.users),
            "creator_user_id": rng.number(1, sizes.users),
            "is_deleted": deleted_at is not None,
            "add_time": zulu(times.added),
            "update_time": zulu(times.updated),
            "deal_id": rng.number(1, sizes.deals) if sizes.deals and not for_lead else None,
            "lead_id": rng.pick(lead_ids) if for_lead else None,
            "person_id": person,
            "org_id": rng.some(rng.number(1, organizations), 0.6),
            "project_id": id_ // PROJECTS % sizes.projects + 1 if id_ % PROJECTS == 0 else None,
            "due_date": date(times.added + rng.number(0, 40) * DAY),
            "due_time": rng.some(f"{rng.number(7, 18):02}:30:00", 0.7),
            "duration": rng.some(f"{rng.number(0, 2):02}:30:00", 0.7),
            "busy": rng.chance(0.5),
            "done": done,
            "marked_as_done_time": zulu(times.updated) if done else None,
            "location": rng.some(rng.address(), 0.1),
            "participants": [{"person_id": person, "primary": True}] if person else [],
            "conference_meeting_client": "google_meet" if call else None,
            "conference_meeting_url": f"https://meet.example/{meeting}" if call else None,
            "conference_meeting_id": meeting,
            "public_description": rng.some(rng.pick(rng.words.sentences), 0.1),
            "priority": rng.some(rng.number(261, 263), 0.2),
            "note": rng.some(rng.pick(rng.words.sentences), 0.4),
        }
        record["outcome"] = OUTCOMES[id_ % len(OUTCOMES)] if done else None
        rows.append(Row(record, deleted_at=deleted_at))

    guests = [rng.name() for _ in range(EXTRAS)]

    def attendees(row: Row) -> Record:
        known = [guests[(row.id + at) % EXTRAS] for at in range(row.id % 3)]
        return {"attendees": [_attendee(row.record, at, *name) for at, name in enumerate(known)]}

    return Table("activities", rows, listed=Listing(), extra=attendees, title="subject", core=True)


def _attendee(activity: Record, at: int, first: str, last: str) -> Record:
    return {
        "email": f"{first}.{last}@guest.example".lower(),
        "name": f"{first} {last}",
        "status": ("accepted", "declined", "tentative")[len(last) % 3],
        "is_organizer": at == 0,
        "person_id": activity["person_id"],
        "user_id": activity["owner_id"] if at == 0 else None,
    }
