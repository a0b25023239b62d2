"""README's picture of the result: a query over tables that a sync has filled, and its rows.

integration_tests/test_picture.py fills the tables from the sandbox and writes the picture
(`make golden`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

QUERY = """\
SELECT o.name AS organization, s.name AS stage, d.value,
       d.tier, d.budget, d.budget_currency
FROM deals_now AS d
JOIN organizations AS o ON o.id = d.org_id
JOIN stages AS s ON s.id = d.stage_id
WHERE d.status = 'open' AND d.currency = 'EUR' AND d.tier <> '' AND d.budget > 0
ORDER BY d.value DESC
LIMIT 6;"""
CUSTOM = ("tier", "budget", "budget_currency")  # the company's own fields
CAPTION = "In colour: this company's own fields, as columns with labels and types."
WIDTH, MARGIN, LINE, SIZE = 830, 20, 19, 13  # pixels
CHARACTER = 7.83  # the width of one in a monospaced type of this size
PAPER, INK, FAINT, ACCENT = "#0f172a", "#e2e8f0", "#94a3b8", "#5eead4"
TYPE = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def svg(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The picture. Columns of numbers are aligned to the right."""
    query = QUERY.splitlines()
    height = 2 * MARGIN + LINE * (len(query) + len(rows) + 3)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="{TYPE}" font-size="{SIZE}">',
        "<title>Deals in a warehouse, with their custom fields as columns</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="{PAPER}"/>',
    ]
    y = MARGIN + LINE - 5
    for words in query:
        parts.append(text(MARGIN, y, words, FAINT))
        y += LINE
    y += LINE / 2
    parts += [*row(headings, headings, rows, y, FAINT)]
    for cells in rows:
        y += LINE
        parts += [*row(cells, headings, rows, y, INK)]
    parts.append(text(MARGIN, y + 1.7 * LINE, CAPTION, ACCENT))
    return "\n".join([*parts, "</svg>\n"])


def row(
    cells: Sequence[str], headings: Sequence[str], rows: Sequence[Sequence[str]], y: float, ink: str
) -> Iterator[str]:
    """One line of the table."""
    left = float(MARGIN)
    for index, (cell, heading) in enumerate(zip(cells, headings, strict=True)):
        column = [each[index] for each in rows]
        width = max(map(len, [heading, *column])) * CHARACTER
        colour = ACCENT if heading in CUSTOM else ink
        right = all(is_number(each) for each in column)
        yield text(left + width if right else left, y, cell, colour, right)
        left += width + 2 * CHARACTER


def is_number(cell: str) -> bool:
    """Whether a cell is a number, or empty."""
    return not cell or cell.replace(",", "").replace(".", "").isdigit()


def text(x: float, y: float, words: str, colour: str, right: bool = False) -> str:
    """A piece of text, which starts at x, or ends there."""
    anchor = ' text-anchor="end"' if right else ""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}"{anchor} xml:space="preserve">'
        f"{escape(words)}</text>"
    )
