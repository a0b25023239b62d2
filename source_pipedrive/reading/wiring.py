"""Who lives on whom: one pass over a list serves its own stream and all that hang on it.

A stream that lives on a list is fed by the list's own reader with as much of what it lacks as that
reads; with the rest by one that reads for others only, once for all that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from source_pipedrive.reading.fed import Fed
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.spans import Interval, union, without
from source_pipedrive.stream import Stream

Left = Mapping[str, list[Interval]]
Hidden = Callable[[Stream, Left], Reader[Any]]


def wire(readers: Sequence[Reader[Any]], hidden: Hidden) -> list[Reader[Any]]:
    """Joins the readers that live on others with their sources; returns those made for it by
    `hidden`, which gets a stream and what of it has to be read."""
    made: list[Reader[Any]] = []
    depth = max((reader.row.depth for reader in readers), default=0)
    while depth:
        everyone = [*readers, *made]
        hungry = [r for r in everyone if isinstance(r, Fed) and r.row.depth == depth]
        needed: dict[str, tuple[Stream, list[tuple[Fed[Any], Left]]]] = {}
        for each in hungry:
            if each.row.access.means_unavailable and not each.has_read:
                each.trial = partial(_try, each)
            late: set[str] = set()
            for source in each.row.sources:
                # A list that has to be read after another one is, also for what hangs on both.
                after = source.read_after in late
                rest = each.left_by(source) if after else _served(source, each, everyone)
                if any(rest.values()):
                    late.add(source.name)
                    needed.setdefault(source.name, (source, []))[1].append((each, rest))
        for source, eaters in needed.values():
            lefts = [rest for _, rest in eaters]
            axes = {axis: union(left.get(axis, []) for left in lefts) for axis in source.roots}
            reader = hidden(source, axes)
            made.append(reader)
            for each, rest in eaters:
                _join(reader, each)
                reader.needs[each] = rest
        depth -= 1
    _line_up(readers, readers)
    _line_up(made, [*readers, *made])
    return made


def relieve(source: Reader[Any]) -> None:
    """Lets those go that cannot keep up with a list, where others can: they have so many parents
    before them that they read the rest later. The lock of `source` is held."""
    fed = [each for each in source.fed if isinstance(each, Fed) and not each.exhausted]
    full = [each for each in fed if each.flooded]
    if not full or not source.lets_go or (source.lane.silent and len(full) == len(fed)):
        return
    for each in full:
        rest: list[tuple[Stream, Left]] = [(source.row, source.left())]
        _part(source, each)
        for other in list(each.sources):
            if other.row.read_after == source.row.name and not other.exhausted:
                rest.append((other.row, other.needs.get(each) or _both(each, other)))
                _part(other, each)
        source.rests.append((each, rest))


def again(source: Reader[Any], hidden: Hidden) -> list[Reader[Any]]:
    """The readers that read on for those that a list has let go."""
    made: list[Reader[Any]] = []
    for each, rest in source.rests:
        for row, left in rest if not each.exhausted else ():
            same = (r for r in made if r.row.name == row.name and r.left() == left)
            reader = next(same, None) or hidden(row, left)
            if reader not in made:
                made.append(reader)
            _join(reader, each)
            reader.needs[each] = left
    _line_up(made, made)
    return made


def _line_up(readers: Sequence[Reader[Any]], others: Sequence[Reader[Any]]) -> None:
    for reader in readers:
        reader.waits_for = [other for other in others if other.row.name == reader.row.read_after]
        for other in reader.waits_for:
            other.awaited_by.append(reader)


def _part(source: Reader[Any], each: Fed[Any]) -> None:
    source.fed.remove(each)
    each.sources.remove(source)
    source.needs.pop(each, None)
    narrow(source)


def _both(each: Fed[Any], source: Reader[Any]) -> Left:
    """What `each` lacks of what `source` has still to read."""
    left, lacking = source.left(), each.left_by(source.row)
    return {axis: without(left[axis], without(left[axis], lacking[axis])) for axis in left}


def narrow(reader: Reader[Any]) -> None:
    """Leaves out of a list that is read for others only, and not begun, what nobody needs any
    more: the account does not have the stream that needed it, or that reads it later."""
    if reader.lane.silent and reader.began is None and not isinstance(reader, Fed):
        needs = [left for each, left in reader.needs.items() if not each.exhausted]
        reader.leave(union(left[reader.row.name] for left in needs))


def _join(source: Reader[Any], each: Fed[Any]) -> None:
    source.fed.append(each)
    each.sources.append(source)


def _served(source: Stream, each: Fed[Any], readers: Sequence[Reader[Any]]) -> Left:
    """Joins `each` with all readers of `source` that read some of what it lacks; what is left then.

    Two streams that were cut short may differ by a page: only that page is read for one alone.
    """
    lacking: Left = each.left_by(source)
    for reader in readers:
        if reader.row.name == source.name:
            left = reader.left()
            rest = {axis: without(lacking[axis], left.get(axis, [])) for axis in lacking}
            if rest != lacking or not any(lacking.values()):
                _join(reader, each)
                lacking = rest
    return lacking


def _try(reader: Fed[Any]) -> None:
    """Asks once whether the account has a stream, before a list is read for it."""
    try:
        reader.try_out()
        reader.vouches = True
    finally:
        reader.trial = None
        reader.nudge()
