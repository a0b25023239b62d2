"""Workers of which one moves at a time, in an order that a seed decides: whatever several workers
do to each other happens again with the same seed."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.children import Children
from source_pipedrive.reading.messages import AsMessages
from source_pipedrive.reading.reader import Reader
from source_pipedrive.reading.sync import Run, Selection
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS
from unit_tests.deals import Deals
from unit_tests.fakes import ACME

Record = dict[str, Any]
Work = tuple[Reader[Any], Callable[[], None]]


def run_of(
    company: Deals,
    *streams: str | Stream,
    states: Mapping[str, Record] | None = None,
    lower: int = 0,
    workers: int = 2,
    full_refresh: bool = False,
) -> Run[Any]:
    """A sync of these streams."""
    rows = [STREAMS[each] if isinstance(each, str) else each for each in streams]
    chosen = [Selection(row, (states or {}).get(row.name, {}), full_refresh) for row in rows]
    return Run(
        company, ACME, chosen, AsMessages(), lower, workers=workers, stop_signal=StopSignal()
    )


class Turns:
    """Works a sync off. A worker may be overtaken at each request, before it feeds what it has
    read to others and before it settles."""

    def __init__(self, run: Run[Any], company: Deals, seed: int = 0, workers: int = 1) -> None:
        self._run = run
        self._workers = run._workers
        self._most = workers
        self._chance = random.Random(seed)
        self._main = threading.Semaphore(0)
        self._mine: dict[int, threading.Semaphore] = {}
        self._active: dict[threading.Semaphore, float] = {}
        self._tasks = 0
        run._backlog._free = threading.Semaphore(10**6)  # nobody writes
        self._workers.nudge = lambda: None  # type: ignore[method-assign]
        for reader in self._workers._readers:
            reader.nudge = lambda: None
        # A list that is consulted is asked for under a lock: whoever waits for it cannot go first.
        company.before = lambda request: None if request.path == "stages" else self.turn()

    def turn(self) -> None:
        """The worker that calls it lets others go first."""
        mine = self._mine.get(threading.get_ident())
        if mine is not None:
            self._main.release()
            mine.acquire()

    def messages(self) -> list[Any]:
        """Everything that leaves, in order. Fails where nobody can go on."""
        with self._overtaken():
            while True:
                work = self._next()
                if work is not None:
                    self._begin(*work)
                elif self._active:
                    self._go_on()
                else:
                    break
        assert not self._workers._readers, "nobody has work, and somebody waits for it"
        found: list[Any] = []
        while not self._run._queue.empty():
            found.extend(self._run._queue.get().pieces)
        return found

    @contextmanager
    def _overtaken(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in ((Reader, "_feed"), (Reader, "emit"), (Children, "_settle")):
                patch.setattr(owner, name, self._late(getattr(owner, name)))
            yield

    def _late(self, honest: Callable[..., None]) -> Callable[..., None]:
        def late(*arguments: Any) -> None:
            self.turn()
            honest(*arguments)

        return late

    def _next(self) -> Work | None:
        free = self._most - len(self._active)
        with self._workers._idle:
            self._workers._close()
            if self._active and not (free and self._chance.random() < 0.7):
                return None
            return self._take()

    def _take(self) -> Work | None:
        readers: Sequence[Reader[Any]] = self._workers._readers
        for reader in self._chance.sample(readers, len(readers)):
            task = self._workers._take(reader)
            if task is not None:
                return reader, task
        return None

    def _begin(self, reader: Reader[Any], task: Callable[[], None]) -> None:
        mine = threading.Semaphore(0)

        def work() -> None:
            if self._most > 1:
                self._mine[threading.get_ident()] = mine
                mine.acquire()
            error = self._workers._run(reader, task)
            self._workers._busy[reader] -= 1
            reader.error = reader.error or error
            for each in reader.fed if reader.error is not None else ():
                each.fail(reader.error)
            if self._most > 1:
                del self._mine[threading.get_ident()]
                del self._active[mine]
                self._main.release()

        if self._most == 1:
            work()
        else:
            self._active[mine] = 1.0
            threading.Thread(target=work, daemon=True).start()

    def _go_on(self) -> None:
        (one,) = self._chance.choices(list(self._active), list(self._active.values()))
        one.release()
        self._main.acquire()
        if one in self._active:  # one in five is held up for long where it is now
            self._active[one] = self._chance.choice((1.0, 1.0, 1.0, 1.0, 0.01))


def records_of(messages: Sequence[Any], stream: str) -> list[Record]:
    """The records of one stream."""
    return [m.record.data for m in messages if m.record and m.record.stream == stream]


def states_of(messages: Sequence[Any], stream: str) -> list[tuple[int, Record]]:
    """The states of one stream, with how many messages are before them."""
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
    """All messages of a sync by one worker."""
    return Turns(run_of(company, *streams, **options), company).messages()


def must_end(run: Run[Any]) -> None:
    """Reads a sync with real threads; fails where it hangs."""
    ended = threading.Event()

    def go() -> None:
        with contextlib.suppress(AirbyteTracedException):
            list(run)
        ended.set()

    threading.Thread(target=go, daemon=True).start()
    assert ended.wait(timeout=10), "the sync hangs"
