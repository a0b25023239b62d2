"""What reading needs of Pipedrive's client."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from source_pipedrive.http.client import Answer, Request
from source_pipedrive.http.usage import Usage


class Api(Protocol):
    """What reading needs of http/client.py's Client."""

    @property
    def confirmed(self) -> Counter[str]:
        """Null answers that were confirmed, by stream."""

    @property
    def usage(self) -> Usage:
        """What has been spent."""

    def get(self, request: Request) -> Answer:
        """The answer to a request, after as many tries as it takes."""

    def pause(self, seconds: float) -> None:
        """Waits; ends early when the sync is stopped."""
