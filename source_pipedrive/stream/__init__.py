"""What a stream is, and the builders that the table of streams is written with."""

from source_pipedrive.stream.child import Child, Moves
from source_pipedrive.stream.definition import (
    UNASKED,
    Absence,
    Changes,
    Kind,
    Needs,
    Paging,
    Stream,
    table,
)

__all__ = [
    "UNASKED",
    "Absence",
    "Changes",
    "Child",
    "Kind",
    "Moves",
    "Needs",
    "Paging",
    "Stream",
    "table",
]
