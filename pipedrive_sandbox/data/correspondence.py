"""The mail linked to a deal, a person or an organization."""

from __future__ import annotations

from ..clock import millis, plain
from ..record import Record
from .children import Parent
from .company import COMPANY_ID, ME
from .draw import Draw

ROOM = 100  # message ids reserved per record
_RANGES = {"deals": 1, "persons": 2, "organizations": 3}  # keep the ids of the tables apart


def mail_messages(draw: Draw, parent: Parent) -> list[Record]:
    """Messages in the vendor's wrapper: {object, timestamp, data}."""
    first = (parent.id * 10 + _RANGES[parent.table]) * ROOM
    rows = [_message(draw, parent, first + at) for at in range(parent.count("mail_messages"))]
    return sorted(rows, key=lambda row: str(row["timestamp"]))


def _message(draw: Draw, parent: Parent, id_: int) -> Record:
    sent = draw.between(parent.added, parent.last)
    attached, draft = int(draw.chance(0.2)), int(draw.chance(0.05))
    data: Record = {
        "id": id_,
        "from": [_party(draw, parent)],
        "to": [_party(draw, parent) for _ in range(draw.number(1, 2))],
        "cc": [_party(draw, parent)] if draw.chance(0.2) else [],
        "bcc": [],
        "body_url": f"https://mail.sandbox.example/{id_}",
        "nylas_id": draw.hex(20),
        "account_id": draw.hex(16),
        "user_id": ME,
        "mail_thread_id": draw.number(1, parent.sizes.mail_threads),
        "subject": draw.pick(draw.words.phrases),
        "snippet": draw.pick(draw.words.sentences),
        "mail_tracking_status": draw.pick(("opened", "not opened", None)),
        "mail_link_tracking_enabled_flag": 0,
        "read_flag": int(draw.chance(0.8)),
        "draft": "",
        "draft_flag": draft,
        "s3_bucket": "mail-sandbox",
        "s3_bucket_path": f"{draw.hex(8)}/body",
        "synced_flag": 1,
        "deleted_flag": 0,
        "external_deleted_flag": False,
        "has_body_flag": 1,
        "sent_flag": 1 - draft,
        "sent_from_pipedrive_flag": 0,
        "smart_bcc_flag": 0,
        "message_time": millis(sent),
        "add_time": millis(sent),
        "update_time": millis(sent),
        "has_attachments_flag": attached,
        "has_inline_attachments_flag": 0,
        "has_real_attachments_flag": attached,
        "mua_message_id": f"{draw.hex(20)}@mail.example",
        "template_id": draw.number(1, 9),
        "item_type": "mailMessage",
        "timestamp": millis(sent),
        "company_id": COMPANY_ID,
    }
    return {"object": "mailMessage", "timestamp": plain(sent), "data": data}


def _party(draw: Draw, parent: Parent) -> Record:
    person = draw.number(1, parent.sizes.persons)
    return {
        "id": draw.number(1, 9_999),
        "email_address": f"party{person}@work.example",
        "name": "",
        "linked_person_id": person,
        "linked_person_name": "",
        "mail_message_party_id": draw.number(1, 9_999),
    }
