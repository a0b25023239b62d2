"""When a finding is not believed."""

from __future__ import annotations

FEW = 10  # deletions that are believed however few records there were
SPARSE = 10_000  # gaps that are asked for however few records there are


def most_believed(present: int) -> int:
    """How many of the records that were present may have gone, before only the user can say that
    they were deleted: a lost permission looks the same."""
    return max(FEW, present // 10)


def is_sparse(gaps: int, records: int) -> bool:
    """Whether ids do not count up, so that gaps mean nothing and asking for all costs too much."""
    return gaps > SPARSE and gaps > 10 * records
