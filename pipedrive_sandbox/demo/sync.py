"""Runs the connector once through PyAirbyte, in its own process, into a DuckDB file."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, TextIO

from ..routes import ROUTES
from .connector import NAME, Connector
from .state import DemoError, Folder

SCHEMA = "crm"  # not "pipedrive", which is DuckDB's name for the file
_STREAM = re.compile(
    r"(?P<name>\w+) +(?P<rows>[\d,]+) records .* (?P<seconds>[\d.]+) s +(?P<outcome>.*)"
)
_ALL_READ = re.compile(r"Read [\d,]+ records?; used")


# Tables with many records, whose child streams cost one request per record.
_MANY = ("deals", "persons", "organizations", "notes", "pipelines", "goals")


def skipped_streams() -> set[str]:
    """The streams that the demo skips, because they would take most of its time."""
    one_by_one = {
        r.object
        for r in ROUTES
        if r.relation.parent_table in _MANY or (r.relation.ids_param and r.relation.max_ids == 1)
    }
    return {*one_by_one, "deal_stage_history"}


@dataclass(frozen=True)
class StreamResult:
    """The connector's report on a stream that it has read."""

    rows: int
    seconds: float
    outcome: str  # "complete to 2026-11-23T10:00:00Z", or what went wrong


@dataclass
class Sync:
    """The progress and result of a sync, updated while it runs."""

    streams: list[str] = field(default_factory=list)
    full_refresh: set[str] = field(default_factory=set)  # the names of full refresh streams
    read: dict[str, StreamResult] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    all_read: bool = False
    started: float = field(default_factory=time.monotonic)
    seconds_reading: float = 0.0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.read.values())

    @property
    def full_refresh_rows(self) -> int:
        """Rows of the full refresh streams."""
        return sum(each.rows for name, each in self.read.items() if name in self.full_refresh)


class _Listener(logging.Handler):
    """Parses the connector's log lines, which PyAirbyte forwards as they arrive."""

    def __init__(self, sync: Sync, on_progress: Callable[[Sync], None]) -> None:
        super().__init__()
        self._sync = sync
        self._on_progress = on_progress

    def emit(self, record: logging.LogRecord) -> None:
        line, sync = record.getMessage(), self._sync
        if record.levelno >= logging.ERROR:
            sync.errors.append(line)
        elif match := _STREAM.fullmatch(line):
            rows = int(match["rows"].replace(",", ""))
            sync.read[match["name"]] = StreamResult(rows, float(match["seconds"]), match["outcome"])
        elif _ALL_READ.match(line):
            sync.all_read = True
            sync.seconds_reading = time.monotonic() - sync.started
        else:
            return
        self._on_progress(sync)


def prepare(folder: Folder) -> None:
    """Keep PyAirbyte off the network and within the folder.

    It reads these variables when it is imported, which `read` does.
    """
    root = folder.path.resolve()
    files = root / "files"  # the connector's input files, each kept while it runs
    files.mkdir(exist_ok=True)
    files.chmod(0o755)  # a container runs as another user
    os.environ |= {
        "DO_NOT_TRACK": "1",
        "AIRBYTE_OFFLINE_MODE": "1",
        "AIRBYTE_PROJECT_DIR": str(root),
        "AIRBYTE_CACHE_ROOT": str(root / "cache"),
        "AIRBYTE_LOGGING_ROOT": str(root / "logs"),
        "AIRBYTE_TEMP_DIR": str(files),
        "AIRBYTE_PRINT_FULL_ERROR_LOGS": "0",
        "NO_LIVE_PROGRESS": "1",
    }
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))


def read(
    connector: Connector,
    config: dict[str, Any],
    folder: Folder,
    on_progress: Callable[[Sync], None],
) -> Sync:
    """Read all but the skipped streams, incrementally if the warehouse has a state, and merge.

    Raises DemoError with the connector's last error if it fails.
    """
    with ExitStack() as quiet:
        log = quiet.enter_context((folder.logs / "pyairbyte.txt").open("a"))
        quiet.enter_context(redirect_stdout(log))
        quiet.enter_context(_stderr_into(log))
        quiet.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")

        from airbyte.exceptions import PyAirbyteError

        sync, stopped = Sync(), False
        try:
            _read(sync, connector, config, folder, on_progress)
        except (Exception, KeyboardInterrupt) as error:
            stopped = _was_interrupted(error)
            if not stopped and isinstance(error, PyAirbyteError):
                # The last error sums up those before it.
                said = sync.errors[-1] if sync.errors else error.get_message()
                lines = (f"The connector failed. {said}", connector.hint)
                log_is = f"Its log is under {folder.logs}."
                raise DemoError("\n".join(filter(None, (*lines, log_is)))) from error
            if not stopped:
                raise
        if stopped:
            # A new exception: the first one refers to PyAirbyte's generators, which complain when
            # they are closed.
            raise KeyboardInterrupt
    return sync


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C caused `error`; PyAirbyte and DuckDB replace KeyboardInterrupt with theirs."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def _stderr_into(file: TextIO) -> Iterator[None]:
    """Redirect standard error of this process and of the connector's, which inherits it."""
    before = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)


def _read(
    sync: Sync,
    connector: Connector,
    config: dict[str, Any],
    folder: Folder,
    on_progress: Callable[[Sync], None],
) -> None:
    from airbyte import get_source
    from airbyte.caches import DuckDBCache

    source = get_source(NAME, config, **connector.options)
    # After get_source, which replaces the logger's handlers.
    listener = _Listener(sync, on_progress)
    logger = logging.getLogger(f"airbyte.{NAME}")
    logger.addHandler(listener)
    cache = DuckDBCache(
        db_path=folder.warehouse, schema_name=SCHEMA, cache_dir=folder.path / "cache"
    )
    try:
        skipped = skipped_streams()
        source.select_streams([n for n in source.get_available_streams() if n not in skipped])
        for stream in (s for s in source.discovered_catalog.streams if s.name not in skipped):
            sync.streams.append(stream.name)
            if len(stream.supported_sync_modes) == 1:
                sync.full_refresh.add(stream.name)
        on_progress(sync)
        sync.started = time.monotonic()
        source.read(cache=cache, skip_validation=True)
        sync.seconds = time.monotonic() - sync.started
    finally:
        logger.removeHandler(listener)
        cache.close()
