"""The rows of `sync_reports`: what one sync did, stream by stream and as a whole."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.decoding import encode
from source_pipedrive.http.errors import StreamError
from source_pipedrive.http.usage import Spent
from source_pipedrive.reading import state
from source_pipedrive.reading.batch import Batch
from source_pipedrive.reading.counts import LastAudit
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.multi_progress import MultiProgress
from source_pipedrive.reading.progress import Progress
from source_pipedrive.reading.records import Record
from source_pipedrive.sync.context import SyncContext
from source_pipedrive.sync.failures import absence, unexpected
from source_pipedrive.sync.messages import public
from source_pipedrive.sync.stream_run import StreamRun
from source_pipedrive.sync.warning_log import WarningLog
from source_pipedrive.version import __version__

Runs = Sequence[StreamRun[Any]]
# Answers of Pipedrive's that mean that these credentials may not see something.
REFUSED = (402, 403)


class ReportRows:
    """Makes the rows of a sync, which begins now. A stream's row has its name in `stream`; that of
    the whole sync has "" there, because a part of a key cannot be null. runs: those that write
    them, if the stream is selected."""

    def __init__(self, context: SyncContext, warnings: WarningLog, runs: Runs) -> None:
        self.runs = runs
        self._context = context
        self._warnings = warnings
        self._id = str(uuid4())
        self._began = time.monotonic()

    def write(self, runs: Runs, error: AirbyteTracedException | None) -> None:
        """Writes the rows. No request is needed, so neither a spent budget nor the end of the sync
        can prevent it. Parameters as for `rows`."""
        for run in self.runs:
            run.start()
            try:
                for _ in run.carry_out(Batch(self.rows(runs, error), Progress.finish)):
                    pass
            except Exception as failure:
                run.fail_here(unexpected(run.stream.name, failure))

    def rows(self, runs: Runs, error: AirbyteTracedException | None) -> list[Record]:
        """A row for each selected stream, one for whatever else was requested, and the last for
        the whole sync. Called when all of `runs` have ended; error: that of the sync."""
        spent = self._context.client.usage.by_stream()
        audits = _audits(runs)
        totals = {
            run.stream.columns.counts[0]: run.counted
            for run in runs
            if run.stream.columns.counts and run.error is None and run.absence is None
        }
        selected = {run.stream.name for run in runs}
        rows = [
            *(self._of_stream(run, spent, audits, totals) for run in runs),
            *(self._of_other(name, spent[name]) for name in sorted(spent.keys() - selected)),
            self._of_sync(runs, spent, error),
        ]
        common = {
            "sync_id": self._id,
            "sync_started_time": self._time(self._began),
            "sync_ended_time": self._time(time.monotonic()),
            "company_id": self._context.company.id,
            "connector_version": __version__,
        }
        return [{**common, **row} for row in rows]

    def _of_stream(
        self,
        run: StreamRun[Any],
        spent: Mapping[str, Spent],
        audits: Mapping[str, LastAudit],
        totals: Mapping[str, int],
    ) -> Record:
        name, reader, began = run.stream.name, run.reader, run.began or self._began
        findings, audit = reader.findings(run.error is not None), audits.get(name)
        costs = spent.get(name, Spent())
        refused = [public(sentence) for sentence in (*findings.refused, *_refused(run))]
        total, known_from = (audit.records, "audit") if audit else (None, None)
        if name in totals and not reader.progress.since:  # else the table lacks what is older
            total, known_from = totals[name], "deals_summary"
        return {
            "stream": name,
            "selected": True,
            "sync_mode": "full_refresh" if reader.full_refresh else "incremental",
            "status": _status(run),
            "error": public(str(run.error)) if run.error is not None else None,
            "started_time": self._time(began),
            "ended_time": self._time(began + run.seconds),
            "records": run.output.records,
            "requests": costs.requests,
            "tokens": costs.tokens,
            **self._progress(run, findings.unaudited),
            "remaining_parents": findings.unread if run.error is not None else None,
            "refused": _text(refused),
            "only_own_data": run.stream.access.only_own_data,
            "expected_records": findings.expected,
            "total_records": total,
            "total_from": known_from,
            "last_audit_time": rfc3339(audit.time) if audit else None,
            "state_bytes": len(encode(dict(run.output.saved))) if run.output.saved else 0,
            "warnings": _text(w for w in self._warnings.about(name) if w not in refused),
        }

    def _progress(self, run: StreamRun[Any], unaudited: Mapping[str, tuple[int, int]]) -> Record:
        """How far the stream is according to its state, which decides what the next sync reads."""
        if run.absence is not None:
            return {}
        audits = [_span(f"audit of {name}", *times) for name, times in unaudited.items()]
        if run.error is None:
            complete = {"complete_to": rfc3339(run.reader.progress.until)}
            return {**complete, "remaining_spans": audits} if audits else complete
        context = self._context
        left = state.restore(
            run.stream,
            run.output.saved,
            run.reader.full_refresh,
            context.company.id,
            context.lower,
            context.until,
        )
        left = left or run.reader.from_start()
        first = left.spans[0].at if left.spans else left.until
        return {
            "complete_to": rfc3339(first) if first > left.since else None,
            "remaining_spans": [*_spans(run.stream.name, left), *audits],
        }

    def _of_other(self, name: str, spent: Spent) -> Record:
        return {
            "stream": name,
            "selected": False,
            "requests": spent.requests,
            "tokens": spent.tokens,
            "warnings": _text(self._warnings.about(name)),
        }

    def _of_sync(
        self, runs: Runs, spent: Mapping[str, Spent], error: AirbyteTracedException | None
    ) -> Record:
        usage = self._context.client.usage
        names = {*spent, *(run.stream.name for run in runs)}
        of_streams = {line for name in names for line in self._warnings.about(name)}
        return {
            "stream": "",
            "status": "complete" if error is None else "incomplete",
            "error": public(str(error)) if error is not None else None,
            "started_time": self._time(self._began),
            "ended_time": self._time(time.monotonic()),
            "records": sum(run.output.records for run in runs),
            "requests": sum(each.requests for each in spent.values()),
            "tokens": sum(each.tokens for each in spent.values()),
            "day_tokens_limit": usage.daily_limit,
            "day_tokens_left": usage.daily_left,
            "warnings": _text(w for w in self._warnings.sentences if w not in of_streams),
        }

    def _time(self, at: float) -> str:
        """A time of this machine's by Pipedrive's clock, like all others."""
        return rfc3339(self._context.until + int(at - self._began))


def _text(sentences: Iterable[str]) -> str | None:
    """A line for each, which any database can search; None without any."""
    return "\n".join(sentences) or None


def _status(run: StreamRun[Any]) -> str:
    if run.error is not None:
        return "incomplete"
    return "complete" if run.absence is None else "unavailable"


def _refused(run: StreamRun[Any]) -> Iterator[str]:
    """What Pipedrive refused of the whole stream."""
    if run.absence is not None:
        yield absence(run.stream.name, run.absence)
    if isinstance(run.error, StreamError) and run.error.status in REFUSED:
        yield str(run.error)


def _audits(runs: Runs) -> dict[str, LastAudit]:
    """The last audit of each stream."""
    found: dict[str, LastAudit] = {}
    for run in runs:
        found.update(run.reader.findings(run.error is not None).audits)
    return found


def _spans(stream: str, left: Progress) -> Iterator[Record]:
    """What remains to be read of each list."""
    lists = left.by_root if isinstance(left, MultiProgress) else {stream: left}
    for name, progress in lists.items():
        for start, end in progress.remaining:
            yield _span(name, start, end)


def _span(name: str, start: int, end: int) -> Record:
    return {"list": name, "since": rfc3339(start), "until": rfc3339(end)}
