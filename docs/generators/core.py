"""The ten core objects and how they are joined: a picture that fits README's column.

Like the full diagram (erd.py), it is generated from what the schemas' descriptions refer to, and
`make golden` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from docs.generators.erd import Reference, references, text
from source_pipedrive.streams import STREAMS

# From left to right. Lines lead from a column to the id of another object.
COLUMNS = (
    ("organizations", "persons", "leads"),
    ("deals", "activities", "notes"),
    ("pipelines", "stages", "deal_products", "products"),
)
NAMES = tuple(name for column in COLUMNS for name in column)
COLOURS = ("#2b6cb0", "#2f7d5b", "#7a5195")  # of each column, and of the lines that start there
WIDTH = 830  # pixels, as wide as GitHub shows a README
BOX, MARGIN, TOP, GAP = 176, 40, 44, 22
HEAD, ROW, SMALL, LARGE = 26, 18, 13, 15  # heights, and sizes of type
LEGEND = "Each line leads from a column to an id. Owners (owner_id, user_id) are in users."


@dataclass(frozen=True)
class Box:
    """An object in the picture: its place, and the columns that refer to other objects."""

    name: str
    column: int
    x: float
    y: float
    joins: tuple[Reference, ...]

    @property
    def height(self) -> int:
        return HEAD + ROW * (1 + len(self.joins)) + 6

    def row(self, number: int) -> float:
        """The middle of a row: 0 is the key."""
        return self.y + HEAD + ROW * (number + 0.5)


def joins(name: str) -> tuple[Reference, ...]:
    """The columns that refer to another of the ten, except what was next, last, or a source."""
    found = [r for r in references(STREAMS[name]) if r.to in NAMES and r.to != name]
    return tuple(r for r in found if not r.column.startswith(("next_", "last_", "source_")))


def boxes() -> dict[str, Box]:
    """All objects, each column centred."""
    between = (WIDTH - 2 * MARGIN - len(COLUMNS) * BOX) / (len(COLUMNS) - 1)
    tall = [sum(Box("", 0, 0, 0, joins(n)).height + GAP for n in names) for names in COLUMNS]
    found = {}
    for index, names in enumerate(COLUMNS):
        x = MARGIN + index * (BOX + between)
        y = TOP + (max(tall) - tall[index]) / 2
        for name in names:
            found[name] = Box(name, index, x, y, joins(name))
            y += found[name].height + GAP
    return found


def svg() -> str:
    """The picture."""
    found = boxes()
    height = max(box.y + box.height for box in found.values()) + 18
    size = f'width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
        "<title>Ten core objects and how they are joined</title>",
        f'<rect width="{WIDTH}" height="{height:g}" fill="#ffffff"/>',
        text(MARGIN, 26, LEGEND, SMALL, "#4a5568"),
    ]
    for box in found.values():
        parts += drawn(box)
    for box in found.values():
        for number, join in enumerate(box.joins, 1):
            parts.append(line(box, number, found[join.to]))
    return "\n".join([*parts, "</svg>\n"])


def drawn(box: Box) -> Iterator[str]:
    """A box with the object's name, its key and the columns that refer to others."""
    colour = COLOURS[box.column]
    yield (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{BOX}" height="{box.height}" rx="5"'
        f' fill="#f7fafc" stroke="{colour}"/>'
    )
    yield text(box.x + 10, box.y + 19, box.name, LARGE, colour, "bold")
    yield text(box.x + 10, box.row(0) + 5, ", ".join(STREAMS[box.name].key), SMALL, "#1a202c")
    for number, join in enumerate(box.joins, 1):
        yield text(box.x + 10, box.row(number) + 5, join.column, SMALL, "#4a5568")


def line(box: Box, number: int, to: Box) -> str:
    """A curve from a column to the id of another object, ending in a dot."""
    y1, y2 = box.row(number), to.row(0)
    if to.column == box.column:  # where there is more room: left of the first column only
        side = 1 if box.column else -1
        x1 = x2 = box.x + (BOX if side > 0 else 0)
        bend = 18 + abs(y1 - y2) / 12
    else:
        side = 1 if to.column > box.column else -1
        x1 = box.x + (BOX if side > 0 else 0)
        x2 = to.x + (0 if side > 0 else BOX)
        bend = abs(x2 - x1) / 2
    back = side if to.column == box.column else -side
    path = f"M{x1:g} {y1:g}C{x1 + side * bend:g} {y1:g} {x2 + back * bend:g} {y2:g} {x2:g} {y2:g}"
    colour = COLOURS[box.column]
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.75"'
        f' stroke-width="1.3"/><circle cx="{x2:g}" cy="{y2:g}" r="3" fill="{colour}"/>'
    )
