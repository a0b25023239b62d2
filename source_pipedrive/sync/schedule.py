"""Which task is next, and what follows from its end. Threads and waiting are in workers.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import PipedriveError, SyncError
from source_pipedrive.reading.batch import Task
from source_pipedrive.reading.dependent import DependentReader
from source_pipedrive.sync.failures import EndedError, absence, logger, stuck, unexpected
from source_pipedrive.sync.graph import Graph
from source_pipedrive.sync.limits import WorkerLimits
from source_pipedrive.sync.messages import T
from source_pipedrive.sync.priority import Priority
from source_pipedrive.sync.stream_run import StreamRun

# Tasks after which the runs are ranked again: by then more is known of what they cost.
RANK_AGAIN = 16


class Schedule(Generic[T]):
    """The runs that have not ended, and the tasks under way. Thread-safe.

    limits: how many tasks may run side by side; what there is no memory for waits, or stops early.
    priority: whose turn it is. ended: called once for each run, when none of its tasks is under way
    any more.
    """

    def __init__(
        self,
        runs: Sequence[StreamRun[T]],
        graph: Graph[StreamRun[T]],
        limits: WorkerLimits,
        priority: Priority,
        ended: Callable[[StreamRun[T]], None],
    ) -> None:
        self.changed = threading.Condition()  # guards everything here; notified when work appears
        self._runs = list(runs)
        self._graph = graph
        self._limits = limits
        self.priority = priority
        self._ended = ended
        self._busy: dict[StreamRun[T], int] = {}
        self._until_ranked = 0  # tasks to come before the runs are ranked again
        self._abandoned = self._stopped = False

    @property
    def runs(self) -> Sequence[StreamRun[T]]:
        """Those that have not ended."""
        return self._runs

    @property
    def max_workers(self) -> int:
        """Workers that would have something to do."""
        return self._limits.max_workers

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for the tasks under way any more."""
        return self._abandoned

    # -- tasks

    def next(self) -> tuple[StreamRun[T], Task] | None:
        """The next task, or None if there is none at the moment."""
        with self.changed:
            found = self._next()
            if found is None and not any(self._busy.values()) and not self._abandoned:
                # No end of a task will bring more. A reader may have noticed its end just now.
                self.close()
                found = self._next()
                if found is None and self._runs:
                    self.stop(stuck(run.stream.name for run in self._runs))
            return found

    def _next(self) -> tuple[StreamRun[T], Task] | None:
        busy = self._under_way()
        if len(busy) >= self._limits.max_workers:
            return None
        self._rank()
        room = self._limits.free_bytes(busy)
        for run in self._runs:
            if self._limits.page_bytes(run.stream.name) > room:
                continue
            if (task := self.take(run)) is not None:
                self._until_ranked -= 1
                return run, task
        return None

    def take(self, run: StreamRun[T]) -> Task | None:
        """A task of this run, or None if it has none at the moment or has to wait."""
        with self.changed:
            waits = any(other in self._runs for other in run.earlier)
            if run.reader.is_last and not (waits := not self._only_last_remain):
                run.reader.release()
            if waits or run.exhausted or self.priority.holds(run):
                return None
            if not run.selected and any(map(_is_undecided, run.dependents)):
                return None  # it is not known yet what they need of it
            if _is_undecided(run) and self._busy.get(run):
                return None
            if (task := run.take()) is not None:
                self._busy[run] = self._busy.get(run, 0) + 1
                run.start()
            return task

    def carry_out(self, run: StreamRun[T], task: Task) -> Iterator[bool]:
        """Carries a task out. Yields True when there may be new work for other workers, and False
        where tests let another worker overtake this one (unit_tests/turns.py)."""
        error: AirbyteTracedException | None = None
        try:
            yield from self._steps(run, task)
        except EndedError:
            pass  # the run knows why
        except PipedriveError as answer:
            unavailable = run.stream.unavailable_answer(answer.status, answer.body)
            if unavailable is None or run.reader.has_answered:  # after an answer, it is an error
                error = answer
            else:
                self._mark_absent(run.stream.name, unavailable.words_for(answer.body))
        except AirbyteTracedException as failure:
            error = failure
        except Exception as failure:
            error = unexpected(run.stream.name, failure)
        self._finish(run, error)

    def _steps(self, run: StreamRun[T], task: Task) -> Iterator[bool]:
        run.check()
        run.forecast.before_requests()
        step = next(task, None)
        while step is not None:
            yield from run.carry_out(step)
            pause = self._should_pause(run)
            yield False
            step = None  # frees the batch before the task requests the next page
            try:
                step = task.send(pause)
            except StopIteration:
                return

    def _should_pause(self, run: StreamRun[T]) -> bool:
        """Whether a task should stop early: memory is short, or other streams come first."""
        if not run.reader.can_pause:
            return False
        if self.priority.yields(run):
            self._until_ranked = 0
            return True
        return self._limits.over_memory(self._under_way()) or run.is_blocked

    def _finish(self, run: StreamRun[T], error: AirbyteTracedException | None) -> None:
        with self.changed:
            if self._abandoned:
                return
            self._busy[run] -= 1
            if error is not None and (run.error is None or run.yields_to(error)):
                run.fail_here(error)
            if run.error is not None:
                run.fail_dependents(run.error)
            if isinstance(error, SyncError):
                self.stop(error)
            else:
                self.close()

    @property
    def _only_last_remain(self) -> bool:
        return all(other.reader.is_last for other in self._runs)

    def _under_way(self) -> list[str]:
        """The stream of each task."""
        busy = list(self._busy.items())
        return [run.stream.name for run, tasks in busy for _ in range(tasks)]

    def _rank(self) -> None:
        if self._until_ranked <= 0:
            self._runs.sort(key=self.priority.key)
            self._until_ranked = RANK_AGAIN

    # -- ends

    def close(self) -> None:
        """Ends the runs that have nothing left to do. That may end others, which depend on them."""
        with self.changed:
            while over := [r for r in self._runs if r.exhausted and not self._busy.get(r)]:
                for run in over:
                    self._runs.remove(run)
                    self._ended(run)
                    self.priority.ended(run)
                    self._continue_for_released(run)
            self.changed.notify_all()

    def _continue_for_released(self, run: StreamRun[T]) -> None:
        """Continues for the dependents that a run has released."""
        if run.error is not None:
            for each in self._graph.released(run):
                each.fail(run.error)
            return
        for more in self._graph.runs_for_released(run):
            self.priority.add(more)
            self._runs.append(more)
        self._until_ranked = 0

    def stop(self, error: AirbyteTracedException) -> None:
        """Ends every run that has not reached its end, after the pages under way. Logs why, once:
        the streams' own lines only refer to it."""
        with self.changed:
            for run in self._runs:
                run.stop(error)
            if self._runs and not self._stopped:
                self._stopped = True
                logger.warning(str(error))
            self.close()

    def abandon(self, error: AirbyteTracedException) -> None:
        """Waits no longer for the tasks under way: their streams end here and now."""
        with self.changed:
            self._abandoned = True
            for run, tasks in self._busy.items():
                if tasks and run.error is None:
                    run.fail_here(error)
            self._busy.clear()
            self.close()

    def _mark_absent(self, name: str, why: str) -> None:
        """Ends all runs of a stream, of which one or more have received the same answer."""
        with self.changed:
            runs = [run for run in self._runs if run.stream.name == name]
        if sum(run.mark_absent(why) for run in runs):
            logger.info(absence(name, why))
        with self.changed:
            for run in self._runs:
                self._graph.narrow(run)


def _is_undecided(run: StreamRun[T]) -> bool:
    """Whether a request has yet to show that the account has the stream."""
    reader = run.reader
    return isinstance(reader, DependentReader) and reader.untried and not run.exhausted
