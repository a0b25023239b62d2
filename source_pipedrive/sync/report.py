"""The log of a sync: a line when a stream ends, progress lines for long ones, and the bill."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from source_pipedrive.http.usage import Spent, Usage, counted
from source_pipedrive.reading.cost import ABOUT, AT_LEAST, is_expensive, of_everything
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.sync.failures import ending
from source_pipedrive.sync.outlook import Outlook
from source_pipedrive.sync.stream_run import StreamRun

logger = logging.getLogger("airbyte")

# Seconds between two progress reports. This is far below any platform's limit for silence, so the
# same line is the heartbeat while everything waits.
EVERY = 30.0
SHOW_EVERY = 1.0  # seconds between two changes of the line that a person watches
HEADINGS = ("requests", "tokens", "records", "of the day")


class Report:
    """Logs what the runs of one sync do.

    selected: the runs of the selected streams; unselected: the lists that are read only for
    dependents, whose progress is all there is to report at first. show: where a person watches the
    progress, if anyone does. clock: seconds; tests replace it.
    """

    def __init__(
        self,
        usage: Usage,
        until: int,
        selected: Sequence[StreamRun[Any]],
        unselected: Sequence[StreamRun[Any]] = (),
        show: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._usage = usage
        self._until = rfc3339(until)
        self._selected = selected
        self._unselected = unselected
        self._show = show
        self._clock = clock
        self._logged_at = self._shown_at = clock()
        self._outlook = Outlook(usage, self._logged_at)
        self._announced = False
        self._seen: dict[str, tuple[int, int]] = {}

    def ended(self, run: StreamRun[Any]) -> None:
        """A stream has ended."""
        spent = self._usage.of(run.stream.name)
        how = f"complete to {self._until}"
        if run.error is not None:
            how = f"incomplete: {ending(run.error, run.reader.resumes, self._source(run))}"
        elif run.absence is not None:
            how = f"empty: {run.absence}"
        logger.info(
            f"{run.stream.name:<16} {run.output.records:>9,} records "
            f"{spent.requests:>6,} requests {spent.tokens:>8,} tokens "
            f"{run.seconds:>7.1f} s   {how}"
        )

    @staticmethod
    def _source(run: StreamRun[Any]) -> str:
        """The selected stream whose error has ended `run` as well; "" if there is none."""
        ended = [source for source in run.sources if source.error is run.error]
        return next((each.stream.name for each in ended if each.selected), "")

    def tick(self) -> None:
        """Called all the time; logs how far the sync is every half minute, and shows it more often
        to a person who watches."""
        if not self._announced:
            self._announce_total()
        now = self._clock()
        if self._show is not None and now - self._shown_at >= SHOW_EVERY:
            self._shown_at = now
            self._show(self._progress())
        if now - self._logged_at < EVERY:
            return
        self._logged_at = now
        self._outlook.note(now)
        moved = list(self._moved())  # before the progress, which their forecasts improve
        waits = self._usage.waits and self._outlook.is_still
        logger.info(f"Progress: {self._progress()}{', waiting for Pipedrive' if waits else ''}.")
        for line in moved:
            logger.info(line)

    def _announce_total(self) -> None:
        """Logs once what everything will cost, if it is much, when the lists' first pages are
        in."""
        lists, others = self._lists
        first = [*lists, *(run for run in others if not run.earlier)]
        if not all(r.handed_on or (r.exhausted and not r.output.records) for r in first):
            return
        self._announced = True
        limit = self._usage.daily_limit
        tokens = sum(run.forecast.price for run in (*self._selected, *self._unselected))
        if len(self._selected) > 1 and is_expensive(tokens, limit):
            logger.info(of_everything(tokens, ABOUT if self._is_sure else AT_LEAST, limit))

    @property
    def _lists(self) -> tuple[list[StreamRun[Any]], list[StreamRun[Any]]]:
        """The selected lists, and the others."""
        selected = [run for run in self._selected if not run.stream.depth]
        return selected, [run for run in self._unselected if not run.stream.depth]

    @property
    def _is_sure(self) -> bool:
        """Whether every list has shown how much it contains."""
        selected, others = self._lists
        paged = [run for run in (*selected, *others) if run.stream.endpoint.limit]
        return all(run.exhausted or run.expected is not None for run in paged)

    def _progress(self) -> str:
        """How far the sync is, and how long it will still take."""
        usage, runs = self._usage, self._selected
        over = [run for run in runs if run.output.over]
        failed = sum(run.error is not None for run in over)
        share = f" ({usage.share(usage.tokens)} of the day)" if usage.daily_limit else ""
        left = self._outlook.sentence((*runs, *self._unselected), self._is_sure)
        return (
            f"{len(over) - failed} of {counted(len(runs), 'stream')} done, "
            f"{f'{failed} incomplete, ' if failed else ''}"
            f"{counted(sum(run.output.records for run in runs), 'record')}, "
            f"{counted(usage.tokens, 'token')}{share}{left and ', '}{left}"
        )

    def _moved(self) -> Iterator[str]:
        """A line for each stream that has read something since the last time."""
        for run in (*self._selected, *self._unselected):
            if not run.running:
                continue
            run.forecast.announce()
            name, records = run.stream.name, run.output.records
            spent = self._usage.of(name)
            before, self._seen[name] = self._seen.get(name, (0, 0)), (records, spent.requests)
            if self._seen[name] == before:
                continue
            most = max(run.expected or 0, records)
            of = f"{records:,} of about " if most > records else ""
            yield (
                f"{name}: {of}{counted(most, 'record')}, "
                f"{counted(spent.requests, 'request')}, {counted(spent.tokens, 'token')}."
            )

    def bill(self) -> None:
        """Logs what the sync has cost, the most expensive stream first."""
        usage = self._usage
        if self._show is not None:
            self._show(self._progress())
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
        read = counted(total[3], "record")
        logger.info(f"Read {read}; used {counted(usage.tokens, 'API token')}{day}.")


def table(rows: Iterable[Sequence[Any]], usage: Usage) -> list[str]:
    """Lines of (stream, requests, tokens, records), with their share of the daily budget."""
    lines = [f"{'stream':<28}" + "".join(f"{heading:>12}" for heading in HEADINGS)]
    for name, requests, tokens, records in rows:
        share = usage.share(tokens)
        lines.append(f"{name:<28}{requests:>12,}{tokens:>12,}{records:>12,}{share:>12}".rstrip())
    return lines
