"""A sync of one stream, run without threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from source_pipedrive.http.errors import CONFIG, SyncError
from source_pipedrive.reading import state
from source_pipedrive.reading.batch import Task
from source_pipedrive.reading.instants import instant, seconds_of
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.context import SyncContext
from source_pipedrive.sync.copies import CopyWriter
from source_pipedrive.sync.graph import Graph
from source_pipedrive.sync.limits import WorkerLimits
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.output import StreamOutput, WriteBuffer
from source_pipedrive.sync.stream_run import StreamRun
from source_pipedrive.sync.tombstones import Tombstones
from unit_tests.fakes import ACME, NOW, FakeClient

LOWER, UNTIL = instant("2025-11-23"), seconds_of(NOW)
WORKERS = 8
Record = dict[str, Any]
Buffer = WriteBuffer[Any]
NONE = (Tombstones([], UNTIL, AsMessages(), Buffer(1)), CopyWriter([], AsMessages(), Buffer(1)))


def no_sources(*_: Any) -> StreamRun[Any]:
    """For a graph in which no stream depends on another."""
    raise AssertionError("no stream here depends on another")


def run_of(
    name: str,
    client: FakeClient,
    lower: int = LOWER,
    saved: Record | None = None,
    graph: Graph[StreamRun[Any]] | None = None,
) -> tuple[StreamRun[Any], Buffer]:
    """A run of one stream, and the buffer that it writes to."""
    stream, buffer = STREAMS[name], Buffer(10_000)
    context = SyncContext(client, ACME, lower, UNTIL, WorkerLimits(client, WORKERS), *NONE)
    progress = state.restore(stream, saved or {}, False, ACME.id, lower, UNTIL)
    output = StreamOutput(name, AsMessages(), buffer)
    return StreamRun(stream, context, output, graph or Graph(no_sources), progress), buffer


def work(run: StreamRun[Any], task: Task, pause: Callable[[], bool] = lambda: False) -> None:
    """Carries a task out. pause: called after each step; whether the task should stop early."""
    step = next(task, None)
    while step is not None:
        for _ in run.carry_out(step):
            pass
        try:
            step = task.send(pause())
        except StopIteration:
            return


def run_to_end(run: StreamRun[Any], buffer: Buffer) -> tuple[list[Record], list[Record]]:
    """Carries out a whole run with one worker. Returns its (records, states)."""
    while (task := run.take()) is not None:
        work(run, task)
    messages = buffer.drain()
    records = [m.record.data for m in messages if m.record]
    states = [m.state.stream.stream_state.__dict__ for m in messages if m.state]
    return records, states


def stopped() -> SyncError:
    """The error that ends a stream when its sync is stopped."""
    return SyncError("The sync was stopped.", CONFIG)
