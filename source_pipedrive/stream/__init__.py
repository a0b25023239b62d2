"""What a stream is, and the builders that the table of streams is written with."""

from source_pipedrive.stream.access import Needs, StreamAccess, UnavailableAnswer
from source_pipedrive.stream.definition import Child, Columns, Derived, Part, Stream, table
from source_pipedrive.stream.endpoint import SORTED, Endpoint, Incremental
from source_pipedrive.stream.kinds import (
    NOT_REQUESTED,
    WITHOUT_PIPEDRIVE,
    Changes,
    Kind,
    Paging,
    Touches,
)
from source_pipedrive.stream.tombstone import DELETED_AT, with_deleted_at, without_deleted_at

__all__ = [
    "DELETED_AT",
    "NOT_REQUESTED",
    "SORTED",
    "WITHOUT_PIPEDRIVE",
    "Changes",
    "Child",
    "Columns",
    "Derived",
    "Endpoint",
    "Incremental",
    "Kind",
    "Needs",
    "Paging",
    "Part",
    "Stream",
    "StreamAccess",
    "Touches",
    "UnavailableAnswer",
    "table",
    "with_deleted_at",
    "without_deleted_at",
]
