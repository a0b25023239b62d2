"""What an audit has done since its last state: a kill loses it, and the next sync pays for it
again."""

from __future__ import annotations

import time

# Seconds and tokens between two states while lists are read. Each contains all ids. At full speed
# a pass over 200,000 records takes no longer than half a minute, so time alone would not do.
EVERY = 30.0
LEAST, PARTS = 100, 120  # tokens; states in a pass that costs more


class Unsaved:
    """What no state includes. The caller holds a lock, or does not mind one state too many."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._spent = 0  # at the last state
        self._most = LEAST

    def expect(self, tokens: int) -> None:
        """About so many tokens will be spent in all."""
        self._most = max(LEAST, tokens // PARTS)

    def __bool__(self) -> bool:
        return self._since is not None

    def note(self) -> None:
        """Something was done."""
        self._since = self._since or time.monotonic()

    def is_worth_a_state(self, spent: int) -> bool:
        """Whether enough is unsaved. spent: tokens until now."""
        if self._since is None:
            return False
        # What a first pass costs is not known before its end.
        most = max(self._most, spent // PARTS)
        return spent - self._spent >= most or time.monotonic() - self._since >= EVERY

    def save(self, spent: int) -> None:
        """A state includes everything until now."""
        self._since, self._spent = None, spent
