"""The state that the demo keeps between runs, so that the next one continues the same company."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..clock import moment, zulu
from ..options import Options

FORMAT = 2
START_OVER = "Start over with: make demo FRESH=1"


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
    seconds: float


class Figures(BaseModel):
    """The open deals of one pipeline, in one currency."""

    deals: int
    tier_1: int
    usd: Decimal


Answer = dict[str, Figures]  # by the name of the pipeline


class DemoState(BaseModel):
    """`<folder>/demo.json`: the company's data are generated from seed, scale and `since`, then
    changed by `batches`, in order. `synced` is the number of batches in the warehouse, or None
    before the first sync. `answer` is what the last complete run has shown."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    seed: int
    scale: float
    since: str
    batches: list[Batch] = []
    synced: int | None = None
    first: Totals | None = None
    answer: Answer | None = None

    @property
    def options(self) -> Options:
        """The options of the sandbox."""
        return Options(self.seed, self.scale, self.since)


class Folder:
    """The demo's files. It neither reads nor removes any others in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_file = path / "demo.json"
        self.warehouse = path / "pipedrive.duckdb"
        self.logs = path / "logs"

    def open(self, options: Options, fresh: bool) -> DemoState:
        """The state of earlier runs, or a new one. Raises DemoError if the demo cannot continue.

        Only the seed and scale of `options` matter; the clock is that of the first run.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            if fresh:
                self._clear()
            text = self.state_file.read_text() if self.state_file.exists() else ""
        except OSError as error:
            raise DemoError(f"{self.path} cannot be used: {error.strerror}.") from error
        if not text:
            if self.warehouse.exists():
                raise DemoError(
                    f"{self.state_file} is missing beside {self.warehouse}. {START_OVER}"
                )
            return DemoState(seed=options.seed, scale=options.scale, since=zulu(time.time()))
        state = self._read(text)
        if (state.seed, state.scale) != (options.seed, options.scale):
            raise DemoError(
                f"{self.path} was created with --seed {state.seed} --scale {state.scale:g}. "
                f"Use the same options, or another --folder. {START_OVER}"
            )
        if state.synced is not None and not self.warehouse.exists():
            raise DemoError(f"{self.warehouse} is missing. {START_OVER}")
        return state

    def save(self, state: DemoState) -> None:
        """Replace the file atomically, so that a kill leaves either the old file or the new one."""
        new = self.state_file.with_suffix(".new")
        new.write_text(state.model_dump_json(indent=1) + "\n")
        new.replace(self.state_file)

    def _read(self, text: str) -> DemoState:
        try:
            state = DemoState.model_validate_json(text)
            latest = max(moment(state.since), *(moment(each.at) for each in state.batches), 0)
        except (ValidationError, ValueError) as error:
            raise DemoError(f"{self.state_file} cannot be read. {START_OVER}") from error
        if state.format != FORMAT:
            raise DemoError(f"{self.state_file} is from another version of the demo. {START_OVER}")
        if latest > time.time():
            raise DemoError(
                f"{self.state_file} is from the future; check the system clock. {START_OVER}"
            )
        return state

    def _clear(self) -> None:
        for path in (self.state_file, *self.path.glob("pipedrive.duckdb*")):
            path.unlink(missing_ok=True)
