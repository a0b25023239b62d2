"""The sets of streams in docs/which-streams.md, and what they cost.

integration_tests/test_sets.py measures the tokens in a sync of the sandbox and writes the table
(`make golden`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from docs.generators.listing import quoted
from source_pipedrive.stream import WITHOUT_PIPEDRIVE, Stream
from source_pipedrive.stream_sets import CORE, SALES
from source_pipedrive.streams import STREAMS

MOST = 20  # streams that a cell lists


def sets() -> dict[str, list[Stream]]:
    """Every stream that requests something, once: by its set."""
    found: dict[str, list[Stream]] = {
        "The core set (`--set core`)": [STREAMS[name] for name in sorted(CORE)],
        "All other lists: archived leads, files, projects, fields, settings, ...": [],
        "Installments, requested for a hundred deals at a time": [],
        "Goals and pipelines by month": [],
        "Every change to a field: a request for each record": [],
        "Followers, participants, mail, comments, ...: a request for each record": [],
    }
    _, lists, batches, months, changes, rest = found
    for name, stream in STREAMS.items():
        if stream.kind in WITHOUT_PIPEDRIVE or stream.derived.sources or name in CORE:
            continue
        child = stream.child
        if child is None:
            found[lists].append(stream)
        elif child.batch > 1:
            found[batches].append(stream)
        elif child.month_params:
            found[months].append(stream)
        elif name.endswith("_changelog") and "follower" not in name and "participant" not in name:
            found[changes].append(stream)
        else:
            found[rest].append(stream)
    return found


def table(tokens: Mapping[str, int]) -> str:
    """The table. tokens: what a first sync spent, by stream."""
    rows = {title: [stream.name for stream in streams] for title, streams in sets().items()}
    (title, core), *others = rows.items()
    sales = "The sales set (`--set sales`): most of the core set, stage history, goals, statistics"
    lines = [
        "| set | streams | tokens of a first sync |",
        "|---|---|---|",
        row(title, core, core, tokens),
        row(sales, SALES, _with_sources(SALES), tokens),
        *(row(title, listed, listed, tokens) for title, listed in others),
        row("**Everything** (`--set all`)", STREAMS, tokens, tokens),
    ]
    return "\n".join([*lines, ""])


def row(
    title: str, streams: Collection[str], paid: Collection[str], tokens: Mapping[str, int]
) -> str:
    """One set. paid: the streams whose requests it needs."""
    listed = quoted(streams) if len(streams) <= MOST else f"{len(streams)} streams"
    return f"| {title} | {listed} | {about(sum(tokens.get(name, 0) for name in paid))} |"


def _with_sources(streams: Collection[str]) -> set[str]:
    """The streams, and those that they are read with."""
    return {*streams, *(source.name for name in streams for source in STREAMS[name].sources)}


def about(tokens: int) -> str:
    """A number with two digits that count, so that it does not change from run to run."""
    size = max(0, len(str(tokens)) - 2)
    return f"{round(tokens, -size):,}"
