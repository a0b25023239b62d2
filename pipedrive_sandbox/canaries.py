"""Canaries: a word in every text that may be personal, to be searched for in a client's output.

The company's own names (of products, pipelines, roles, ...) and machine values stay as they are.
Each record also gets a key that no specification mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from .data.custom_fields import CustomFields

WORD = "canary"
NEW_KEY = "new_since_yesterday"

_TYPES = ("varchar", "varchar_auto", "text", "phone", "address")
_KEY = re.compile("([0-9a-f]{40})(?:_.+)?")
# Texts that may be personal, whatever the record.
_PERSONAL = frozenset(
    (
        *("email", "email_address", "smart_bcc_email", "cc_email", "google"),
        "mua_message_id",
        *("phone", "from_phone_number", "to_phone_number"),
        *("first_name", "last_name", "linked_person_name", "person_name", "people_name"),
        *("org_name", "owner_name", "related_organization_name", "icon_url", "pic_hash"),
        *("formatted_address", "country", "admin_area_level_1", "admin_area_level_2"),
        *("locality", "sublocality", "route", "street_number", "subpremise", "postal_code"),
        *("subject", "snippet", "snippet_draft", "snippet_sent", "body", "body_url", "draft"),
        *("deal_name", "lead_name", "project_name", "file_name"),
        *("note", "notes", "content", "public_description", "lost_reason", "comments"),
        *("first_char", "128", "512", "extra_value"),
    )
)
# Texts that are personal in some records, such as the name of a person, unlike that of a stage.
_MAIL = ("mail_messages", "mail_message_bodies", "mail_threads")
_COPIES = ("deal_mail_messages", "person_mail_messages", "organization_mail_messages")
_BY_KEY: dict[str, frozenset[str]] = {
    "name": frozenset(
        (
            *("persons", "organizations", "users", "users_me", "user", "activities", "notes"),
            *("deal_participants", "organization_relationships", "files", "file", "note"),
            *(*_MAIL, *_COPIES),
        )
    ),
    "title": frozenset(
        (
            *("deals", "deals_archived", "leads", "leads_archived", "projects", "tasks", "notes"),
            *("projects_archived", "deal_participants", "lead", "note", "project", "task"),
        )
    ),
    "description": frozenset(
        (
            *("projects", "projects_archived", "tasks", "files", "deal_discounts", "file"),
            *("deal_installments", "project", "task"),
        )
    ),
    "address": frozenset(("deal_participants", "organization_relationships")),
    "value": frozenset(
        ("persons", "organizations", "activities", "deal_participants", "filter_conditions")
    ),
}
_PARTY = {"name": WORD, "email_address": WORD, "linked_person_name": WORD}
_PARTIES = ("cc", "bcc", "drafts_parties")
# What these records may contain, though the sandbox's do not.
_FILLED_IN: dict[str, dict[str, Any]] = {
    "deal_participants": {
        "person": {
            **dict.fromkeys(("cc_email", "org_name"), WORD),
            "picture_id": {"pictures": {"128": WORD, "512": WORD}},
        },
        "added_by_user_id": {"data": dict.fromkeys(("email", "icon_url", "name", "phone"), WORD)},
    },
    "notes": {"project": {"title": WORD}, "task": {"title": WORD}},
    **{name: {"body": WORD} for name in _COPIES},
}
_LOGGED = frozenset(("name", "title", "email", "phone", "lost_reason", "description"))


def planted(body: bytes, object_: str, fields: Iterable[CustomFields]) -> bytes:
    """The body of a response, with canaries in its records. fields: the account's own."""
    types = {field.key: field.type for kind in fields for field in kind}
    answer = orjson.loads(body)
    records = answer.get("data")
    answer["data"] = _Planter(object_, types).planted(records)
    for record in answer["data"] if isinstance(records, list) else [answer["data"]]:
        if isinstance(record, dict) and object_ != "recents":
            _fill_in(record.get("data", record), _FILLED_IN.get(object_, {}))
            record[NEW_KEY] = WORD
    return orjson.dumps(answer)


class _Planter:
    """Plants canaries in the records of one kind."""

    def __init__(self, object_: str, types: Mapping[str, str]) -> None:
        self._object = object_
        self._types = types

    def planted(self, value: Any, key: str = "") -> Any:
        """A value, and all that is inside."""
        if isinstance(value, list):
            if not value and key in _PARTIES:
                return [_PARTY]
            return [self.planted(each, key) for each in value]
        if isinstance(value, dict):
            return self._of_record(value, key)
        return _with_canary(value) if self._is_personal(key) else value

    def _of_record(self, record: dict[str, Any], key: str) -> dict[str, Any]:
        own = _KEY.fullmatch(key)
        if own is not None:  # the parts of an address, for example
            is_text = self._types.get(own[1]) in _TYPES
            return {n: _with_canary(each) if is_text else each for n, each in record.items()}
        if record.get("field_key") in _LOGGED or record.get("field_key") in self._own_texts:
            pair = ("old_value", "new_value")
            return {**record, **{name: _with_canary(record[name]) for name in pair}}
        return {name: self.planted(each, name) for name, each in record.items()}

    @property
    def _own_texts(self) -> frozenset[str]:
        return frozenset(key for key, kind in self._types.items() if kind in _TYPES)

    def _is_personal(self, key: str) -> bool:
        match = _KEY.fullmatch(key)
        if match is not None:
            return self._types.get(match[1]) in _TYPES
        return key in _PERSONAL or self._object in _BY_KEY.get(key, ())


def _fill_in(record: dict[str, Any], lacking: Mapping[str, Any]) -> None:
    """Adds what a record lacks."""
    for name, value in lacking.items():
        if isinstance(value, dict) and isinstance(record.get(name), dict):
            _fill_in(record[name], value)
        elif record.get(name) is None:
            record[name] = value


def _with_canary(value: Any) -> Any:
    """A text with the word, or an email address that has it. A null becomes a text."""
    if value is None or value == "":
        return WORD
    if not isinstance(value, str):
        return value
    return f"{WORD}.{value}" if "@" in value else f"{value} {WORD}"
