"""The short lists that a sync has read whole."""

from __future__ import annotations

from threading import Lock


class WholeLists:
    """The ids in the lists that this sync has read to their end, by stream. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids: dict[str, set[str]] = {}

    def note(self, stream: str, ids: set[str]) -> None:
        """A list has been read to its end."""
        with self._lock:
            self._ids[stream] = ids

    def get(self, stream: str) -> set[str] | None:
        """The ids in a list, or None if this sync has not read it to its end."""
        with self._lock:
            return self._ids.get(stream)
