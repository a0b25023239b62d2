"""What a read will cost, stated before it is paid."""

from __future__ import annotations

from dataclasses import dataclass

from source_pipedrive.version import HOME

# What deserves a line in the log: this many tokens, or this part of the company's daily budget.
EXPENSIVE = 1_000
EXPENSIVE_PART = 0.01
CHOICE = f"{HOME}/blob/main/docs/which-streams.md"
ABOUT, AT_LEAST = "about ", "at least "


@dataclass(frozen=True)
class Estimate:
    """units: the number of records or parents; each: how many of them a request of `cost` tokens
    covers; how: ABOUT or AT_LEAST if the number is estimated."""

    stream: str
    units: int
    unit: str
    cost: int
    each: int = 1
    how: str = ""

    @property
    def requests(self) -> int:
        """The number of requests."""
        return -(-self.units // self.each)

    @property
    def tokens(self) -> int:
        """The number of API tokens."""
        return self.requests * self.cost

    def is_expensive(self, daily_limit: int | None) -> bool:
        """Whether it deserves a line in the log. daily_limit: the daily budget, if known."""
        return is_expensive(self.tokens, daily_limit)

    def sentence(self, daily_limit: int | None) -> str:
        """`deal_changelog: 12,400 deals x 20 tokens = 248,000, about 8 days of this company's
        budget.`"""
        number = f"{self.how}{self.units:,} {self.unit}"
        pages = f" in {self.requests:,} requests" if self.each > 1 else ""
        text = f"{self.stream}: {number}{pages} x {self.cost} tokens = {self.tokens:,}"
        return f"{text}{_of_day(self.tokens, daily_limit)}."


def is_expensive(tokens: int, limit: int | None) -> bool:
    """Whether this is a lot of tokens. limit: how many may be spent, if known."""
    part = EXPENSIVE if limit is None else EXPENSIVE_PART * limit
    return tokens >= min(part, EXPENSIVE)


def of_everything(tokens: int, how: str, daily_limit: int | None) -> str:
    """What all selected streams will cost together."""
    return (
        f"All selected streams: {how}{tokens:,} tokens{_of_day(tokens, daily_limit)}. Lists are "
        f"read first, then what takes a request for each record. More: {CHOICE}"
    )


def _of_day(tokens: int, daily_limit: int | None) -> str:
    if not daily_limit:
        return " of this company's daily budget, whose size is unknown"
    days = tokens / daily_limit
    if days >= 1.5:
        return f", about {days:,.0f} days of this company's budget"
    return f", about {100 * days:.{0 if days >= 0.1 else 1}f} % of this company's daily budget"
