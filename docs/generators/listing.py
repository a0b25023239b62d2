"""The tables of docs/streams.md and docs/which-streams.md, from the stream table.

`make golden` writes them; the tests compare them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from source_pipedrive.reading.audit.reported import OBJECTS
from source_pipedrive.reading.tombstones import lists_deleted
from source_pipedrive.stream import (
    NOT_REQUESTED,
    WITHOUT_PIPEDRIVE,
    Changes,
    Kind,
    Stream,
    Touches,
    UnavailableAnswer,
)
from source_pipedrive.stream.audited import COMPARED
from source_pipedrive.streams import GROUPS, STREAMS

PAGES_FILE = Path(__file__).with_name("pages.json")
PAGES: dict[str, str] = json.loads(PAGES_FILE.read_text())
VENDOR = "https://developers.pipedrive.com/docs/api/v1/"
RECORDS = 1_000  # the number that the tokens are stated for

ABOUT = {
    "Sales": "Deals, leads, products, pipelines and goals, and Pipedrive's summaries of them",
    "Contacts and work": "People, organizations, activities, notes, files, mail and calls",
    "Details of deals, contacts and products": "The child streams of single records: products, "
    "followers, participants, mail, and every change to a field",
    "Projects and tasks": "For companies that have the projects add-on",
    "Company": "Users, roles, permissions, filters, webhooks, deletions, and a report of each sync",
    "Fields": "What your company and Pipedrive call the fields, and their options",
}
HOW = {
    Changes.ASCENDING: "changed, by `{}`",
    Changes.RESTARTING: "changed, by `{}`",
    Changes.NEWEST_FIRST: "changed, by `{}`",
    Changes.ON_CLIENT: "changed, by `{}`; the whole list is requested",
    Changes.OF_SYNC: "its own, by `{}`",
}
FLAGS = ("is_deleted", "active_flag", "deleted_flag")


def quoted(names: Iterable[str]) -> str:
    """`deals`, `leads`."""
    return ", ".join(f"`{name}`" for name in names)


def names(streams: Iterable[Stream]) -> str:
    """The names of the streams, quoted."""
    return quoted(stream.name for stream in streams)


def reason() -> str:
    """README's first reason, with the number of streams."""
    return f"""\
- **Everything, with readable columns.** {len(STREAMS)} streams: every list in Pipedrive's API,
  those of a single deal or person included. A custom field called "Customer tier" is the typed
  column `customer_tier`, with the label "Gold", not `9b2f8eeb...: 140`.
"""


def groups() -> str:
    """The table of docs/which-streams.md: one row per group."""
    lines = [f"| **{title}**: {ABOUT[title]} | {names(group)} |" for title, group in GROUPS.items()]
    return "\n".join(["| what | streams |", "|---|---|", *lines, ""])


def tables() -> str:
    """One table per group, for docs/streams.md."""
    return "\n".join(part for title, streams in GROUPS.items() for part in table(title, streams))


def table(title: str, streams: Iterable[Stream]) -> Iterator[str]:
    """The lines of one group."""
    yield f"### {title}\n"
    yield f"{ABOUT[title]}.\n"
    yield "| stream | what | key | reads | tokens | deleted | scope | endpoint |"
    yield "|---" * 8 + "|"
    for stream in streams:
        key = ", ".join(f"`{part}`" for part in stream.key)
        cells = (
            f"`{stream.name}`",
            what(stream),
            key,
            reads(stream),
            tokens(stream),
            deletes(stream),
            scopes(stream),
            endpoint(stream),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def touches() -> str:
    """Which changes update the update_time of which records: one line for each answer."""
    found: dict[tuple[tuple[str, ...], Touches], list[Stream]] = {}
    for streams in GROUPS.values():
        for stream in streams:
            by_answer: dict[Touches, list[str]] = {}
            for name, how in stream.incremental.touches.items():
                by_answer.setdefault(how, []).append(name)
            for how, touched in by_answer.items():
                found.setdefault((tuple(touched), how), []).append(stream)
    order = list(Touches)
    answers = sorted(found.items(), key=lambda each: order.index(each[0][1]))
    lines = [
        f"| {names(streams)} | {quoted(touched)} | {how.value} |"
        for (touched, how), streams in answers
    ]
    head = ["| a change to | updates the `update_time` of | certainty |", "|---|---|---|"]
    return "\n".join([*head, *lines, ""])


def what(stream: Stream) -> str:
    """What a stream holds, and the plan that it needs."""
    plan = next((answer.source.partition(";")[0] for answer in plan_answers(stream)), "")
    return f"{stream.about} ({plan})" if plan else stream.about


def plan_answers(stream: Stream) -> list[UnavailableAnswer]:
    """The answers that mean that the plan lacks a stream, or one of its sources."""
    own = [answer for answer in stream.access.means_unavailable if answer.status == 402]
    return own or [answer for source in stream.sources for answer in plan_answers(source)]


def reads(stream: Stream) -> str:
    """What a sync after the first one reads."""
    if stream.child and stream.child.month_params:
        return f"months, by `{stream.cursor_field}`"
    changes = stream.incremental.changes
    if changes is Changes.OF_PARENT:
        return f"of changed parents, by `{stream.cursor_field}`"
    return HOW[changes].format(stream.cursor_field) if changes else "all"


def tokens(stream: Stream) -> str:
    """API tokens for 1,000 records, or for 1,000 parents."""
    if stream.kind in WITHOUT_PIPEDRIVE:
        return "-"
    if stream.derived.sources:
        more = (
            f" and {stream.derived.lookup.endpoint.cost} for `{stream.derived.lookup.name}`"
            if stream.derived.lookup
            else ""
        )
        return f"those of {names(stream.derived.sources)}{more}"
    if stream.components:
        return f"{sum(part.endpoint.cost for part in stream.components)} where little was deleted"
    times = len(stream.endpoint.param_sets)
    if stream.child is None:
        pages = -(-RECORDS // stream.endpoint.limit) if stream.endpoint.limit else 0
        whole = "" if stream.endpoint.limit else " in total"
        return f"{stream.endpoint.cost * max(pages, times):,}{whole}"
    of = f"`{stream.child.parents[0].name}`"
    total = stream.endpoint.cost * times * RECORDS // stream.child.batch
    number = f"{total:,} for {RECORDS:,} {of}"
    if stream.child.month_params:
        return f"{number} in a month"
    counter = stream.child.counter
    return f"{number} where `{counter}` > 0" if counter else f"{number}, no counter"


def deletes(stream: Stream) -> str:
    """How a deletion shows, in the words that docs/streams.md explains."""
    flags = [f"`{flag}`" for flag in FLAGS if flag in stream.schema["properties"]]
    if stream.kind in (*WITHOUT_PIPEDRIVE, Kind.DELETED):
        return "-"
    if lists_deleted(stream):
        return "flag"
    if stream.name in OBJECTS.values():
        return "recorded"
    if stream.child and stream.child.month_params:
        return "-"
    if stream.child and stream.child.number_by:
        return "never"
    if stream.incremental.changes is Changes.OF_PARENT:
        return "replaced"
    if stream.cursor_field is None:
        return "full refresh"
    return f"{' or '.join(flags)}, if listed" if flags else "unseen"


def removals() -> str:
    """The streams whose tables clean themselves: one line for each object."""
    found: dict[str, list[Stream]] = {}
    for name, stream in STREAMS.items():
        if stream.incremental.has_deletions:
            found.setdefault(stream.incremental.deleted_as or name, []).append(stream)
    lines = [
        f"| {names(streams)} | {mark(streams[0])} | {reported(streams[0])} |"
        for streams in found.values()
    ]
    head = ["| streams | a deleted record has | `object` in `deleted_records` |", "|---|---|---|"]
    kept = [each.name for each in COMPARED if each.name not in found]
    note = "An audit also reports deletions of these, but their tables keep the rows:"
    return "\n".join([*head, *lines, "", note, f"{quoted(kept)}.", ""])


def mark(stream: Stream) -> str:
    """The field that marks a deleted record, and its value."""
    if stream.incremental.deletion_mark is None:
        return "no mark"
    field, value = stream.incremental.deletion_mark
    listed = "" if lists_deleted(stream) else ", if listed"
    return f"`{field}` {json.dumps(value)}{listed}"


def reported(stream: Stream) -> str:
    """The object under which `deleted_records` reports the stream's records."""
    return f"`{stream.incremental.deleted_as}`" if stream.incremental.deleted_as else "none"


def scopes(stream: Stream) -> str:
    """The scopes that an app needs, including those for the stream's sources."""
    if stream.kind in WITHOUT_PIPEDRIVE:
        return "-"
    scope = stream.access.read_scope
    lists = [stream, *stream.components, *_sources(stream)]
    # A list that the first scope can read needs no other.
    more = [each.access.read_scope for each in lists if scope not in each.access.scopes]
    return " + ".join(f"`{each}`" for each in dict.fromkeys([scope, *more]))


def _sources(stream: Stream) -> Iterator[Stream]:
    for source in stream.sources:
        yield source
        yield from _sources(source)


def endpoint(stream: Stream) -> str:
    """Links to the vendor's pages."""
    found = list(dict.fromkeys(places(stream)))
    unknown = [place for place in found if place not in PAGES]
    if unknown:
        raise LookupError(f"docs/generators/pages.json has no page of {unknown}: run `make golden`")
    return ", ".join(f"[{place}]({VENDOR}{PAGES[place]})" for place in found) or "-"


def places(stream: Stream) -> list[str]:
    """The endpoints of a stream: `v2/deals`."""
    if stream.kind in NOT_REQUESTED:
        return []
    return [
        f"v{each.endpoint.version}/{each.endpoint.path}" for each in stream.components or (stream,)
    ]


def all_places() -> list[str]:
    """The endpoints of all streams, in order."""
    return sorted({place for stream in STREAMS.values() for place in places(stream)})
