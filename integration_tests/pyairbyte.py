"""PyAirbyte in its own process: one sync for each line of standard input.

It does not run in the tests' process because it takes seconds to import, emits warnings, and takes
over the connector's logger. Each sync runs in a fork, so that syncs share only the DuckDB file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

CONNECTOR = "source-pipedrive"
SCHEMA = "crm"
Request = dict[str, Any]


@dataclass(frozen=True)
class Sync:
    """The result of a sync, besides the DuckDB file.

    `rows`: the number read, by stream; `kept`: the configurations passed to the callback; `error`:
    what PyAirbyte raised, or "".
    """

    rows: dict[str, int]
    kept: list[dict[str, Any]]
    error: str


class PyAirbyte:
    """The process; it writes only under `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"  # the connector's input files, mounted into its container
        self.files.mkdir()
        self.files.chmod(0o755)  # the image runs as another user
        self._said = (folder / "said.txt").open("a")
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={
                **os.environ,
                "PYTHONWARNINGS": "ignore",  # future warnings of Google's libraries
                "DO_NOT_TRACK": "1",
                "AIRBYTE_OFFLINE_MODE": "1",
                "AIRBYTE_PROJECT_DIR": str(folder),
                "AIRBYTE_CACHE_ROOT": str(folder / "cache"),
                "AIRBYTE_LOGGING_ROOT": str(folder / "logs"),
                "AIRBYTE_TEMP_DIR": str(self.files),
                "NO_LIVE_PROGRESS": "1",
            },
        )

    def sync(self, way: Mapping[str, Any], config: Request, streams: list[str], to: Path) -> Sync:
        """Sync `streams` into the DuckDB file `to`; `way` is a keyword argument of get_source."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"way": dict(way), "config": config, "streams": streams, "to": str(to)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self.said()
        return Sync(**json.loads(line))

    def said(self) -> str:
        """Everything that PyAirbyte has printed and logged."""
        logs = [path for path in (self.folder / "logs").rglob("*") if path.is_file()]
        return "\n".join(path.read_text() for path in (self.folder / "said.txt", *logs))

    def close(self) -> None:
        """Wait until it exits."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()
        self._said.close()


def serve(answers: IO[str]) -> None:
    """Answer each request with a line of JSON."""
    import airbyte  # noqa: F401  (forks find it imported)

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                answers.write(json.dumps(answer(json.loads(line))) + "\n")
                answers.flush()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit("a sync ended without an answer")


def answer(request: Request) -> dict[str, Any]:
    """The fields of a Sync."""
    from airbyte import get_source
    from airbyte.caches import DuckDBCache
    from airbyte.exceptions import PyAirbyteError

    kept: list[dict[str, Any]] = []

    def keep(config: dict[str, Any]) -> None:
        kept.append(config)
        # discover may renew the tokens; without this line read would use the old ones.
        source.set_config(config, validate=False)

    to = Path(request["to"])
    cache = DuckDBCache(db_path=to, schema_name=SCHEMA, cache_dir=to.with_suffix(".cache"))
    source = get_source(CONNECTOR, request["config"], config_change_callback=keep, **request["way"])
    try:
        source.select_streams(request["streams"])
        read = source.read(cache=cache)
        rows, error = dict(read._progress_tracker.stream_read_counts), ""
    except PyAirbyteError as failure:
        rows, error = {}, str(failure)
    finally:
        cache.close()
    return {"rows": rows, "kept": kept, "error": error}


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keeps PyAirbyte's output out of the answers
    serve(answers)
