"""Workers that share the work of all streams: a stream each while there are enough of them, then
parts of the largest."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.absences import absence_of
from source_pipedrive.http.errors import PipedriveError, SyncError, words
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.crew import Crew
from source_pipedrive.reading.priority import Priority
from source_pipedrive.reading.reader import Reader, T, Task, UnneededError
from source_pipedrive.reading.wiring import narrow, relieve

logger = logging.getLogger("airbyte")

# Seconds after which an idle worker looks again for work, whatever happens.
LOOK_AGAIN = 1.0
# Tasks after which the readers are ranked anew: by then more is known of what they cost.
RANK_AGAIN = 16


class Workers(Generic[T]):
    """Threads that run the tasks of `readers` until all are at their end.

    crew: how many tasks are to run side by side, which may change; what there is no memory for
    waits, or gives its work back. priority: whose turn it is. began: called once when a reader
    starts; ended: once for each reader, when nothing of it is under way any more. again: the
    readers that read on for those that a reader has let go.
    """

    def __init__(
        self,
        readers: Sequence[Reader[T]],
        crew: Crew,
        priority: Priority,
        began: Callable[[Reader[T]], None],
        ended: Callable[[Reader[T]], None],
        again: Callable[[Reader[T]], Sequence[Reader[T]]],
    ) -> None:
        self._readers = list(readers)
        self._crew = crew
        self._priority = priority
        self._began = began
        self._ended = ended
        self._again = again
        self._ranked = 0  # tasks to come before the readers are ranked anew
        self._idle = threading.Condition()
        self._busy: dict[Reader[T], int] = {}
        self._abandoned = False
        self._threads: list[threading.Thread] = []
        for reader in readers:
            self._adopt(reader)

    def _adopt(self, reader: Reader[T]) -> None:
        reader.nudge, reader.crowded = self.nudge, partial(self._crowded, reader)
        reader.starting = partial(self._began, reader)
        reader.relieve = partial(relieve, reader)

    def start(self) -> None:
        """Sets the workers to work; returns at once."""
        with self._idle:
            self._close()  # those that have nothing to read from the start
            self._hire()

    @property
    def running(self) -> bool:
        """Whether any worker may still produce output."""
        return not self._abandoned and any(thread.is_alive() for thread in self._threads)

    def nudge(self) -> None:
        """A page has been read: one that is idle looks whether there is something to share, and
        passes on what it does not take."""
        with self._idle:
            self._hire()
            self._idle.notify()

    def _crowded(self, reader: Reader[T]) -> bool:
        """Whether a task has to be put down for now: more run than there is memory for their pages,
        or others go first."""
        if self._priority.yields(reader):
            self._ranked = 0
            return True
        return self._crew.is_crowded(self._under_way())

    def _under_way(self) -> list[str]:
        """The stream of each task."""
        busy = list(self._busy.items())
        return [reader.row.name for reader, tasks in busy for _ in range(tasks)]

    def _hire(self) -> None:
        while self._readers and len(self._threads) < self._crew.of_use:
            name = f"worker-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()

    def abandon(self) -> None:
        """Waits no longer for the requests under way: their streams end here and now."""
        with self._idle:
            self._abandoned = True
            for reader, tasks in self._busy.items():
                if tasks and reader.error is None:
                    reader.error = StopSignal.error()
            self._busy.clear()
            self._close()

    def stop(self, error: AirbyteTracedException) -> None:
        """Ends every stream that is not at its end, after the pages under way."""
        with self._idle:
            for reader in self._readers:
                if not reader.exhausted:
                    reader.error, reader.stopped = error, True
            self._close()

    def _work(self) -> None:
        while (work := self._next()) is not None:
            reader, task = work
            error = self._run(reader, task)
            with self._idle:
                if self._abandoned:
                    return
                self._busy[reader] -= 1
                if error is not None and reader.error is None:
                    reader.error = error
                if reader.error is not None:  # those that live on it will not get what they lack
                    for each in tuple(reader.fed):  # another worker may let one go meanwhile
                        each.fail(reader.error)
            if isinstance(error, SyncError):
                self.stop(error)
            with self._idle:
                self._close()

    def _next(self) -> tuple[Reader[T], Task] | None:
        with self._idle:
            while self._readers:
                busy = self._under_way()
                if len(busy) < self._crew.of_use:
                    self._rank()
                    room = self._crew.room(busy)
                    for reader in self._readers:
                        if self._crew.weight(reader.row.name) > room:
                            continue
                        task = self._take(reader)
                        if task is not None:
                            self._ranked -= 1
                            self._idle.notify()
                            return reader, task
                self._idle.wait(LOOK_AGAIN)
            return None

    def _rank(self) -> None:
        if self._ranked <= 0:
            self._readers.sort(key=self._priority.key)
            self._ranked = RANK_AGAIN

    def _take(self, reader: Reader[T]) -> Task | None:
        if any(other in self._readers for other in reader.waits_for) or reader.exhausted:
            return None
        if self._priority.holds(reader):
            return None
        if reader.lane.silent and any(each.trial and not each.exhausted for each in reader.fed):
            return None  # nobody knows yet what of it is needed
        if reader.trial and self._busy.get(reader):
            return None
        task = reader.trial or reader.take()
        if task is not None:
            self._busy[reader] = self._busy.get(reader, 0) + 1
            reader.start()
        return task

    def _close(self) -> None:
        """Takes the readers that are at their end off the list. The end of one may bring that of
        others, which live on it."""
        while over := [r for r in self._readers if r.exhausted and not self._busy.get(r)]:
            for reader in over:
                self._readers.remove(reader)
                self._ended(reader)
                self._priority.ended(reader)
                self._go_on_for_those_let_go(reader)
        self._idle.notify_all()

    def _go_on_for_those_let_go(self, reader: Reader[T]) -> None:
        if reader.error is not None:
            for each, _ in reader.rests:
                each.fail(reader.error)
            return
        for more in self._again(reader) if reader.rests else ():
            self._adopt(more)
            self._priority.add(more)
            self._readers.append(more)
        self._ranked = 0

    def _run(self, reader: Reader[T], task: Task) -> AirbyteTracedException | None:
        try:
            task()
        except UnneededError:
            return None  # for those that it has let go, another one reads on
        except PipedriveError as error:
            absence = absence_of(reader.row, error)
            if absence is None or reader.answered:  # what the account has, it has to the end
                return error
            self._absent(reader.row.name, error, absence.source)
        except AirbyteTracedException as error:
            return error
        except Exception as error:  # a bug of ours must not hide behind a stream that never ends
            logger.error(f"{reader.row.name}: {type(error).__name__}", exc_info=True)
            return AirbyteTracedException(
                message=f'Reading "{reader.row.name}" failed: {type(error).__name__}. '
                "Please report this line.",
                internal_message=repr(error),
                failure_type=FailureType.system_error,
            )
        return None

    def _absent(self, name: str, error: PipedriveError, source: str) -> None:
        """Ends all readers of a stream, of which one or more have met the same answer."""
        with self._idle:
            readers = [reader for reader in self._readers if reader.row.name == name]
        if sum(reader.absent(error) for reader in readers):
            logger.info(
                f"{name}: this account does not have it. Pipedrive answered {error.status}: "
                f'"{words(error.body)}" ({source}). Its state stays as it was, and the next sync '
                "asks again."
            )
        with self._idle:
            for reader in self._readers:
                narrow(reader)
