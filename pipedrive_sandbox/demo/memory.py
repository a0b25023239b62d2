"""The state that the demo keeps between runs, so that the next one continues the same company."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..clock import moment, zulu
from ..options import Options

FORMAT = 1
AFRESH = "Start over with: make demo FRESH=1"


class DemoError(Exception):
    """Why the demo stopped, in sentences for the user."""


class Batch(BaseModel):
    """Changes that the company's users made at one time: {object: {kind of change: [ids]}}."""

    at: str
    changes: dict[str, dict[str, list[Any]]]

    def count(self, kind: str | None = None) -> int:
        """The number of changed records, by one kind of change or by any."""
        kinds = [pair for of in self.changes.values() for pair in of.items()]
        return sum(len(ids) for name, ids in kinds if kind in (None, name))


class Totals(BaseModel):
    """The rows that a sync read, and their cost."""

    rows: int
    requests: int
    tokens: int


class Memory(BaseModel):
    """`<folder>/demo.json`: the company's data are generated from seed, scale and `since`, then
    changed by `batches`, in order. `synced` is the number of batches in the warehouse, or None
    before the first sync."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    seed: int
    scale: float
    since: str
    batches: list[Batch] = []
    synced: int | None = None
    first: Totals | None = None

    @property
    def options(self) -> Options:
        """The options of the sandbox."""
        return Options(self.seed, self.scale, self.since)


class Folder:
    """The demo's files. It neither reads nor removes any others in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.memory = path / "demo.json"
        self.warehouse = path / "pipedrive.duckdb"
        self.logs = path / "logs"

    def open(self, options: Options, fresh: bool) -> Memory:
        """The state of earlier runs, or a new one. Raises DemoError if the demo cannot continue.

        Only the seed and scale of `options` matter; the clock is that of the first run.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            if fresh:
                self._clear()
            text = self.memory.read_text() if self.memory.exists() else ""
        except OSError as error:
            raise DemoError(f"{self.path} cannot be used: {error.strerror}.") from error
        if not text:
            if self.warehouse.exists():
                raise DemoError(f"{self.memory} is missing beside {self.warehouse}. {AFRESH}")
            return Memory(seed=options.seed, scale=options.scale, since=zulu(time.time()))
        memory = self._read(text)
        if (memory.seed, memory.scale) != (options.seed, options.scale):
            raise DemoError(
                f"{self.path} was created with --seed {memory.seed} --scale {memory.scale:g}. "
                f"Use the same options, or another --folder. {AFRESH}"
            )
        if memory.synced is not None and not self.warehouse.exists():
            raise DemoError(f"{self.warehouse} is missing. {AFRESH}")
        return memory

    def save(self, memory: Memory) -> None:
        """Replace the file atomically, so that a kill leaves either the old file or the new one."""
        new = self.memory.with_suffix(".new")
        new.write_text(memory.model_dump_json(indent=1) + "\n")
        new.replace(self.memory)

    def _read(self, text: str) -> Memory:
        try:
            memory = Memory.model_validate_json(text)
            latest = max(moment(memory.since), *(moment(each.at) for each in memory.batches), 0)
        except (ValidationError, ValueError) as error:
            raise DemoError(f"{self.memory} cannot be read. {AFRESH}") from error
        if memory.format != FORMAT:
            raise DemoError(f"{self.memory} is from another version of the demo. {AFRESH}")
        if latest > time.time():
            raise DemoError(f"{self.memory} is from the future; check the system clock. {AFRESH}")
        return memory

    def _clear(self) -> None:
        for path in (self.memory, *self.path.glob("pipedrive.duckdb*")):
            path.unlink(missing_ok=True)
