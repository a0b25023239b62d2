"""What a first sync of some streams needs: which lists, for which child streams, at what price."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil

from source_pipedrive.http.company import WHO_AM_I
from source_pipedrive.stream import NOT_REQUESTED, Changes, Kind, Paging, Stream
from source_pipedrive.tools.estimate.probed import Probed, Recent
from source_pipedrive.tools.estimate.sampled import Sampled
from source_pipedrive.tools.estimate.sizes import Facts, Short, Size

EXACT, ABOUT, AT_LEAST, GUESS = "", "about", "at least", "a guess"
COUNTED = 0.9  # share of the parents that must have been counted, or the price is a guess


@dataclass(frozen=True)
class Item:
    """What one stream costs. rows: None if nothing says how many; how: EXACT, ABOUT, AT_LEAST or
    GUESS; selected: False for a list that is read for others only."""

    stream: str
    rows: int | None
    tokens: int
    how: str
    selected: bool = True


@dataclass(frozen=True)
class Naming:
    """A list that a sync reads to name columns or to know which custom fields are personal, as soon
    as one of the `users` has a record. No users: in any case."""

    stream: Stream
    users: Collection[Stream]


class Bill:
    """The lists that a first sync reads, and the child streams that it requests for them.

    selected: the streams; naming: the lists that are read besides.
    """

    def __init__(
        self, selected: Collection[Stream], naming: Collection[Naming], facts: Facts
    ) -> None:
        self._selected = {stream.name for stream in selected}
        self._naming = naming
        self._streams = needed(selected)
        self.sizes: dict[str, Size] = {}
        for stream in sorted(self._lists(), key=lambda stream: stream.read_after or ""):
            self.sizes[stream.name] = size_of(stream, facts, self.sizes)

    def _lists(self) -> list[Stream]:
        parents = {parent.name for stream in self._children() for parent in stream.sources}
        lists = [s for s in self._streams.values() if s.kind not in (*NOT_REQUESTED, Kind.CHILD)]
        lists = [s for s in lists if s.endpoint.limit or s.components or s.name in parents]
        return [s.components[-1] if s.components else s for s in lists]

    def _children(self) -> list[Stream]:
        return [stream for stream in self._streams.values() if stream.child]

    def tokens_a_row(self, size: Size) -> float:
        """What one more record of a list costs, with the requests for its children."""
        return size.tokens_a_row + sum(
            _cost(stream) for stream in self._children() if size.stream.name in stream.roots
        )

    def items(self) -> list[Item]:
        """One for each stream, the most expensive first."""
        found = [self._item(stream) for stream in self._streams.values()]
        for each in self._naming:
            users = [self._has_records(stream) for stream in each.users] or [True]
            if any(user is not False for user in users):
                how = EXACT if True in users else ABOUT
                # If it is a stream as well, it is read once more.
                found.append(Item(each.stream.name, None, each.stream.endpoint.cost, how, False))
        found.append(Item(WHO_AM_I.stream, None, WHO_AM_I.cost, EXACT, False))
        return together(found)

    def _has_records(self, stream: Stream) -> bool | None:
        """Whether a sync will find any; None if that is not known."""
        if stream.child:
            parents = [self._has_records(parent) for parent in stream.child.parents]
            return None if any(known is not False for known in parents) else False
        size = self.sizes.get(stream.name)
        return size.has_records if size else None

    def _item(self, stream: Stream) -> Item:
        selected = stream.name in self._selected
        if stream.kind in NOT_REQUESTED:
            return Item(stream.name, None, 0, EXACT, selected)
        if stream.components:
            recents = self.sizes[stream.name]
            tokens = sum(part.endpoint.cost for part in stream.components[:-1])
            tokens += recents.pages * recents.stream.endpoint.cost
            return Item(stream.name, None, tokens, AT_LEAST, selected)
        if stream.child:
            return self._child(stream, selected)
        cost = stream.endpoint.cost
        size = self.sizes.get(stream.name)
        if size is None:
            tokens = cost * len(stream.endpoint.param_sets)
            return Item(stream.name, None, tokens, EXACT, selected)
        if size.refused:
            return Item(stream.name, 0, cost, EXACT, selected)
        rows = size.rows if size.measured else None
        known = size.is_single_page or stream.kind is Kind.FIELDS
        if size.failed or size.is_floor:
            return Item(stream.name, rows, cost * size.pages, AT_LEAST, selected)
        how = ABOUT if size.measured else EXACT if known else AT_LEAST
        return Item(stream.name, rows, cost * size.pages, how, selected)

    def _child(self, stream: Stream, selected: bool) -> Item:
        assert stream.child is not None
        units = self._units(stream)
        requests = ceil(units / stream.child.batch) * max(1, len(stream.endpoint.param_sets))
        how = AT_LEAST if self._units(stream, counted=True) >= COUNTED * units else GUESS
        return Item(stream.name, None, requests * stream.endpoint.cost, how, selected)

    def _units(self, stream: Stream, counted: bool = False) -> float:
        """Parents, or months of parents. A parent that is a child itself counts as one each.
        counted: only those in lists that were counted."""
        assert stream.child is not None
        found = 0.0
        for parent in stream.child.parents:
            size = self.sizes.get(parent.name)
            if size is None:
                found += self._units(parent, counted)
            elif not counted or size.measured or size.is_single_page or size.refused:
                found += size.units(stream.child)
        return found


def together(items: Iterable[Item]) -> list[Item]:
    """One item for each stream, the most expensive first; exact only if all of them are."""
    found: dict[str, Item] = {}
    for item in items:
        other = found.get(item.stream)
        if other is not None:
            how = other.how or item.how
            item = replace(other, tokens=other.tokens + item.tokens, how=how)
        found[item.stream] = item
    return sorted(found.values(), key=lambda item: (-item.tokens, item.stream))


def size_of(stream: Stream, facts: Facts, known: Mapping[str, Size]) -> Size:
    """The size of a list. known: those of the lists before it."""
    endpoint = stream.endpoint
    if endpoint.paging is Paging.CURSOR and stream.incremental.changes is Changes.ASCENDING:
        first = known.get(stream.read_after or "")
        return Sampled(stream, facts, first if isinstance(first, Sampled) else None)
    if endpoint.path == "recents":
        return Recent(stream, facts)
    if endpoint.paging is Paging.OFFSET and stream.incremental.history_field:
        return Probed(stream, facts)
    return Short(stream, facts)


def needed(selected: Iterable[Stream]) -> dict[str, Stream]:
    """The streams, and those that they are read through, by name."""
    found: dict[str, Stream] = {}
    waiting = list(selected)
    while waiting:
        stream = waiting.pop()
        if stream.name not in found:
            found[stream.name] = stream
            waiting += [
                *stream.sources,
                *([stream.derived.lookup] if stream.derived.lookup else []),
            ]
    return found


def _cost(stream: Stream) -> float:
    assert stream.child is not None
    return stream.endpoint.cost * max(1, len(stream.endpoint.param_sets)) / stream.child.batch


def refine(bill: Bill, ask: Callable[[Size], bool]) -> None:
    """Asks about one list after the other, each time where an answer removes the most doubt, in
    tokens of the sync for each token of the question. ask: False if the tokens do not suffice."""
    unaffordable: set[str] = set()
    while True:
        open_: Mapping[str, float] = {
            name: size.doubt * bill.tokens_a_row(size) / size.price
            for name, size in bill.sizes.items()
            if _worth(bill, size) and name not in unaffordable and _matters(bill, size)
        }
        if not open_:
            return
        name = max(open_, key=lambda each: (open_[each], each))
        if not ask(bill.sizes[name]):
            unaffordable.add(name)


def _worth(bill: Bill, size: Size) -> bool:
    """Whether an answer may change the price by more than half of its own."""
    return size.doubt * bill.tokens_a_row(size) > size.price / 2


def _matters(bill: Bill, size: Size) -> bool:
    """Whether the number of requests may differ."""
    has_children = bill.tokens_a_row(size) > size.tokens_a_row
    if has_children or not isinstance(size, Sampled | Probed):
        return True
    return size.rows + size.doubt > (size.stream.endpoint.limit or 1)
