"""What a task yields to the sync, and what the sync hands to dependent streams.

A task is a generator. The sync carries out each step before it resumes the task, so code after a
`yield` runs once the batch has been written.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from source_pipedrive.reading.progress import Interval, Progress
from source_pipedrive.reading.records import Record

# Intervals that have been read: source stream, root list, interval of the list's cursor field.
Covered = list[tuple[str, str, Interval]]


@dataclass(frozen=True)
class Batch:
    """Records to write, as Pipedrive sent them.

    moved: updates the progress with what these records complete; the state that follows the batch
    includes it. None: nothing yet. parents: the parents whose children the records are, if any.
    listed_in: the path of the list that was requested for deleted records and returned these; "" if
    they prove nothing yet. declared: rows that an earlier sync has written; only their tombstones
    are sent, because a platform may have lost them.
    """

    records: Sequence[Record]
    moved: Callable[[Progress], object] | None = None
    parents: Sequence[Record] = ()
    listed_in: str = ""
    declared: Sequence[Record] = ()


@dataclass(frozen=True)
class HiddenParent:
    """`stream`'s records of this parent, which changed at `time`, are hidden from the user."""

    stream: str
    id: Any
    time: int


class Signal(Enum):
    """What a task asks of the sync besides writing records."""

    CHECKPOINT = "save the state now, although there are no new records"
    ESTIMATE = "enough is known to estimate what remains"
    RESTART = "the list is not sorted as requested, so nothing read so far counts"


Step = Batch | HiddenParent | Signal
# Sending True into a task asks it to stop at the next good place, so that `take` returns the rest
# later: memory is short, or other streams come first.
Task = Generator[Step, bool, None]


@dataclass(frozen=True)
class Handover:
    """Records of one stream for its dependents. covered: what has been read of which root list;
    parents: as in Batch."""

    records: Sequence[Record]
    covered: Sequence[tuple[str, Interval]] = ()
    parents: Sequence[Record] = ()
