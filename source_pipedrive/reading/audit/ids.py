"""Compact sets of ids: Pipedrive numbers most records, and gives leads UUIDs.

A state may hold a million ids, so they are packed: whole numbers as a bitmap or as the differences
between neighbours, whichever is shorter; UUIDs as 16 bytes each. Both are compressed and written as
base64.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

# A chunk of the bitmap is one Python integer of this many bits: large enough to be compact, small
# enough that setting one bit, which copies it, takes no time.
BITS = 12
CHUNK, LOW, BYTES = 1 << BITS, (1 << BITS) - 1, (1 << BITS) // 8
BITMAP, STEPS, UUIDS = b"b", b"s", b"u"
# Nothing that Pipedrive numbers is larger.
LARGEST = 1 << 62


class Numbers:
    """A set of positive whole numbers."""

    def __init__(self, ids: Iterable[Any] = (), chunks: dict[int, int] | None = None) -> None:
        self._chunks: dict[int, int] = {} if chunks is None else chunks
        self.add(ids)

    @classmethod
    def between(cls, after: int, to: int) -> Numbers:
        """All numbers above `after`, up to and including `to`."""
        chunks = {}
        for chunk in range((after + 1) >> BITS, (to >> BITS) + 1 if to > after else 0):
            start = chunk << BITS
            low, high = max(after + 1 - start, 0), min(to + 1 - start, CHUNK)
            if bits := ((1 << high) - 1) & ~((1 << low) - 1):
                chunks[chunk] = bits
        return cls(chunks=chunks)

    def add(self, ids: Iterable[Any]) -> None:
        """Adds ids; what is not a positive whole number is passed over."""
        chunks = self._chunks
        for id_ in ids:
            if isinstance(id_, int) and 0 < id_ < LARGEST:
                chunk = id_ >> BITS
                chunks[chunk] = chunks.get(chunk, 0) | (1 << (id_ & LOW))

    def __contains__(self, id_: object) -> bool:
        if not isinstance(id_, int) or id_ <= 0:
            return False
        return bool(self._chunks.get(id_ >> BITS, 0) >> (id_ & LOW) & 1)

    def __iter__(self) -> Iterator[int]:
        for chunk in sorted(self._chunks):
            bits, start = self._chunks[chunk], chunk << BITS
            while bits:
                lowest = bits & -bits
                yield start + lowest.bit_length() - 1
                bits ^= lowest

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self._chunks.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbers) and self._chunks == other._chunks

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Numbers) -> Numbers:
        chunks = dict(self._chunks)
        for chunk, bits in other._chunks.items():
            chunks[chunk] = chunks.get(chunk, 0) | bits
        return Numbers(chunks=chunks)

    def __and__(self, other: Numbers) -> Numbers:
        both = ((chunk, bits & other._chunks.get(chunk, 0)) for chunk, bits in self._chunks.items())
        return Numbers(chunks={chunk: bits for chunk, bits in both if bits})

    def __sub__(self, other: Numbers) -> Numbers:
        rest = (
            (chunk, bits & ~other._chunks.get(chunk, 0)) for chunk, bits in self._chunks.items()
        )
        return Numbers(chunks={chunk: bits for chunk, bits in rest if bits})

    def within(self, after: int, to: int) -> Numbers:
        """Those above `after`, up to and including `to`. Takes no longer for a wider range."""
        found = {}
        for chunk, bits in self._chunks.items():
            low, high = (max(0, min(at + 1 - (chunk << BITS), CHUNK)) for at in (after, to))
            if kept := bits & ((1 << high) - (1 << low) if high > low else 0):
                found[chunk] = kept
        return Numbers(chunks=found)

    @property
    def highest(self) -> int:
        """The highest id; 0 if there is none."""
        if not self._chunks:
            return 0
        chunk = max(self._chunks)
        return (chunk << BITS) + self._chunks[chunk].bit_length() - 1

    def dump(self) -> str:
        """The set as text; "" if it is empty."""
        if not self._chunks:
            return ""
        # A difference takes a byte or more, and compresses worse than a bit.
        if len(self) < len(self._chunks) * BYTES // 4:
            return _packed(STEPS + _steps(self))
        chunks = sorted(self._chunks)
        maps = b"".join(self._chunks[chunk].to_bytes(BYTES, "little") for chunk in chunks)
        return _packed(BITMAP + _number(len(chunks)) + _steps(chunks) + maps)

    @classmethod
    def load(cls, text: str) -> Numbers:
        """The set that `dump` wrote. Raises ValueError for any other text."""
        if not text:
            return cls()
        raw = _unpacked(text)
        kind, body = raw[:1], memoryview(raw)[1:]
        if kind == STEPS:
            return cls(_numbers(body))
        if kind != BITMAP:
            raise ValueError("not a set of numbers")
        (count,), body = _read(body, 1)
        steps, body = _read(body, count)
        if len(body) != count * BYTES:
            raise ValueError("a bitmap of another length")
        maps = (
            int.from_bytes(body[at : at + BYTES], "little") for at in range(0, len(body), BYTES)
        )
        return cls(chunks=dict(zip(_summed(steps), maps, strict=True)))


class Uuids:
    """A set of UUIDs."""

    def __init__(self, ids: Iterable[Any] = (), known: set[bytes] | None = None) -> None:
        self._ids: set[bytes] = set() if known is None else known
        self.add(ids)

    def add(self, ids: Iterable[Any]) -> None:
        """Adds ids; what is no UUID is passed over."""
        self._ids.update(found for id_ in ids if (found := _bytes(id_)))

    def __contains__(self, id_: object) -> bool:
        return _bytes(id_) in self._ids

    def __iter__(self) -> Iterator[str]:
        return (str(UUID(bytes=id_)) for id_ in sorted(self._ids))

    def __len__(self) -> int:
        return len(self._ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Uuids) and self._ids == other._ids

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Uuids) -> Uuids:
        return Uuids(known=self._ids | other._ids)

    def __and__(self, other: Uuids) -> Uuids:
        return Uuids(known=self._ids & other._ids)

    def __sub__(self, other: Uuids) -> Uuids:
        return Uuids(known=self._ids - other._ids)

    def dump(self, among: Uuids | None = None) -> str:
        """The set as text; "" if it is empty. among: a set that is known when the text is read:
        its members take a bit each, others 16 bytes."""
        if not self._ids:
            return ""
        known = sorted(among._ids) if among is not None else []
        bits = sum(1 << at for at, id_ in enumerate(known) if id_ in self._ids)
        others = self._ids.difference(known)
        seen = bits.to_bytes(-(-len(known) // 8), "little")
        return _packed(UUIDS + _number(len(known)) + seen + b"".join(sorted(others)))

    @classmethod
    def load(cls, text: str, among: Uuids | None = None) -> Uuids:
        """The set that `dump` wrote. Raises ValueError for any other text, or another `among`."""
        if not text:
            return cls()
        raw = _unpacked(text)
        (count,), body = _read(memoryview(raw)[1:], 1)
        known = sorted(among._ids) if among is not None else []
        size = -(-count // 8)
        if raw[:1] != UUIDS or count != len(known) or (len(body) - size) % 16:
            raise ValueError("not a set of UUIDs")
        bits = int.from_bytes(body[:size], "little")
        seen = {id_ for at, id_ in enumerate(known) if bits >> at & 1}
        others = {bytes(body[at : at + 16]) for at in range(size, len(body), 16)}
        return cls(known=seen | others)


def _bytes(id_: object) -> bytes:
    try:
        return UUID(id_).bytes if isinstance(id_, str) else b""
    except ValueError:
        return b""


def _packed(raw: bytes) -> str:
    return b64encode(zlib.compress(raw, 6)).decode()


def _unpacked(text: str) -> bytes:
    try:
        return zlib.decompress(b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError("not a compressed set") from error


def _number(value: int) -> bytes:
    """A number in as few bytes as it needs, seven bits each."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _steps(ascending: Iterable[int]) -> bytes:
    """The differences between neighbours, from zero on."""
    found, before = bytearray(), 0
    for value in ascending:
        step = value - before
        found += _number(step) if step > 127 else bytes((step,))
        before = value
    return bytes(found)


def _read(body: memoryview, count: int) -> tuple[list[int], memoryview]:
    """The next `count` numbers, and what follows them."""
    found: list[int] = []
    at = 0
    while len(found) < count:
        value, shift = 0, 0
        while True:
            if at >= len(body):
                raise ValueError("a set that was cut short")
            byte = body[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found.append(value)
    return found, body[at:]


def _numbers(body: memoryview) -> list[int]:
    """All numbers to the end, as sums of the differences."""
    found, rest = _read(body, sum(byte < 128 for byte in body))
    if rest:
        raise ValueError("a set that was cut short")
    return _summed(found)


def _summed(steps: Iterable[int]) -> list[int]:
    found, value = [], 0
    for step in steps:
        value += step
        found.append(value)
    return found
