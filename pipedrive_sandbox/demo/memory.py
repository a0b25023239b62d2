"""What the demo keeps between two runs, so that the company of the first goes on in the second."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..clock import moment, zulu
from ..options import Options

FORMAT = 1
AFRESH = "Start afresh with: make demo FRESH=1"


class DemoError(Exception):
    """What stops the demo, in sentences for the user."""


class Batch(BaseModel):
    """What the company's users did at one moment: {object: {kind of change: [ids]}}."""

    at: str
    changes: dict[str, dict[str, list[Any]]]

    def count(self, kind: str | None = None) -> int:
        """Changed records, of one kind or of all."""
        kinds = [pair for of in self.changes.values() for pair in of.items()]
        return sum(len(ids) for name, ids in kinds if kind in (None, name))


class Totals(BaseModel):
    """What a sync read and what it cost."""

    rows: int
    requests: int
    tokens: int


class Memory(BaseModel):
    """`<folder>/demo.json`: the company's data are made from seed, scale and `since`, then changed
    by `batches` in order. `synced` batches are in the warehouse; None before the first sync."""

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
        """What the sandbox is made with."""
        return Options(self.seed, self.scale, self.since)


class Folder:
    """Where the demo writes. Nothing else in the folder is read or removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.memory = path / "demo.json"
        self.warehouse = path / "pipedrive.duckdb"
        self.logs = path / "logs"

    def open(self, options: Options, fresh: bool) -> Memory:
        """The memory of earlier runs, or a new one. Raises DemoError if it cannot go on.

        Only seed and scale of `options` count: the clock stays that of the first run.
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
                f"{self.path} was made with --seed {memory.seed} --scale {memory.scale:g}. "
                f"Use these, or another --folder. {AFRESH}"
            )
        if memory.synced is not None and not self.warehouse.exists():
            raise DemoError(f"{self.warehouse} is gone. {AFRESH}")
        return memory

    def save(self, memory: Memory) -> None:
        """Replace the file as a whole, so that a kill leaves the old one or the new one."""
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
            raise DemoError(f"{self.memory} was made by another version of the demo. {AFRESH}")
        if latest > time.time():
            raise DemoError(f"{self.memory} is from the future: this clock is behind. {AFRESH}")
        return memory

    def _clear(self) -> None:
        for path in (self.memory, *self.path.glob("pipedrive.duckdb*")):
            path.unlink(missing_ok=True)
