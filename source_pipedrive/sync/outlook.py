"""How long a sync will still take, judging by its last few minutes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Any

from source_pipedrive.http.usage import Spent, Usage
from source_pipedrive.reading.cost import ABOUT, AT_LEAST
from source_pipedrive.sync.stream_run import StreamRun

SAMPLES = 10  # the pace is that of the time since the oldest of these
MINUTE, HOUR, DAY = 60, 3_600, 86_400


class Outlook:
    """Compares what remains to be requested with the pace of the requests so far."""

    def __init__(self, usage: Usage, now: float) -> None:
        self._usage = usage
        self._samples: deque[tuple[float, Spent]] = deque(maxlen=SAMPLES)
        self.note(now)

    def note(self, now: float) -> None:
        """Called every now and then. now: seconds."""
        self._samples.append((now, Spent(self._usage.requests, self._usage.tokens)))

    @property
    def is_still(self) -> bool:
        """Whether nothing was answered between the last two notes."""
        spent = [spent for _, spent in self._samples][-2:]
        return len(spent) == 2 and spent[0] == spent[1]

    def sentence(self, runs: Iterable[StreamRun[Any]], sure: bool) -> str:
        """`about 12 min left`, or how long the budget lasts if it is spent before that; "" while
        the pace is unknown, and once no more requests are expected. sure: whether all lists have
        shown how much they contain."""
        (then, before), (now, after) = self._samples[0], self._samples[-1]
        requests, tokens = after.requests - before.requests, after.tokens - before.tokens
        rest = self._rest(runs)
        if not requests or not rest.requests:
            return ""
        allowed = self._usage.allowance
        if allowed is not None and rest.tokens > allowed and tokens:
            return f"{spell(allowed * (now - then) / tokens, ABOUT)} until the budget stops it"
        how = ABOUT if sure else AT_LEAST
        return f"{spell(rest.requests * (now - then) / requests, how)} left"

    def _rest(self, runs: Iterable[StreamRun[Any]]) -> Spent:
        """What these runs will still take."""
        requests = tokens = 0
        for run in runs:
            if not run.exhausted:
                spent = self._usage.of(run.stream.name)
                requests += max(0, run.forecast.requests - spent.requests)
                tokens += max(0, run.forecast.price - spent.tokens)
        return Spent(requests, tokens)


def spell(seconds: float, how: str) -> str:
    """A length of time as people say it. how: ABOUT or AT_LEAST."""
    if seconds < MINUTE:
        return "less than a minute" if how == ABOUT else f"{how}a minute"
    for most, unit, name in ((90 * MINUTE, MINUTE, "min"), (2 * DAY, HOUR, "hours")):
        if seconds < most:
            return f"{how}{math.ceil(seconds / unit)} {name}"
    return f"{how}{math.ceil(seconds / DAY)} days"
