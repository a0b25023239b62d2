"""One row of the table: what is measured, and how large it may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench


@dataclass(frozen=True)
class Measured:
    """value: in the row's unit, nan if it could not be measured; how: what it is computed from."""

    value: float
    how: str


@dataclass(frozen=True)
class Row:
    """what: the row's name; at_most, at_least: the target, in `unit`; neither: for information."""

    what: str
    unit: str
    measure: Callable[[Bench], Measured]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def wanted(self) -> str:
        """The target, in words."""
        if self.at_most is not None and self.at_least is not None:
            return f"{self.at_least:,g} to {self.at_most:,g}"
        if self.at_most is not None:
            return f"at most {self.at_most:,g}"
        return "" if self.at_least is None else f"at least {self.at_least:,g}"

    def holds(self, value: float) -> bool | None:
        """Whether `value` meets the target; None without a target or a measurement."""
        if math.isnan(value) or (self.at_most is None and self.at_least is None):
            return None
        most = math.inf if self.at_most is None else self.at_most
        least = -math.inf if self.at_least is None else self.at_least
        return least <= value <= most
