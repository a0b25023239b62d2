"""How much of an account's rate limit the connector takes, and what keeps it from the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WINDOW = 2.0  # seconds that a rate limit counts requests in
LATENCY = 50  # ms before every answer
FULL = 0.9  # of the limit, or of a core of the sandbox's: that is what bounds
# Of a core of the connector's, over its whole life: its start waits for the disk and its first and
# last requests go alone, so one that has a core to itself all the time between shows no more.
BUSY = 0.7
# The connector's last words on a stream.
ENDED = re.compile(rb" requests .* ([0-9.]+) s   complete to ")


@dataclass(frozen=True)
class Pace:
    """One read of a list at an account that takes `rate_limit` requests in two seconds.

    requests, refused: of the list, counted by the sandbox; refused ones are not among the requests.
    seconds: from the list's first request to its last answer. connector, sandbox: the part of a
    core that either process used, the one from its start to its end, the other in `seconds`.
    """

    rate_limit: int
    requests: int
    refused: int
    seconds: float
    connector: float
    sandbox: float

    @property
    def used(self) -> float:
        """The requests, over those that the account allowed in these seconds."""
        return self.requests / (self.rate_limit / WINDOW * self.seconds)

    @property
    def bound(self) -> str:
        """What was used to the full, in words."""
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


def seconds_of(lines: Iterable[bytes]) -> float:
    """How long the one stream of an output took, by the connector's own log: without the start of
    the program. LookupError where no stream was read to its end."""
    for line in lines:
        if b'"LOG"' in line and (found := ENDED.search(line)):
            return float(found[1])
    raise LookupError("the connector does not say how long it took")
