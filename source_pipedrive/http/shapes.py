"""Decodes the pages of a list into structs: the fast path beside http/decoding.py.

The first page of a list shows which keys its records have. From then on a page is decoded straight
into structs with these fields, which takes less than half the time. Whatever does not fit is
decoded by http/decoding.py, silently: a new key, a record without its primary key, a broken text or
number, null instead of records.

The values are those that http/decoding.py finds. Only a null cannot be told from an absent key,
which makes no difference to what is written.
"""

from __future__ import annotations

import keyword
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from source_pipedrive.http.decoding import ALIKE, MANY_DIGITS, decode

# Pages in a row that do not fit before structs are given up: each of them is decoded twice.
MISFITS = 10
# Pages with a new key before structs are given up.
MOST_LEARNED = 50
# What is raised for a page that does not fit, broken UTF-8 and deep nesting included.
MISFIT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# msgspec checks the bytes of a Raw value, but not their UTF-8, nor whether a number is too large
# for a float. These tables find exponents in a fraction of the time that decoding takes: without
# digits and blanks, `: 1.5e300,` is `:.e,`, and a key such as `1e5f` has a quote beside it.
_BESIDE = b":,[]{}.+-"
_ALIKE = bytes.maketrans(_BESIDE + b"E", b":" * len(_BESIDE) + b"e")
_DELETED = b"0123456789 \t"
_EXPONENT = b":e:"
_STRIDE = 16  # 309 digits in a row, which no float holds, are MANY_DIGITS even of every 16th byte
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class ShapedRecord(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A record whose keys are fields; those without a value are None. It is read like a dictionary
    and never changed. A value that stays bytes keeps its whole page in memory, so no record is kept
    longer than its page."""

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a key; None if it is null or absent."""
        return _read(getattr(self, name, default))

    def __getitem__(self, name: str) -> Any:
        try:
            return _read(getattr(self, name))
        except AttributeError:
            raise KeyError(name) from None

    def keys(self) -> Iterator[str]:
        """The keys that have a value."""
        return (name for name in self.__struct_fields__ if getattr(self, name) is not None)

    def plain(self) -> dict[str, Any]:
        """The record as a dictionary, without nulls."""
        values = msgspec.structs.astuple(self)
        pairs = zip(self.__struct_fields__, values, strict=True)
        return {name: _read(value) for name, value in pairs if value is not None}


@dataclass(frozen=True)
class _PageDecoder:
    """Decodes the pages of one list. raw: a key whose values stay bytes, or ""."""

    decoder: msgspec.json.Decoder[Any]
    raw: str = ""

    def decode(self, raw: bytes) -> dict[str, Any]:
        """The object in an answer; raises MISFIT if it does not fit."""
        page = self.decoder.decode(raw)
        if self.raw and not _can_stay([getattr(each, self.raw) for each in page.data]):
            raise msgspec.ValidationError
        found = {name: getattr(page, name) for name in page.__struct_fields__}
        return {name: value for name, value in found.items() if value is not msgspec.UNSET}


class Shape:
    """The keys that the records of one list turn out to have. Thread-safe.

    required: keys that each record must have, so that a struct is never empty; texts: keys that
    hold only texts, because anything else is converted; raw: a key whose values nobody reads, so
    that they may stay bytes, or "". At least one key is required.
    """

    def __init__(
        self, required: Collection[str], texts: Collection[str] = (), raw: str = ""
    ) -> None:
        self._types: dict[str, Any] = dict.fromkeys(texts, str | None)
        self._types |= dict.fromkeys(required, int | str)
        self._required = frozenset(required)
        self._lock, self._first = threading.Lock(), threading.Lock()
        self._keys: frozenset[str] | None = frozenset()  # None: this list needs dictionaries
        self._raw = raw
        self._decoders: tuple[_PageDecoder, ...] = ()  # the fastest first
        self._misfits = 0  # pages in a row that did not fit the fastest
        self._learned = 0  # pages that had a new key

    def decode(self, raw: bytes, stream: str) -> dict[str, Any]:
        """As `http.decoding.decode`, but the records in `data` are structs if they fit."""
        if self._decoders or self._keys is None:
            return self._decode(raw, stream)
        with self._first:  # other workers' first pages wait until the shape is known
            return self._decode(raw, stream)

    def _decode(self, raw: bytes, stream: str) -> dict[str, Any]:
        decoders = self._decoders
        for decoder in decoders:
            try:
                body = decoder.decode(raw)
            except MISFIT:
                self._note_misfit(decoder)
            else:
                if decoder is decoders[0]:
                    self._misfits = 0
                return body
        body = decode(raw, stream)
        if self._keys is not None:
            with self._lock:
                self._learn(body.get("data"))
        return body

    def _note_misfit(self, decoder: _PageDecoder) -> None:
        with self._lock:
            if self._decoders[:1] != (decoder,):
                return  # another worker has replaced it
            self._misfits += 1
            if self._misfits >= MISFITS:
                self._misfits, self._decoders = 0, self._decoders[1:]
                self._keys = self._keys if self._decoders else None

    def _learn(self, records: Any) -> None:
        """Adds the keys of a page that was decoded into dictionaries."""
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            return
        if self._keys is None or not records:
            return
        keys = self._keys.union(*records)
        if not all(map(_can_be_field, keys - self._keys)) or self._learned >= MOST_LEARNED:
            self._keys, self._decoders = None, ()
        elif keys != self._keys:
            self._keys, self._learned, self._misfits = keys, self._learned + 1, 0
            kinds = (self._raw, "") if self._raw in keys else ("",)
            keys |= self._required
            self._decoders = tuple(_PageDecoder(self._decoder(keys, raw), raw) for raw in kinds)

    def _decoder(self, keys: frozenset[str], raw: str) -> msgspec.json.Decoder[Any]:
        types = {key: self._types.get(key, Any) for key in sorted(keys)}
        types |= {raw: msgspec.Raw} if raw else {}
        fields = [
            (key, type_) if key in self._required else (key, type_, None)
            for key, type_ in types.items()
        ]
        record: Any = msgspec.defstruct("Record", fields, bases=(ShapedRecord,), kw_only=True)
        around = [("success", Any, msgspec.UNSET), ("additional_data", Any, msgspec.UNSET)]
        page = msgspec.defstruct(
            "Page", [("data", list[record]), *around], forbid_unknown_fields=True, gc=False
        )
        return msgspec.json.Decoder(page)


def _read(value: Any) -> Any:
    return msgspec.json.decode(value) if value.__class__ is msgspec.Raw else value


def _can_be_field(key: str) -> bool:
    """Whether a key can be the field of a struct."""
    if not key.isascii() or not key.isidentifier() or keyword.iskeyword(key):
        return False
    return not key.startswith("_") and not hasattr(ShapedRecord, key)


def _can_stay(values: Sequence[Any]) -> bool:
    """Whether the JSON of these values can be written as it is: objects on one line, in UTF-8,
    without lone surrogates and without numbers that may be too large for a float.

    Raises UnicodeDecodeError for other bytes than UTF-8.
    """
    if not values:
        return True
    if None in values or min(map(len, values)) <= len(b"null"):
        return False  # absent or null
    joined = b",".join([b"", *values, b""])
    if b"\n" in joined or b"\r" in joined:
        return False
    if not joined.isascii():
        joined.decode()
    if MANY_DIGITS in joined[::_STRIDE].translate(ALIKE):
        return False
    if b"\\" in joined and _SURROGATE.search(joined):
        return False
    return _EXPONENT not in joined.translate(_ALIKE, _DELETED)


def are_shaped(records: Sequence[Any]) -> bool:
    """Whether the records of a page are structs. All records of a page are of the same class."""
    return bool(records) and isinstance(records[0], ShapedRecord)


def values(records: Sequence[Any], name: str) -> list[Any]:
    """The value of one key in each record of a page; None where it is null or absent."""
    if are_shaped(records) and name in records[0].__struct_fields__:
        return list(map(attrgetter(name), records))
    return [record.get(name) for record in records]
