"""The rule for paging: how the pages of a list follow each other without losing a record.

v2 cursors are followed until an answer has none. v1 offsets count the records as they are now,
so deleting a record between two requests moves its successors forward, past the next offset. Each
page therefore begins one record early, with the last record of the page before, and steps back if
that record is not found: by the size of the pages that come, which may be less than was requested.
The more often that happens, the earlier pages begin.

Pipedrive sometimes sends null instead of records, with status 200. Null means an empty list only if
that is certain (`_answer`), and never ends a list that has begun.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from source_pipedrive.http.errors import REPORT, SYSTEM, TRANSIENT, StreamError
from source_pipedrive.http.pacing import growing
from source_pipedrive.http.request import Answer, Api, Request
from source_pipedrive.http.shapes import Shape
from source_pipedrive.http.words import AGAIN
from source_pipedrive.reading.answers import (
    IDLE_PAGES,
    Repeats,
    found_in,
    is_cut,
    more_pages,
    next_cursor,
    next_start,
    pagination_of,
    promises_more,
    records_of,
)
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.reading.records import Record, key_of
from source_pipedrive.stream import Paging, Stream

# A page whose records are null, and cannot be, is requested again this many times.
NULL_TRIES = 4
NO_RECORDS = '{"error": "no records where Pipedrive counts some"}'
# Steps back in one list after which it counts as endless.
STEPS_BACK = 1_000


class UnfinishedError(StreamError):
    """A list whose end cannot be found."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(
            f'Pipedrive sent a page of "{stream.name}" and does not say whether more records '
            f"follow, or where. {REPORT}",
            SYSTEM,
        )


@dataclass(frozen=True)
class Page:
    """records: as Pipedrive sent them; last: no page follows; position: v1's offset after them;
    cursor: of the next page; at: when Pipedrive sent it, in seconds since 1970, 0 if unknown."""

    records: list[Record]
    last: bool
    position: int = 0
    cursor: str | None = None
    at: int = 0


def request_for(
    stream: Stream, params: Mapping[str, str], path: str, shape: Shape | None = None
) -> Request:
    """The request for a page of `stream` with the stream's own parameters and `params`."""
    size = {"limit": str(stream.endpoint.limit)} if stream.endpoint.limit else {}
    return Request(
        stream=stream.name,
        path=path or stream.endpoint.path,
        version=stream.endpoint.version,
        cost=stream.endpoint.cost,
        scope=stream.access.read_scope,
        permission=stream.access.needs.words,
        params={**stream.endpoint.params, **size, **params},
        optional=stream.endpoint.optional_fields,
        means_unavailable=stream.access.means_unavailable,
        shape=shape,
    )


def pages(
    client: Api,
    stream: Stream,
    params: Mapping[str, str],
    start: int = 0,
    path: str = "",
    known_records: bool = False,
    shape: Shape | None = None,
) -> Iterator[Page]:
    """The pages of a list, in order; for v1, from the offset `start` on.

    Raises StreamError for a list that cannot be followed to its end. path: replaces the stream's
    path if that contains a parent's id. known_records: the list has records, so null is no answer.
    shape: makes structs of the records, for a list with cursors.
    """
    if stream.endpoint.paging is Paging.CURSOR:
        return cursor_pages(client, stream, params, path, known_records, shape)
    if stream.endpoint.paging is Paging.OFFSET:
        return offset_pages(client, stream, params, start, path, known_records)
    return iter([one_page(client, stream, params, path, known_records)])


def all_records(client: Api, stream: Stream) -> list[Record]:
    """All records of a short list."""
    return [
        item
        for params in stream.endpoint.param_sets
        for page in pages(client, stream, params)
        for item in page.records
    ]


def one_page(
    client: Api, stream: Stream, params: Mapping[str, str], path: str = "", known: bool = False
) -> Page:
    """A list that is a single answer."""
    body = _answer(client, stream, request_for(stream, params, path), known).body
    if promises_more(body):
        raise StreamError(
            f'Pipedrive sent only a part of "{stream.name}", which used to be one answer. '
            + REPORT,
            SYSTEM,
        )
    return Page(records_of(stream, body), last=True)


def cursor_pages(
    client: Api,
    stream: Stream,
    params: Mapping[str, str],
    path: str = "",
    known: bool = False,
    shape: Shape | None = None,
) -> Iterator[Page]:
    """v2, and some v1 lists: the answer has the next page's cursor, null or absent at the end.

    A full page without any word about the next one may be the last, or an answer that lacks its
    end. It is requested again with a smaller limit, so that another page has to follow.
    """
    cursor: str | None = None
    seen: set[str] = set()
    repeats = Repeats(stream)
    while True:
        now = {**params, "cursor": cursor} if cursor else params
        body = _answer(client, stream, request_for(stream, now, path, shape), known or bool(cursor))
        records, limit = records_of(stream, body.body), stream.endpoint.limit or sys.maxsize
        if cut := is_cut(body.body, len(records), limit):
            less = {**now, "limit": str(limit - 1)}
            body = _answer(client, stream, request_for(stream, less, path, shape), True)
            records = records_of(stream, body.body)
            cut = is_cut(body.body, len(records), limit - 1)
        cursor = next_cursor(body.body)
        if cursor in seen or repeats.too_often(records):
            raise endless(stream)
        yield Page(records, last=not cursor and not cut, cursor=cursor)
        del body, records  # frees the page before the next one is fetched
        if cut:
            raise UnfinishedError(stream)
        if not cursor:
            return
        seen.add(cursor)


def offset_pages(
    client: Api,
    stream: Stream,
    params: Mapping[str, str],
    start: int,
    path: str = "",
    known: bool = False,
) -> Iterator[Page]:
    """v1: `start` and `limit`. A record that is unchanged in two pages is returned once.

    A page continues the earlier ones if it begins with one of their records, so an empty page
    never ends a list that has begun. A record with another time does not count: a list in the
    order of changes may have moved it to its end.
    """
    assert stream.endpoint.limit is not None
    idle = steps = 0
    overlap = 1
    recent: deque[dict[tuple[object, Any], Record]] = deque(maxlen=4)
    while True:
        request = request_for(stream, {**params, "start": str(start)}, path)
        answer = _answer(client, stream, request, known and not start)
        body = answer.body
        # A list of changes may have a record twice.
        records = {
            (key_of(stream, item), _time_of(item)): item for item in records_of(stream, body)
        }
        first = next(iter(records), None)
        if start and recent and not any(first in page for page in recent):
            # Records before this page were deleted: look for where the earlier pages ended. A
            # longer step would miss them, and read the list again from its beginning. With an
            # overlap of one, every deletion causes a step back, and so may the next one.
            start, steps = max(0, start - max(1, len(recent[-1]) - 1)), steps + 1
            overlap *= 2
            if steps > STEPS_BACK:
                raise endless(stream)
            continue
        more = more_pages(body, len(records), stream.endpoint.limit)
        fresh = [v for k, v in records.items() if all(page.get(k) != v for page in recent)]
        idle = 0 if fresh else idle + 1
        if idle == IDLE_PAGES and more:
            raise endless(stream)
        position = next_start(body, start)
        if position <= start:
            position = start + len(records)
        yield Page(fresh, not more, position, at=_time_of_answer(answer))
        if not more:
            return
        recent.append(records)
        start = position - min(overlap, max(1, len(records) // 2))


def _time_of(item: Record) -> Any:
    """When a record, or the one in a recent change, last changed."""
    inside = item.get("data")
    time = (inside if isinstance(inside, dict) else item).get("update_time")
    return time if isinstance(time, str) else None


def _answer(client: Api, stream: Stream, request: Request, known: bool) -> Answer:
    """The answer to a request, repeated while its records are null without good reason.

    Null is an empty list if v1's contract says so (its paging block is present and says that
    nothing follows), or if v1, or a child list, answers the same twice. It never is for a v2 list,
    for a list that is never empty, or if records are known to exist.
    """
    list_of_v2 = stream.endpoint.version == 2 and stream.child is None
    certain = known or stream.endpoint.never_empty or list_of_v2
    answer = client.get(request)
    tries, nulls = 0, client.null_answers
    while _is_null(stream, answer.body):
        if not certain and not promises_more(answer.body):
            if tries:
                nulls.confirm(stream.name)
            if tries or _says_empty(stream, answer.body) or nulls.is_believed(stream.name):
                return answer
        tries += 1
        # After ten such parents the first null is believed, and the parent is skipped without
        # retries.
        of_child = f"{stream.name}, of a parent that has some"
        enough = stream.child and nulls.is_believed(of_child)
        if enough or tries > NULL_TRIES:
            nulls.confirm(of_child)
            raise StreamError(
                f'Pipedrive sent a page of "{stream.name}" without its records. {AGAIN} later.',
                TRANSIENT,
                200,
                NO_RECORDS,
            )
        client.pause(growing(tries))
        answer = client.get(request)
    if tries:
        nulls.distrust(stream.name)  # this endpoint's nulls cannot be trusted
    return answer


def _time_of_answer(answer: Answer) -> int:
    return seconds_of(answer.at) if answer.at is not None else 0


def _is_null(stream: Stream, body: Mapping[str, Any]) -> bool:
    """Whether an answer has null instead of records, or none although there are always some."""
    found = found_in(stream, body)
    return body.get("success") is not False and (
        found is None or (stream.endpoint.never_empty and found == [])
    )


def _says_empty(stream: Stream, body: Mapping[str, Any]) -> bool:
    """Whether v1's paging block is present; it then says that nothing follows."""
    block = pagination_of(body)
    present = "more_items_in_collection" in block or "next_cursor" in block
    return present and stream.endpoint.version == 1


def endless(stream: Stream) -> StreamError:
    """The error for a list that repeats itself."""
    return StreamError(
        f'Pipedrive keeps sending the same page of "{stream.name}". {AGAIN} later.',
        TRANSIENT,
    )
