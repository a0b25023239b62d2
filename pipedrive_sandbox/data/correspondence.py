"""The mail linked to a deal, a person or an organization."""

from __future__ import annotations

from ..clock import millis, plain
from ..record import Record
from .children import Parent
from .company import COMPANY_ID, ME
from .random_values import RandomValues

IDS_PER_PARENT = 100  # message ids reserved per record
_RANGES = {"deals": 1, "persons": 2, "organizations": 3}  # keep the ids of the tables apart


def mail_messages(rng: RandomValues, parent: Parent) -> list[Record]:
    """Messages in the vendor's wrapper: {object, timestamp, data}."""
    first = (parent.id * 10 + _RANGES[parent.table]) * IDS_PER_PARENT
    rows = [_message(rng, parent, first + at) for at in range(parent.count("mail_messages"))]
    return sorted(rows, key=lambda row: str(row["timestamp"]))


def _message(rng: RandomValues, parent: Parent, id_: int) -> Record:
    sent = rng.between(parent.added, parent.last)
    attached, draft = int(rng.chance(0.2)), int(rng.chance(0.05))
    data: Record = {
        "id": id_,
        "from": [_party(rng, parent)],
        "to": [_party(rng, parent) for _ in range(rng.number(1, 2))],
        "cc": [_party(rng, parent)] if rng.chance(0.2) else [],
        "bcc": [],
        "body_url": f"https://mail.sandbox.example/{id_}",
        "nylas_id": rng.hex(20),
        "account_id": rng.hex(16),
        "user_id": ME,
        "mail_thread_id": rng.number(1, parent.sizes.mail_threads),
        "subject": rng.pick(rng.words.phrases),
        "snippet": rng.pick(rng.words.sentences),
        "mail_tracking_status": rng.pick(("opened", "not opened", None)),
        "mail_link_tracking_enabled_flag": 0,
        "read_flag": int(rng.chance(0.8)),
        "draft": "",
        "draft_flag": draft,
        "s3_bucket": "mail-sandbox",
        "s3_bucket_path": f"{rng.hex(8)}/body",
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
        "mua_message_id": f"{rng.hex(20)}@mail.example",
        "template_id": rng.number(1, 9),
        "item_type": "mailMessage",
        "timestamp": millis(sent),
        "company_id": COMPANY_ID,
    }
    return {"object": "mailMessage", "timestamp": plain(sent), "data": data}


def _party(rng: RandomValues, parent: Parent) -> Record:
    person = rng.number(1, parent.sizes.persons)
    return {
        "id": rng.number(1, 9_999),
        "email_address": f"party{person}@work.example",
        "name": "",
        "linked_person_id": person,
        "linked_person_name": "",
        "mail_message_party_id": rng.number(1, 9_999),
    }
