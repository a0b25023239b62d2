"""A replay with an audit: what the tables should have after a pass, and where they differ."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from integration_tests.conftest import Box
from integration_tests.people import DAY, LISTS, OBJECTS, People
from integration_tests.program import Message, Outcome
from integration_tests.replay import Replay, Table, existing
from source_pipedrive.reading.instants import instant
from source_pipedrive.streams import STREAMS

CHILDREN = ("deal_products", "deal_installments")
TABLES = (*LISTS, *CHILDREN)
STREAMS_READ = (*TABLES, "deleted_records")
VERIFY = {"mode": "verify", "every_days": 1, "share_of_day": 100}
YEAR = 365 * DAY
# Names of other records, which change without the record that contains them.
COPIED = {"deal_products": ("name",)}
# No pass finds what was added since the last one and is gone: UUIDs do not count up, nothing tells
# when an installment was added, and nobody knows the deal of such a product.
UNCOUNTED = ("leads", *CHILDREN)


class Difference(NamedTuple):
    """Keys of a table that are missing, of rows that should have been removed, and of rows that are
    out of date."""

    missing: set[Any]
    stale: set[Any]
    changed: set[Any]


class AuditedReplay(Replay):
    """Syncs with an audit. unreachable: what `deleted_records` reported as not visible, by object
    and id, and not as restored or deleted since."""

    def __init__(self, box: Box, people: People, *modes: bool, **config: Any) -> None:
        super().__init__(box, STREAMS_READ, *modes, find_deleted_records=VERIFY, **config)
        self.people = people
        self.unreachable: set[tuple[str, str]] = set()
        self._known: dict[str, set[Any]] = {name: set() for name in (*OBJECTS, *CHILDREN)}
        self._highest = dict.fromkeys(self._known, 0)
        self._reported: dict[tuple[str, str], str] = {}  # when they were last seen as deleted

    def sync(self, but: Collection[str] = (), kill_after: int = 0) -> Outcome:
        outcome = super().sync(but, kill_after)
        for row in outcome.records("deleted_records"):
            key = (row["object"], row["id"])
            if row.get("evidence") == "unreachable":
                self.unreachable.add(key)
            elif row.get("evidence") or row.get("restored_time"):
                self.unreachable.discard(key)
                self._reported[key] = row["seen_time"]
        if kill_after == 0:
            assert outcome.code == 0, outcome.sentence()
            self._accept(outcome, but)
        return outcome

    def _accept(self, outcome: Outcome, but: Collection[str]) -> None:
        """Confirms what an audit holds back because it is so much."""
        held = [log.split('"')[1] for log in outcome.logs if "accepted_findings" in log]
        if held:
            more = {"accepted_findings": ",".join(held)}
            self.config["find_deleted_records"] = {**VERIFY, **more}
            self.sync(but)

    def sync_until_pass(self) -> Outcome:
        """Syncs until a pass has ended that began after the last change."""
        outcome = self.sync()
        for _ in range(2):  # the first may only resume one that began earlier
            if not self._is_proven():
                self.people.wait(DAY)
                outcome = self.sync()
        assert self._is_proven()
        for name, known in self._known.items():
            ids = self._ids(name)
            known |= ids
            for id_ in ids:
                self._reported.pop((name, str(id_)), None)
            self._highest[name] = max((id_ for id_ in ids if isinstance(id_, int)), default=0)
        return outcome

    def _is_proven(self) -> bool:
        kept = self.state("deleted_records").get("audit", {}).get("objects", {})
        return all(
            kept.get(name, {}).get("closed", "") > self.people.changed_at
            and "pass" not in kept[name]
            for name in self._known
        )

    def _ids(self, name: str) -> set[Any]:
        if name in CHILDREN:
            return {record["id"] for record in self.box.control(f"records/{name}")}
        return self.people.ids(name)

    # -- the truth

    def differences(self) -> dict[str, Difference]:
        """The tables that differ from what Pipedrive has, by name."""
        return {name: each for name in TABLES if any(each := self.difference(name))}

    def difference(self, name: str) -> Difference:
        """How a table differs from what Pipedrive has. Rows of records that nobody can prove to be
        deleted may stay."""
        table, truth = self.destination.table(name), self.truth(name)
        stale = {
            key for key in table.keys() - truth.keys() if self._is_provable(name, key, table[key])
        }
        both = table.keys() & truth.keys()
        changed = {key for key in both if self._plain(name, table[key]) != truth[key]}
        return Difference(truth.keys() - table.keys(), stale, changed)

    def truth(self, name: str) -> Table:
        """What the sandbox lists for a stream."""
        found = existing(self.box, name)
        if name in CHILDREN:
            deals = {**existing(self.box, "deals"), **existing(self.box, "deals_archived")}
            times = {id_: deal["update_time"] for id_, deal in deals.items()}
            for record in found.values():
                record["deal_update_time"] = times[record["deal_id"]]
        return {key: self._plain(name, record) for key, record in found.items()}

    def _plain(self, name: str, record: Message) -> Message:
        copied = COPIED.get(name, ())
        return {field: value for field, value in record.items() if field not in copied}

    def _is_provable(self, name: str, key: Any, record: Message) -> bool:
        object_, id_ = name.removesuffix("_archived"), key[-1] if isinstance(key, tuple) else key
        if (object_, str(id_)) in self.unreachable:
            return False
        # It came back after it was reported, and went again before a pass could see it.
        reported = self._reported.get((object_, str(id_)))
        if reported and instant(record[STREAMS[name].cursor_field or ""]) > instant(reported):
            return False
        if object_ in UNCOUNTED:
            return id_ in self._known[object_]
        return bool(id_ <= self._highest[object_])

    def too_old(self, name: str, keys: Collection[Any]) -> set[Any]:
        """Those of these records that last changed more than a year ago."""
        now = self.box.control("clock")["now"]
        year_ago = f"{int(now[:4]) - 1}{now[4:]}"
        field, truth = STREAMS[name].cursor_field or "", self.truth(name)
        return {key for key in keys if truth[key][field] < year_ago}
