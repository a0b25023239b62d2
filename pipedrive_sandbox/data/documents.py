"""Notes with their comments, and files, linked to other records."""

from __future__ import annotations

from ..clock import millis, moment, plain
from ..record import Record, Row
from ..table import Table
from .company import COMPANY_ID, ME, Sizes
from .random_values import RandomValues
from .settings import download_url
from .world import World

COMMENTED = 5  # one in this many notes has comments
_SUFFIXES = {"pdf": "pdf", "img": "jpg", "doc": "docx"}


class _Parents:
    """Picks the records that notes and files are linked to."""

    def __init__(self, rng: RandomValues, tables: dict[str, Table]) -> None:
        self._rng = rng
        self._titles = {name: table.title for name, table in tables.items()}
        self._rows = {name: list(table.rows.values()) for name, table in tables.items()}

    def pick(self, kind: str, share: float) -> tuple[object, str]:
        """In `share` of all cases, the id and name of a record of `kind`; else (None, "")."""
        if not self._rows[kind] or not self._rng.chance(share):
            return None, ""
        row = self._rng.pick(self._rows[kind])
        return row.id, row.record[self._titles[kind]]


def notes(rng: RandomValues, sizes: Sizes, tables: dict[str, Table]) -> Table:
    users = tables["users"].rows
    parents = _Parents(rng, tables)
    rows = []
    for id_, times in enumerate(rng.record_times(sizes.notes), start=1):
        deal, deal_title = parents.pick("deals", 0.6)
        lead, lead_title = parents.pick("leads", 0.0 if deal else 0.3)
        person, person_name = parents.pick("persons", 0.5)
        org, org_name = parents.pick("organizations", 0.4)
        user = rng.number(1, len(users))
        author = users[user].record
        record: Record = {
            "id": id_,
            "active_flag": True,
            "add_time": plain(times.added),
            "content": f"<p>{rng.pick(rng.words.sentences)}</p>",
            "deal": {"title": deal_title} if deal else None,
            "lead_id": lead,
            "lead": {"title": lead_title} if lead else None,
            "deal_id": deal,
            "last_update_user_id": rng.some(rng.number(1, len(users)), 0.5),
            "org_id": org,
            "organization": {"name": org_name} if org else None,
            "person": {"name": person_name} if person else None,
            "person_id": person,
            "project_id": None,
            "project": None,
            "task_id": None,
            "task": None,
            "pinned_to_lead_flag": bool(lead) and rng.chance(0.2),
            "pinned_to_deal_flag": bool(deal) and rng.chance(0.2),
            "pinned_to_organization_flag": bool(org) and rng.chance(0.2),
            "pinned_to_person_flag": bool(person) and rng.chance(0.2),
            "pinned_to_project_flag": False,
            "pinned_to_task_flag": False,
            "update_time": plain(times.updated),
            "user": {
                "email": author["email"],
                "icon_url": author["icon_url"],
                "is_you": user == ME,
                "name": author["name"],
            },
            "user_id": user,
        }
        rows.append(Row(record))
    return Table("notes", rows, stamp=plain, title="content")


def files(rng: RandomValues, sizes: Sizes, tables: dict[str, Table]) -> Table:
    parents = _Parents(rng, tables)
    rows = []
    for id_, times in enumerate(rng.record_times(sizes.files), start=1):
        type_ = rng.pick(tuple(_SUFFIXES))
        name = f"{rng.pick(rng.words.words)}_{id_}.{_SUFFIXES[type_]}"
        record: Record = {
            "id": id_,
            "user_id": rng.number(1, len(tables["users"].rows)),
            "log_id": None,
            "add_time": plain(times.added),
            "update_time": plain(times.updated),
            "file_name": f"{rng.hex(8)}_{name}",
            "file_type": type_,
            "file_size": rng.number(1_000, 9_000_000),
            "active_flag": True,
            "inline_flag": rng.chance(0.1),
            "remote_location": "s3",
            "remote_id": rng.hex(20),
            "cid": "",
            "s3_bucket": "",
            "mail_message_id": "",
            "mail_template_id": "",
            "url": download_url(id_),
            "name": name,
            "description": rng.some(rng.pick(rng.words.phrases), 0.3) or "",
            "project_id": None,
            "project_name": "",
            "activity_id": rng.some(rng.number(1, sizes.activities), 0.2),
        }
        kinds = {"deal": "deals", "person": "persons", "org": "organizations"}
        for field, kind in {**kinds, "product": "products", "lead": "leads"}.items():
            share = 0.4 if field in kinds else 0.1
            record[f"{field}_id"], record[f"{field}_name"] = parents.pick(kind, share)
        record["people_name"] = record["person_name"]
        rows.append(Row(record))
    return Table("files", rows, stamp=plain)


def comments(rng: RandomValues, note: Row, world: World) -> list[Record]:
    """One to four on every fifth note, the first included; twelve on the first."""
    if note.id % COMMENTED != 1:
        return []
    added = moment(f"{note.record['add_time'].replace(' ', 'T')}Z")
    rows = []
    for _ in range(12 if note.id == 1 else rng.number(1, 4)):
        added = max(added, rng.between(added, rng.now) + rng.number(0, 999) / 1000 - 1)
        user = rng.number(1, world.sizes.users)
        updated = added + rng.number(0, 1) * rng.number(1, 900) / 10
        rows.append(
            {
                "uuid": rng.uuid(),
                "active_flag": True,
                "add_time": millis(added),
                "company_id": COMPANY_ID,
                "content": rng.pick(rng.words.sentences),
                "object_id": str(note.id),
                "object_type": "note",
                "update_time": millis(min(updated, rng.now)),
                "updater_id": user,
                "user_id": user,
            }
        )
    return rows
