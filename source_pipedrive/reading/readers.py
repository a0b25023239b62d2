"""Which reader reads which kind of stream."""

from __future__ import annotations

from source_pipedrive.reading.children import Children
from source_pipedrive.reading.deleted import DeletedRecords
from source_pipedrive.reading.derived import Derived
from source_pipedrive.reading.incremental import Incremental, IncrementalV1
from source_pipedrive.reading.lists import (
    FieldList,
    Mailbox,
    NewestFirst,
    Removed,
    SyncReports,
    WholeList,
)
from source_pipedrive.reading.months import Monthly
from source_pipedrive.reading.reader import Reader
from source_pipedrive.stream import Changes, Kind, Stream

OF_KIND: dict[Kind, type[Reader]] = {
    Kind.MAILBOX: Mailbox,
    Kind.CHILD: Children,
    Kind.DERIVED: Derived,
    Kind.DELETED: DeletedRecords,
    Kind.FIELDS: FieldList,
    Kind.REMOVED: Removed,
    Kind.REPORT: SyncReports,
}
OF_LIST: dict[Changes, type[Reader]] = {
    Changes.ASCENDING: Incremental,
    Changes.RESTARTING: IncrementalV1,
    Changes.NEWEST_FIRST: NewestFirst,
}


def reader_class(stream: Stream) -> type[Reader]:
    """The reader of a stream, which follows from its row in the table."""
    if stream.child and stream.child.month_params:
        return Monthly
    if stream.kind in OF_KIND:
        return OF_KIND[stream.kind]
    return (
        OF_LIST.get(stream.incremental.changes, WholeList)
        if stream.incremental.changes
        else WholeList
    )
