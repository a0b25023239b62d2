"""Copies of streams with some facts changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from source_pipedrive.stream import Stream
from source_pipedrive.stream.lists import by_group


def altered(stream: Stream, **keywords: Any) -> Stream:
    """A copy of the stream with these facts changed, given as flat keywords like the builders'."""
    groups = by_group(stream.name, keywords)
    own = groups.pop("")
    changed = {group: replace(getattr(stream, group), **facts) for group, facts in groups.items()}
    return replace(stream, **own, **changed)
