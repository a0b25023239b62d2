"""Workers that take turns in an order set by a seed, so that any race between them can be
repeated."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.batch import Task
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.selection import Selection
from source_pipedrive.sync.stream_run import StreamRun
from source_pipedrive.sync.sync import Options, SyncRun
from unit_tests.deals import Deals
from unit_tests.fakes import ACME

Record = dict[str, Any]
Work = tuple[StreamRun[Any], Task]


def run_of(
    company: Deals,
    *streams: str | Stream,
    states: Mapping[str, Record] | None = None,
    lower: int = 0,
    workers: int = 2,
    full_refresh: bool = False,
    stop_signal: StopSignal | None = None,
    takers: Collection[str] = (),
    copied: Collection[str] = (),
    audit: AuditSettings | None = None,
) -> SyncRun[Any]:
    """A sync of these streams. takers: those that take tombstones; copied: those that take what an
    audit reads."""
    definitions = [STREAMS[each] if isinstance(each, str) else each for each in streams]
    selected = [
        Selection(
            stream,
            (states or {}).get(stream.name, {}),
            full_refresh,
            takes_tombstones=stream.name in takers,
            takes_copies=stream.name in copied,
        )
        for stream in definitions
    ]
    options = Options(lower, workers, audit=audit)
    return SyncRun(company, ACME, selected, AsMessages(), options, stop_signal or StopSignal())


class Turns:
    """Runs a sync. Other workers may overtake a worker at each request, before and after it writes
    a page, and before it resumes its task."""

    def __init__(self, run: SyncRun[Any], company: Deals, seed: int = 0, workers: int = 1) -> None:
        self._run = run
        self._most = workers
        self._chance = random.Random(seed)
        self._main = threading.Semaphore(0)
        self._mine: dict[int, threading.Semaphore] = {}
        self._active: dict[threading.Semaphore, float] = {}
        run.buffer.open()  # nothing empties it until the end
        # A reference list is requested under a lock: a worker that waits for it cannot go first.
        company.before = lambda request: None if request.path == "stages" else self.turn()

    def turn(self) -> None:
        """Lets other workers go before the one that calls this."""
        mine = self._mine.get(threading.get_ident())
        if mine is not None:
            self._main.release()
            mine.acquire()

    def messages(self) -> list[Any]:
        """Everything that the sync writes, in order. Fails if no worker can continue."""
        while True:
            work = self._next()
            if work is not None:
                self._begin(*work)
            elif self._active:
                self._resume()
            else:
                break
        assert not self._run.schedule.runs, "streams are unfinished, but no worker has a task"
        return self._run.buffer.drain()

    def _next(self) -> Work | None:
        free = self._most - len(self._active)
        self._run.schedule.close()
        if self._active and not (free and self._chance.random() < 0.7):
            return None
        runs = self._run.schedule.runs
        for run in self._chance.sample(runs, len(runs)):
            if (task := self._run.schedule.take(run)) is not None:
                return run, task
        return None

    def _begin(self, run: StreamRun[Any], task: Task) -> None:
        mine = threading.Semaphore(0)

        def work() -> None:
            if self._most > 1:
                self._mine[threading.get_ident()] = mine
                mine.acquire()
            for _ in self._run.schedule.carry_out(run, task):
                self.turn()
            if self._most > 1:
                del self._mine[threading.get_ident()]
                del self._active[mine]
                self._main.release()

        if self._most == 1:
            work()
        else:
            self._active[mine] = 1.0
            threading.Thread(target=work, daemon=True).start()

    def _resume(self) -> None:
        (worker,) = self._chance.choices(list(self._active), list(self._active.values()))
        worker.release()
        self._main.acquire()
        if worker in self._active:  # one in five is delayed for a long time at this point
            self._active[worker] = self._chance.choice((1.0, 1.0, 1.0, 1.0, 0.01))


def records_of(messages: Sequence[Any], stream: str) -> list[Record]:
    """The records of one stream."""
    return [m.record.data for m in messages if m.record and m.record.stream == stream]


def states_of(messages: Sequence[Any], stream: str) -> list[tuple[int, Record]]:
    """The states of one stream, each with the number of messages before it."""
    return [
        (n, m.state.stream.stream_state.__dict__)
        for n, m in enumerate(messages)
        if m.state and m.state.stream.stream_descriptor.name == stream
    ]


def status_of(messages: Sequence[Any], stream: str) -> str:
    """The last status of a stream."""
    return [
        m.trace.stream_status.status.value
        for m in messages
        if m.trace and m.trace.stream_status
        if m.trace.stream_status.stream_descriptor.name == stream
    ][-1]


def read(company: Deals, *streams: str | Stream, **options: Any) -> list[Any]:
    """All messages of a sync with one worker."""
    return Turns(run_of(company, *streams, **options), company).messages()


def must_end(run: SyncRun[Any]) -> None:
    """Runs a sync with real threads; fails if it hangs."""
    ended = threading.Event()

    def go() -> None:
        with contextlib.suppress(AirbyteTracedException):
            list(run)
        ended.set()

    threading.Thread(target=go, daemon=True).start()
    assert ended.wait(timeout=60), "the sync hangs"
