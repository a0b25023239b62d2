"""Imports the CDK without parsing source files.

While the CDK is imported, `attributes_doc`, a library under it, looks for a docstring below each
attribute of the protocol's classes, and parses the file that declares a class once for each class.
Nothing here uses these texts, and they take a third of the import.
"""

from __future__ import annotations

import enum
import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

# The protocol's classes, in the packages that declare them. They also inherit from Enum.
PROTOCOL = Path("models", "airbyte_protocol.py")
PACKAGES = ("airbyte_cdk", "airbyte_protocol_dataclasses")


@contextmanager
def hidden_sources() -> Iterator[None]:
    """Within it, `inspect` finds no source code for the protocol's classes, as for classes that
    were compiled without a file. No other module notices: only a file that is missing in a later
    version of the CDK makes the import slow again."""
    paths = [enum.__file__, *(str(path / PROTOCOL) for path in _folders())]
    for path in paths:
        # An entry without a time of change stands for a file that is not on disk, so it is kept.
        linecache.cache[path] = (0, None, [], path)
    try:
        yield
    finally:
        for path in paths:
            linecache.cache.pop(path, None)


def _folders() -> Iterator[Path]:
    for name in PACKAGES:
        if (spec := find_spec(name)) is not None:
            yield from map(Path, spec.submodule_search_locations or ())
