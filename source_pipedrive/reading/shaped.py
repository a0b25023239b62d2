"""Structs as they are written: the fast path beside reading/records.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from source_pipedrive.http.shapes import ShapedRecord

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class ShapedRecords:
    """The records of a page. columns: what is written besides each record's own keys, none of
    which is among them; empty if there is nothing."""

    records: Sequence[ShapedRecord]
    columns: Sequence[dict[str, Any]] = ()

    def __len__(self) -> int:
        return len(self.records)

    def plain(self) -> list[dict[str, Any]]:
        """The records as dictionaries."""
        plain = [record.plain() for record in self.records]
        for record, columns in zip(plain, self.columns, strict=False):
            record.update(columns)
        return plain

    def lines(self, head: bytes, tail: bytes) -> bytes:
        """The records as JSON without nulls, each between `head` and `tail`.

        Raises RecursionError for values that are nested too deeply for the encoder.
        """
        lines, into = bytearray(), _encoder.encode_into
        if not self.columns:
            for record in self.records:
                lines += head
                into(record, lines, -1)
                lines += tail
            return bytes(lines)
        for record, columns in zip(self.records, self.columns, strict=True):
            lines += head
            into(record, lines, -1)
            if columns:
                lines[-1:] = b","  # a record is never empty
                lines += _encoder.encode(columns)[1:]
            lines += tail
        return bytes(lines)
