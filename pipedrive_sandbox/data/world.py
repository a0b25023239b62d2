"""All that is known of one company: its records, its own fields, its size."""

from __future__ import annotations

from dataclasses import dataclass

from ..table import Table
from .children import Children
from .company import Sizes
from .custom_fields import CustomFields


@dataclass(frozen=True)
class World:
    """`fields` are the custom fields by the kind they belong to; `born` is when it was made;
    `children` are the rows below records."""

    seed: int
    sizes: Sizes
    born: float
    tables: dict[str, Table]
    fields: dict[str, CustomFields]
    children: Children
