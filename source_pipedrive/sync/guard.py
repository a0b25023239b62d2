"""The client as one stream sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from source_pipedrive.http.client import Answer, Request
from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.api import Api


class GuardedClient:
    """Sends requests only while the stream goes on. check: raises if it has ended, so even a task
    that writes nothing for a long time, as the mailbox's, stops between two pages."""

    def __init__(self, client: Api, check: Callable[[], None]) -> None:
        self._client = client
        self._check = check

    @property
    def confirmed(self) -> Counter[str]:
        """Null answers that were confirmed, by stream."""
        return self._client.confirmed

    @property
    def usage(self) -> Usage:
        """What the sync has spent."""
        return self._client.usage

    def get(self, request: Request) -> Answer:
        """The answer to a request. Raises as the client does, or as `check` if the stream has
        ended."""
        self._check()
        return self._client.get(request)

    def pause(self, seconds: float) -> None:
        """Waits; ends early when the sync is stopped."""
        self._client.pause(seconds)
