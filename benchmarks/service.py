"""The sandbox in its own process, so that its cost does not affect other figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.programs import environment

SEED = 1
CLOCK = "2026-11-23T10:00:00Z"  # the same bytes in every run
# A sync reads up to the second before it starts, and the newest deals are from the clock's second.
LATER = {"advance_seconds": 60}
NO_LIMIT = 1_000_000_000


@dataclass(frozen=True)
class Service:
    """A running sandbox without artificial delays."""

    url: str
    token: str
    pid: int

    def asked(self, path: str) -> dict[str, str]:
        """The parameters of the first recorded request to `path`. Raises LookupError."""
        with urlopen(f"{self.url}/_sandbox/requests", timeout=60) as answer:
            requests: list[dict[str, Any]] = json.load(answer)
        for request in requests:
            if request["path"] == path:
                return dict(request["params"])
        raise LookupError(f"nothing has requested {path}")

    def control(self, name: str, body: Any = None) -> Any:
        """Call one of the sandbox's own routes: GET without a body, POST with one."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{self.url}/_sandbox/{name}", data), timeout=60) as answer:
            return json.load(answer)

    def cpu(self) -> float:
        """The user and system time in seconds since its start. Linux only."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def sandbox(
    deals: int,
    rate_limit: int = NO_LIMIT,
    fields: str = "small",
    scale: float = 1,
    **switches: float,
) -> Iterator[Service]:
    """A sandbox with `deals` listed deals on a free local port, without limits unless given.
    fields: which custom fields it defines; scale: how many times 1,515 persons and 4,040 activities
    it has; switches: the sandbox's, by name."""
    options: Mapping[str, object] = {
        "--port": 0,
        "--seed": SEED,
        "--deals": deals,
        "--scale": scale,
        "--clock": CLOCK,
        "--fields": fields,
        "--rate-limit": rate_limit,
        "--daily-tokens": NO_LIMIT,
    }
    command = [sys.executable, "-m", "pipedrive_sandbox"]
    command += [str(word) for option in options.items() for word in option]
    command += [f"--switch={name}={value}" for name, value in switches.items()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox ended with {process.wait()} before it was ready")
        ready = json.loads(line)
        with urlopen(f"{ready['url']}/_sandbox/clock", json.dumps(LATER).encode(), timeout=60):
            yield Service(ready["url"], ready["api_token"], process.pid)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
