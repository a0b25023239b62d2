"""What a program has read: enough of its output to tell whether another one has read the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

DIGEST = 16  # bytes


@dataclass(frozen=True)
class Records:
    """The RECORD messages of an output.

    count: all of them; unique: those that say something else than another one; digest: of the
    data of the unique ones, in whatever order they came and whatever the order of their fields.
    """

    count: int
    unique: int
    digest: str


def records_of(lines: Iterable[bytes]) -> Records:
    """Reads an output line by line. What is no RECORD is passed over."""
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


def same(name: str, read: Records, expected: Records) -> None:
    """RuntimeError unless `read` holds all that is expected, once, and nothing else."""
    if (read.unique, read.digest) != (expected.unique, expected.digest):
        raise RuntimeError(f"{name} has not read what the floor has read: {read}, {expected}")
    if read.count > expected.count:
        raise RuntimeError(f"{name} brought records twice: {read}, {expected}")
