"""How the rows of a stream hang on those of other streams."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from source_pipedrive.stream.definition import Stream


class Moves(Enum):
    """How sure it is that a change of one record moves the update_time of another."""

    YES = "yes: an entry is a change of the record"
    DELETION = "a deletion does; of other changes it is not known"
    LIKELY = "others have seen it; not documented"
    UNKNOWN = "not known"


@dataclass(frozen=True, kw_only=True)
class Child:
    """A list, or one object, that is asked for by the records of other streams.

    of       the streams whose records are the parents
    key      column that holds the parent's id
    counter  field of the parent that says how many rows it has, so that only those are asked for
             that have some; None: Pipedrive counts them nowhere
    ids      query parameter that names the parents; "": the id stands at {id} in the path
    batch    parents that one request names
    inside   key of each row under which the record is found
    number   fields by whose values rows that are alike are numbered, from the oldest
    months   names of the parameters for the first and last day: each parent is asked for each
             calendar month
    life     fields of the parent that tell which months those are: its beginning and its end
    moved    fields of the parent, of which the latest says when its rows may have changed
    none     status with which Pipedrive answers for a parent that has no rows, if it is no 200
    moves    how sure it is that a change of these rows moves the parent's update_time
    takes    further fields of the parent that a stream made of this one needs
    """

    of: tuple[Stream, ...]
    key: str
    counter: str | None
    ids: str = ""
    batch: int = 1
    inside: str = ""
    number: tuple[str, ...] = ()
    months: tuple[str, ...] = ()
    life: tuple[str, ...] = ()
    none: int = 0
    takes: tuple[str, ...] = ()
    moved: tuple[str, ...] = ("update_time",)
    moves: Moves = Moves.UNKNOWN
