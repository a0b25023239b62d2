"""An answer of Pipedrive as the judges see it, and all answers of one interview."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from source_pipedrive.reading.answers import pagination_of, promises_more
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.tools.probe.findings import Finding, Why

Params = Mapping[str, str]
ID = "{id}"  # the key for the id in a path
Record = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer. status: of HTTP; headers: by name in lower case; cost: API tokens of the request;
    rested: whether the burst limit's window was empty before it, as far as this program knows."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    cost: int
    rested: bool = False

    @cached_property
    def body(self) -> Any:
        """The JSON of the body; None if it is none."""
        try:
            return orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            return None

    @property
    def text(self) -> str:
        """The start of the body, for patterns only."""
        return self.raw[:10_000].decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        """Whether it holds what was asked for."""
        return self.status == 200 and isinstance(self.body, dict)

    @property
    def data(self) -> Any:
        """What is in place of the records."""
        return self.body.get("data") if isinstance(self.body, dict) else None

    @property
    def records(self) -> list[Record]:
        """The records; those of goals are one level deeper."""
        data = self.data
        if isinstance(data, dict) and isinstance(data.get("goals"), list):
            data = data["goals"]
        return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []

    @property
    def paging(self) -> Mapping[str, Any]:
        """The block that says whether other pages follow; empty if there is none."""
        return pagination_of(self.body) if isinstance(self.body, dict) else {}

    @property
    def more(self) -> bool:
        """Whether other pages follow."""
        return isinstance(self.body, dict) and promises_more(self.body)

    def times(self, name: str) -> list[int | None]:
        """The times in a field of the records, in seconds."""
        return [instant_or_none(record.get(name)) for record in self.records]


@dataclass(frozen=True)
class Ask:
    """A request that the probe sends once.

    params: what it asks for; or a function that derives it, and the id in the path, from earlier
    answers (under the key ID), and returns None if they do not allow the question. after: those
    answers. seconds: how long after the first of them it is sent.
    """

    name: str
    version: int
    path: str
    cost: int
    params: Params | Callable[[Seen], Params | None] = field(default_factory=dict)
    after: tuple[Ask, ...] = ()
    seconds: float = 0

    @property
    def line(self) -> str:
        """How a report names the request."""
        return f"GET /api/v{self.version}/{self.path}"


@dataclass(frozen=True)
class Seen:
    """All answers of one interview.

    replies: by the name of the request; missing: why others have no answer. apps: those of the
    token's user, None if unknown. at: Pipedrive's clock at the beginning, in seconds. oauth:
    whether the credentials are an app's; scopes: those that the token answer listed, None without
    such an answer; rotated: whether it replaced the refresh token. limited: an answer of 429, if
    there was one. values: texts in the answers, in lower case.
    """

    replies: Mapping[str, Reply]
    missing: Mapping[str, Why] = field(default_factory=dict)
    apps: frozenset[str] | None = None
    at: int = 0
    oauth: bool = False
    scopes: frozenset[str] | None = None
    rotated: bool = False
    limited: Reply | None = None
    values: frozenset[str] = frozenset()

    def reply(self, ask: Ask) -> Reply | None:
        """The answer to a request; None if it has none."""
        return self.replies.get(ask.name)

    def good(self, *asks: Ask) -> list[Reply]:
        """Those answers that hold what was asked for."""
        replies = (self.reply(ask) for ask in asks)
        return [reply for reply in replies if reply is not None and reply.ok]

    def records(self, *asks: Ask) -> list[Record]:
        """The records of those answers, one after the other."""
        return [record for reply in self.good(*asks) for record in reply.records]

    @property
    def silence(self) -> Why:
        """Why there is no answer at all."""
        return next(iter(self.missing.values()), Why.UNANSWERED)

    @property
    def trail(self) -> Sequence[Reply]:
        """All answers in the order of their requests."""
        return list(self.replies.values())


Judge = Callable[[Seen], Finding]
EITHER = "Nothing changes: it accepts both."  # a Question's `otherwise`


@dataclass(frozen=True)
class Question:
    """One thing that nobody documents.

    assumes: what the connector takes for granted, or for the usual case; otherwise: what it does
    if that is wrong; module: where that is in the code. asks: the requests, of which the first has
    to be answered, and with 200 unless the question is about a refusal.
    """

    name: str
    assumes: str
    otherwise: str
    module: str
    asks: tuple[Ask, ...]
    judge: Judge
    about_refusal: bool = False

    @property
    def price(self) -> int:
        """API tokens, if nothing else needed the answers."""
        return sum(ask.cost for ask in self.asks)


def texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value, in lower case, without the names of its keys."""
    if isinstance(value, str):
        yield value.lower()
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
