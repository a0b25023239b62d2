"""The complete data of one company."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ..record import Row
from ..table import Table
from .children import Children
from .company import Sizes
from .custom_fields import CustomFields


@dataclass(frozen=True)
class World:
    """One company's data: `tables` by name, custom `fields` by kind of record, `children` of
    records. `created_at` is when it was created, in seconds since 1970."""

    seed: int
    sizes: Sizes
    created_at: float
    tables: dict[str, Table]
    fields: dict[str, CustomFields]
    children: Children
    invisible: dict[str, dict[Any, Row]] = field(default_factory=dict)
    _numbers: dict[str, count[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.children.generated = {
            name: max((id_ for id_ in table.rows if isinstance(id_, int)), default=0)
            for name, table in self.tables.items()
        }
        for name, highest in self.children.generated.items():
            self._numbers[name] = count(highest + 1)

    def next_id(self, table: str) -> int:
        """A number above all ids that the table ever had: Pipedrive never reuses one."""
        return next(self._numbers[table])
