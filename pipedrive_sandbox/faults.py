"""Fault injection: make the next matching responses fail in a given way."""

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
    """One fault. With neither `status` nor `body` it only delays the response and replaces text.

    The first `after_requests` matching requests pass, the next `times` of them fail.
    `replace`: [old, new], the first occurrence of a text in the real body and its replacement.
    `body` is one of:

    - `json`: the vendor's body for the status
    - `html`: Cloudflare's page
    - `empty`: no body
    - `null`: `data: null`, although there are records
    - `bare`: the same without `additional_data`
    - `absent`: neither of the two keys
    - `truncated`: half of the real body, with a matching Content-Length
    - `reset`: half of the real body, then the connection is closed
    - `drop`: the connection is closed without a response
    - `loop`: the real page, with a cursor that leads back to it
    - `short`: a page with a third of its limit, and more to follow
    - `again`: the page, preceded by the last three records of the previous response
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
    """The pending faults, in the order in which they were added."""

    def __init__(self) -> None:
        self._open: list[Fault] = []

    def order(self, faults: Iterable[Mapping[str, Any]]) -> None:
        """Add `faults`. Raises ValueError for an unknown key."""
        known = {field.name for field in fields(Fault)}
        for fault in faults:
            unknown = sorted(set(fault) - known)
            if unknown:
                raise ValueError(f"unknown keys in a fault: {', '.join(unknown)}")
            self._open.append(Fault(**fault))

    def take(self, path: str, by_name: bool = False) -> Fault | None:
        """The fault for a request to `path` (with its query), if any. by_name: faults for any path
        do not count."""
        for fault in self._open:
            if fault.path_contains not in path or (by_name and not fault.path_contains):
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


def apply_fault(body: bytes, fault: Fault, cursor: str | None, again: list[Any]) -> bytes:
    """Apply a fault to the real body of a response.

    `cursor` is the request's; `again` holds records that the client already has.
    """
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
