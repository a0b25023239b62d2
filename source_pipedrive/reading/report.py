"""The log of a sync: a line when a stream begins and ends, one now and then on long ones, and the
bill at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from source_pipedrive.http.usage import Spent, Usage
from source_pipedrive.reading.estimates import ABOUT, AT_LEAST, is_expensive, of_everything
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.reader import Reader

logger = logging.getLogger("airbyte")

EVERY = 30.0  # seconds between two lines on a stream that takes long; far less than any platform's
# limit for silence, so that the same line is the heartbeat while everything waits
HEADINGS = ("requests", "tokens", "records", "of the day")


class Report:
    """Says what the readers of one sync do.

    readers: of the selected streams; hidden: of the lists that are read for them only, whose
    progress is all there is to tell until these bring something. clock: seconds; replaced in tests.
    """

    def __init__(
        self,
        usage: Usage,
        until: int,
        readers: Sequence[Reader[Any]],
        hidden: Sequence[Reader[Any]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._usage = usage
        self._until = rfc3339(until)
        self._readers = readers
        self._hidden = hidden
        self._clock = clock
        self._said = clock()
        self._told_whole = False
        self._seen: dict[str, tuple[int, int]] = {}

    def began(self, reader: Reader[Any]) -> None:
        """The first work on a stream is about to be done."""
        logger.info(f"{reader.row.name}: {intention(reader)}.")

    def ended(self, reader: Reader[Any]) -> None:
        """No work on a stream is left."""
        spent = self._usage.of(reader.row.name)
        error = reader.error
        again = "" if reader.resumes else " It begins anew with the next sync."
        how = f"complete to {self._until}" if error is None else f"incomplete: {error}{again}"
        if reader.absence is not None and error is None:
            how = "this account does not have it"
        logger.info(
            f"{reader.row.name:<16} {reader.lane.records:>9,} records "
            f"{spent.requests:>6,} requests {spent.tokens:>8,} tokens "
            f"{reader.seconds:>7.1f} s   {how}"
        )

    def tick(self) -> None:
        """Called all the time; says every half minute how far the streams are."""
        if not self._told_whole:
            self._tell_whole()
        now = self._clock()
        if now - self._said < EVERY:
            return
        self._said = now
        for reader in (*self._readers, *self._hidden):
            if reader.running:
                reader.announce()
                logger.info(self._progress(reader))

    def _tell_whole(self) -> None:
        """Says once what everything will take, when the lists' first pages are in; where that is
        much."""
        lists = [reader for reader in self._readers if not reader.row.depth]
        hidden = [reader for reader in self._hidden if not reader.row.depth]
        first = [*lists, *(reader for reader in hidden if not reader.waits_for)]
        if not all(r.handed_on or (r.exhausted and not r.lane.records) for r in first):
            return
        self._told_whole = True
        limit = self._usage.daily_limit
        tokens = sum(reader.price for reader in (*self._readers, *self._hidden))
        if len(self._readers) > 1 and is_expensive(tokens, limit):
            paged = [reader for reader in (*lists, *hidden) if reader.row.endpoint.limit]
            sure = all(reader.exhausted or reader.expected is not None for reader in paged)
            logger.info(of_everything(tokens, ABOUT if sure else AT_LEAST, limit))

    def _progress(self, reader: Reader[Any]) -> str:
        name, records = reader.row.name, reader.lane.records
        spent = self._usage.of(name)
        before = self._seen.get(name)
        self._seen[name] = (records, spent.requests)
        expected = reader.expected
        of = f" of about {expected:,}" if expected and expected > records else ""
        still = ", waiting for Pipedrive" if before == (records, spent.requests) else ""
        return (
            f"{name}: {records:,}{of} records so far, {spent.requests:,} requests, "
            f"{spent.tokens:,} tokens{still}."
        )

    def bill(self) -> None:
        """What the run has cost, the dearest stream first."""
        usage = self._usage
        records = {reader.row.name: reader.lane.records for reader in self._readers}
        free = {name: Spent() for name, number in records.items() if number}  # made of others
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


def intention(reader: Reader[Any]) -> str:
    """What a stream's read begins with, in words."""
    since, done = reader.progress.since, reader.progress.done()
    if reader.resumes and done and reader.progress.spans:
        first = rfc3339(reader.progress.spans[0].at)
        if len(reader.progress.spans) > 1 or done[0][0] > since or reader.full_refresh:
            return f"going on with what an earlier sync has left, from {first}"
        return f"reading what changed since {first}"
    kind = "reading all of it" if since == 0 else f"reading from {rfc3339(since)} on"
    return kind if reader.row.incremental.history_field or since == 0 else "reading all of it"


def table(rows: Iterable[Sequence[Any]], usage: Usage) -> list[str]:
    """Lines of (stream, requests, tokens, records), with the share of the company's day."""
    lines = [f"{'stream':<28}" + "".join(f"{heading:>12}" for heading in HEADINGS)]
    for name, requests, tokens, records in rows:
        share = usage.share(tokens)
        lines.append(f"{name:<28}{requests:>12,}{tokens:>12,}{records:>12,}{share:>12}".rstrip())
    return lines
