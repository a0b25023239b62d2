"""What an answer with a page of a list contains: the records, and whether others follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from source_pipedrive.http.errors import REPORT, SYSTEM, StreamError
from source_pipedrive.http.shapes import are_shaped
from source_pipedrive.reading.records import Record, key_of
from source_pipedrive.stream import Kind, Stream

# An offset beyond this is none, and no state could hold it.
MOST_RECORDS = 10**12
# How an old cursor may be refused: neither that nor its lifetime is documented.
EXPIRED = (400, 404, 410, 422)
# Consecutive pages without a new record after which a list counts as endless.
IDLE_PAGES = 5
# Consecutive empty pages after which it does: filters that hide records may leave some empty.
EMPTY_PAGES = 1_000


def promises_more(body: Mapping[str, Any]) -> bool:
    """Whether an answer says that another page follows."""
    block = pagination_of(body)
    return bool(block.get("more_items_in_collection") or block.get("next_cursor"))


def more_pages(body: Mapping[str, Any], count: int, limit: int) -> bool:
    """Whether v1 says that more records follow; if it does not say, whether the page was full."""
    more = pagination_of(body).get("more_items_in_collection")
    return promises_more(body) or (more is None and count >= limit)


def next_cursor(body: Mapping[str, Any]) -> str | None:
    """The cursor of the next page; None if no page follows."""
    cursor = _additional(body).get("next_cursor")
    return str(cursor) if cursor else None


def is_cut(body: Mapping[str, Any], count: int, limit: int) -> bool:
    """Whether a list with cursors has a full page and no word about the next one, or a page of any
    size that is not the last, according to v1's flag, and has no cursor."""
    if next_cursor(body):
        return False
    return promises_more(body) or (count >= limit and "next_cursor" not in _additional(body))


class Repeats:
    """Notices a list that has a new cursor for each page, and never another record."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._last: tuple[object, ...] = ()
        self._number = 0

    def too_often(self, records: Sequence[Record]) -> bool:
        """Whether this is one page too many that is like the one before, or empty like it."""
        ends = (records[0], records[-1]) if records else ()
        now = (len(records), *(key_of(self._stream, item) for item in ends))
        self._number = self._number + 1 if now == self._last else 0
        self._last = now
        return self._number >= (IDLE_PAGES if records else EMPTY_PAGES)


def next_start(body: Mapping[str, Any], otherwise: int) -> int:
    """v1's next offset, which the last page and some other answers lack."""
    given = pagination_of(body).get("next_start")
    return given if isinstance(given, int) and given < MOST_RECORDS else otherwise


def pagination_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """v1's paging block: below `pagination` or, in the schema of leads, without it."""
    extra = _additional(body)
    block = extra.get("pagination", extra)
    return block if isinstance(block, dict) else {}


def _additional(body: Mapping[str, Any]) -> Mapping[str, Any]:
    extra = body.get("additional_data")
    return extra if isinstance(extra, dict) else {}


def records_of(stream: Stream, body: Mapping[str, Any]) -> list[Record]:
    """The records of an answer; null and a missing list count as empty."""
    found, failed = found_in(stream, body), body.get("success") is False
    if found is None and not failed:
        return []
    if isinstance(found, list) and are_shaped(found):
        return found
    if isinstance(found, dict) and (stream.endpoint.single_object or stream.kind is Kind.SINGLE):
        found = [found]
    # An empty list in an answer that reports a failure says nothing of the records.
    if failed and not found:
        found = None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise StreamError(
            f'Pipedrive\'s answer for "{stream.name}" contains no list of records. ' + REPORT,
            SYSTEM,
        )
    inside = stream.child.nested_under if stream.child else ""
    return [_unwrapped(item, inside) for item in found] if inside else found


def found_in(stream: Stream, body: Mapping[str, Any]) -> Any:
    """Whatever is in place of the records."""
    found: Any = body
    for name in stream.endpoint.records_path:
        if not isinstance(found, dict):
            break
        found = found.get(name)
    return found


def _unwrapped(item: Record, inside: str) -> Record:
    """A record that is nested in another object, with the object's other keys."""
    around = {k: v for k, v in item.items() if k not in ("object", inside)}
    return {**(item.get(inside) or {}), **around}
