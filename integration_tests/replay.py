"""Replays what Airbyte's destinations do with the records of many syncs, and compares the tables
with what the sandbox lists.

The documented merge: of all records with a primary key, the one with the newest cursor is kept, the
later of two equal ones; then it is removed if it has a time in `_ab_cdc_deleted_at` (hard delete),
or stays with that time (soft delete).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import duckdb

from integration_tests import program
from integration_tests.conftest import Box
from integration_tests.program import Message, Outcome
from integration_tests.test_kills import killed_fork
from integration_tests.warehouse import key_of, listed
from source_pipedrive.stream import DELETED_AT
from source_pipedrive.streams import STREAMS

Record = dict[str, Any]
Table = dict[Any, Record]

TABLES = """
CREATE TABLE arrived (
    stream VARCHAR, key VARCHAR, cursor TIMESTAMP, emitted BIGINT, place INTEGER, deleted BOOLEAN,
    data VARCHAR
);
CREATE TABLE final AS FROM arrived;
"""
# Records of the same millisecond come in any order, so the earlier one wins here: nothing may
# depend on it.
MERGE = """
CREATE OR REPLACE TEMP TABLE newest AS
SELECT * FROM arrived
QUALIFY 1 = row_number() OVER (
    PARTITION BY stream, key ORDER BY cursor DESC NULLS LAST, emitted DESC, place
);
DELETE FROM newest USING final
WHERE newest.stream = final.stream AND newest.key = final.key
AND (
    final.cursor > newest.cursor
    OR (final.cursor IS NOT NULL AND newest.cursor IS NULL)
    OR (final.cursor IS NOT DISTINCT FROM newest.cursor AND final.emitted >= newest.emitted)
);
DELETE FROM final USING newest WHERE newest.stream = final.stream AND newest.key = final.key;
INSERT INTO final FROM newest;
DELETE FROM arrived;
"""


class Destination:
    """Tables as a destination that deduplicates keeps them. hard: whether the rows of deleted
    records are removed."""

    def __init__(self, hard: bool) -> None:
        self._hard = hard
        self._tables = duckdb.connect()
        self._tables.execute(TABLES)

    def load(self, messages: Iterable[Message]) -> None:
        """Merges the records of one sync into the tables."""
        rows = [
            self._row(place, message["record"])
            for place, message in enumerate(messages)
            if message["type"] == "RECORD"
        ]
        if rows:
            self._tables.executemany("INSERT INTO arrived VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._tables.execute(MERGE)
        if self._hard:
            self._tables.execute("DELETE FROM final WHERE deleted")

    def _row(self, place: int, record: Record) -> tuple[Any, ...]:
        name, data = record["stream"], record["data"]
        key, cursor = json.dumps(key_of(name, data)), data.get(STREAMS[name].cursor_field)
        deleted = data.get(DELETED_AT) is not None
        return (name, key, cursor, record["emitted_at"], place, deleted, json.dumps(data))

    def table(self, stream: str) -> Table:
        """The rows that are not deleted, by primary key."""
        return self._rows(stream, deleted=False)

    def deleted(self, stream: str) -> Table:
        """The rows that are marked as deleted."""
        return self._rows(stream, deleted=True)

    def _rows(self, stream: str, deleted: bool) -> Table:
        found = self._tables.execute(
            "SELECT data FROM final WHERE stream = ? AND deleted = ?", [stream, deleted]
        ).fetchall()
        records = [json.loads(data) for (data,) in found]
        return {key_of(stream, record): record for record in records}

    def reset(self, stream: str) -> None:
        """Empties a table, as a platform does when a user resets its stream."""
        self._tables.execute("DELETE FROM final WHERE stream = ?", [stream])


class Replay:
    """A connection that syncs these streams of a sandbox again and again. tables: those of them
    that hold Pipedrive's own records.

    careless: a destination that was killed has lost what no state of the record's own stream
    followed; config: more of the configuration.
    """

    def __init__(
        self,
        box: Box,
        streams: Collection[str],
        hard: bool = True,
        careless: bool = False,
        **config: Any,
    ) -> None:
        self.box = box
        self.destination = Destination(hard)
        self.config = box.config(remove_deleted=True, **config)
        self.kills = 0  # of syncs that had not reached their end
        self._careless = careless
        self._state: dict[str, Message] = {}
        discovered = box.run("discover", self.config).of("CATALOG")[0]["streams"]
        self._streams = [stream for stream in discovered if stream["name"] in streams]
        self.names = [stream["name"] for stream in self._streams]
        self.tables = [name for name in self.names if not STREAMS[name].components]

    def sync(self, but: Collection[str] = (), kill_after: int = 0) -> Outcome:
        """One sync. but: streams that are not selected; kill_after: bytes of output after which
        the program is killed, 0 for never."""
        catalog = program.catalog_of(self._streams, *(n for n in self.names if n not in but))
        for stream in catalog["streams"]:
            stream["destination_sync_mode"] = "append_dedup"
        files = {"config": self.config, "catalog": catalog, "state": list(self._state.values())}
        arguments = [part for n, value in files.items() for part in (f"--{n}", self._file(value))]
        if kill_after:
            outcome, killed = killed_fork(["read", *arguments], kill_after)
        else:
            outcome, killed = program.run("read", *arguments), False
        self.kills += killed
        lossy = killed and self._careless
        self.destination.load(committed(outcome.messages) if lossy else outcome.messages)
        for message in outcome.state:
            self._state[message["stream"]["stream_descriptor"]["name"]] = message
        return outcome

    def state(self, stream: str) -> Record:
        """What the platform has saved for a stream."""
        saved = self._state.get(stream)
        return dict(saved["stream"]["stream_state"]) if saved else {}

    def _file(self, value: Any) -> str:
        return self.box.file(value)

    def reset(self, stream: str) -> None:
        """Forgets a stream's state and empties its table."""
        self._state.pop(stream, None)
        self.destination.reset(stream)

    def assert_exact(self, *but: str) -> None:
        """Every table has what the sandbox lists, and nothing else."""
        for name in self.tables:
            if name not in but:
                table, truth = self.destination.table(name), existing(self.box, name)
                missing, stale = truth.keys() - table.keys(), table.keys() - truth.keys()
                assert (missing, stale) == (set(), set()), name
                assert table == truth, name


def existing(box: Box, stream: str) -> Table:
    """The records that the sandbox lists for a stream and that are not deleted."""
    mark = STREAMS[stream].incremental.deletion_mark
    found = listed(box, stream)
    if mark is None:
        return found
    return {key: record for key, record in found.items() if record.get(mark[0]) != mark[1]}


def committed(messages: Sequence[Message]) -> list[Message]:
    """The records that a state of their own stream follows."""
    covered: list[Message] = []
    waiting: defaultdict[str, list[Message]] = defaultdict(list)
    for message in messages:
        if message["type"] == "RECORD":
            waiting[message["record"]["stream"]].append(message)
        elif message["type"] == "STATE":
            covered += waiting.pop(message["state"]["stream"]["stream_descriptor"]["name"], [])
    return covered
