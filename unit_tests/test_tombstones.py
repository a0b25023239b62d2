"""Which records remove rows from the user's tables, and that none of them is lost or too early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.instants import instant, rfc3339, seconds_of
from source_pipedrive.reading.tombstones import lists_deleted, of_deletions, of_moved
from source_pipedrive.stream import DELETED_AT
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.tombstones import KEY
from unit_tests.deals import Deals
from unit_tests.fakes import NOW, Params
from unit_tests.turns import Turns, read, records_of, run_of, states_of, status_of

SEEN = "2026-11-23T10:00:00Z"
UNTIL = seconds_of(NOW)
DAY = 86_400
Record = dict[str, Any]

# -- rules


def row(object_: str = "persons", id_: str = "7", **more: Any) -> Record:
    return {"object": object_, "id": id_, "seen_time": SEEN, "deleted_time": None, **more}


@pytest.mark.parametrize(
    ("evidence", "listed_in", "is_sent"),
    [
        ("flag", "", True),
        ("recents", "", True),
        ("audit", "", True),
        ("unreachable", "", False),
        ("unreachable", "deals", False),
        ("something new", "", False),
        (None, "", False),
        (None, "deals", True),
    ],
)
def test_only_a_proven_deletion_removes_a_row(
    evidence: str | None, listed_in: str, is_sent: bool
) -> None:
    """A record that the token's user may no longer see must not vanish from the warehouse."""
    found = of_deletions(STREAMS["persons"], [row(evidence=evidence)], listed_in)
    sent = {"id": 7, "update_time": SEEN, DELETED_AT: SEEN}
    assert found == ([sent] if is_sent else [])


def test_a_record_that_came_back_removes_nothing() -> None:
    back = row(evidence="audit", restored_time="2026-11-23T09:00:00Z")
    assert of_deletions(STREAMS["persons"], [back], "") == []


def test_a_row_removes_rows_of_its_own_object_alone() -> None:
    rows = [row("deals"), row("persons"), row("leads", "3f2a0000-0000-0000-0000-000000000001")]
    rows = [{**each, "evidence": "audit"} for each in rows]
    for name, stream in STREAMS.items():
        objects = [each["object"] for each in rows if of_deletions(stream, [each], "")]
        own = stream.incremental.deleted_as
        assert objects == ([own] if own in ("deals", "persons", "leads") else []), name


def test_keys_have_the_type_that_the_table_has() -> None:
    """Otherwise no row has the key, and the deleted record stays."""
    lead = "3f2a0000-0000-0000-0000-000000000001"
    (of_lead,) = of_deletions(STREAMS["leads"], [row("leads", lead, evidence="audit")], "")
    (of_deal,) = of_deletions(STREAMS["deals"], [row("deals", "9", evidence="audit")], "")
    assert (of_lead["id"], of_deal["id"]) == (lead, 9)
    assert of_deletions(STREAMS["deals"], [row("deals", "x", evidence="audit")], "") == []


def test_a_part_of_a_key_removes_nothing() -> None:
    part = row("deal_products", "5", evidence="audit")
    products = STREAMS["deal_products"]
    assert of_deletions(products, [part], "") == []
    (whole,) = of_deletions(products, [{**part, "parent_id": "3"}], "")
    assert whole == {"deal_id": 3, "id": 5, "deal_update_time": SEEN, DELETED_AT: SEEN}


@pytest.mark.parametrize(
    ("deleted", "cursor", "at"),
    [
        ("2026-11-20 08:00:00", SEEN, "2026-11-20T08:00:00Z"),
        ("2026-11-23T10:00:04Z", "2026-11-23T10:00:04Z", "2026-11-23T10:00:04Z"),
        ("no time", SEEN, SEEN),
        (None, SEEN, SEEN),
    ],
)
def test_a_tombstone_is_not_older_than_the_row(deleted: str | None, cursor: str, at: str) -> None:
    gone = row(evidence="recents", deleted_time=deleted)
    (found,) = of_deletions(STREAMS["persons"], [gone], "")
    assert found == {"id": 7, "update_time": cursor, DELETED_AT: at}


def test_a_moved_record_has_the_cursor_of_the_version_in_its_new_place() -> None:
    """A later cursor would hide the record when it moves back without a new time."""
    moved = {"id": 1, "update_time": "2026-11-01T00:00:00Z", "archive_time": SEEN}
    (found,) = of_moved(STREAMS["deals"], [moved], UNTIL, archived=True)
    assert found == {"id": 1, "update_time": moved["update_time"], DELETED_AT: moved["update_time"]}
    times: list[Record] = [{"archive_time": SEEN}, {}]
    found_times = [
        of_moved(STREAMS["deals"], [{"id": 1, **each}], UNTIL + 60, True)[0]["update_time"]
        for each in times
    ]
    assert found_times == [SEEN, rfc3339(UNTIL + 60)]


@pytest.mark.parametrize("archived", [True, False])
def test_a_record_that_an_unexpected_list_returns_has_not_moved(archived: bool) -> None:
    """Before July 2025 the first lists had archived deals as well."""
    either = [{"id": n, "update_time": SEEN, "is_archived": n == 1} for n in (0, 1)]
    found = of_moved(STREAMS["deals"], [*either, {"id": 2}], UNTIL, archived)
    assert [each["id"] for each in found] == [1 if archived else 0, 2]


def test_the_streams_that_list_their_deleted_records() -> None:
    found = {name for name, stream in STREAMS.items() if lists_deleted(stream)}
    assert found == {"deals", "deals_archived", "projects", "projects_archived"}


# -- whole syncs

LISTS = ("deals", "deals_archived", "deleted_records")
TAKERS = ("deals", "deals_archived")


class Company(Deals):
    """Deals, archived deals and projects, some of them deleted."""

    def _body(self, path: str, params: Params) -> Record:
        if path == "recents":
            return {"data": [], "additional_data": {}}
        if path.startswith("projects"):
            return {"data": [], "additional_data": {"next_cursor": None}}
        wanted = params["status"].split(",")
        records = [r for r in self.lists[path] if ("deleted" if r["gone"] else "open") in wanted]
        return self._list(records, params)


def deal(id_: int, time: int, archived: bool = False, gone: bool = False) -> Record:
    flags = {"is_archived": archived, "is_deleted": gone}
    return {"id": id_, "update_time": rfc3339(time), "gone": gone, **flags}


def company(first: Sequence[Record], archived: Sequence[Record] = ()) -> Company:
    return Company({"deals": list(first), "deals/archived": list(archived)}, page=2)


def last_states(messages: Sequence[Any]) -> dict[str, Record]:
    return {name: states_of(messages, name)[-1][1] for name in LISTS if states_of(messages, name)}


def removed(messages: Sequence[Any], stream: str) -> list[int]:
    """The deals that tombstones remove from a stream's table."""
    records = records_of(messages, stream)
    return [r["id"] for r in records if DELETED_AT in r and "is_archived" not in r]


def first_sync() -> dict[str, Record]:
    """The states after a sync of ten deals and an archived one, two days before."""
    then = company(
        [deal(n, UNTIL - 3 * DAY) for n in range(10)], [deal(20, UNTIL - 3 * DAY, archived=True)]
    )
    states = last_states(read(then, *LISTS, takers=TAKERS))
    old = rfc3339(UNTIL - 2 * DAY)
    for state in states.values():
        state.update({f: old for f in ("update_time", "seen_time") if f in state})
        state.update({KEY: dict.fromkeys(state[KEY], old)} if KEY in state else {})
    return states


def later() -> Company:
    """Deal 1 was archived, 20 came back, 2 and 21 were deleted."""
    archived, gone = {"archived": True}, {"gone": True}
    return company(
        [
            deal(0, UNTIL - 3 * DAY),
            deal(20, UNTIL - DAY + 5),
            deal(2, UNTIL - DAY + 9, **gone),
            *(deal(n, UNTIL - 3 * DAY) for n in range(3, 10)),
        ],
        [deal(1, UNTIL - DAY, **archived), deal(21, UNTIL - DAY + 3, **archived, **gone)],
    )


def test_a_first_sync_removes_nothing_from_an_archive() -> None:
    """Otherwise every deal would be written twice."""
    world = company([deal(1, UNTIL - DAY)], [deal(2, UNTIL - DAY, archived=True)])
    messages = read(world, *LISTS, takers=TAKERS)
    assert removed(messages, "deals_archived") == []
    assert removed(messages, "deals") == [2], "it may have been archived between two requests"


def test_moved_and_deleted_deals_leave_the_other_table() -> None:
    messages = read(later(), *LISTS, states=first_sync(), takers=TAKERS)
    # Deleted deals arrive in their own stream, marked, and so in no other way.
    assert set(removed(messages, "deals")) == {1, 21}
    assert set(removed(messages, "deals_archived")) == {20, 2}


def test_what_was_archived_stays_if_the_archive_is_not_selected() -> None:
    states = first_sync()
    messages = read(later(), "deals", "deleted_records", states=states, takers=["deals"])
    assert removed(messages, "deals") == [21], "the archived deal that was deleted, and no other"


def test_without_takers_nothing_is_removed() -> None:
    messages = read(later(), *LISTS, states=first_sync())
    assert not any(removed(messages, name) for name in LISTS)
    assert KEY not in last_states(messages)["deals"]


def test_tombstones_do_not_count_as_records_that_were_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "airbyte")
    world = later()
    run = run_of(world, *LISTS, states=first_sync(), takers=TAKERS)
    messages = Turns(run, world).messages()
    own = {r.stream.name: r.output.records for r in run.runs}
    written = {name: len(records_of(messages, name)) for name in TAKERS}
    for name in TAKERS:
        tombstones = len(removed(messages, name))
        assert own[name] == written[name] - tombstones, name
        assert f"{name}: sent {tombstones} tombstones" in caplog.text


@pytest.mark.parametrize("seed", range(25))
def test_no_tombstone_is_lost_wherever_a_sync_is_killed(seed: int) -> None:
    """Wherever the output is cut, a state that includes a deletion or a move comes after its
    tombstones, in any order of the workers."""
    world, states = later(), first_sync()
    run = run_of(world, *LISTS, states=states, takers=TAKERS, workers=3)
    messages = Turns(run, world, seed, workers=3).messages()
    # By sender: the stream and the deals that it removes, and the time that includes each.
    expected = {
        "deleted_records": ("deals", {21: UNTIL - DAY + 3}),
        "deals_archived": ("deals", {1: UNTIL - DAY, 21: UNTIL - DAY + 3}),
        "deals": ("deals_archived", {20: UNTIL - DAY + 5, 2: UNTIL - DAY + 9}),
    }
    checked = 0
    for sender, (taker, times) in expected.items():
        for number, state in states_of(messages, sender):
            before = set(removed(messages[:number], taker))
            for id_, time in times.items():
                if includes(state, time):
                    assert id_ in before, (sender, state)
                    checked += 1
        for number, state in states_of(messages, taker):
            if state[KEY].get(sender) == rfc3339(UNTIL):
                assert set(times) <= set(removed(messages[:number], taker)), (sender, state)
                checked += 1
    assert checked >= 10
    assert last_states(messages)["deals"][KEY] == {
        "deals_archived": rfc3339(UNTIL),
        "deleted_records": rfc3339(UNTIL),
    }


def includes(state: Record, time: int) -> bool:
    field = "seen_time" if "seen_time" in state else "update_time"
    done = state.get("done", [[state["since"], state[field]]])
    return any(instant(start) <= time < instant(end) for start, end in done)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("taker", TAKERS)
def test_a_stream_is_open_until_the_last_tombstone(taker: str, seed: int) -> None:
    """STARTED, RUNNING, records and states, COMPLETE; each state counts the records before it."""
    world = later()
    run = run_of(world, *LISTS, states=first_sync(), takers=TAKERS, workers=3)
    statuses, since = [], 0
    for message in Turns(run, world, seed, workers=3).messages():
        status = message.trace.stream_status if message.trace else None
        if status and status.stream_descriptor.name == taker:
            statuses.append(status.status.value)
        elif message.record and message.record.stream == taker:
            assert statuses == ["STARTED", "RUNNING"]
            since += 1
        elif message.state and message.state.stream.stream_descriptor.name == taker:
            assert statuses[-1] in ("STARTED", "RUNNING")
            assert message.state.sourceStats.recordCount == since
            since = 0
    assert statuses == ["STARTED", "RUNNING", "COMPLETE"]
    assert since == 0, "a state follows the last tombstone"


def test_deletions_that_the_platform_has_lost_are_read_again() -> None:
    """It kept the state of `deleted_records`, and lost the tombstones in `deals`."""
    states = last_states(read(later(), *LISTS, states=first_sync(), takers=TAKERS))
    again = read(later(), *LISTS, states=states, takers=TAKERS)
    assert not removed(again, "deals"), "nothing is sent twice without a reason"
    states["deals"] = {**states["deals"], KEY: first_sync()["deals"][KEY]}
    again = read(later(), *LISTS, states=states, takers=TAKERS)
    assert set(removed(again, "deals")) == {1, 21}


@pytest.mark.parametrize("own", [True, False], ids=["whole states", "tombstones"])
def test_a_state_from_the_future_hides_no_deletion(own: bool) -> None:
    """Someone edited it, or the sync that wrote it was given a wrong time."""
    ahead = rfc3339(UNTIL + 400 * DAY)
    states = first_sync()
    for name, state in states.items():
        field = "seen_time" if name == "deleted_records" else "update_time"
        states[name] = {**state, field: ahead if own else rfc3339(UNTIL)}
        if KEY in state:
            states[name][KEY] = dict.fromkeys(state[KEY], ahead)
    messages = read(later(), *LISTS, states=states, takers=TAKERS)
    assert 21 in removed(messages, "deals")
    assert 2 in removed(messages, "deals_archived")
    for name, state in last_states(messages).items():
        assert includes(state, UNTIL - 61), name
        assert all(instant(time) <= UNTIL for time in state.get(KEY, {}).values()), name


def test_a_stream_that_was_not_selected_catches_up() -> None:
    states = first_sync()
    others = read(later(), "deals_archived", "deleted_records", states=states, takers=TAKERS)
    states |= last_states(others)
    assert removed(others, "deals_archived") == [2], "only the list of deals shows what came back"
    world = later()
    after = read(world, *LISTS, states=states, takers=TAKERS)
    assert set(removed(after, "deals")) == {1, 21}
    assert set(removed(after, "deals_archived")) == {20, 2}


def test_deals_that_earlier_syncs_wrote_without_the_column_are_removed_once() -> None:
    """A user switches the setting on, after years of syncs."""
    states = last_states(read(later(), *LISTS, states=first_sync()))
    assert KEY not in states["deals"]
    first = read(later(), *LISTS, states=states, takers=TAKERS)
    assert {2, 21} <= set(removed(first, "deals"))
    states = last_states(first)
    assert removed(read(later(), *LISTS, states=states, takers=TAKERS), "deals") == []


def test_a_sender_that_fails_leaves_its_takers_complete_and_their_states_behind() -> None:
    world = later()

    def refuse(request: Request) -> None:
        if request.path == "recents":
            raise StreamError("no", CONFIG, 403)

    world.refuse = refuse
    messages = read(world, *LISTS, states=first_sync(), takers=TAKERS)
    assert status_of(messages, "deleted_records") == "INCOMPLETE"
    assert status_of(messages, "deals") == "COMPLETE"
    assert 21 in removed(messages, "deals"), "its other lists were read"
    state = last_states(messages)["deals"][KEY]
    assert state["deals_archived"] == rfc3339(UNTIL)
    assert state["deleted_records"] == rfc3339(UNTIL - 2 * DAY)
