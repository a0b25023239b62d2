"""Decodes answers: from bytes to an object, and back."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from source_pipedrive.http.errors import TRANSIENT, PageError, title

logger = logging.getLogger("airbyte")

# Confirming every empty list would double its price. Once this many nulls of one kind have been
# confirmed, the rest of the sync believes the first answer.
ENOUGH_CONFIRMED = 10
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# orjson turns an integer beyond 64 bits, which has at least 19 digits, into a float. This table
# finds 19 digits in a row in a fraction of the decoding time; a regular expression takes longer.
ALIKE = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else 0 for byte in range(256))
MANY_DIGITS = b"0" * 19


class NullAnswers:
    """Counts, by kind of list, the nulls in place of records that a second answer confirmed.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._confirmed: Counter[str] = Counter()

    def confirm(self, kind: str) -> None:
        """A second answer was null as well."""
        with self._lock:
            self._confirmed[kind] += 1

    def distrust(self, kind: str) -> None:
        """A second answer held records, so each null has to be confirmed again."""
        with self._lock:
            self._confirmed[kind] = 0

    def is_believed(self, kind: str) -> bool:
        """Whether the first null is good enough, because so many were confirmed before it."""
        with self._lock:
            return self._confirmed[kind] >= ENOUGH_CONFIRMED


def decode(raw: bytes, stream: str) -> dict[str, Any]:
    """The JSON object in an answer for `stream`; integers of any size are exact.

    A lone surrogate, which no encoding allows, becomes U+FFFD. NaN and infinities, which are not
    JSON, become null. Raises PageError if the body is not a JSON object but HTML, empty or
    truncated, for example.
    """
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        answer = _decode_slowly(raw, stream)
    else:
        if MANY_DIGITS in raw.translate(ALIKE):
            with contextlib.suppress(ValueError, RecursionError):  # beyond Python's own limits
                answer = json.loads(raw)
    if not isinstance(answer, dict):
        raise PageError(f"Pipedrive's answer for {title(stream)} is not a JSON object.", TRANSIENT)
    return answer


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The time in the Date header, in UTC; None if it is missing or malformed."""
    try:
        moment = parsedate_to_datetime(headers["Date"])
        # The oldest of HTTP's three formats names no time zone: all of them are in GMT.
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def encode(value: Any) -> bytes:
    """JSON in UTF-8; integers may have any size."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _decode_slowly(raw: bytes, stream: str) -> Any:
    text = raw.decode("utf-8", "replace")
    try:
        answer = json.loads(text, parse_float=_finite, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        kind = "empty" if not raw else "HTML" if text.lstrip().startswith("<") else "truncated"
        message = f"Pipedrive's answer for {title(stream)} cannot be read: it is {kind}."
        raise PageError(message, TRANSIENT) from None
    logger.warning(
        f"{stream}: a page is not valid JSON. Broken characters are replaced by U+FFFD, and "
        "invalid numbers by null."
    )
    return _mended(answer)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
