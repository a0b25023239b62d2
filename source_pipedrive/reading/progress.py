"""What remains to be read of a stream, as spans of its cursor field's time.

The invariant: every second outside the spans has been read, and its records have reached the
output. A state contains nothing else, so a sync that dies loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from source_pipedrive.reading.seams import Seam
from source_pipedrive.stream import Stream

Interval = tuple[int, int]

# Records of the last minute before a sync's end may become visible only after it.
OVERLAP = 60
# An estimate may exceed the highest id seen by this factor.
GROWTH = 3


@dataclass(eq=False)
class Span:
    """The remaining seconds [at, end). `at` moves with each page, `end` when another worker takes
    over the later part."""

    at: int
    end: int
    taken: bool = False
    density: float = 0.0  # records per second in the newest page; 0 if unknown
    reach: int = 0  # where the page being written ends: the span is not cut before it
    seam: Seam = field(default_factory=Seam)

    @property
    def estimate(self) -> float:
        """Records that remain, if they are as dense as in the newest page."""
        return self.density * (self.end - self.at)

    def claim(self) -> None:
        """A worker reads it now."""
        self.taken = True

    def release(self) -> None:
        """Another worker may take the rest of it."""
        self.taken = False

    def advance(self, at: int, density: float) -> None:
        """Everything before `at` has been read."""
        self.at, self.density = max(self.at, at), density

    def cut(self, end: int) -> None:
        """It now ends here. Only its next page will show how dense the rest is."""
        self.end, self.density = end, 0.0

    def shorten(self, end: int) -> None:
        """Everything from `end` on has been read."""
        self.end = min(self.end, end)

    def reserve(self, until: int) -> None:
        """A page that ends before `until` is being written: no cut may be earlier."""
        self.reach = min(until, self.end)


class Progress:
    """The history [since, until) of one stream, and the spans of it that remain.

    skip: how many records of a list that is sorted newest first have been read. nulls: where
    records without a time were found, "first" or "last" in ascending order. lacking: the lists that
    the account did not have, and since when they are unread. audit: what audits keep. Not
    thread-safe: its owner holds a lock.
    """

    def __init__(
        self,
        since: int,
        until: int,
        done: Iterable[Interval] = (),
        skip: int = 0,
        nulls: str = "",
        lacking: Mapping[str, int] | None = None,
        audit: Mapping[str, Any] | None = None,
    ) -> None:
        self.since = since
        self.until = until
        self.skip = skip
        self.nulls = nulls
        self.lacking = dict(lacking or {})
        self.audit = audit or {}
        # Anything newer than a minute before `until` is read again, whatever the state says.
        settled = until - OVERLAP
        self._density = 0.0
        self.spans = [
            Span(start, end)
            for start, end in _gaps(
                since, until, [(start, min(end, settled)) for start, end in done if start < settled]
            )
        ]

    @property
    def complete(self) -> bool:
        """Nothing remains."""
        return not self.spans

    def take(self) -> Span | None:
        """The first span that no worker reads."""
        for span in self.spans:
            if not span.taken:
                span.claim()
                return span
        return None

    def split(self, worthwhile: float, ways: int = 2) -> int:
        """Cuts the span with the most remaining records, if more than `worthwhile`, into up to
        `ways` equal parts; its worker stops at the first cut. Returns the number of new parts.

        The span is not cut again before its next page: until then nothing more is known, and a page
        that happens to contain a bulk import makes any number of halves look large.
        """
        started = [span for span in self.spans if span.taken and span.density]
        largest = max(started, key=lambda span: span.estimate, default=None)
        if largest is None or largest.estimate <= worthwhile:
            return 0
        ways = max(2, min(ways, int(largest.estimate // worthwhile)))
        start = max(largest.at, largest.reach)
        step = (largest.end - start) // ways
        if step < 1:
            return 0
        cuts = [*(start + step * n for n in range(1, ways)), largest.end]
        largest.cut(cuts[0])
        index = self.spans.index(largest) + 1
        self.spans[index:index] = [Span(at, end) for at, end in pairwise(cuts)]
        return ways - 1

    def advance(self, span: Span, at: int, density: float = 0.0) -> None:
        """Everything of `span` before `at` has been read; at its end the span is removed.

        density: records per second in the page that was read. It is set together with `at`, so that
        a span whose last page is being written is never split.
        """
        span.advance(at, density)
        self._density = density or self._density
        if span.at >= span.end:
            self.spans.remove(span)

    def retreat(self, to: int, skip: int) -> None:
        """Everything from `to` on has been read, newest first, in `skip` records."""
        for span in self.spans:
            span.shorten(to)
        self.spans = [span for span in self.spans if span.at < span.end]
        self.skip = skip

    def expected(self, highest: int = 0) -> int | None:
        """Records that remain, estimated from their density so far; None if it is unknown.

        highest: the highest id seen, if ids are numbers. It limits the estimate: ids count a
        company's records, and a page of a bulk import makes all the time after it look as dense.
        """
        if not self._density:
            return None
        guess = int(sum((s.density or self._density) * (s.end - s.at) for s in self.spans))
        return min(guess, GROWTH * highest) if highest else guess

    def finish(self) -> None:
        """Everything has been read."""
        self.spans.clear()

    @property
    def remaining(self) -> list[Interval]:
        """What has not been read."""
        return [(span.at, span.end) for span in self.spans]

    def set_remaining(self, remaining: Iterable[Interval]) -> None:
        """Sets what remains."""
        self.spans = [Span(start, end) for start, end in remaining]

    def restart(self, remaining: Iterable[Interval]) -> None:
        """Nothing that was read counts: this is read again, from the top of the list."""
        self.set_remaining(remaining)
        self.skip = 0

    def note_nulls(self, end: str) -> None:
        """Records without a time are at this end of the list, "first" or "last"."""
        self.nulls = end

    def done(self) -> list[Interval]:
        """What has been read and will not change any more."""
        return _gaps(self.since, self.until - OVERLAP, [(s.at, s.end) for s in self.spans])


def union(parts: Iterable[Iterable[Interval]]) -> list[Interval]:
    """What any of `parts` covers, in order."""
    merged: list[Interval] = []
    for start, end in sorted(interval for part in parts for interval in part):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def without(intervals: Iterable[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """The parts of `intervals` that none of `taken` covers."""
    return [gap for start, end in intervals for gap in _gaps(start, end, taken)]


def lies_in(time: int, intervals: Iterable[Interval]) -> bool:
    """Whether a time is in one of them."""
    return any(start <= time < end for start, end in intervals)


def _gaps(start: int, end: int, covered: Sequence[Interval]) -> list[Interval]:
    """The parts of [start, end) that no interval of `covered` covers."""
    gaps = []
    for begins, ends in sorted(covered):
        if begins > start:
            gaps.append((start, min(begins, end)))
        start = max(start, ends)
    if start < end:
        gaps.append((start, end))
    return [(begins, ends) for begins, ends in gaps if begins < ends]


def lower_bound(stream: Stream, lower: int) -> int:
    """Where the history of a stream begins: at the configured bound `lower`, or in 1970 if the
    stream is always read in full."""
    return lower if stream.incremental.history_field else 0
