"""Failures to order: the next answers that match fail in a given way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import orjson

Body = Literal[
    "json",
    "html",
    "empty",
    "null",
    "bare",
    "absent",
    "truncated",
    "reset",
    "drop",
    "loop",
    "short",
    "again",
]
_USUAL = {"html": 403, "json": 0}


@dataclass
class Fault:
    """One order. With neither `status` nor `body` it only delays, and replaces.

    `json`: the vendor's body for the status. `html`: Cloudflare's page. `empty`: no body.
    `null`: `data: null`, where the real answer has records; `bare`: the same without
    `additional_data`; `absent`: neither of the two keys. `truncated`: half of the real body
    with its right length. `reset`: half of the real body, then the connection is closed. `drop`:
    the connection is closed without an answer. `loop`: the real page, with a cursor that leads
    back to it. `short`: a page of a third of its limit, with more to follow. `again`: the page,
    and before it the last three records of the answer before. `replace`: [old, new],
    put in place once in the real body. `after_requests` matching requests pass first, then
    `times` of them fail.
    """

    path_contains: str = ""
    status: int = 0
    body: Body = "json"
    times: int = 1
    after_requests: int = 0
    delay_ms: float = 0.0
    replace: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.body not in get_args(Body):
            raise ValueError(f"body is one of {', '.join(get_args(Body))}, not {self.body!r}")
        if not self.status:
            self.status = _USUAL.get(self.body, 200)


class Faults:
    """The orders that are still open, first come first served."""

    def __init__(self) -> None:
        self._open: list[Fault] = []

    def order(self, faults: Iterable[Mapping[str, Any]]) -> None:
        """Add `faults`; an unknown key is a ValueError."""
        known = {field.name for field in fields(Fault)}
        for fault in faults:
            unknown = sorted(set(fault) - known)
            if unknown:
                raise ValueError(f"no such keys in a fault: {', '.join(unknown)}")
            self._open.append(Fault(**fault))

    def take(self, path: str) -> Fault | None:
        """The fault that meets a request to `path` (with its query), if any."""
        for fault in self._open:
            if fault.path_contains not in path:
                continue
            if fault.after_requests > 0:
                fault.after_requests -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._open.remove(fault)
            return fault
        return None

    def clear(self) -> None:
        self._open.clear()

    def __len__(self) -> int:
        return len(self._open)


def spoilt(body: bytes, fault: Fault, cursor: str | None, again: list[Any]) -> bytes:
    """The real answer to a request with `cursor`, as the fault wants it; again: records that the
    client has had."""
    if fault.replace:
        old, new = fault.replace
        body = body.replace(old.encode(), new.encode("utf-8", "surrogatepass"), 1)
    if fault.body == "truncated":
        return body[: len(body) // 2]
    if fault.body not in ("null", "bare", "absent", "loop", "again"):
        return body
    answer = orjson.loads(body)
    if fault.body == "absent":
        del answer["data"]
    if fault.body in ("bare", "absent"):
        answer.pop("additional_data", None)
    if fault.body in ("null", "bare"):
        answer["data"] = None
    elif fault.body == "again":
        answer["data"] = [*again, *answer["data"]]
    elif fault.body == "loop" and cursor:
        answer["additional_data"]["next_cursor"] = cursor
    return orjson.dumps(answer)
