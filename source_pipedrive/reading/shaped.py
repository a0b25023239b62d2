"""Structs as they are written: the fast path beside reading/records.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import starmap
from typing import Any

import msgspec

from source_pipedrive.http.shapes import ShapedRecord

Row = msgspec.Struct | dict[str, Any]

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class ShapedRecords:
    """The records of a page. columns: a row for each of them with what is written besides its own
    keys, none of which is among them; empty if there is nothing."""

    records: Sequence[ShapedRecord]
    columns: Sequence[Row] = ()

    def __len__(self) -> int:
        return len(self.records)

    def plain(self) -> list[dict[str, Any]]:
        """The records as dictionaries."""
        plain = [record.plain() for record in self.records]
        for record, row in zip(plain, self.columns, strict=False):
            record.update(msgspec.to_builtins(row))
        return plain

    def lines(self, head: bytes, tail: bytes) -> bytes:
        """The records as JSON without nulls, each between `head` and `tail`.

        Raises RecursionError for values that are nested too deeply for the encoder.
        """
        lines, into, encode = bytearray(), _encoder.encode_into, _encoder.encode
        if not self.columns:
            for record in self.records:
                lines += head
                into(record, lines, -1)
                lines += tail
            return bytes(lines)
        for record, row in zip(self.records, self.columns, strict=True):
            lines += head
            into(record, lines, -1)
            columns = encode(row)
            if columns != b"{}":
                lines[-1:] = b","  # a record is never empty
                lines += columns[1:]
            lines += tail
        return bytes(lines)


def rows(columns: Mapping[str, Sequence[Any]]) -> Sequence[Row]:
    """The values of columns, record by record. columns: by name, all of one length."""
    struct = _row(tuple(columns))
    if struct is not None:
        return list(starmap(struct, zip(*columns.values(), strict=True)))
    return [
        {name: value for name, value in zip(columns, values, strict=True) if value is not None}
        for values in zip(*columns.values(), strict=True)
    ]


@lru_cache(maxsize=256)
def _row(columns: tuple[str, ...]) -> type[msgspec.Struct] | None:
    """A struct that is written without its nulls; None if a struct cannot have these names."""
    names = {f"column_{number}": name for number, name in enumerate(columns)}
    try:
        return msgspec.defstruct(
            "Row",
            [(name, Any, None) for name in names],
            rename=names,
            omit_defaults=True,
            gc=False,
        )
    except ValueError:
        return None
