"""Which deal each product or installment belongs to: the key of a row has both ids, and nothing can
be asked about a child that is gone."""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from itertools import accumulate, pairwise

from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.records import Record

# Children of one kind that are remembered. In the state they take one to three bytes each.
MOST = 250_000
WIDTH = 8  # bytes of a number before it is compressed


class Parents:
    """The deals of children, as they were last seen. saved: what `dump` returned. Raises KeyError,
    TypeError or ValueError if that cannot be read."""

    def __init__(self, saved: str = "") -> None:
        self._deals = _load(saved) if saved else {}
        self._text: str | None = saved  # the dump, until something changes
        self.is_full = False  # nothing more is remembered in this sync

    def note(self, records: Iterable[Record]) -> None:
        """Learns the deals of these children."""
        if self.is_full:
            return
        for record in records:
            id_, deal = record.get("id"), record.get("deal_id")
            if not (isinstance(id_, int) and isinstance(deal, int) and id_ > 0 and deal > 0):
                continue
            if len(self._deals) < MOST or id_ in self._deals:
                self._deals[id_] = deal
        self._text = None

    def get(self, child: object) -> int | None:
        """The deal of a child, or None if it is unknown."""
        return self._deals.get(child) if isinstance(child, int) else None

    @property
    def deals(self) -> Numbers:
        """The deals of all children that are remembered."""
        return Numbers(self._deals.values())

    def keep(self, children: Numbers) -> None:
        """Forgets all but these children."""
        self._deals = {id_: deal for id_, deal in self._deals.items() if id_ in children}
        self._text = None

    def forget(self) -> bool:
        """Forgets all children, and remembers no more in this sync. False if there were none."""
        had, self._deals, self._text, self.is_full = bool(self._deals), {}, "", True
        return had

    def dump(self) -> str:
        """All of them as text; "" if there are none."""
        if self._text is None:
            self._text = _dump(self._deals) if self._deals else ""
        return self._text


def _dump(deals: dict[int, int]) -> str:
    ids = sorted(deals)
    # Children of one deal, and of neighbouring deals, are often numbered one after the other.
    steps = [_unsigned(b - a) for a, b in pairwise([0, *(deals[id_] for id_ in ids)])]
    raw = struct.pack(f"<{len(steps)}Q", *steps)
    # All lowest bytes first, then all second ones: the rest is zeros.
    planes = b"".join(raw[n::WIDTH] for n in range(WIDTH))
    return f"{Numbers(ids).dump()} {b64encode(zlib.compress(planes, 6)).decode()}"


def _load(text: str) -> dict[int, int]:
    ids, _, packed = text.partition(" ")
    try:
        planes = zlib.decompress(b64decode(packed, validate=True))
        count = len(planes) // WIDTH
        raw = bytearray(len(planes))
        for n in range(WIDTH):
            raw[n::WIDTH] = planes[n * count : (n + 1) * count]
        steps = struct.unpack(f"<{count}Q", raw)
    except (zlib.error, struct.error) as error:
        raise ValueError("not a list of deals") from error
    return dict(zip(Numbers.load(ids), accumulate(map(_signed, steps)), strict=True))


def _unsigned(step: int) -> int:
    """Small for a small step in either direction."""
    return 2 * step if step >= 0 else -2 * step - 1


def _signed(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2
