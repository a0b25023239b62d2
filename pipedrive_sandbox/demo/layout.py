"""How the tables of the demo look."""

from __future__ import annotations

from rich import box
from rich.table import Table


def plain_table(footer: bool) -> Table:
    """A table without columns yet. It has no frame, so that it takes few lines.

    `footer`: whether to print the footers of its columns, below a rule.
    """
    return Table(box=box.SIMPLE, show_edge=False, show_footer=footer, pad_edge=False)
