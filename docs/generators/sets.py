"""The sets of streams in docs/which-streams.md, and what they cost.

integration_tests/test_sets.py measures the tokens in a sync of the sandbox and writes the table
(`make golden`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from docs.generators.listing import names
from source_pipedrive.stream import WITHOUT_PIPEDRIVE, Stream
from source_pipedrive.streams import STREAMS

METADATA = Path(__file__).parents[2] / "metadata.yaml"
MOST = 20  # streams that a cell lists


def core() -> list[str]:
    """The streams that metadata.yaml suggests, and README selects."""
    return list(yaml.safe_load(METADATA.read_text())["data"]["suggestedStreams"]["streams"])


def sets() -> dict[str, list[Stream]]:
    """Every stream that requests something, once: by its set."""
    found: dict[str, list[Stream]] = {
        "The core set": [STREAMS[name] for name in core()],
        "All other lists: archived leads, files, projects, fields, settings, ...": [],
        "Instalments, requested for a hundred deals at a time": [],
        "Goals and pipelines by month": [],
        "Every change to a field: a request for each record": [],
        "Followers, participants, mail, comments, ...: a request for each record": [],
    }
    _, lists, batches, months, changes, rest = found
    for name, stream in STREAMS.items():
        if stream.kind in WITHOUT_PIPEDRIVE or stream.derived.sources or name in core():
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
    lines = ["| set | streams | tokens of a first sync |", "|---|---|---|"]
    for title, streams in sets().items():
        spent = sum(tokens.get(stream.name, 0) for stream in streams)
        listed = names(streams) if len(streams) <= MOST else f"{len(streams)} streams"
        lines.append(f"| {title} | {listed} | {about(spent)} |")
    lines.append(f"| **Everything** | {len(STREAMS)} streams | {about(sum(tokens.values()))} |")
    return "\n".join([*lines, ""])


def about(tokens: int) -> str:
    """A number with two digits that count, so that it does not change from run to run."""
    size = max(0, len(str(tokens)) - 2)
    return f"{round(tokens, -size):,}"
