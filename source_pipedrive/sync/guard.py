"""The client as one stream sees it."""

from __future__ import annotations

from collections.abc import Callable

from source_pipedrive.http.decoding import NullAnswers
from source_pipedrive.http.pacing import Pacing
from source_pipedrive.http.request import Answer, Api, Request
from source_pipedrive.http.usage import Usage


class GuardedClient:
    """Sends requests until the stream ends. check: raises if the stream has ended, so that even a
    task that writes nothing for a long time, such as the mailbox's, stops between two pages."""

    def __init__(self, client: Api, check: Callable[[], None]) -> None:
        self._client = client
        self._check = check

    @property
    def usage(self) -> Usage:
        """What the sync has spent."""
        return self._client.usage

    @property
    def pacing(self) -> Pacing:
        """How fast requests may leave."""
        return self._client.pacing

    @property
    def null_answers(self) -> NullAnswers:
        """Which null answers can be believed."""
        return self._client.null_answers

    def get(self, request: Request) -> Answer:
        """The answer to `request`. Raises as the client does, or as `check` once the stream has
        ended."""
        self._check()
        return self._client.get(request)

    def pause(self, seconds: float) -> None:
        """Waits before a request is repeated."""
        self._client.pause(seconds)

    def page_bytes(self, stream: str) -> int:
        """About how much memory the largest answer so far takes."""
        return self._client.page_bytes(stream)
