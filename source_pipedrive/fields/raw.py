"""The bytes of `custom_fields` in structs: whether they can be written as they are, and what they
contain. The fast path beside the dictionaries of http/decoding.py."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from source_pipedrive.fields.columns import RAW
from source_pipedrive.fields.values import Values
from source_pipedrive.http.decoding import ALIKE, MANY_DIGITS, decode, encode
from source_pipedrive.http.shapes import MISFIT, ShapedRecord

Raw = Any  # msgspec.Raw, or None

# How often a decoder is made for more keys.
MOST_LEARNED = 50
# msgspec checks the syntax of bytes, but not their UTF-8, nor whether a number is too large for a
# float. These tables find exponents in a fraction of the time that decoding takes: without digits
# and blanks, `: 1.5e300,` is `:.e,`, and a key such as `1e5f` has a quote beside it.
_BESIDE = b":,[]{}.+-"
_ALIKE = bytes.maketrans(_BESIDE + b"E", b":" * len(_BESIDE) + b"e")
_DELETED = b"0123456789 \t"
_EXPONENT = b":e:"
# 309 digits in a row, which no float holds, are twice MANY_DIGITS even of every eighth byte.
_STRIDE, _TOO_MANY = 8, 2 * MANY_DIGITS
_EMPTY = b"{}"


class CustomFields:
    """Decodes the custom fields of a list's structs, a page at a time. Thread-safe.

    Bytes that cannot be written as they are, such as a broken text or JSON on several lines, are
    replaced by the object that http/decoding.py finds in them. Nulls are removed.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        # The keys, in the order of the decoder's fields. Both are read without the lock, at once.
        self._known: tuple[tuple[str, ...], msgspec.json.Decoder[Any] | None] = (), None
        self._learned = 0

    def settle(self, records: Sequence[ShapedRecord]) -> None:
        """Prepares the records for writing, where no columns are wanted."""
        raws = _without_nulls(records)
        if not _can_stay([raw for raw in raws if raw is not None]):
            self._replace(records, raws)

    def values(self, records: Sequence[ShapedRecord]) -> Mapping[str, Values]:
        """As `settle`; returns the value of each field in each record, None where it has none."""
        raws = _without_nulls(records)
        keys, decoder = self._known
        if decoder is not None:
            # What is as short as an empty object may also be an empty list.
            each = [raw if raw is not None and len(raw) > len(_EMPTY) else _EMPTY for raw in raws]
            each[0] = b"".join([b"[", each[0]])
            each[-1] = b"".join([each[-1], b"]"])
            joined = b",".join(each)
            with contextlib.suppress(*MISFIT):
                if b"\n" not in joined and b"\r" not in joined:
                    rows = map(msgspec.structs.astuple, decoder.decode(joined))
                    return dict(zip(keys, zip(*rows, strict=True), strict=True))
        objects = [each if isinstance(each, dict) else {} for each in self._replace(records, raws)]
        return {key: [each.get(key) for each in objects] for key in self._learn(objects)}

    def _replace(self, records: Sequence[ShapedRecord], raws: Sequence[Raw]) -> list[Any]:
        joined = b",".join(b"null" if raw is None else raw for raw in raws)
        found: list[Any] = decode(b'{"data":[%b]}' % joined, self._stream)["data"]
        for record, value in zip(records, found, strict=True):
            setattr(record, RAW, value)
        return found

    def _learn(self, objects: Sequence[Mapping[str, Any]]) -> Collection[str]:
        """The keys of these objects, which the decoder knows from now on."""
        found = dict.fromkeys(key for each in objects for key in each)
        with self._lock:
            known, _ = self._known
            keys = tuple(dict.fromkeys([*known, *found]))
            if len(keys) > len(known) and self._learned < MOST_LEARNED:
                self._known, self._learned = (keys, _decoder(keys)), self._learned + 1
        return found


def _decoder(keys: Sequence[str]) -> msgspec.json.Decoder[Any] | None:
    """None if a struct cannot have these keys."""
    names = {f"field_{number}": key for number, key in enumerate(keys)}
    try:
        struct: Any = msgspec.defstruct(
            "CustomFields",
            [(name, Any, None) for name in names],
            rename=names,
            forbid_unknown_fields=True,
            gc=False,
        )
    except ValueError:
        return None
    return msgspec.json.Decoder(list[struct])


def _without_nulls(records: Sequence[ShapedRecord]) -> list[Raw]:
    """The bytes in each record. A null would be written; it is removed."""
    raws = list(map(attrgetter(RAW), records))
    if {*map(type, raws)} == {msgspec.Raw} and min(map(len, raws)) > len(b"null"):
        return raws
    for number, raw in enumerate(raws):
        if raw is not None and raw.__class__ is not msgspec.Raw:
            raws[number] = encode(raw)  # it has been replaced
        elif raw is not None and b"".join([raw]) == b"null":
            raws[number] = None
            setattr(records[number], RAW, None)
    return raws


def _can_stay(values: Sequence[Raw]) -> bool:
    """Whether JSON can be written as it is: on one line, in UTF-8, without numbers
    that may be too large for a float. msgspec has found no lone surrogates."""
    joined = b",".join([b"", *values, b""])
    if b"\n" in joined or b"\r" in joined:
        return False
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError:
            return False
    if _TOO_MANY in joined[::_STRIDE].translate(ALIKE):
        return False
    # rfind takes a third of the time that `in` takes.
    return joined.translate(_ALIKE, _DELETED).rfind(_EXPONENT) < 0
