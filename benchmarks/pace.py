"""How much of an account's rate limit the connector uses, and what limits it otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW = 2.0  # seconds in which a rate limit counts requests
LATENCY = 50  # ms before every response
FULL = 0.9  # the share of the limit, or of the sandbox's core, that counts as fully used
# The same for the connector's core, over its whole run: at the start it waits for the disk, and its
# first and last requests run alone, so even a connector with a core to itself shows no more.
BUSY = 0.7
# The connector's final log line for a stream.
ENDED = re.compile(rb" requests .* ([0-9.]+) s   complete to ")


@dataclass(frozen=True)
class Pace:
    """One read of a list from an account that allows `rate_limit` requests in two seconds.

    requests, refused: counted by the sandbox for the list; `requests` excludes refused ones.
    seconds: from the list's first request to its last response. connector, sandbox: the share of a
    core that each process used, the connector over its whole run, the sandbox in `seconds`.
    cpu: the connector's, in seconds.
    """

    rate_limit: int
    requests: int
    refused: int
    seconds: float
    connector: float
    sandbox: float
    cpu: float = 0.0

    @property
    def used(self) -> float:
        """The share of the requests allowed in these seconds that were made."""
        return self.requests / (self.rate_limit / WINDOW * self.seconds)

    @property
    def bound(self) -> str:
        """Which resource was fully used, in words."""
        if self.used >= FULL:
            return "bounded by the rate limit"
        connector, sandbox = (f"{100 * part:.0f} %" for part in (self.connector, self.sandbox))
        if self.sandbox > FULL:
            return f"bounded by the sandbox's CPU ({sandbox} of a core)"
        if self.connector > BUSY:
            return f"bounded by the connector's CPU ({connector} of a core)"
        return (
            f"bounded by neither the limit nor a CPU (connector {connector} of a core, "
            f"sandbox {sandbox})"
        )

    def __str__(self) -> str:
        return (
            f"{self.requests:,} requests in {self.seconds:.1f} s, {self.refused} refused; "
            f"{self.bound}"
        )


def stream_seconds(lines: Iterable[bytes]) -> float:
    """How long the only stream took according to the connector's log, without its start-up. Raises
    LookupError if no stream was read to its end."""
    for line in lines:
        if b'"LOG"' in line and (found := ENDED.search(line)):
            return float(found[1])
    raise LookupError("the connector's log does not report the duration")
