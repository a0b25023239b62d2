"""How the streams are related: a diagram as Mermaid text, and as an SVG picture.

Both are generated from the parents of the streams and from the schemas, whose descriptions say what
a column refers to ("see deals.id"). `make golden` writes them; the picture needs no other tool.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import count
from pathlib import Path
from textwrap import wrap
from typing import Any

from source_pipedrive.stream import Stream
from source_pipedrive.streams import GROUPS, STREAMS

IMAGES = Path(__file__).parents[1] / "images"
SEE = re.compile(r"see (\w+\.\w+(?:, \w+\.\w+)*)")
# Columns that identify a record as well as its key does.
UNIQUE = {("currencies", "code"), ("activity_types", "key_string")}
# Which groups are side by side, and how many columns of streams each has.
SHELVES = (
    (("Sales", 4), ("Contacts and work", 4)),
    (("Details of deals, contacts and products", 7),),
    (("Projects and tasks", 2), ("Company", 4), ("Fields", 2)),
)
COLOURS = {
    "Sales": "#2f7d5b",
    "Contacts and work": "#2b6cb0",
    "Details of deals, contacts and products": "#7a5195",
    "Projects and tasks": "#b7791f",
    "Company": "#4a5568",
    "Fields": "#9b4d5b",
}
WIDTH = 1760  # of the picture, in pixels
INDENT, GAP, PADDING, MARGIN = 14, 8, 12, 16
TITLE, NAME, LINE = 26, 16, 11  # heights
CHARACTERS = 38  # that fit on a small line of an unindented stream
LONG = 28  # characters; longer names are set in smaller type
LEGEND = (
    "Lines lead from a stream to its child streams. In colour: the primary key. "
    "→ streams that its columns refer to. Dashed: parents from the groups above."
)


@dataclass(frozen=True)
class Reference:
    """A column of one stream that holds a unique column of another."""

    stream: str
    column: str
    to: str
    target: str


def references(stream: Stream) -> Iterator[Reference]:
    """What the columns of a stream refer to, according to their descriptions."""
    for column, schema in stream.schema["properties"].items():
        for found in SEE.findall(schema["description"]):
            for place in found.split(", "):
                to, target = place.split(".")
                if target in STREAMS[to].key or (to, target) in UNIQUE:
                    yield Reference(stream.name, column, to, target)


def mermaid() -> str:
    """The entities with their keys and references, and a line for each reference."""
    entities, relations = [], []
    for stream in STREAMS.values():
        found = list(references(stream))
        properties = stream.schema["properties"]
        columns = dict.fromkeys([*stream.key, *(reference.column for reference in found)])
        entities.append(f"    {stream.name} {{")
        for column in columns:
            kind = min(kinds(properties[column]))
            marks = ["PK"] if column in stream.key else []
            marks += ["FK"] if any(reference.column == column for reference in found) else []
            entities.append(f"        {kind} {column} {', '.join(marks)}")
        entities.append("    }")
        relations += [f"    {r.to} ||--o{{ {r.stream} : {r.column}" for r in found]
    return "\n".join(["erDiagram", *entities, *dict.fromkeys(relations), ""])


def kinds(schema: Mapping[str, Any]) -> set[str]:
    """The types of a column without null; for an array, those of its items."""
    declared = schema.get("items", schema)["type"]
    return ({declared} if isinstance(declared, str) else set(declared)) - {"null"}


@dataclass
class Node:
    """A stream in the picture or, dashed, parents from another group."""

    title: str
    lines: list[str]
    dashed: bool = False
    depth: int = 0
    below: list[Node] = field(default_factory=list)
    x: float = 0
    y: float = 0

    @property
    def height(self) -> int:
        return NAME + LINE * len(self.lines) + (6 if self.lines else 4)

    def flat(self) -> Iterator[Node]:
        """This node and all below it, from top to bottom."""
        yield self
        for each in self.below:
            yield from each.flat()


def node(stream: Stream, depth: int) -> Node:
    """A stream with its key and the streams that it refers to, without its parents."""
    parents = {source.name for source in stream.sources} | stream.roots.keys()
    to = dict.fromkeys(r.to for r in references(stream) if r.to not in {stream.name, *parents})
    room = CHARACTERS - 3 * depth
    keys = wrap(", ".join(stream.key), room)
    targets = wrap("→ " + ", ".join(to), room, subsequent_indent="   ") if to else []
    return Node(stream.name, [*keys, *targets], depth=depth)


def trees(streams: tuple[Stream, ...]) -> list[Node]:
    """The streams of a group, each below its first parent."""
    inside = {stream.name for stream in streams}
    found: dict[str, Node] = {}

    def tree(stream: Stream, depth: int) -> Node:
        root = node(stream, depth)
        below = [each for each in streams if stream.name in [s.name for s in each.sources[:1]]]
        root.below = [tree(each, depth + 1) for each in below]
        return root

    for stream in streams:
        source = stream.sources[0] if stream.sources else None
        if source is None:
            found[stream.name] = tree(stream, 0)
        elif source.name not in inside:
            title = ", ".join(each.name for each in stream.sources)
            head = found.setdefault(title, Node(title, [], dashed=True))
            head.below.append(tree(stream, 1))
    return list(found.values())


def tall(column: Iterable[Node]) -> float:
    """The height of a stack of trees, with the gaps."""
    return sum(each.height + GAP for root in column for each in root.flat())


def packed(streams: tuple[Stream, ...], number: int) -> list[list[Node]]:
    """A group in `number` columns of about the same height, in the order of its streams."""
    roots = trees(streams)
    if any(root.dashed for root in roots):
        return next(
            found for most in count() if len(found := flowing(roots, LINE * most)) <= number
        )
    columns: list[list[Node]] = [[] for _ in range(number)]
    for root in sorted(roots, key=lambda root: -tall([root])):
        min(columns, key=tall).append(root)
    order = [root.title for root in roots]
    for column in columns:
        column.sort(key=lambda root: order.index(root.title))
    return sorted(columns, key=lambda column: order.index(column[0].title))


def flowing(roots: Iterable[Node], most: float) -> list[list[Node]]:
    """Trees in columns of at most that height where possible. Children that do not fit below their
    parents continue in the next column, below a copy of them."""
    columns: list[list[Node]] = []
    for root in roots:
        head = None
        for each in root.below:
            if head is None or tall([head, each]) > most:
                head = Node(root.title, [], dashed=True)
                columns.append([head])
            head.below.append(each)
    return columns


def svg() -> str:
    """The picture."""
    parts: list[str] = []
    top = float(MARGIN)
    for shelf in SHELVES:
        columns = {title: packed(GROUPS[title], number) for title, number in shelf}
        number = sum(number for _, number in shelf)
        around = (len(shelf) + 1) * MARGIN + len(shelf) * (2 * PADDING - GAP)
        width = (WIDTH - around) / number - GAP  # of a column
        height = max(tall(column) for each in columns.values() for column in each)
        height += TITLE + 2 * PADDING - GAP
        left = float(MARGIN)
        for title, number in shelf:
            whole = number * (width + GAP) - GAP + 2 * PADDING
            parts += group(title, left, top, whole, height)
            for index, column in enumerate(columns[title]):
                x = left + PADDING + index * (width + GAP)
                parts += stacked(column, x, top + TITLE + PADDING, width, COLOURS[title])
            left += whole + MARGIN
        top += height + MARGIN
    parts.append(text(MARGIN, top + 4, LEGEND, 12, "#4a5568"))
    top += MARGIN
    size = f'width="{WIDTH}" height="{top:g}" viewBox="0 0 {WIDTH} {top:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    paper = f'<rect width="{WIDTH}" height="{top:g}" fill="#ffffff"/>'
    return "\n".join([head, "<title>The streams and their keys</title>", paper, *parts, "</svg>\n"])


def group(title: str, x: float, y: float, width: float, height: float) -> Iterator[str]:
    """The box of a group with its name."""
    colour = COLOURS[title]
    yield (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="{colour}"'
        f' fill-opacity="0.07" stroke="{colour}" stroke-opacity="0.5"/>'
    )
    yield text(x + PADDING, y + 20, title, 14, colour, "bold")


def stacked(column: list[Node], x: float, y: float, width: float, colour: str) -> Iterator[str]:
    """The streams of one column, with lines from each to its child streams."""
    for root in column:
        for each in root.flat():
            each.x, each.y = x + each.depth * INDENT, y
            y += each.height + GAP
        for each in root.flat():
            yield from branches(each, colour)
            yield from box(each, x + width - each.x, colour)


def branches(parent: Node, colour: str) -> Iterator[str]:
    """The lines below a stream."""
    start = parent.x + INDENT / 2
    for each in parent.below:
        path = f"M{start:g} {parent.y + parent.height:g}V{each.y + 10:g}H{each.x:g}"
        yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.2"/>'


def box(each: Node, width: float, colour: str) -> Iterator[str]:
    """A stream: its name, its key and what it refers to."""
    dash = ' stroke-dasharray="3 3"' if each.dashed else ""
    yield (
        f'<rect x="{each.x:g}" y="{each.y:g}" width="{width:g}" height="{each.height}" rx="4"'
        f' fill="#ffffff" stroke="{colour}"{dash}/>'
    )
    weight = "normal" if each.dashed else "bold"
    size = 10 if len(each.title) > LONG else 11
    yield text(each.x + 7, each.y + 13, each.title, size, "#1a202c", weight)
    for index, line in enumerate(each.lines):
        arrow = line.startswith(("→", " "))
        ink = "#718096" if arrow else colour
        yield text(each.x + 7, each.y + NAME + 8 + LINE * index, line, 9, ink)


def text(x: float, y: float, words: str, size: int, colour: str, weight: str = "normal") -> str:
    """A line of text."""
    bold = f' font-weight="{weight}"' if weight != "normal" else ""
    inset = 9 * (len(words) - len(words.lstrip())) / 3
    return (
        f'<text x="{x + inset:g}" y="{y:g}" font-size="{size}" fill="{colour}"{bold}>'
        f"{escape(words.lstrip())}</text>"
    )
