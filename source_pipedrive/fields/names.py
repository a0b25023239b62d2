"""Column names for custom fields: legal in any warehouse, unique, and stable.

The invariant: a field's names depend only on the stream's standard columns and on the fields that
were created before it, so adding a field never renames another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence

from anyascii import anyascii

LONGEST = 63  # characters, PostgreSQL's limit
HASH = re.compile(r"[0-9a-f]{40}")  # the key that Pipedrive gives a custom field
SHORT = 6  # characters of the hash that distinguish two fields with the same name


def plain(name: str) -> str:
    """A field's name as a column name: `Größe (cm)` becomes `grosse_cm`. Never empty."""
    text = re.sub(r"[^a-z0-9]+", "_", anyascii(name).lower()).strip("_")
    if not text:
        return "field"
    return f"_{text}" if text[0].isdigit() else text


def column_names(
    fields: Sequence[tuple[str, str, Sequence[str]]],
    reserved: Collection[str],
    contested: Collection[str] = (),
) -> dict[str, list[str]]:
    """The column names of each field, by its key.

    fields: (key, name, suffixes) in order of creation; a field has one column per suffix, such as
    ("", "_currency"). If a name is taken, the start of the field's key is added to it. reserved:
    the names of the stream's standard columns. contested: names that no field gets, because the
    order of the fields that want them is unknown.
    """
    taken = {*reserved, *contested}
    names: dict[str, list[str]] = {}
    for key, name, suffixes in fields:
        found = _free(plain(name), key, suffixes, taken)
        taken.update(found)
        names[key] = found
    return names


def contested(
    fields: Sequence[tuple[str, str, Sequence[str]]], reserved: Collection[str]
) -> set[str]:
    """The names that several fields want, so that their order of creation matters."""
    own = set(reserved)
    seen: set[str] = set()
    repeated: set[str] = set()
    for key, name, suffixes in fields:
        wanted = set(_with(plain(name), "", suffixes))
        if not own.isdisjoint(wanted):
            wanted = set(_with(plain(name), f"_{_mark(key)[:SHORT]}", suffixes))
        repeated |= seen & wanted
        seen |= wanted
    return repeated


def _mark(key: str) -> str:
    return key if HASH.fullmatch(key) else hashlib.sha1(key.encode()).hexdigest()


def _free(base: str, key: str, suffixes: Sequence[str], taken: Collection[str]) -> list[str]:
    names = _with(base, "", suffixes)
    mark = _mark(key)
    for length in range(SHORT, len(mark) + 1):
        if not set(names).intersection(taken):
            return names
        names = _with(base, f"_{mark[:length]}", suffixes)
    # Only deliberately chosen names get here: all forty characters of the hash are taken.
    number = 2
    while set(names).intersection(taken):
        names = _with(base, f"_{mark[:SHORT]}_{number}", suffixes)
        number += 1
    return names


def _with(base: str, mark: str, suffixes: Sequence[str]) -> list[str]:
    length = LONGEST - len(mark) - max(map(len, suffixes))
    return [f"{base[:length]}{mark}{suffix}" for suffix in suffixes]
