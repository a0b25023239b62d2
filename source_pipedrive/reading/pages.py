"""The rule for paging: how the pages of a list follow each other, without a row lost between two.

v2 cursors are followed until none comes. v1 offsets count the rows as they are now, so a row that
is deleted between two requests moves its successors forward, past the next offset: each page
therefore begins one row early, with the last row of the page before, and goes back where that row
is not found.

Pipedrive sometimes sends null in place of records that are there, with status 200. Null is an empty
list only where that is certain (`_answer`), and never the end of a list that has begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from source_pipedrive.http.client import Api, Request
from source_pipedrive.http.errors import SYSTEM, TRANSIENT, StreamError
from source_pipedrive.http.pacing import growing
from source_pipedrive.reading.records import Row
from source_pipedrive.stream import Kind, Paging, Stream

# A page whose records are null, and cannot be, is requested again this many times.
NULL_TRIES = 4
NO_RECORDS = '{"error": "no records where Pipedrive counts some"}'
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
        means_unavailable=row.absent,
    )


def pages(
    client: Api,
    row: Stream,
    params: Mapping[str, str],
    start: int = 0,
    path: str = "",
    known_rows: bool = False,
) -> Iterator[Page]:
    """The pages of a list, in order, for v1's offsets from `start` on. Ends after the last; raises
    StreamError for a list that cannot be followed to its end. path: replaces the row's path where
    it holds a parent's id. known_rows: the list has records, so null is no answer."""
    if row.paging is Paging.CURSOR:
        return cursor_pages(client, row, params, path, known_rows)
    if row.paging is Paging.OFFSET:
        return offset_pages(client, row, params, start, path, known_rows)
    return iter([one_page(client, row, params, path, known_rows)])


def all_rows(client: Api, row: Stream) -> list[Row]:
    """Every row of a list that is short."""
    return [
        item for params in row.each for page in pages(client, row, params) for item in page.rows
    ]


def one_page(
    client: Api, row: Stream, params: Mapping[str, str], path: str = "", known: bool = False
) -> Page:
    """A list that comes in one answer."""
    body = _answer(client, row, request_for(row, params, path), known)
    if _pagination(body).get("more_items_in_collection"):
        raise StreamError(
            f'Pipedrive sent only a part of "{row.name}", which used to come whole. '
            "Please report this line.",
            SYSTEM,
        )
    return Page(rows_of(row, body), last=True)


def cursor_pages(
    client: Api, row: Stream, params: Mapping[str, str], path: str = "", known: bool = False
) -> Iterator[Page]:
    """v2, and some of v1: the next page's cursor is in the answer, null or absent at the end."""
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        request = request_for(row, {**params, "cursor": cursor} if cursor else params, path)
        body = _answer(client, row, request, known or cursor is not None)
        told = body.get("additional_data") or {}
        cursor = told.get("next_cursor")
        if cursor in seen:
            raise endless(row)
        rows = rows_of(row, body)
        cut = "next_cursor" not in told and row.limit is not None and len(rows) >= row.limit
        yield Page(rows, last=not cursor, cut=cut)
        if not cursor:
            return
        seen.add(cursor)


def offset_pages(
    client: Api,
    row: Stream,
    params: Mapping[str, str],
    start: int,
    path: str = "",
    known: bool = False,
) -> Iterator[Page]:
    """v1: `start` and `limit`. A row that two pages hold unchanged comes once.

    A page follows the ones before when it begins with a row they held; so an empty one never ends
    a list that has begun.
    """
    assert row.limit is not None
    idle = 0
    recent: deque[dict[object, Row]] = deque(maxlen=4)
    while True:
        request = request_for(row, {**params, "start": str(start)}, path)
        body = _answer(client, row, request, known and not start)
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


def _answer(client: Api, row: Stream, request: Request, known: bool) -> Mapping[str, Any]:
    """The answer to a request, requested again while its records are null without good reason.

    Null is an empty list where the contract of v1 says so (its block on paging is there and says
    that nothing follows), or where v1, or a list below a record, answers the same twice. It never
    is in a list of v2, in one that is never empty, or where records are known to be.
    """
    certain = known or row.never_empty or (row.version == 2 and row.child is None)
    body = client.get(request).body
    tries, nulls = 0, client.null_answers
    while _is_null(row, body):
        if not certain and not _promises_more(body):
            if tries:
                nulls.confirm(row.name)
            if tries or _says_empty(row, body) or nulls.is_believed(row.name):
                return body
        tries += 1
        # Each parent that holds nothing after all would cost as many tries.
        of_child = f"{row.name}, of a parent that has some"
        enough = row.child and nulls.is_believed(of_child)
        if enough or tries > NULL_TRIES:
            nulls.confirm(of_child)
            raise StreamError(
                f'Pipedrive sent a page of "{row.name}" without its records. '
                "Run the sync again later.",
                TRANSIENT,
                200,
                NO_RECORDS,
            )
        client.pause(growing(tries))
        body = client.get(request).body
    if tries:
        nulls.distrust(row.name)  # this endpoint's nulls are not to be trusted
    return body


def _is_null(row: Stream, body: Mapping[str, Any]) -> bool:
    """Whether an answer holds null in place of its records, or none where there are always some."""
    found = _found(row, body)
    return body.get("success") is not False and (found is None or (row.never_empty and found == []))


def _promises_more(body: Mapping[str, Any]) -> bool:
    """Whether an answer says that another page follows."""
    told = _pagination(body)
    return bool(told.get("more_items_in_collection") or told.get("next_cursor"))


def _says_empty(row: Stream, body: Mapping[str, Any]) -> bool:
    """Whether v1's block on paging is there, which then says that nothing follows."""
    told = _pagination(body)
    return row.version == 1 and ("more_items_in_collection" in told or "next_cursor" in told)


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
    found = _found(row, body)
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


def _found(row: Stream, body: Mapping[str, Any]) -> Any:
    """What stands where the records ought to be."""
    found: Any = body
    for name in row.rows:
        if not isinstance(found, dict):
            break
        found = found.get(name)
    return found


def _unwrapped(item: Row, inside: str) -> Row:
    """A record that stands inside of another, with what stands around it."""
    around = {k: v for k, v in item.items() if k not in ("object", inside)}
    return {**(item.get(inside) or {}), **around}


def key_of(row: Stream, item: Row) -> object:
    """The primary key of a row, as one hashable value."""
    if len(row.key) == 1:
        return str(item.get(row.key[0]))
    return tuple(str(item.get(part)) for part in row.key)
