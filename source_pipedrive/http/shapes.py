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
import threading
from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from source_pipedrive.http.decoding import decode

# Pages in a row that do not fit before structs are given up: each of them is decoded twice.
MISFITS = 10
# Pages with a new key before structs are given up.
MOST_LEARNED = 50
# What is raised for a page that does not fit, broken UTF-8 and deep nesting included.
MISFIT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class ShapedRecord(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A record whose keys are fields; those without a value are None. It is read like a dictionary
    and changed only by fields/raw.py. A value that stays bytes keeps its whole page in memory, so
    no record is kept longer than its page."""

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
        return iter(self.plain())

    def plain(self) -> dict[str, Any]:
        """The record as a dictionary, without nulls."""
        values = msgspec.structs.astuple(self)
        pairs = zip(self.__struct_fields__, map(_read, values), strict=True)
        return {name: value for name, value in pairs if value is not None}


class Shape:
    """The keys that the records of one list turn out to have. Thread-safe.

    required: keys that each record must have, so that a struct is never empty; texts: keys that
    hold only texts, because anything else is converted; raw: a key whose values stay bytes until
    somebody reads them, or "". Of these bytes only the syntax is checked (fields/raw.py checks the
    rest). At least one key is required.
    """

    def __init__(
        self, required: Collection[str], texts: Collection[str] = (), raw: str = ""
    ) -> None:
        self._types: dict[str, Any] = dict.fromkeys(texts, str | None)
        self._types |= dict.fromkeys(required, int | str)
        self._types |= {raw: msgspec.Raw} if raw else {}
        self._required = frozenset(required)
        self._lock, self._first = threading.Lock(), threading.Lock()
        self._keys: frozenset[str] | None = frozenset()  # None: this list needs dictionaries
        self._decoder: msgspec.json.Decoder[Any] | None = None
        self._misfits = 0  # pages in a row that did not fit
        self._learned = 0  # pages that had a new key

    @property
    def is_in_use(self) -> bool:
        """False once structs have been given up."""
        return self._keys is not None

    def decode(self, raw: bytes, stream: str) -> dict[str, Any]:
        """As `http.decoding.decode`, but the records in `data` are structs if they fit."""
        if self._decoder is not None or self._keys is None:
            return self._decode(raw, stream)
        with self._first:  # other workers' first pages wait until the shape is known
            return self._decode(raw, stream)

    def _decode(self, raw: bytes, stream: str) -> dict[str, Any]:
        decoder = self._decoder
        if decoder is not None:
            try:
                page = decoder.decode(raw)
            except MISFIT:
                self._note_misfit(decoder)
            else:
                self._misfits = 0
                found = {name: getattr(page, name) for name in page.__struct_fields__}
                return {name: value for name, value in found.items() if value is not msgspec.UNSET}
        body = decode(raw, stream)
        if self._keys is not None:
            with self._lock:
                self._learn(body.get("data"))
        return body

    def _note_misfit(self, decoder: msgspec.json.Decoder[Any]) -> None:
        with self._lock:
            if self._decoder is not decoder:
                return  # another worker has replaced it
            self._misfits += 1
            if self._misfits >= MISFITS:
                self._keys = self._decoder = None

    def _learn(self, records: Any) -> None:
        """Adds the keys of a page that was decoded into dictionaries."""
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            return
        if self._keys is None or not records:
            return
        keys = self._keys.union(*records)
        if not all(map(_can_be_field, keys - self._keys)) or self._learned >= MOST_LEARNED:
            self._keys = self._decoder = None
        elif keys != self._keys:
            self._keys, self._learned, self._misfits = keys, self._learned + 1, 0
            self._decoder = self._made(keys | self._required)

    def _made(self, keys: frozenset[str]) -> msgspec.json.Decoder[Any]:
        types = {key: self._types.get(key, Any) for key in sorted(keys)}
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
    if value.__class__ is not msgspec.Raw:
        return value
    return decode(b'{"value":%b}' % b"".join([value]), "a record")["value"]


def _can_be_field(key: str) -> bool:
    """Whether a key can be the field of a struct."""
    if not key.isascii() or not key.isidentifier() or keyword.iskeyword(key):
        return False
    return not key.startswith("_") and not hasattr(ShapedRecord, key)


def are_shaped(records: Sequence[Any]) -> bool:
    """Whether the records of a page are structs. All records of a page are of the same class."""
    return bool(records) and isinstance(records[0], ShapedRecord)


def values(records: Sequence[Any], name: str) -> list[Any]:
    """The value of one key in each record of a page; None where it is null or absent."""
    if are_shaped(records) and name in records[0].__struct_fields__:
        return list(map(attrgetter(name), records))
    return [record.get(name) for record in records]
