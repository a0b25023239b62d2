"""A server that does not outlive the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO, Any

# The server ends when the pipe closes, so also when these tests are killed; and the shell ends with
# the server, or nobody would notice that it did not start.
UNTIL_THE_PIPE_CLOSES = """
exec 3<&0
signal=$1
shift
"$@" 3<&- </dev/null &
server=$!
{ read -r _ <&3; kill -"$signal" $server; } >/dev/null 2>&1 &
exec 3<&-
wait $server
code=$?
kill $! 2>/dev/null
exit $code
"""


def attached(
    *command: str | Path,
    output: int | IO[str] = subprocess.PIPE,
    ends_at: str = "TERM",
    **more: Any,
) -> subprocess.Popen[str]:
    """A server that runs until the standard input of the process returned closes. output: where it
    writes, which ends when the server does; ends_at: the signal that ends it; more: what Popen
    takes."""
    return subprocess.Popen(
        ["sh", "-c", UNTIL_THE_PIPE_CLOSES, "sh", ends_at, *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )
