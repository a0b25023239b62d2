"""The tables of docs/setup.md, from the stream table: OAuth scopes and users' permissions.

`make golden` writes them; the tests compare them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from docs.generators.listing import names
from source_pipedrive.stream import WITHOUT_PIPEDRIVE, Stream
from source_pipedrive.streams import STREAMS


def scopes() -> str:
    """The table of scopes, those of the most streams first, and the older scopes that also work."""
    by_scope = _grouped(lambda stream: stream.access.read_scope)
    lines = ["| scope | streams |", "|---|---|"]
    for scope in _largest_first(by_scope):
        more = ", which every app has" if scope == "base" else ""
        lines.append(f"| `{scope}`{more} | {names(by_scope[scope])} |")
    older = [
        f"`{stream.name}` can also be read with `{stream.v1_fallback.access.read_scope}`, from an "
        f"older list at {stream.v1_fallback.endpoint.cost} tokens instead of "
        f"{stream.endpoint.cost}."
        for stream in STREAMS.values()
        if stream.v1_fallback and stream.v1_fallback.access.read_scope not in stream.access.scopes
    ]
    everything = " ".join(sorted(by_scope))
    return "\n".join([*lines, "", *older, f"All of them: `{everything}`.", ""])


def permissions() -> str:
    """The permissions that the token's user needs, and the streams limited to this user's data."""
    by_permission = _grouped(lambda stream: stream.access.needs.words)
    lines = ["| streams | need the permission |", "|---|---|"]
    for permission in _largest_first(by_permission):
        lines.append(f"| {names(by_permission[permission])} | {permission} |")
    own = names(stream for stream in STREAMS.values() if stream.access.only_own_data)
    note = (
        f"Only the token user's own data, whatever the user's permissions: {own}. "
        "Pipedrive offers no way to request that of others."
    )
    return "\n".join([*lines, "", note, ""])


def _grouped(key: Callable[[Stream], str]) -> dict[str, list[Stream]]:
    """The streams that Pipedrive serves, in the order of the table."""
    groups: dict[str, list[Stream]] = defaultdict(list)
    for stream in STREAMS.values():
        if stream.kind not in WITHOUT_PIPEDRIVE:
            groups[key(stream)].append(stream)
    return groups


def _largest_first(groups: dict[str, list[Stream]]) -> list[str]:
    return sorted(groups, key=lambda name: (-len(groups[name]), name))
