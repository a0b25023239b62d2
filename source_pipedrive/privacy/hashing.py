"""Keyed hashes of personal data.

A hash is HMAC-SHA256 of the text in UTF-8, as hexadecimal digits, cut to 32. The same text gives
the same hash in every stream, whatever the column. Before it is hashed, blanks around it are
dropped, and letters with accents are composed (Unicode's NFC), because programs write them in two
ways that look alike; an email address is written in lower case, and a phone number keeps only its
digits, its letters and a plus sign before them, which also stands for the prefix 00.

Without a key, anyone could hash all phone numbers and compare.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from typing import Any

from source_pipedrive.fields.values import text
from source_pipedrive.stream.personal import Personal

DIGITS = 32
_EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
_NOT_IN_A_NUMBER = re.compile(r"[\W_]+")
_PLUS = re.compile(r"[\W_]*\+")  # first, if in brackets


class Hasher:
    """Hashes values with the user's key."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __call__(self, value: Any, kind: Personal | None = None) -> str:
        """The hash of a text; of anything else, that of its JSON. kind: what it is, if known."""
        known = normalized(text(value) or "", kind).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, known, "sha256").hex()[:DIGITS]


def normalized(value: str, kind: Personal | None = None) -> str:
    """The text that is hashed for a value."""
    value = unicodedata.normalize("NFC", value).strip()
    if "@" in value and _EMAIL.fullmatch(value):
        return unicodedata.normalize("NFC", value.lower())
    if kind is Personal.PHONE:
        rest = _NOT_IN_A_NUMBER.sub("", value).lower()
        if _PLUS.match(value):
            return f"+{rest}"
        return f"+{rest[2:]}" if rest.startswith("00") else rest
    return value
