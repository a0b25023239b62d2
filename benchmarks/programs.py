"""Runs programs as child processes and measures their cost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import BinaryIO

# Environment variables to hide from the programs: a proxy would come between them and the sandbox,
# and a deployment mode refuses local addresses.
HIDDEN = ("http_proxy", "https_proxy", "all_proxy", "deployment_mode")
CHUNK = 1 << 20
TAIL = 2_000  # bytes
# ru_maxrss is in KiB on Linux and in bytes on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """cpu: user and system time of the process and its children, in seconds; wall: elapsed seconds;
    peak: peak resident memory in MB (10**6 bytes)."""

    cpu: float
    wall: float
    peak: float


def run(command: Sequence[str], output: BinaryIO) -> Cost:
    """Run a program to its end and copy its standard output to `output`.

    The output is a pipe that is drained as fast as it fills. Raises RuntimeError with the end of
    the output if the program fails.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    try:
        tail = drain(process, output)
    except BaseException:
        process.kill()
        process.wait()
        raise
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        words = tail.decode("utf-8", "replace")
        raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{words}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * RSS_UNIT / 1e6)


def drain(process: subprocess.Popen[bytes], output: BinaryIO) -> bytes:
    """Copy everything that `process` writes; return the end of it."""
    assert process.stdout is not None
    tail = b""
    with process.stdout as pipe:
        while chunk := os.read(pipe.fileno(), CHUNK):
            output.write(chunk)
            tail = (tail + chunk[-TAIL:])[-TAIL:]
    return tail


def medians(costs: Sequence[Cost]) -> Cost:
    """The medians of several runs; for memory the maximum."""
    return Cost(
        cpu=median(cost.cpu for cost in costs),
        wall=median(cost.wall for cost in costs),
        peak=max(cost.peak for cost in costs),
    )


def environment() -> dict[str, str]:
    """This process's environment without HIDDEN."""
    return {name: value for name, value in os.environ.items() if name.lower() not in HIDDEN}


def own_peak() -> float:
    """This process's own peak resident memory in MB, at which a child's figure starts."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6
