"""From the bytes of an answer to an object."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import orjson

from source_pipedrive.http.errors import TRANSIENT, PageError

logger = logging.getLogger("airbyte")

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(raw: bytes, stream: str) -> dict[str, Any]:
    """The JSON object that an answer of `stream` holds.

    A lone surrogate, which is no text in any encoding, becomes U+FFFD. Raises PageError for what
    is not a JSON object: HTML, an empty body, a body that was cut off.
    """
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        answer = _decode_slowly(raw, stream)
    if not isinstance(answer, dict):
        raise PageError(f'Pipedrive\'s answer for "{stream}" is not a JSON object.', TRANSIENT)
    return answer


def _decode_slowly(raw: bytes, stream: str) -> Any:
    text = raw.decode("utf-8", "replace")
    try:
        answer = json.loads(text)
    except ValueError:
        kind = "empty" if not raw else "HTML" if text.lstrip().startswith("<") else "cut off"
        message = f'Pipedrive\'s answer for "{stream}" cannot be read: it is {kind}.'
        raise PageError(message, TRANSIENT) from None
    logger.warning(f"{stream}: a page holds broken characters; they are read as U+FFFD.")
    return _mended(answer)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, int) and value.bit_length() > 63:
        return float(value)  # as the fast decoder reads it
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value
