"""A request, its answer, and what a sync needs from a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from source_pipedrive.http.decoding import NullAnswers, decode
from source_pipedrive.http.errors import AnswerPattern
from source_pipedrive.http.pacing import Pacing
from source_pipedrive.http.shapes import Shape
from source_pipedrive.http.usage import Usage

# Until its records are out, an answer takes this much memory, as a multiple of its bytes.
AS_DICTIONARIES, AS_STRUCTS = 12, 7


@dataclass(frozen=True)
class Request:
    """One GET request, and what messages and the usage report need to know about it.

    path        relative to the root of the API version
    cost        API tokens
    scope       the OAuth scope that a message about a missing scope names
    permission  the permission that a message about a missing permission names
    means_unavailable  answers that concern only this stream, even if others would end the sync
    optional    names in include_fields that require one of Pipedrive's apps, and that app
    shape       decodes the answer, if its records may become structs
    """

    stream: str
    path: str
    version: int
    cost: int
    scope: str
    permission: str = "that this needs"
    params: Mapping[str, str] = field(default_factory=dict)
    means_unavailable: tuple[AnswerPattern, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    shape: Shape | None = field(default=None, compare=False, repr=False)

    def decode(self, raw: bytes) -> dict[str, Any]:
        """The object in an answer. Raises PageError if it holds none."""
        return self.shape.decode(raw, self.stream) if self.shape else decode(raw, self.stream)

    def memory(self, size: int) -> int:
        """About how many bytes of memory an answer of `size` bytes takes until its records are
        out."""
        structs = self.shape is not None and self.shape.is_in_use
        return size * (AS_STRUCTS if structs else AS_DICTIONARIES)


@dataclass(frozen=True)
class Answer:
    """body: the decoded object; at: the server's clock in UTC, in whole seconds, if reported."""

    body: dict[str, Any]
    at: datetime | None


class Api(Protocol):
    """What a sync needs from a `Client`. Tests implement it without a network."""

    @property
    def usage(self) -> Usage:
        """What the sync has spent."""

    @property
    def pacing(self) -> Pacing:
        """How fast requests may leave."""

    @property
    def null_answers(self) -> NullAnswers:
        """Which null answers can be believed."""

    def get(self, request: Request) -> Answer:
        """The answer to `request`. Raises StreamError or SyncError."""

    def pause(self, seconds: float) -> None:
        """Waits before a request is repeated. Raises SyncError if the sync is asked to stop."""

    def page_bytes(self, stream: str) -> int:
        """About how much memory the largest answer so far takes until its records are out."""


class Forwarding:
    """Sends through another client. Subclasses decide when."""

    def __init__(self, client: Api) -> None:
        self._client = client

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
        """The answer to `request`. Raises as the client does."""
        return self._client.get(request)

    def pause(self, seconds: float) -> None:
        """Waits before a request is repeated."""
        self._client.pause(seconds)

    def page_bytes(self, stream: str) -> int:
        """About how much memory the largest answer so far takes until its records are out."""
        return self._client.page_bytes(stream)
