"""A simple destination, and checks of the protocol's guarantees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from integration_tests.conftest import Box
from integration_tests.program import LISTS, Message
from source_pipedrive.reading.instants import instant
from source_pipedrive.reading.records import Plan
from source_pipedrive.streams import STREAMS

Record = dict[str, Any]
INCREMENTAL = [name for name, row in STREAMS.items() if row.cursor_field and name in LISTS]


class Warehouse:
    """The latest version of every record, by stream and primary key, after any number of syncs."""

    def __init__(self) -> None:
        self.tables: defaultdict[str, dict[Any, Record]] = defaultdict(dict)
        self.received: defaultdict[str, int] = defaultdict(int)

    def load(self, messages: Iterable[Message]) -> None:
        """Load the records of a sync, in order."""
        for message in messages:
            if message["type"] == "RECORD":
                record = message["record"]
                key = key_of(record["stream"], record["data"])
                self.tables[record["stream"]][key] = record["data"]
                self.received[record["stream"]] += 1


def listed(box: Box, stream: str) -> dict[Any, Record]:
    """The records that the API lists for a stream now, in the connector's format."""
    row = STREAMS[stream]
    query = "&".join(f"{name}={value}" for name, value in row.endpoint.params.items())
    rows = box.control(f"records/{stream}?{query}")
    return {key_of(stream, record): record for record in Plan(row, 0).shape(rows)}


def key_of(stream: str, record: Record) -> Any:
    """The primary key of a record; a tuple if it has several parts."""
    parts = [record[part] for part in STREAMS[stream].key]
    return parts[0] if len(parts) == 1 else tuple(parts)


def covered(stream: str, blob: Record) -> list[tuple[int, int]]:
    """The parts of the time axis that a state marks as read."""
    if "done" in blob:
        return [(instant(start), instant(end)) for start, end in blob["done"]]
    return [(instant(blob["since"]), instant(blob[STREAMS[stream].cursor_field or ""]))]


def follows_the_protocol(
    messages: Iterable[Message],
    truth: dict[str, dict[Any, Record]],
    known: Warehouse | None = None,
) -> None:
    """Assert the order of one sync's messages.

    Every STATE follows the records that it covers: those of `truth` whose time it marks as read,
    unless `known` has them from earlier syncs. Its recordCount is the number of records since the
    stream's last STATE. Each stream is STARTED, then RUNNING with its first record, then COMPLETE
    or INCOMPLETE once, and nothing follows.
    """
    seen: defaultdict[str, set[Any]] = defaultdict(set)
    for name, table in (known.tables if known else {}).items():
        seen[name] |= set(table)
    since_state: defaultdict[str, int] = defaultdict(int)
    statuses: defaultdict[str, list[str]] = defaultdict(list)
    for message in messages:
        if message["type"] == "RECORD":
            name = message["record"]["stream"]
            assert statuses[name] == ["STARTED", "RUNNING"], name
            seen[name].add(key_of(name, message["record"]["data"]))
            since_state[name] += 1
        elif message["type"] == "STATE":
            stream = message["state"]["stream"]
            name, blob = stream["stream_descriptor"]["name"], stream["stream_state"]
            assert statuses[name][-1] in ("STARTED", "RUNNING"), name
            assert message["state"]["sourceStats"]["recordCount"] == since_state[name], name
            since_state[name] = 0
            if "version" in blob:
                _assert_covered(name, blob, truth.get(name, {}), seen[name])
        elif message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
            status = message["trace"]["stream_status"]
            statuses[status["stream_descriptor"]["name"]].append(status["status"])
    for name, order in statuses.items():
        assert order[0] == "STARTED", name
        assert order[1:-1] in ([], ["RUNNING"]), name
        assert order[-1] in ("COMPLETE", "INCOMPLETE"), name


def _assert_covered(name: str, blob: Record, truth: dict[Any, Record], seen: set[Any]) -> None:
    field = STREAMS[name].cursor_field or ""
    parts = covered(name, blob)
    for key, record in truth.items():
        if field in record:
            at = instant(record[field])
            if any(start <= at < end for start, end in parts):
                assert key in seen, f"{name}: the state covers {key}, which was not written"
