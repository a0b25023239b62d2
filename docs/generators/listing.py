"""The tables of README.md and docs/streams.md, from the stream table.

`make golden` writes them; the tests compare them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from source_pipedrive.child import Moves
from source_pipedrive.reading.deleted import OBJECTS
from source_pipedrive.stream import UNASKED, Absence, Changes, Kind, Stream
from source_pipedrive.streams import GROUPS, STREAMS

PAGES_FILE = Path(__file__).with_name("pages.json")
PAGES: dict[str, str] = json.loads(PAGES_FILE.read_text())
VENDOR = "https://developers.pipedrive.com/docs/api/v1/"
RECORDS = 1_000  # that the tokens are stated for

ABOUT = {
    "Sales": "Deals, leads, products, pipelines and goals, and Pipedrive's summaries of them",
    "Contacts and work": "People, organizations, activities, notes, files, mail and calls",
    "Details of deals, contacts and products": "The child streams of single records: products, "
    "followers, participants, mail, and every change of a field",
    "Projects and tasks": "For companies that have the projects add-on",
    "Company": "Users, roles, permissions, filters, webhooks, deletions",
    "Fields": "What your company and Pipedrive call the fields, and their options",
}
HOW = {
    Changes.ASCENDING: "changed, by `{}`",
    Changes.RESTARTING: "changed, by `{}`",
    Changes.NEWEST_FIRST: "changed, by `{}`",
    Changes.ON_CLIENT: "changed, by `{}`; the whole list is requested",
}
FLAGS = ("is_deleted", "active_flag", "deleted_flag")


def names(rows: Iterable[Stream]) -> str:
    """`deals`, `leads`."""
    return ", ".join(f"`{row.name}`" for row in rows)


def groups() -> str:
    """README's table: one row a group, and how many streams there are."""
    lines = [f"| **{title}**: {ABOUT[title]} | {names(rows)} |" for title, rows in GROUPS.items()]
    return "\n".join([f"{len(STREAMS)} streams:\n", "| what | streams |", "|---|---|", *lines, ""])


def tables() -> str:
    """One table a group, for docs/streams.md."""
    return "\n".join(part for title, rows in GROUPS.items() for part in table(title, rows))


def table(title: str, rows: Iterable[Stream]) -> Iterator[str]:
    """The lines of one group."""
    yield f"### {title}\n"
    yield f"{ABOUT[title]}.\n"
    yield "| stream | what | key | reads | tokens | deleted | scope | endpoint |"
    yield "|---" * 8 + "|"
    for row in rows:
        key = ", ".join(f"`{part}`" for part in row.key)
        cells = (
            f"`{row.name}`",
            what(row),
            key,
            reads(row),
            tokens(row),
            deletes(row),
            scope(row),
            endpoint(row),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def moves() -> str:
    """Which records get a new update_time when others change: one line for each answer."""
    found: dict[tuple[tuple[str, ...], Moves], list[Stream]] = {}
    for rows in GROUPS.values():
        for row in rows:
            by_answer: dict[Moves, list[str]] = {}
            for name, how in moved_by(row).items():
                by_answer.setdefault(how, []).append(name)
            for how, moved in by_answer.items():
                found.setdefault((tuple(moved), how), []).append(row)
    order = list(Moves)
    lines = [
        f"| {names(rows)} | {', '.join(f'`{name}`' for name in moved)} | {how.value} |"
        for (moved, how), rows in sorted(found.items(), key=lambda each: order.index(each[0][1]))
    ]
    head = ["| a change of | moves the `update_time` of | how sure |", "|---|---|---|"]
    return "\n".join([*head, *lines, ""])


def moved_by(row: Stream) -> dict[str, Moves]:
    """The streams whose time a change of this one may move."""
    if row.child and row.changes is Changes.OF_PARENT and not row.child.months:
        return dict.fromkeys((parent.name for parent in row.child.of), row.child.moves)
    return dict(row.moves)


def what(row: Stream) -> str:
    """What the stream holds, and the plan that it needs."""
    plan = next((absence.source.partition(";")[0] for absence in absences(row)), "")
    return f"{row.about} ({plan})" if plan else row.about


def absences(row: Stream) -> list[Absence]:
    """The answers that mean that a plan lacks the stream or one of its parents."""
    own = [absence for absence in row.absent if absence.status == 402]
    return own or [each for source in row.sources for each in absences(source)]


def reads(row: Stream) -> str:
    """What a sync after the first one reads."""
    if row.child and row.child.months:
        return f"months, by `{row.cursor_field}`"
    if row.changes is Changes.OF_PARENT:
        return f"of changed parents, by `{row.cursor_field}`"
    return HOW[row.changes].format(row.cursor_field) if row.changes else "all"


def tokens(row: Stream) -> str:
    """API tokens for 1,000 records, or parents, or whatever there is a request for."""
    if row.kind is Kind.REMOVED:
        return "-"
    if row.made_of:
        more = f" and {row.consults.cost} for `{row.consults.name}`" if row.consults else ""
        return f"those of {names(row.made_of)}{more}"
    if row.parts:
        return f"{sum(part.cost for part in row.parts)} where little was deleted"
    times = len(row.each)
    if row.child is None:
        pages = -(-RECORDS // row.limit) if row.limit else 0
        whole = "" if row.limit else " in total"
        return f"{row.cost * max(pages, times):,}{whole}"
    of = f"`{row.child.of[0].name}`"
    number = f"{row.cost * times * RECORDS // row.child.batch:,} for {RECORDS:,} {of}"
    if row.child.months:
        return f"{number} in a month"
    counter = row.child.counter
    return f"{number} where `{counter}` > 0" if counter else f"{number}, no counter"


def deletes(row: Stream) -> str:
    """How a deletion shows, in the words that docs/streams.md explains."""
    flags = [f"`{flag}`" for flag in FLAGS if flag in row.schema["properties"]]
    asked = [*row.each, row.params, *(part.params for part in row.parts)]
    if row.kind in (Kind.REMOVED, Kind.DELETED):
        return "-"
    if any("deleted" in params.get("status", "").split(",") for params in asked):
        return "flag"
    if row.name in OBJECTS.values():
        return "recorded"
    if row.child and row.child.months:
        return "-"
    if row.child and row.child.number:
        return "never"
    if row.changes is Changes.OF_PARENT:
        return "replaced"
    if row.cursor_field is None:
        return "full refresh"
    return f"{' or '.join(flags)}, if listed" if flags else "unseen"


def scope(row: Stream) -> str:
    """The scopes that an app needs, including those for the parents."""
    if row.kind is Kind.REMOVED:
        return "-"
    lists = [row, *row.parts, *_sources(row)]
    # A list that the first scope covers needs no other.
    more = [each.read_scope for each in lists if row.read_scope not in each.scope]
    return " + ".join(f"`{each}`" for each in dict.fromkeys([row.read_scope, *more]))


def _sources(row: Stream) -> Iterator[Stream]:
    for source in row.sources:
        yield source
        yield from _sources(source)


def endpoint(row: Stream) -> str:
    """Links to the vendor's pages."""
    found = list(dict.fromkeys(places(row)))
    unknown = [place for place in found if place not in PAGES]
    if unknown:
        raise LookupError(f"docs/generators/pages.json has no page of {unknown}: run `make golden`")
    return ", ".join(f"[{place}]({VENDOR}{PAGES[place]})" for place in found) or "-"


def places(row: Stream) -> list[str]:
    """The endpoints of a stream: `v2/deals`."""
    if row.kind in UNASKED:
        return []
    return [f"v{each.version}/{each.path}" for each in row.parts or (row,)]


def all_places() -> list[str]:
    """The endpoints of all streams, in order."""
    return sorted({place for row in STREAMS.values() for place in places(row)})
