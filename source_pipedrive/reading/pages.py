"""The rule for paging: how the pages of a list follow each other, without a row lost between two.

v2 cursors are followed until none comes. v1 offsets count the rows as they are now, so a row that
is deleted between two requests moves its successors forward, past the next offset: each page
therefore begins one row early, with the last row of the page before, and goes back where that row
is not found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from source_pipedrive.http.client import Client, Request
from source_pipedrive.http.errors import SYSTEM, TRANSIENT, StreamError
from source_pipedrive.reading.records import Row
from source_pipedrive.stream import Kind, Paging, Stream

# v2 has been seen to send null in place of a page that has records: so often it is asked again.
NULL_TRIES = 2
# Pages in a row that bring nothing new before a list counts as endless.
IDLE_PAGES = 5


@dataclass(frozen=True)
class Page:
    """rows: as Pipedrive sent them; last: no page follows; position: v1's offset after them; cut:
    the page is full and the answer does not tell whether one follows."""

    rows: list[Row]
    last: bool
    position: int = 0
    cut: bool = False


def request_for(row: Stream, params: Mapping[str, str], path: str) -> Request:
    """The request for a page of `row` with the row's own parameters and `params`."""
    size = {"limit": str(row.limit)} if row.limit else {}
    return Request(
        stream=row.name,
        path=path or row.path,
        version=row.version,
        cost=row.cost,
        scope=row.read_scope,
        permission=row.needs.words,
        params={**row.params, **size, **params},
        optional=row.optional,
        absent=tuple((absence.status, absence.body) for absence in row.absent),
    )


def pages(
    client: Client, row: Stream, params: Mapping[str, str], start: int = 0, path: str = ""
) -> Iterator[Page]:
    """The pages of a list, in order, for v1's offsets from `start` on. Ends after the last; raises
    StreamError for a list that cannot be followed to its end. path: where it stands not in the row
    but with a parent's id."""
    if row.paging is Paging.CURSOR:
        return cursor_pages(client, row, params, path)
    if row.paging is Paging.OFFSET:
        return offset_pages(client, row, params, start, path)
    return iter([one_page(client, row, params, path)])


def all_rows(client: Client, row: Stream) -> list[Row]:
    """Every row of a list that is short."""
    return [
        item for params in row.each for page in pages(client, row, params) for item in page.rows
    ]


def one_page(client: Client, row: Stream, params: Mapping[str, str], path: str = "") -> Page:
    """A list that comes in one answer."""
    body = client.get(request_for(row, params, path)).body
    if _pagination(body).get("more_items_in_collection"):
        raise StreamError(
            f'Pipedrive sent only a part of "{row.name}", which used to come whole. '
            "Please report this line.",
            SYSTEM,
        )
    return Page(rows_of(row, body), last=True)


def cursor_pages(
    client: Client, row: Stream, params: Mapping[str, str], path: str = ""
) -> Iterator[Page]:
    """v2, and some of v1: the next page's cursor is in the answer, null or absent at the end."""
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        followed = cursor
        request = request_for(row, {**params, "cursor": cursor} if cursor else params, path)
        body = client.get(request).body
        for _ in range(NULL_TRIES if row.version == 2 else 0):  # of v1 null is an empty list
            if body.get("data") is not None:
                break
            body = client.get(request).body
        told = body.get("additional_data") or {}
        cursor = told.get("next_cursor")
        if cursor in seen:
            raise endless(row)
        if (followed or cursor) and body.get("data") is None:
            raise StreamError(
                f'Pipedrive sent a page of "{row.name}" without its records. '
                "Run the sync again later.",
                TRANSIENT,
            )
        rows = rows_of(row, body)
        cut = "next_cursor" not in told and row.limit is not None and len(rows) >= row.limit
        yield Page(rows, last=not cursor, cut=cut)
        if not cursor:
            return
        seen.add(cursor)


def offset_pages(
    client: Client, row: Stream, params: Mapping[str, str], start: int, path: str = ""
) -> Iterator[Page]:
    """v1: `start` and `limit`. A row that two pages hold unchanged comes once.

    A page follows the ones before when it begins with a row they held.
    """
    assert row.limit is not None
    idle = 0
    recent: deque[dict[object, Row]] = deque(maxlen=4)
    while True:
        body = client.get(request_for(row, {**params, "start": str(start)}, path)).body
        rows = {key_of(row, item): item for item in rows_of(row, body)}
        first = next(iter(rows), None)
        if start and recent and not any(first in page for page in recent):
            # Rows before this page have gone: look where the earlier ones ended.
            start = max(0, start - row.limit + 1)
            continue
        more = more_pages(body, len(rows), row.limit)
        fresh = [v for k, v in rows.items() if all(page.get(k) != v for page in recent)]
        idle = 0 if fresh else idle + 1
        if idle == IDLE_PAGES and more:
            raise endless(row)
        position = next_start(body, start)
        if position <= start:
            position = start + len(rows)
        yield Page(fresh, not more, position)
        if not more:
            return
        recent.append(rows)
        start = position - 1


def endless(row: Stream) -> StreamError:
    """The error for a list that goes round in a circle."""
    return StreamError(
        f'Pipedrive gave the same page of "{row.name}" again and again, which would never end. '
        "Run the sync again later.",
        TRANSIENT,
    )


def more_pages(body: Mapping[str, Any], count: int, limit: int) -> bool:
    """Whether v1 says that rows follow; where it says nothing, whether the page was full."""
    more = _pagination(body).get("more_items_in_collection")
    return bool(more) if more is not None else count >= limit


def next_start(body: Mapping[str, Any], otherwise: int) -> int:
    """v1's next offset, which is missing on the last page and in some answers."""
    given = _pagination(body).get("next_start")
    return given if isinstance(given, int) else otherwise


def _pagination(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """v1's block on paging: below `pagination`, or, as the schema of leads has it, without."""
    extra = body.get("additional_data")
    if not isinstance(extra, dict):
        return {}
    block = extra.get("pagination", extra)
    return block if isinstance(block, dict) else {}


def rows_of(row: Stream, body: Mapping[str, Any]) -> list[Row]:
    """The rows of an answer; null and an absent list are empty ones."""
    found: Any = body
    for name in row.rows:
        if not isinstance(found, dict):
            break
        found = found.get(name)
    if found is None and body.get("success") is not False:
        return []
    if isinstance(found, dict) and (row.one or row.kind is Kind.SINGLE):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise StreamError(
            f'Pipedrive\'s answer for "{row.name}" holds no list of records. '
            "Please report this line.",
            SYSTEM,
        )
    inside = row.child.inside if row.child else ""
    return [_unwrapped(item, inside) for item in found] if inside else found


def _unwrapped(item: Row, inside: str) -> Row:
    """A record that stands inside of another, with what stands around it."""
    around = {k: v for k, v in item.items() if k not in ("object", inside)}
    return {**(item.get(inside) or {}), **around}


def key_of(row: Stream, item: Row) -> object:
    """The primary key of a row, as one hashable value."""
    return tuple(str(item.get(part)) for part in row.key)
