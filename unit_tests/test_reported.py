"""Deletions among the recent changes: what Pipedrive must answer before one counts, and what
becomes of those that it does not answer about."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError, SyncError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit import merges, unsure
from source_pipedrive.reading.audit.audit import Audit
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.audit.merges import FIELD, Merges
from source_pipedrive.reading.audit.questions import Questions
from source_pipedrive.reading.audit.reported import Reported
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.audit.unsure import Unsure
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.reader import ReadContext
from source_pipedrive.stream.audited import AUDITED
from source_pipedrive.sync.tombstones import KEY
from unit_tests.contract import FACTS
from unit_tests.fakes import ACME, Params
from unit_tests.test_removals_of_others import (
    BY_NAME,
    DAY,
    TIME,
    UNTIL,
    Record,
    Reporting,
    asked,
    change,
    evidence,
    removed,
    state_of,
    taker,
)
from unit_tests.turns import read, records_of, states_of, status_of

States = dict[str, Record]


def sync(company: Reporting, states: States, name: str = "persons") -> list[Any]:
    """A sync whose table `name` loses rows. Its states replace `states`."""
    messages = read(company, name, "deleted_records", states=states, takers=[name])
    for each in (name, "deleted_records"):
        assert status_of(messages, each) == "COMPLETE"
        states[each] = states_of(messages, each)[-1][1]
    return messages


def started() -> States:
    """The states of an earlier sync."""
    return {"persons": taker(UNTIL - DAY), "notes": taker(UNTIL - DAY)} | {
        "deleted_records": state_of({})
    }


def remembered(states: States) -> Record:
    found: Record = states["deleted_records"].get("audit", {}).get("unsure", {})
    return found


def refusing(company: Reporting, status: int = 500) -> Reporting:
    """A company that does not answer about records by their ids."""

    def refuse(request: Request) -> None:
        if "ids" in request.params:
            raise StreamError("no", TRANSIENT, status, "{}")

    company.refuse = refuse
    return company


GONE = (change(1), {"item": "person", "id": 3, "data": None})

# -- questions


def test_a_page_of_deletions_alone_is_verified_with_records_that_the_list_has() -> None:
    """Otherwise a wrong path looks like a deletion of whatever is asked for."""
    company = Reporting([change(5, "note"), change(7, "note")])
    company.knows_notes = False
    states = started()
    messages = sync(company, states, "notes")
    assert removed(messages, "notes") == []
    assert evidence(messages) == {"5": "unreachable", "7": "unreachable"}
    assert asked(company) == ["notes/6"]
    assert {id_ for id_, *_ in remembered(states)["notes"]} == {5, 7}


def test_the_list_is_requested_once_for_all_pages() -> None:
    company = Paged([change(id_) for id_ in range(1, 7)], persons=[20, 21])
    messages = sync(company, started())
    assert len({id_ for id_, _ in removed(messages)}) == 6
    samples = [r for r in company.asked if r.stream == "deleted_records" and r.path == "persons"]
    assert len([r for r in samples if "ids" not in r.params]) == 1
    (sample,) = (r for r in samples if "ids" not in r.params)
    assert sample.params["limit"] == "10"


def test_where_the_list_is_empty_only_a_mark_counts() -> None:
    """The last notes were deleted. Or this user must not see any, so a missing one says nothing."""
    company = Reporting([change(5, "note"), {"item": "note", "id": 7, "data": None}], notes=())
    messages = sync(company, started(), "notes")
    assert [id_ for id_, _ in removed(messages, "notes")] == [5]
    assert evidence(messages) == {"5": "recents", "7": "unreachable"}


@pytest.mark.parametrize("notes", [(), (6,)])
def test_an_admin_would_see_it_only_if_any_is_seen(notes: Collection[int]) -> None:
    """An admin may lose that right; then no list has anything."""
    admin = replace(ACME, access={"sales": True, "global": True})
    context = ReadContext(Reporting(notes=notes), admin, 0, UNTIL)
    answers = Questions(context, lambda name: ()).answers("notes", {5: True, 7: False})
    assert answers == ({5: "recents", 7: "recents"} if notes else {5: "recents"})


EARLIER, LATER = change(4, gone=False), change(20, gone=False, update_time=rfc3339(UNTIL - 90))
NEW = {"item": "person", "id": 30, "data": None}


@pytest.mark.parametrize(
    ("recents", "proven"),
    [
        ([EARLIER, LATER, NEW], False),
        ([NEW, LATER, EARLIER], False),
        ([NEW], False),
        ([EARLIER, NEW, LATER], True),
        ([LATER, NEW, EARLIER], True),
        ([EARLIER, LATER, change(30)], True),
    ],
)
def test_a_record_that_may_have_been_created_just_now_is_not_deleted_yet(
    recents: list[Record], proven: bool
) -> None:
    """Neither the recent changes nor the list by ids have its data for some seconds."""
    admin = replace(ACME, access={"sales": True, "global": True})
    context = ReadContext(
        Reporting(persons=[4, 20]), admin, 0, UNTIL, removed={"persons": UNTIL - DAY}
    )

    def row(name: str, id_: Any, evidence: str = "", **facts: Any) -> Record:
        known = {"seen_time": rfc3339(UNTIL), "merged_into": None}
        return {"id": id_, "evidence": evidence, **known, **facts}

    first = Reported(context, Audit(context, None, {}, row), row, {})
    rows = first.of_page(recents, UNTIL)
    assert [(r["id"], r["evidence"]) for r in rows] == [
        (30, "recents" if proven else "unreachable")
    ]
    later = Reported(context, Audit(context, None, {}, row), row, first.dump())
    assert [each["evidence"] for each in later.ended()] == ([] if proven else ["recents"])
    # The list may repeat it.
    again = Reported(context, Audit(context, None, {}, row), row, first.dump())
    if not proven:
        assert [each["evidence"] for each in again.of_page([NEW], UNTIL + 60)] == ["unreachable"]
        assert [each["evidence"] for each in again.of_page([NEW], UNTIL + 61)] == ["recents"]


def test_known_records_that_are_gone_as_well_do_not_spoil_the_answer() -> None:
    """The changes name records that were deleted since."""
    company = Reporting([change(4, gone=False), *GONE], persons=[20])
    messages = sync(company, started())
    assert [id_ for id_, _ in removed(messages)] == [1]


# -- what could not be verified


def test_a_deletion_that_could_not_be_verified_is_asked_about_again() -> None:
    """No audit would find it, and the recent changes report it once."""
    states = started()
    first = sync(refusing(Reporting(GONE, persons=[2])), states)
    assert removed(first) == []
    assert evidence(first) == {"1": "unreachable", "3": "unreachable"}
    later = sync(Reporting(persons=[2]), states)
    assert [id_ for id_, _ in removed(later)] == [1]
    (row,) = records_of(later, "deleted_records")
    assert (row["id"], row["evidence"], row["deleted_time"]) == ("1", "recents", TIME)
    again = sync(Reporting(persons=[2]), states)
    assert records_of(again, "deleted_records") == removed(again) == []
    assert remembered(states) == {}


def test_a_table_relies_on_a_memory_that_the_platform_has_saved() -> None:
    """It may lose the state of deleted_records in one sync, and the tombstone in the next."""
    before = taker(UNTIL - 3 * DAY)
    states = started() | {"persons": before}
    lost = sync(refusing(Reporting([change(1)], persons=[2])), states)
    (removed_until,) = states["persons"][KEY].values()
    assert rfc3339(UNTIL - 3 * DAY) < removed_until < TIME, "the next sync reads its report again"
    states["persons"] = before
    assert remembered(states)
    sync(refusing(Reporting([change(1)], persons=[2])), states)
    assert states["persons"][KEY] == {"deleted_records": rfc3339(UNTIL)}
    assert removed(lost) == []


def test_its_tombstone_is_sent_until_the_table_has_it() -> None:
    """A platform may keep the state of deleted_records and lose what belongs to the table."""
    states = started()
    sync(refusing(Reporting(GONE, persons=[2])), states)
    lost = dict(states["persons"], **{KEY: {"deleted_records": rfc3339(UNTIL - 1)}})
    first = removed(sync(Reporting(persons=[2]), states))
    assert len(first) == 1
    for _ in range(2):
        states["persons"] = lost
        again = sync(Reporting(persons=[2]), states)
        assert removed(again) == first
        assert records_of(again, "deleted_records") == [], "its own row is not repeated"


def test_a_record_that_exists_after_all_gets_its_row_again() -> None:
    states = started()
    sync(refusing(Reporting([change(1)], persons=[1])), states)
    later = sync(Reporting(persons=[1]), states)
    (row,) = records_of(later, "deleted_records")
    assert row["id"] == "1"
    assert row["restored_time"] == rfc3339(UNTIL)
    assert removed(later) == []
    assert remembered(states) == {}


@pytest.mark.parametrize(
    ("status", "requests"), [(403, ["1,3,2"]), pytest.param(500, ["1,3,2", "2"], id="one may fail")]
)
def test_it_does_not_stop_the_stream_however_often_it_fails(
    status: int, requests: list[str]
) -> None:
    """After a failure, the record that should exist is requested alone, and it fails as well."""
    states = started()
    sync(refusing(Reporting(GONE, persons=[2]), status), states)
    for _ in range(3):
        company = refusing(Reporting(persons=[2]), status)
        sync(company, states)
        assert asked(company) == requests
    assert len(remembered(states)["persons"]) == 2


def test_it_is_asked_about_for_a_month() -> None:
    states = started()
    sync(refusing(Reporting(GONE, persons=[2])), states)
    for entry in remembered(states)["persons"]:
        entry[1] = rfc3339(UNTIL - 31 * DAY)
    company = Reporting(persons=[2])
    sync(company, states)
    assert asked(company) == []
    assert remembered(states) == {}


def test_only_so_many_are_remembered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(unsure, "MOST", 3)
    states = started()
    sync(refusing(Reporting([change(id_) for id_ in range(10, 16)], persons=[2])), states)
    assert [id_ for id_, *_ in remembered(states)["persons"]] == [13, 14, 15]
    assert "could not be verified" in caplog.text
    assert "not asked about again" in caplog.text


def test_those_that_pipedrive_refuses_do_not_keep_it_from_the_others() -> None:
    """403 for one note, in every sync. 25 notes are asked about between two known ones."""

    class Refusing(Reporting):
        def _body(self, path: str, params: Params) -> Record:
            if path.startswith("notes/") and 100 <= int(path.removeprefix("notes/")) < 130:
                raise StreamError("not yours", CONFIG, 403, "{}")
            return super()._body(path, params)

    states = started()
    changes = [change(id_, "note") for id_ in range(100, 140)]
    lost = Reporting(changes)
    lost.knows_notes = False
    sync(lost, states, "notes")
    assert len(remembered(states)["notes"]) == 40
    found = set()
    for _ in range(2):
        company = Refusing()
        found |= {id_ for id_, _ in removed(sync(company, states, "notes"), "notes")}
        assert len(asked(company)) <= 27
    assert found == set(range(130, 140))


@pytest.mark.parametrize("saved", [7, [[1]], [[1, 2, 3, 4, 5]]])
def test_a_state_that_cannot_be_read_says_so(saved: Any) -> None:
    with pytest.raises(SyncError, match="Reset the stream"):
        Unsure({"persons": saved}, UNTIL)


@pytest.mark.parametrize("id_", [None, "3", "x", 3.5, True])
@pytest.mark.parametrize("data", [None, {}, [], "x", {"active_flag": False}])
def test_an_entry_that_names_no_record_keeps_none_from_its_verdict(id_: Any, data: Any) -> None:
    """Pipedrive lists it for a month, and each sync of that month would end in an error."""
    changes = [{"item": "person", "id": id_, "data": data}, change(1), change(4, gone=False)]
    states = started()
    first = sync(Reporting([*changes, {"item": None}, {"item": "person"}], persons=[4]), states)
    assert 1 in {id_ for id_, _ in removed(first)}
    assert evidence(first).keys() <= {"1", "3"}
    assert removed(sync(Reporting(persons=[4]), states)) == []


def test_one_that_was_deleted_before_and_has_come_back_meanwhile_is_asked_about_again() -> None:
    """No pass asks about what was reported, so its new row would stay."""
    states = started() | {"deleted_records": known_as_deleted(7)}

    def audited(company: Reporting) -> list[Any]:
        names = ("persons", "deleted_records")
        settings = AuditSettings()
        messages = read(company, *names, states=states, takers=["persons"], audit=settings)
        states.update({name: states_of(messages, name)[-1][1] for name in names})
        return messages

    first = audited(refusing(Reporting([change(7)], persons=[8])))
    assert records_of(first, "deleted_records") == [], "its row says more"
    assert [id_ for id_, _ in removed(audited(Reporting(persons=[8])))] == [7]


# -- records that seem to have come back


def known_as_deleted(*ids: int) -> Record:
    """The state after an audit, when Pipedrive had reported these persons as deleted."""
    objects = {}
    for each in AUDITED:
        kept = Kept(BY_NAME[each.name], {})
        kept.begin(UNTIL - DAY, "me")
        kept.close(kept.ids(), kept.ids(), kept.ids(), UNTIL - DAY)
        if each.name == "persons":
            kept.report(ids, time=UNTIL - DAY)
        objects[each.name] = kept.dump()
    return state_of(objects)


def rows_of(company: Reporting, state: Record) -> list[tuple[str, bool]]:
    """The ids of the rows of a sync that verifies, and whether each says that a record is back."""
    states = {"deleted_records": state}
    messages = read(company, "deleted_records", states=states, audit=AuditSettings())
    assert status_of(messages, "deleted_records") == "COMPLETE"
    rows = records_of(messages, "deleted_records")
    return [(row["id"], row.get("restored_time") is not None) for row in rows]


class Paged(Reporting):
    """Two recent changes on each page."""

    def _body(self, path: str, params: Params) -> Record:
        if path != "recents":
            return super()._body(path, params)
        start = int(params["start"])
        more = start + 2 < len(self.recents)
        block = {"more_items_in_collection": more, "start": start, "limit": 500}
        found = self.recents[start : start + 2]
        return {"data": found, "additional_data": {"pagination": block}}


BEFORE = change(7, gone=False, update_time="2026-11-22 09:00:00")
AFTER = change(7, update_time="2026-11-22 10:00:00")
OTHER = change(8, gone=False)
FIRST = change(9, gone=False)


@pytest.mark.parametrize("kind", [Reporting, Paged])
@pytest.mark.parametrize("order", [1, -1])
def test_a_change_before_the_deletion_brings_nothing_back(
    kind: type[Reporting], order: int
) -> None:
    """The overlap with the last sync repeats both. With the same time in both rows, the record
    would count as present."""
    company = kind([FIRST, BEFORE, AFTER, OTHER][::order], persons=[8])
    assert rows_of(company, known_as_deleted(7)) == [("7", False)]


def test_a_change_without_its_deletion_brings_nothing_back() -> None:
    """An audit found the deletion, and the list has only what came before."""
    assert rows_of(Reporting([BEFORE, OTHER], persons=[8]), known_as_deleted(7)) == []


@pytest.mark.parametrize("changes", [(BEFORE, OTHER), (AFTER, OTHER), (AFTER, BEFORE, OTHER)])
def test_what_is_there_has_come_back(changes: Collection[Record]) -> None:
    company = Reporting(changes, persons=[7, 8])
    assert rows_of(company, known_as_deleted(7)) == [("7", True)]


def test_the_first_sync_that_reports_it_says_that_it_is_gone() -> None:
    company = Paged([FIRST, BEFORE, AFTER, OTHER], persons=[8])
    assert rows_of(company, known_as_deleted()) == [("7", False)]


# -- merges


def merged_into(company: Reporting) -> list[tuple[str, str | None]]:
    rows = records_of(read(company, "deleted_records"), "deleted_records")
    return [(row["id"], row.get("merged_into")) for row in rows]


def survivor(id_: int, other: Any) -> Record:
    return change(id_, gone=False, merge_what_id=other)


@pytest.mark.parametrize("changes", [(survivor(8, 7), AFTER), (AFTER, survivor(8, 7))])
def test_the_survivor_names_what_was_merged_into_it(changes: Collection[Record]) -> None:
    assert merged_into(Reporting(changes)) == [("7", "8")]


def test_so_it_does_on_a_later_page() -> None:
    """The row is there already, so it is written again."""
    company = Paged([AFTER, FIRST, OTHER, survivor(18, 7)])
    assert merged_into(company) == [("7", None), ("7", "18")]


def test_so_does_the_record_that_was_merged() -> None:
    gone = change(7, merge_what_id=8)
    assert merged_into(Reporting([gone, OTHER])) == [("7", "8")]
    # It may be one that absorbed the other long ago.
    assert merged_into(Reporting([gone, change(8)])) == [("7", None), ("8", None)]
    assert merged_into(Reporting([gone])) == [("7", None)]


@pytest.mark.parametrize("other", [None, 0, 8, "7", True, 9])
def test_nothing_else_names_a_merge(other: Any) -> None:
    """Of two records that exist, neither was merged into the other."""
    assert merged_into(Reporting([survivor(8, other), AFTER, FIRST])) == [("7", None)]


def test_no_other_answer_names_a_merge() -> None:
    """Otherwise `merged_into` could be filled for more records."""
    named = {name for name, facts in FACTS.items() if FIELD in json.dumps(facts)}
    assert named == {"v1 /recents"}
    kinds = FACTS["v1 /recents"]["answer"]["properties"]["data"]["items"]["anyOf"]
    (kind,) = [each for each in kinds if FIELD in json.dumps(each)]
    assert "person" in json.dumps(kind)
    others = [name for name, facts in FACTS.items() if re.search(r"\bmerged?_", json.dumps(facts))]
    assert others == ["v1 /recents"]


def test_merges_are_remembered_until_an_audit_finds_the_deletion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Merges({})
    first.learn("persons", {8: {"merge_what_id": 7}}, {})
    later = Merges(first.dump())
    assert later.survivor("persons", 7) == 8
    assert later.survivor("organizations", 7) is None
    monkeypatch.setattr(merges, "MOST", 2)
    later.learn("persons", {21: {"merge_what_id": 1}}, {})
    later.learn("persons", {22: {"merge_what_id": 2}}, {})
    assert later.dump() == {"persons": [[1, 21], [2, 22]]}


@pytest.mark.parametrize("saved", [7, [1], [[1]]])
def test_merges_that_cannot_be_read_are_an_error(saved: Any) -> None:
    with pytest.raises(SyncError, match="Reset the stream"):
        Merges({"persons": saved})
