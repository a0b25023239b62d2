"""What a task yields to the sync, and what the sync hands to dependent streams.

A task is a generator. The sync does what a step asks for before it resumes the task, so whatever
follows a `yield` happens once the batch has been written.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from source_pipedrive.reading.progress import Interval, Progress
from source_pipedrive.reading.records import Record

# What has been read: the source stream, the root list, and the time of that list.
Covered = list[tuple[str, str, Interval]]


@dataclass(frozen=True)
class Batch:
    """Records to write, as Pipedrive sent them.

    moved: tells the progress what has been read with these records; the state that follows the
    batch includes it. None: nothing yet. parents: the parents that were asked for the records, if
    any.
    """

    records: Sequence[Record]
    moved: Callable[[Progress], object] | None = None
    parents: Sequence[Record] = ()


@dataclass(frozen=True)
class HiddenParent:
    """The user may not see what `stream` holds for this parent, which changed at `time`."""

    stream: str
    id: Any
    time: int


class Signal(Enum):
    """What a task asks of the sync besides writing records."""

    CHECKPOINT = "save the state now, although no record came with it"
    ESTIMATE = "enough is known to say how much is still to come"
    RESTART = "the list is not sorted as requested, so nothing read so far counts"


Step = Batch | HiddenParent | Signal
# Sending True into a task asks it to stop at the next good place and to let `take` hand out the
# rest later: memory is short, or other streams come first.
Task = Generator[Step, bool, None]


@dataclass(frozen=True)
class Handover:
    """Records of one stream for its dependents. covered: what has been read of which root list;
    parents: as in Batch."""

    records: Sequence[Record]
    covered: Sequence[tuple[str, Interval]] = ()
    parents: Sequence[Record] = ()
