"""Which stream depends on which: one pass over a list serves its own stream and all dependents.

A dependent stream receives records from the runs of its sources that read some of what it lacks. An
unselected run reads the rest, once for all dependents that need it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from source_pipedrive.reading.coverage import Remaining
from source_pipedrive.reading.dependent import DependentReader
from source_pipedrive.reading.progress import union, without
from source_pipedrive.reading.reader import Reader
from source_pipedrive.stream import Stream


class Node(Protocol):
    """What the graph needs to know about a run."""

    stream: Stream
    selected: bool

    @property
    def reader(self) -> Reader:
        """How it reads."""

    @property
    def begun(self) -> bool:
        """Whether its first task has been taken."""

    @property
    def exhausted(self) -> bool:
        """Whether it has nothing left to do."""

    @property
    def is_full(self) -> bool:
        """Whether its sources should pause."""


N = TypeVar("N", bound=Node)
Rest = list[tuple[Stream, Remaining]]  # lists, and what remains of each
Needs = dict[str, tuple[Stream, list[tuple[N, Remaining]]]]  # by list: which run lacks what of it


class Graph(Generic[N]):
    """The dependencies between the runs of one sync. `make` makes an unselected run from a stream
    and what has to be read of it."""

    def __init__(self, make: Callable[[Stream, Remaining], N]) -> None:
        self._make = make
        self._dependents: defaultdict[N, list[N]] = defaultdict(list)
        self._sources: defaultdict[N, list[N]] = defaultdict(list)
        self._needs: dict[tuple[N, N], Remaining] = {}
        self._earlier: defaultdict[N, list[N]] = defaultdict(list)
        self._later: defaultdict[N, list[N]] = defaultdict(list)
        self._released: defaultdict[N, list[tuple[N, Rest]]] = defaultdict(list)

    # -- questions

    def dependents(self, run: N) -> list[N]:
        """The runs that receive what this one reads."""
        return self._dependents[run]

    def sources(self, run: N) -> list[N]:
        """The runs that this one receives records from."""
        return self._sources[run]

    def earlier(self, run: N) -> list[N]:
        """The runs that have to end before this one begins (the stream's `read_after`)."""
        return self._earlier[run]

    def later(self, run: N) -> list[N]:
        """The runs that begin only after this one."""
        return self._later[run]

    def needed(self, source: N, dependent: N) -> Remaining | None:
        """What the dependent needs of a source that may also be read for others; None: everything
        it lacks."""
        return None if source.selected else self._needs.get((source, dependent))

    def released(self, source: N) -> list[N]:
        """The dependents that could not keep up with a list and will read the rest later."""
        return [dependent for dependent, _ in self._released[source]]

    # -- before the sync

    def connect(self, selected: Sequence[N]) -> list[N]:
        """Connects the selected runs with their sources. Returns the runs made for that."""
        made: list[N] = []
        depth = max((run.stream.depth for run in selected), default=0)
        while depth:
            runs = [*selected, *made]
            needed: Needs[N] = {}
            for run in runs:
                if run.stream.depth == depth:
                    self._serve(run, runs, needed)
            for source, needs in needed.values():
                lists = [remaining for _, remaining in needs]
                all_of_it = {r: union(part.get(r, []) for part in lists) for r in source.roots}
                unselected = self._make(source, all_of_it)
                made.append(unselected)
                for run, remaining in needs:
                    self._join(unselected, run, remaining)
            depth -= 1
        self._order(selected, selected)
        self._order(made, [*selected, *made])
        return made

    def _serve(self, run: N, runs: Sequence[N], needed: Needs[N]) -> None:
        """Joins a dependent run with the runs that read what it lacks; `needed` gets the rest."""
        reader = run.reader
        assert isinstance(reader, DependentReader)
        reader.prepare()
        late: set[str] = set()
        for source in run.stream.sources:
            lacking: Remaining = reader.coverage.remaining_from(source.name)
            # A list that has to be read after another stays after it for its dependents, too.
            if source.read_after not in late:
                lacking = self._served(source, run, lacking, runs)
            if any(lacking.values()):
                late.add(source.name)
                needed.setdefault(source.name, (source, []))[1].append((run, lacking))

    def _served(self, source: Stream, run: N, lacking: Remaining, runs: Sequence[N]) -> Remaining:
        """Joins a run with all others that read some of what it lacks of `source`; returns the
        rest. Two streams that were cut short may differ by a page: only that page is read for just
        one of them."""
        for other in runs:
            if other.stream.name == source.name:
                remaining = other.reader.remaining()
                rest = {r: without(lacking[r], remaining.get(r, [])) for r in lacking}
                if rest != lacking or not any(lacking.values()):
                    self._join(other, run)
                    lacking = rest
        return lacking

    def _join(self, source: N, dependent: N, needs: Remaining | None = None) -> None:
        self._dependents[source].append(dependent)
        self._sources[dependent].append(source)
        if needs is not None:
            self._needs[source, dependent] = needs

    def _order(self, runs: Sequence[N], others: Sequence[N]) -> None:
        for run in runs:
            self._earlier[run] = [o for o in others if o.stream.name == run.stream.read_after]
            for other in self._earlier[run]:
                self._later[other].append(run)

    # -- during the sync

    def narrow(self, run: N) -> None:
        """Drops what no dependent needs any more from an unselected list that has not begun: the
        account does not have the stream that needed it, or that stream reads it later."""
        if run.selected or run.begun or isinstance(run.reader, DependentReader):
            return
        name = run.stream.name
        needs = [
            self._needs[run, dependent][name]
            for dependent in self._dependents[run]
            if (run, dependent) in self._needs and not dependent.exhausted
        ]
        run.reader.set_remaining(union(needs))

    def release_slow(self, source: N) -> None:
        """Releases the dependents that cannot keep up with a list while others can: so much waits
        for them that they will read the rest later. The caller holds the source's lock."""
        active = [d for d in self._dependents[source] if not d.exhausted]
        slow = [dependent for dependent in active if dependent.is_full]
        all_are = not source.selected and len(slow) == len(active)
        if not slow or not source.reader.can_release or all_are:
            return
        for dependent in slow:
            rest: Rest = [(source.stream, source.reader.remaining())]
            self._part(source, dependent)
            for other in list(self._sources[dependent]):
                if other.stream.read_after == source.stream.name and not other.exhausted:
                    needs = self._needs.get((other, dependent)) or self._shared(other, dependent)
                    rest.append((other.stream, needs))
                    self._part(other, dependent)
            self._released[source].append((dependent, rest))

    def restarted(self, source: N) -> None:
        """A list is read from its beginning again, so the dependents that it released lack all of
        it. The caller holds the source's lock."""
        for _, rest in self._released[source]:
            rest[0] = (source.stream, source.reader.remaining())

    def runs_for_released(self, source: N) -> list[N]:
        """Makes the runs that read the rest for the dependents that a list released."""
        made: list[N] = []
        for dependent, rest in self._released[source]:
            for stream, remaining in rest if not dependent.exhausted else ():
                same = (
                    run
                    for run in made
                    if run.stream.name == stream.name and run.reader.remaining() == remaining
                )
                run = next(same, None) or self._make(stream, remaining)
                if run not in made:
                    made.append(run)
                self._join(run, dependent, remaining)
        self._order(made, made)
        return made

    def _part(self, source: N, dependent: N) -> None:
        self._dependents[source].remove(dependent)
        self._sources[dependent].remove(source)
        self._needs.pop((source, dependent), None)
        self.narrow(source)

    def _shared(self, source: N, dependent: N) -> Remaining:
        """What the dependent lacks of what the source has yet to read."""
        reader = dependent.reader
        assert isinstance(reader, DependentReader)
        rest = source.reader.remaining()
        lacking = reader.coverage.remaining_from(source.stream.name)
        return {root: without(rest[root], without(rest[root], lacking[root])) for root in rest}
