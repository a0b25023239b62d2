"""A digest of the records that a program read, to check that another one read the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

DIGEST = 16  # bytes


@dataclass(frozen=True)
class Records:
    """A summary of an output's RECORD messages.

    count: all of them; unique: the distinct ones; digest: of the distinct ones' data, regardless of
    the order of records and fields.
    """

    count: int
    unique: int
    digest: str


def records_of(lines: Iterable[bytes]) -> Records:
    """Summarize an output line by line; other messages than RECORD are ignored."""
    count, seen = 0, set()
    for line in lines:
        message = orjson.loads(line)
        if message["type"] != "RECORD":
            continue
        count += 1
        record = message["record"]
        said = orjson.dumps([record["stream"], record["data"]], option=orjson.OPT_SORT_KEYS)
        seen.add(hashlib.blake2b(said, digest_size=DIGEST).digest())
    whole = hashlib.blake2b(b"".join(sorted(seen)), digest_size=DIGEST)
    return Records(count, len(seen), whole.hexdigest())


def check_same(name: str, read: Records, expected: Records) -> None:
    """Raise RuntimeError unless `read` has all expected records once, and no others."""
    if (read.unique, read.digest) != (expected.unique, expected.digest):
        raise RuntimeError(f"{name} did not read the same as the floor: {read}, {expected}")
    if read.count > expected.count:
        raise RuntimeError(f"{name} returned duplicate records: {read}, {expected}")


def last_states(messages: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The last state of each stream, as the next sync gets them."""
    last = {}
    for message in messages:
        if message["type"] == "STATE":
            last[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
    return list(last.values())
