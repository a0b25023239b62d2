"""Notes with their comments, and files, linked to other records."""

from __future__ import annotations

from ..clock import millis, moment, plain
from ..record import Record, Row
from ..table import Table
from .company import COMPANY_ID, ME, Sizes
from .draw import Draw
from .settings import download_url
from .world import World

COMMENTED = 5  # one in this many notes has comments
_SUFFIXES = {"pdf": "pdf", "img": "jpg", "doc": "docx"}


class _Parents:
    """Picks the records that notes and files are linked to."""

    def __init__(self, draw: Draw, tables: dict[str, Table]) -> None:
        self._draw = draw
        self._titles = {name: table.title for name, table in tables.items()}
        self._rows = {name: list(table.rows.values()) for name, table in tables.items()}

    def pick(self, kind: str, share: float) -> tuple[object, str]:
        """In `share` of all cases, the id and name of a record of `kind`; else (None, "")."""
        if not self._rows[kind] or not self._draw.chance(share):
            return None, ""
        row = self._draw.pick(self._rows[kind])
        return row.id, row.record[self._titles[kind]]


def notes(draw: Draw, sizes: Sizes, tables: dict[str, Table]) -> Table:
    users = tables["users"].rows
    parents = _Parents(draw, tables)
    rows = []
    for id_, life in enumerate(draw.lives(sizes.notes), start=1):
        deal, deal_title = parents.pick("deals", 0.6)
        lead, lead_title = parents.pick("leads", 0.0 if deal else 0.3)
        person, person_name = parents.pick("persons", 0.5)
        org, org_name = parents.pick("organizations", 0.4)
        user = draw.number(1, len(users))
        author = users[user].record
        record: Record = {
            "id": id_,
            "active_flag": True,
            "add_time": plain(life.added),
            "content": f"<p>{draw.pick(draw.words.sentences)}</p>",
            "deal": {"title": deal_title} if deal else None,
            "lead_id": lead,
            "lead": {"title": lead_title} if lead else None,
            "deal_id": deal,
            "last_update_user_id": draw.some(draw.number(1, len(users)), 0.5),
            "org_id": org,
            "organization": {"name": org_name} if org else None,
            "person": {"name": person_name} if person else None,
            "person_id": person,
            "project_id": None,
            "project": None,
            "task_id": None,
            "task": None,
            "pinned_to_lead_flag": bool(lead) and draw.chance(0.2),
            "pinned_to_deal_flag": bool(deal) and draw.chance(0.2),
            "pinned_to_organization_flag": bool(org) and draw.chance(0.2),
            "pinned_to_person_flag": bool(person) and draw.chance(0.2),
            "pinned_to_project_flag": False,
            "pinned_to_task_flag": False,
            "update_time": plain(life.updated),
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


def files(draw: Draw, sizes: Sizes, tables: dict[str, Table]) -> Table:
    parents = _Parents(draw, tables)
    rows = []
    for id_, life in enumerate(draw.lives(sizes.files), start=1):
        type_ = draw.pick(tuple(_SUFFIXES))
        name = f"{draw.pick(draw.words.words)}_{id_}.{_SUFFIXES[type_]}"
        record: Record = {
            "id": id_,
            "user_id": draw.number(1, len(tables["users"].rows)),
            "log_id": None,
            "add_time": plain(life.added),
            "update_time": plain(life.updated),
            "file_name": f"{draw.hex(8)}_{name}",
            "file_type": type_,
            "file_size": draw.number(1_000, 9_000_000),
            "active_flag": True,
            "inline_flag": draw.chance(0.1),
            "remote_location": "s3",
            "remote_id": draw.hex(20),
            "cid": "",
            "s3_bucket": "",
            "mail_message_id": "",
            "mail_template_id": "",
            "url": download_url(id_),
            "name": name,
            "description": draw.some(draw.pick(draw.words.phrases), 0.3) or "",
            "project_id": None,
            "project_name": "",
            "activity_id": draw.some(draw.number(1, sizes.activities), 0.2),
        }
        kinds = {"deal": "deals", "person": "persons", "org": "organizations"}
        for field, kind in {**kinds, "product": "products", "lead": "leads"}.items():
            share = 0.4 if field in kinds else 0.1
            record[f"{field}_id"], record[f"{field}_name"] = parents.pick(kind, share)
        record["people_name"] = record["person_name"]
        rows.append(Row(record))
    return Table("files", rows, stamp=plain)


def comments(draw: Draw, note: Row, world: World) -> list[Record]:
    """One to four on every fifth note, the first included; twelve on the first."""
    if note.id % COMMENTED != 1:
        return []
    added = moment(f"{note.record['add_time'].replace(' ', 'T')}Z")
    rows = []
    for _ in range(12 if note.id == 1 else draw.number(1, 4)):
        added = max(added, draw.between(added, draw.now) + draw.number(0, 999) / 1000 - 1)
        user = draw.number(1, world.sizes.users)
        updated = added + draw.number(0, 1) * draw.number(1, 900) / 10
        rows.append(
            {
                "uuid": draw.uuid(),
                "active_flag": True,
                "add_time": millis(added),
                "company_id": COMPANY_ID,
                "content": draw.pick(draw.words.sentences),
                "object_id": str(note.id),
                "object_type": "note",
                "update_time": millis(min(updated, draw.now)),
                "updater_id": user,
                "user_id": user,
            }
        )
    return rows
