"""Pipedrive's own words in an error body, as far as a message may quote them."""

from __future__ import annotations

import re

import orjson

AGAIN = "Run the sync again"  # to whoever runs a tool, tools/errors.py says it in other words
NO_WORDS = "no explanation"  # in place of Pipedrive's own
HIDDEN_WORDS = "hidden by the privacy setting"  # the same


class UnquotableBody(str):
    """An error body that decides what an answer means, but that no message may quote."""


def words(body: str) -> str:
    """Pipedrive's own words in an error body, or else the start of the body.

    Email addresses are replaced, because they may be a customer's.
    """
    if isinstance(body, UnquotableBody):
        return HIDDEN_WORDS
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = re.sub(r"<[^>]*>|\s+", " ", body)
        return without_addresses(" ".join(text.split()))[:80] or NO_WORDS
    error = answer.get("error") or answer.get("message") if isinstance(answer, dict) else None
    return without_addresses(str(error))[:200] if error else NO_WORDS


def without_addresses(text: str) -> str:
    """The text with email addresses replaced."""
    return re.sub(r"[^\s\"'<>(),;:=]+@[^\s\"'<>(),;:=]+", "<email>", text)
