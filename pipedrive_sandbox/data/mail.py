"""The token user's mailbox and call logs, and other users' call logs, which the API never lists."""

from __future__ import annotations

from ..clock import DAY, millis, rfc3339
from ..record import Record, Row, Variant
from ..switches import Switches
from ..table import Table
from .company import COMPANY_ID, ME, Sizes
from .random_values import RandomValues
from .world import World

MESSAGE_ID_STEP = 1_000_000  # between the message ids of a thread; the first is the thread's
FOLDERS = ("inbox", "drafts", "sent", "archive")
_OUTCOMES = (
    "connected",
    "no_answer",
    "left_message",
    "left_voicemail",
    "wrong_number",
    "busy",
)


def _listed(row: Row, variant: Variant, switches: Switches) -> Record:
    if switches.mail_folders == "consistent":
        return row.record
    return {**row.record, "folders": ["inbox"]}


def mail_threads(rng: RandomValues, sizes: Sizes, persons: Table) -> Table:
    """Every fifth thread is in two folders."""
    rows = []
    for id_, times in enumerate(rng.record_times(sizes.mail_threads), start=1):
        folder = FOLDERS[id_ % 4]
        folders = [folder, FOLDERS[(id_ + 2) % 4]] if id_ % 5 == 0 else [folder]
        record = _thread(rng, id_, folders, persons)
        first, last = times.added, rng.between(times.added, times.updated)
        if record["message_count"] == 1:
            last = first
        sent = "sent" in folders
        record.update(
            {
                "last_message_timestamp": millis(last),
                "first_message_timestamp": millis(first),
                "last_message_sent_timestamp": millis(last) if sent else None,
                "last_message_received_timestamp": millis(last) if folder != "drafts" else None,
                "add_time": millis(first),
                "update_time": millis(times.updated),
            }
        )
        rows.append(Row(record, hidden={"in_folders": folders}))
    return Table("mail_threads", rows, listed=_listed, stamp=millis, title="subject")


def _thread(rng: RandomValues, id_: int, folders: list[str], persons: Table) -> Record:
    draft = "drafts" in folders
    attached = int(rng.chance(0.3))
    return {
        "id": id_,
        "parties": {"to": [_party(rng, persons)], "from": [_party(rng, persons)]},
        "drafts_parties": [],
        "folders": folders,
        "account_id": rng.hex(16),
        "user_id": ME,
        "version": rng.number(1, 20),
        "subject": rng.pick(rng.words.phrases),
        "snippet": rng.pick(rng.words.sentences),
        "snippet_draft": rng.pick(rng.words.sentences) if draft else None,
        "snippet_sent": "",
        "read_flag": int(rng.chance(0.8)),
        "mail_tracking_status": rng.some("opened", 0.2),
        "has_attachments_flag": attached,
        "has_inline_attachments_flag": 0,
        "has_real_attachments_flag": attached,
        "has_draft_flag": int(draft),
        "has_sent_flag": int("sent" in folders),
        "archived_flag": int("archive" in folders),
        "deleted_flag": 0,
        "shared_flag": int(rng.chance(0.5)),
        "synced_flag": 1,
        "external_deleted_flag": 0,
        "smart_bcc_flag": 0,
        "first_message_to_me_flag": 1,
        "mail_link_tracking_enabled_flag": 0,
        "message_count": rng.number(1, 9),
        "deal_id": None,
        "deal_status": None,
        "lead_id": None,
        "all_messages_sent_flag": 0,
    }


def _party(rng: RandomValues, persons: Table) -> Record:
    person = persons.rows[rng.number(1, len(persons.rows))]
    return {
        "id": rng.number(1, 9_999),
        "name": "",
        "latest_sent": False,
        "email_address": _address(person),
        "message_time": rng.before(rng.now, 300) * 1000,
        "linked_person_id": person.id,
        "linked_person_name": person.record["name"],
        "linked_organization_id": None,
        "mail_message_party_id": rng.number(1, 9_999),
    }


def messages(rng: RandomValues, thread: Row, world: World) -> list[Record]:
    """The messages of a thread, oldest first, consistent with its count and times."""
    header = thread.record
    first, last = (rfc3339(header[f"{name}_message_timestamp"]) for name in ("first", "last"))
    count = header["message_count"]
    rows = []
    for number in range(count):
        sent = number % 2 == 0 if header["has_sent_flag"] else False
        newest = number == count - 1
        draft = newest and header["has_draft_flag"] == 1
        at = last if newest and number else first + (last - first) * number / count
        body = rng.pick(rng.words.sentences)
        sides = ("to", "from") if number % 2 else ("from", "to")
        one, other = (_correspondent(header["parties"][side][0]) for side in sides)
        record: Record = {
            "id": thread.id + number * MESSAGE_ID_STEP,
            "from": [one],
            "to": [other],
            "cc": [],
            "bcc": [],
            "body_url": f"https://mail.sandbox.example/{rng.hex(16)}",
            "account_id": header["account_id"],
            "user_id": header["user_id"],
            "mail_thread_id": thread.id,
            "subject": header["subject"],
            "snippet": body,
            "mail_tracking_status": rng.some("opened", 0.2),
            "mail_link_tracking_enabled_flag": header["mail_link_tracking_enabled_flag"],
            "read_flag": header["read_flag"],
            "draft": body if draft else None,
            "draft_flag": int(draft),
            "synced_flag": 1,
            "deleted_flag": 0,
            "has_body_flag": 1,
            "sent_flag": int(sent),
            "sent_from_pipedrive_flag": int(sent and rng.chance(0.5)),
            "smart_bcc_flag": 0,
            "message_time": millis(at),
            "add_time": millis(at),
            "update_time": header["update_time"] if newest else millis(at),
            "has_attachments_flag": header["has_attachments_flag"] if number == 0 else 0,
            "has_inline_attachments_flag": 0,
            "has_real_attachments_flag": header["has_real_attachments_flag"] if number == 0 else 0,
        }
        rows.append(record)
    return rows


def _address(person: Row) -> str:
    """The person's own address, as mail programs write it."""
    known = [email["value"] for email in person.record["emails"]]
    return str(known[0]).title() if known else f"party{person.id}@work.example"


def _correspondent(party: Record) -> Record:
    names = ("id", "email_address", "name", "linked_person_id", "linked_person_name")
    return {name: party[name] for name in (*names, "mail_message_party_id")}


def message_ids(world: World) -> list[int]:
    """The ids of all messages, thread by thread."""
    threads = world.tables["mail_threads"].rows.values()
    return [
        row.id + number * MESSAGE_ID_STEP
        for row in threads
        for number in range(row.record["message_count"])
    ]


def message(world: World, id_: int, with_body: bool) -> Record | None:
    """GET /v1/mailbox/mailMessages/{id}: the message as its thread lists it, except that a missing
    draft is an empty text. None for an unknown id."""
    thread = world.tables["mail_threads"].rows.get(id_ % MESSAGE_ID_STEP)
    if thread is None:
        return None
    rng = RandomValues(world.seed, f"mail_messages:{thread.id}", world.created_at)
    listed = messages(rng, thread, world)
    if id_ // MESSAGE_ID_STEP >= len(listed):
        return None
    record = {**listed[id_ // MESSAGE_ID_STEP]}
    record["draft"] = record["draft"] or ""
    if with_body:
        record["body"] = f"<html><body>\n<p>{record['snippet']} – {id_}</p>\n</body></html>"
    return record


def call_logs(rng: RandomValues, sizes: Sizes) -> Table:
    """The token user's logs, plus a fifth as many of other users."""
    rows = []
    mine = sizes.call_logs
    for at in range(mine + mine // 5):
        start = rng.before(rng.now - DAY, 700)
        seconds = rng.number(0, 1_800)
        record: Record = {
            "id": f"CA{rng.hex(26)}",
            "activity_id": rng.some(rng.number(1, sizes.activities), 0.8),
            "person_id": rng.some(rng.number(1, sizes.persons), 0.8),
            "org_id": rng.some(rng.number(1, sizes.organizations), 0.5),
            "deal_id": rng.some(rng.number(1, max(1, sizes.deals)), 0.4),
            "lead_id": None,
            "subject": rng.pick(rng.words.phrases),
            "duration": str(seconds),
            "outcome": rng.pick(_OUTCOMES),
            "from_phone_number": rng.phone(),
            "to_phone_number": rng.phone(),
            "has_recording": rng.chance(0.2),
            "start_time": millis(start),
            "end_time": millis(start + seconds),
            "user_id": ME if at < mine or sizes.users == 1 else rng.number(2, sizes.users),
            "company_id": COMPANY_ID,
            "note": rng.some(rng.pick(rng.words.sentences), 0.5),
        }
        rows.append(Row(record))
    return Table("call_logs", rows, updated="start_time", stamp=millis, title="subject")
