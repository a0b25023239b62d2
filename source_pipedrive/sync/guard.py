"""The client as one stream sees it."""

from __future__ import annotations

from collections.abc import Callable

from source_pipedrive.http.request import Answer, Api, Forwarding, Request


class GuardedClient(Forwarding):
    """Sends requests until the stream ends. check: raises if the stream has ended, so that even a
    task that writes nothing for a long time, such as the mailbox's, stops between two pages."""

    def __init__(self, client: Api, check: Callable[[], None]) -> None:
        super().__init__(client)
        self._check = check

    def get(self, request: Request) -> Answer:
        """The answer to `request`. Raises as the client does, or as `check` once the stream has
        ended."""
        self._check()
        return super().get(request)
