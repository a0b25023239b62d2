"""Deletions that no list marks remove rows, too: those among the recent changes once they are
verified, and those that an audit has declared, even if a platform has lost the tombstones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.instants import rfc3339, seconds_of
from source_pipedrive.reading.state import VERSION
from source_pipedrive.stream import DELETED_AT
from source_pipedrive.stream.audited import AUDITED
from source_pipedrive.sync.tombstones import KEY
from unit_tests.deals import Deals
from unit_tests.fakes import ACME, NOW, Params
from unit_tests.turns import Turns, read, records_of, run_of, states_of, status_of

Record = dict[str, Any]
UNTIL = seconds_of(NOW)
DAY = 86_400
TIME = rfc3339(UNTIL - DAY)
BY_NAME = {each.name: each for each in AUDITED}


class Reporting(Deals):
    """A company whose recent changes are `recents`. persons, notes: those that the list still has;
    knows_notes: whether the path of a single note is right."""

    def __init__(
        self,
        recents: Collection[Record] = (),
        persons: Collection[int] = (),
        notes: Collection[int] = (6,),
    ) -> None:
        super().__init__({})
        self.recents = list(recents)
        self.notes, self.knows_notes = list(notes), True
        self.persons = [{"id": id_, "update_time": TIME} for id_ in persons]

    def _body(self, path: str, params: Params) -> Record:
        if path == "recents":
            return {"data": self.recents, "additional_data": {}}
        if path == "persons":
            wanted = params.get("ids", "").split(",")
            found = [r for r in self.persons if "ids" not in params or str(r["id"]) in wanted]
            return {"data": found, "additional_data": {"next_cursor": None}}
        if path == "notes":
            return {"data": [{"id": id_, "update_time": TIME} for id_ in self.notes]}
        if path.startswith("notes/"):
            id_ = int(path.removeprefix("notes/"))
            if id_ not in self.notes or not self.knows_notes:
                raise StreamError("no such note", CONFIG, 404, "{}")
            return {"data": {"id": id_, "active_flag": True}}
        return {"data": [], "additional_data": {"next_cursor": None}}


class Deleting(Reporting):
    """A company that lists these deals as deleted."""

    def __init__(self, deleted: list[Record]) -> None:
        super().__init__()
        self.deleted = [{**deal, "is_deleted": True} for deal in deleted]

    def _body(self, path: str, params: Params) -> Record:
        if path == "deals" and params.get("status") == "deleted":
            return {"data": self.deleted, "additional_data": {"next_cursor": None}}
        return super()._body(path, params)


def change(id_: int, item: str = "person", gone: bool = True, **facts: Any) -> Record:
    """An entry among the recent changes."""
    data = {"active_flag": not gone, "update_time": TIME.replace("T", " ")[:19], **facts}
    return {"item": item, "id": id_, "data": data}


def removed(messages: Collection[Any], stream: str = "persons") -> list[Any]:
    """The rows that tombstones remove, with the cursor of each."""
    found = [r for r in records_of([*messages], stream) if DELETED_AT in r]
    return [(r["id"], r["update_time"]) for r in found if len(r) == 3]


def evidence(messages: Collection[Any]) -> dict[str, Any]:
    return {r["id"]: r.get("evidence") for r in records_of([*messages], "deleted_records")}


def asked(company: Reporting) -> list[str]:
    """Which records were asked for by their ids."""
    return [r.params.get("ids", r.path) for r in company.asked if "ids" in r.params] + [
        r.path for r in company.asked if r.path.startswith("notes/")
    ]


# -- reported deletions

REPORTED = (
    change(1),  # gone
    change(2),  # came back since
    {"item": "person", "id": 3, "data": None},  # gone, or hidden from this user
    change(4, gone=False),
    change(5, "note"),
)


def test_a_reported_deletion_removes_its_row_once_it_is_verified() -> None:
    company = Reporting(REPORTED, persons=[2, 4])
    messages = read(company, "persons", "deleted_records", takers=["persons"])
    assert removed(messages) == [(1, rfc3339(UNTIL))]
    assert evidence(messages) == {"1": "recents", "3": "unreachable", "5": None}
    assert asked(company) == ["1,2,3,4"], "with a record that exists, and no note"


def test_without_such_a_table_nothing_is_verified() -> None:
    """Then a sync costs what it has always cost."""
    company = Reporting(REPORTED, persons=[2, 4])
    messages = read(company, "persons", "deleted_records")
    assert removed(messages) == []
    assert evidence(messages) == {"1": None, "2": None, "3": None, "5": None}
    lists = ("deals", "deals/archived", "projects", "projects/archived", "recents", "persons")
    assert company.paths == dict.fromkeys(lists, 1)


def test_an_answer_that_knows_no_record_at_all_removes_nothing() -> None:
    """A path that has moved looks like a deletion."""
    company = Reporting(REPORTED, persons=[])
    messages = read(company, "persons", "deleted_records", takers=["persons"])
    assert removed(messages) == []


def test_notes_are_verified_one_by_one() -> None:
    company = Reporting(REPORTED)
    messages = read(company, "notes", "deleted_records", takers=["notes"])
    assert removed(messages, "notes") == [(5, rfc3339(UNTIL))]
    expected = ["notes/6", "notes/5", "notes/6"]
    assert asked(company) == expected, "between two looks at one that the list has"


def failing(company: Reporting, status: int) -> Reporting:
    def refuse(request: Request) -> None:
        if "ids" in request.params:
            raise StreamError("no", TRANSIENT, status, "{}")

    company.refuse = refuse
    return company


def test_a_refused_verification_does_not_fail_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    company = failing(Reporting(REPORTED, persons=[2, 4]), 403)
    messages = read(company, "persons", "deleted_records", takers=["persons"])
    assert status_of(messages, "deleted_records") == "COMPLETE"
    assert removed(messages) == []
    assert "could not be verified" in caplog.text


# -- audits whose tombstones are lost


def audited(name: str, *passes: tuple[int, list[Any]], back: Collection[Any] = ()) -> Record:
    """What is kept of an object after passes that have declared these ids."""
    kept = Kept(BY_NAME[name], {})
    for time, ids in passes:
        kept.begin(time - 60, "me")
        kept.close(kept.ids(ids), kept.ids(), kept.ids(), time)
    kept.take_back(back)
    return kept.dump()


def state_of(objects: Mapping[str, Any], lists: Mapping[str, Any] | None = None) -> Record:
    """The state of deleted_records."""
    return {
        "seen_time": TIME,
        "version": VERSION,
        "company_id": ACME.id,
        "since": "1970-01-01T00:00:00Z",
        "audit": {"objects": dict(objects), "lists": dict(lists or {})},
    }


def taker(until: int | None) -> Record:
    """The state of a table that has the deletions up to this time."""
    state = {"update_time": TIME, **state_of({})}
    known = {} if until is None else {KEY: {"deleted_records": rfc3339(until)}}
    return {k: v for k, v in state.items() if k not in ("seen_time", "audit")} | known


FIRST, SECOND = UNTIL - 9 * DAY, UNTIL - 2 * DAY
PASSES = ((FIRST, [11, 12]), (SECOND, [13]))


@pytest.mark.parametrize(
    ("until", "sent"),
    [
        (SECOND, []),
        (SECOND - 1, [13]),
        (FIRST, [13]),
        (FIRST - 1, [11, 12, 13]),
        (None, [11, 12, 13]),
    ],
)
def test_what_an_audit_declared_is_sent_again_if_it_was_lost(
    until: int | None, sent: list[int]
) -> None:
    """Exactly as it was, so that a record that was restored since keeps its newer row."""
    states = {
        "deleted_records": state_of({"persons": audited("persons", *PASSES)}),
        "persons": taker(until),
    }
    messages = read(Reporting(), "persons", "deleted_records", states=states, takers=["persons"])
    times = {id_: rfc3339(time) for time, ids in PASSES for id_ in ids}
    assert removed(messages) == [(id_, times[id_]) for id_ in sent]
    assert records_of(messages, "deleted_records") == [], "its own rows are not repeated"
    (_, after) = states_of(messages, "persons")[-1]
    assert after[KEY] == {"deleted_records": rfc3339(UNTIL)}
    states = {**states, "persons": after}
    again = read(Reporting(), "persons", "deleted_records", states=states, takers=["persons"])
    assert removed(again) == []


def test_a_record_that_came_back_since_it_was_verified_is_not_declared() -> None:
    """A pass may be cut short after it has verified, and a later sync sees the record again."""
    kept = Kept(BY_NAME["persons"], {})
    now = kept.begin(FIRST, "me")
    now.verify(FIRST, kept.ids([7, 8]))
    now.absent.add([7, 8])
    again = Kept(BY_NAME["persons"], kept.dump()).current
    assert again is not None
    again.verify(SECOND, kept.ids([9]))
    again.absent.add([9])
    again.seen.add([7])
    assert list(again.gone) == [8, 9]
    assert again.verified_at(8) == FIRST, "a record that comes back later is newer than that"
    assert again.verified_at(9) == SECOND, "no row that was written before it is newer than that"


def test_a_pass_that_took_several_syncs_is_sent_again_with_the_times_of_its_rows() -> None:
    """Other syncs have ended since the first of them, so its time says nothing about what a taker
    has."""
    kept = Kept(BY_NAME["persons"], {})
    now = kept.begin(FIRST, "me")
    now.verify(FIRST, kept.ids([7]))
    now.verify(SECOND, kept.ids([8]))
    now.absent.add([7, 8])
    kept.close(kept.ids([7, 8]), kept.ids(), kept.ids(), UNTIL)
    again = Kept(BY_NAME["persons"], kept.dump())
    found = [(at, list(ids)) for at, ids in again.declared.after(UNTIL - 1)]
    assert found == [(FIRST, [7]), (SECOND, [8])]
    assert again.declared.after(UNTIL) == []


@pytest.mark.parametrize("listed", [True, False])
def test_what_pipedrive_reported_is_sent_again_when_no_list_has_it_any_more(listed: bool) -> None:
    """It reports a deletion for a month, and no audit asks about it afterwards."""
    kept = Kept(BY_NAME["deals"], {})
    kept.report([7], time=FIRST)
    kept.report([7, 8], time=SECOND)
    kept.report([9], unreachable=True, time=SECOND)
    states = {"deleted_records": state_of({"deals": kept.dump()}), "deals": taker(FIRST - 1)}
    company = Deleting([{"id": 8, "update_time": rfc3339(SECOND)}] if listed else [])
    messages = read(company, "deals", "deleted_records", states=states, takers=["deals"])
    sent = [(7, rfc3339(FIRST)), (8, rfc3339(SECOND))]
    assert removed(messages, "deals") == (sent[:1] if listed else sent)


def test_what_came_back_is_not_sent_again() -> None:
    kept = audited("persons", *PASSES, back=[11, 13])
    states = {"deleted_records": state_of({"persons": kept}), "persons": taker(None)}
    messages = read(Reporting(), "persons", "deleted_records", states=states, takers=["persons"])
    assert [id_ for id_, _ in removed(messages)] == [12]


@pytest.mark.parametrize("seed", range(20))
def test_wherever_that_sync_is_killed_the_next_one_sends_the_rest(seed: int) -> None:
    company = Reporting()
    states = {
        "deleted_records": state_of({"persons": audited("persons", *PASSES)}),
        "persons": taker(None),
    }
    run = run_of(
        company, "persons", "deleted_records", states=states, takers=["persons"], workers=3
    )
    messages = Turns(run, company, seed, workers=3).messages()
    checked = 0
    for number, state in states_of(messages, "persons"):
        if state[KEY].get("deleted_records") == rfc3339(UNTIL):
            assert [id_ for id_, _ in removed(messages[:number])] == [11, 12, 13]
            checked += 1
    assert checked


def test_a_new_table_misses_nothing_that_its_first_sync_declares() -> None:
    """A platform may keep a state from the middle of that sync, and lose what follows."""
    declared = state_of({"persons": audited("persons", (UNTIL, [11]))})
    found = set()
    for seed in range(10):
        company = Reporting(persons=[1])
        run = run_of(company, "persons", "deleted_records", takers=["persons"], workers=2)
        messages = Turns(run, company, seed, workers=2).messages()
        written = states_of(messages, "persons")
        for number, state in written:
            states = {"deleted_records": declared, "persons": state}
            again = read(
                Reporting(), "persons", "deleted_records", states=states, takers=["persons"]
            )
            has_all = state[KEY]["deleted_records"] == rfc3339(UNTIL)
            assert [id_ for id_, _ in removed(again)] == ([] if has_all else [11])
            assert number == written[-1][0] or not has_all
            found.add(has_all)
    assert found == {True, False}


def test_only_the_last_passes_are_remembered() -> None:
    kept = audited("persons", *((UNTIL - n * DAY, [n]) for n in range(60, 0, -1)))
    assert len(kept["declared"]) == 50
    assert kept["declared"][-1][0] == rfc3339(UNTIL - DAY)


def test_deleted_stages_are_sent_again_as_well() -> None:
    lists = {
        "stages": {
            "time": TIME,
            "present": ["1"],
            "reported": ["7", "8"],
            "declared": {"7": rfc3339(SECOND)},
        }
    }
    for until, sent in ((SECOND, []), (SECOND - 1, [(7, rfc3339(SECOND))])):
        states = {"deleted_records": state_of({}, lists), "stages": taker(until)}
        messages = read(Reporting(), "stages", "deleted_records", states=states, takers=["stages"])
        assert removed(messages, "stages") == sent


# -- products of deals


def test_a_removed_product_leaves_the_table_of_its_deal() -> None:
    kept = Kept(BY_NAME["deal_products"], {})
    kept.begin(SECOND, "me").seen.add([1, 3])
    kept.parents.note([{"id": id_, "deal_id": 10 * id_} for id_ in (1, 2, 3)])
    kept.close(kept.ids([2, 4]), kept.ids(), kept.ids(), SECOND)
    again = Kept(BY_NAME["deal_products"], kept.dump())
    assert [again.parents.get(id_) for id_ in (1, 2, 3, 4)] == [10, 20, 30, None]
    states = {"deleted_records": state_of({"deal_products": kept.dump()})}
    states["deal_products"] = {k: v for k, v in taker(None).items() if k != "update_time"} | {
        "deal_update_time": TIME
    }
    messages = read(
        Reporting(), "deal_products", "deleted_records", states=states, takers=["deal_products"]
    )
    (tombstone,) = [r for r in records_of(messages, "deal_products") if DELETED_AT in r]
    at = rfc3339(SECOND)
    assert tombstone == {"deal_id": 20, "id": 2, "deal_update_time": at, DELETED_AT: at}
