"""The log of a sync: a line when a stream ends, progress lines for long ones, and the bill."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from source_pipedrive.http.usage import Spent, Usage
from source_pipedrive.reading.cost import ABOUT, AT_LEAST, is_expensive, of_everything
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.sync.stream_run import StreamRun

logger = logging.getLogger("airbyte")

# Seconds between two lines about a long stream. This is far below any platform's limit for silence,
# so the same line is the heartbeat while everything waits.
EVERY = 30.0
HEADINGS = ("requests", "tokens", "records", "of the day")


class Report:
    """Logs what the runs of one sync do.

    selected: the runs of the selected streams; unselected: the lists that are read only for
    dependents, whose progress is all there is to report at first. clock: seconds; tests replace it.
    """

    def __init__(
        self,
        usage: Usage,
        until: int,
        selected: Sequence[StreamRun[Any]],
        unselected: Sequence[StreamRun[Any]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._usage = usage
        self._until = rfc3339(until)
        self._selected = selected
        self._unselected = unselected
        self._clock = clock
        self._last = clock()
        self._announced = False
        self._seen: dict[str, tuple[int, int]] = {}

    def ended(self, run: StreamRun[Any]) -> None:
        """A stream has ended."""
        spent = self._usage.of(run.stream.name)
        error = run.error
        again = "" if run.reader.resumes else " The next sync reads it from the beginning."
        how = f"complete to {self._until}" if error is None else f"incomplete: {error}{again}"
        if run.absence is not None and error is None:
            how = "this account does not have it"
        logger.info(
            f"{run.stream.name:<16} {run.output.records:>9,} records "
            f"{spent.requests:>6,} requests {spent.tokens:>8,} tokens "
            f"{run.seconds:>7.1f} s   {how}"
        )

    def tick(self) -> None:
        """Called all the time; logs how far the streams are every half minute."""
        if not self._announced:
            self._announce_total()
        now = self._clock()
        if now - self._last < EVERY:
            return
        self._last = now
        for run in (*self._selected, *self._unselected):
            if run.running:
                run.forecast.announce()
                logger.info(self._progress(run))

    def _announce_total(self) -> None:
        """Logs once what everything will cost, if it is much, when the lists' first pages are
        in."""
        lists = [run for run in self._selected if not run.stream.depth]
        others = [run for run in self._unselected if not run.stream.depth]
        first = [*lists, *(run for run in others if not run.earlier)]
        if not all(r.handed_on or (r.exhausted and not r.output.records) for r in first):
            return
        self._announced = True
        limit = self._usage.daily_limit
        tokens = sum(run.forecast.price for run in (*self._selected, *self._unselected))
        if len(self._selected) > 1 and is_expensive(tokens, limit):
            paged = [run for run in (*lists, *others) if run.stream.endpoint.limit]
            sure = all(run.exhausted or run.expected is not None for run in paged)
            logger.info(of_everything(tokens, ABOUT if sure else AT_LEAST, limit))

    def _progress(self, run: StreamRun[Any]) -> str:
        name, records = run.stream.name, run.output.records
        spent = self._usage.of(name)
        before = self._seen.get(name)
        self._seen[name] = (records, spent.requests)
        expected = run.expected
        of = f" of about {expected:,}" if expected and expected > records else ""
        still = ", waiting for Pipedrive" if before == (records, spent.requests) else ""
        return (
            f"{name}: {records:,}{of} records so far, {spent.requests:,} requests, "
            f"{spent.tokens:,} tokens{still}."
        )

    def bill(self) -> None:
        """Logs what the sync has cost, the most expensive stream first."""
        usage = self._usage
        records = {run.stream.name: run.output.records for run in self._selected}
        free = {name: Spent() for name, number in records.items() if number}  # derived from others
        spent = {**free, **usage.by_stream()}
        rows = [
            (name, spent[name].requests, spent[name].tokens, records.get(name, 0))
            for name in sorted(spent, key=lambda name: (-spent[name].tokens, name))
        ]
        requests = sum(row[1] for row in rows)
        total = ("all", requests, usage.tokens, sum(records.values()))
        for line in table([*rows, total], usage):
            logger.info(line)
        day = ""
        if usage.daily_limit:
            part = usage.share(usage.tokens)
            day = f" of this company's {usage.daily_limit:,} tokens a day ({part})"
        logger.info(f"Read {total[3]:,} records; used {usage.tokens:,} API tokens{day}.")


def table(rows: Iterable[Sequence[Any]], usage: Usage) -> list[str]:
    """Lines of (stream, requests, tokens, records), with their share of the daily budget."""
    lines = [f"{'stream':<28}" + "".join(f"{heading:>12}" for heading in HEADINGS)]
    for name, requests, tokens, records in rows:
        share = usage.share(tokens)
        lines.append(f"{name:<28}{requests:>12,}{tokens:>12,}{records:>12,}{share:>12}".rstrip())
    return lines
