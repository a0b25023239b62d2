"""Audits that begin with a state that nobody wrote, or that a wrong clock has dated."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError, SyncError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit import unsaved
from source_pipedrive.reading.audit.audit import Audit
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.audit.lists import WholeLists
from source_pipedrive.reading.audit.reported import Reported
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.reader import ReadContext
from unit_tests.auditing import (
    BY_NAME,
    OLD,
    Firm,
    audit_of,
    carried_out,
    deleted,
    row,
    sync,
)
from unit_tests.fakes import ACME
from unit_tests.single import LOWER, UNTIL

Record = dict[str, Any]


def names(rows: Iterable[Record], evidence: str = "audit") -> set[tuple[str, int]]:
    return {(each["object"], each["id"]) for each in rows if each["evidence"] == evidence}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state after each request, so that a sync can stop there."""
    monkeypatch.setattr(unsaved, "EVERY", 0)


# --- the clock


def test_an_audit_from_the_future_does_not_put_off_the_next_one() -> None:
    """A proxy's clock was wrong for one sync."""
    firm = Firm(persons=range(1, 101))
    state = sync(firm, {}, 3_650)[1]
    firm.ids["persons"] -= {7}
    assert deleted(sync(firm, state, 14)[0]) == {7}


def test_an_audit_that_began_a_little_later_than_now_counts() -> None:
    firm = Firm(persons=range(1, 101))
    state = sync(firm, {})[1]
    for kept_ in state["objects"].values():
        kept_["closed"] = rfc3339(UNTIL + 600)
    firm.asked.clear()
    sync(firm, state, 0)
    assert firm.asked == []


# --- states that nobody wrote


def mid_pass() -> Record:
    firm = Firm(persons=range(1, 601), notes=range(1, 50))
    state = sync(firm, {})[1]
    audit = audit_of(firm, state, 7)
    carried_out(audit, lambda: len(firm.asked) > 20)
    state = audit.dump()
    objects = state["objects"]
    few, later = Numbers([3, 5]).dump(), rfc3339(UNTIL)
    objects["persons"] |= {"hidden": few, "reported": few, "flagged": few, "held": 3}
    objects["persons"] |= {"declared": [[later, few], [later, few, later]], "asked": later}
    bounds = {"updated_since": later}
    place = {"at": OLD, "until": later, "bounds": bounds, "cursor": "2", "tries": 1}
    under_way = objects["persons"]["pass"]
    under_way |= {"verified": [[later, few]], "tries": 1}
    under_way["walks"] = [{"done": [[rfc3339(0), OLD]], "places": [place]}]
    items = Kept(BY_NAME["deal_products"], {})
    items.parents.note([{"id": 3, "deal_id": 5}])
    objects["deal_products"] |= items.dump()
    lists = {"time": OLD, "user": ACME.user_id, "present": ["1"], "missed": ["2"]}
    lists |= {"unlisted": {"3": later}, "reported": ["4"], "declared": {"4": later}}
    return {**state, "lists": {"users": lists, "currencies": dict(lists)}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for at in range(min(len(value), 2)):
            yield from places(value[at], (*path, at))


def edited(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at this place."""
    inside = copy = json.loads(json.dumps(whole))
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return copy


def refuse_strange_cursors(request: Request) -> None:
    if not request.params.get("cursor", "0").isdecimal():
        raise StreamError("not a cursor", SYSTEM, 400, "{}")


STRANGE = (None, 7, -1, 10**30, float("inf"), "x", "", [], [[]], {}, True, {"a": 1}, "é")


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("strange", STRANGE, ids=repr)
def test_whatever_stands_in_a_state_nothing_false_is_declared(strange: Any) -> None:
    """It is an error with a remedy, or the audit goes on; an unknown error would come back for
    ever, and say nothing."""
    saved = mid_pass()
    for path in [*places(saved)]:
        state = edited(saved, path, strange)
        firm = Firm(persons=range(1, 601), notes=range(1, 50))
        firm.before = refuse_strange_cursors
        lists = WholeLists()
        lists.note("users", {"1", "7"})
        lists.note("currencies", {"1"})
        try:
            audit = audit_of(firm, state, 8, lists=lists)
            rows = carried_out(audit)
            for name in ("persons", "users"):
                assert all(isinstance(again, list) for again in audit.declared(name, 0))
            audit.findings()
            after = audit.dump()
        except SyncError as error:
            if "cannot be read" in str(error):
                continue
            raise
        except Exception as error:
            raise AssertionError(path) from error
        exist = {(name, id_) for name, ids in firm.ids.items() for id_ in ids}
        assert not names(rows) & exist, path
        json.dumps(after)


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
@pytest.mark.parametrize("part", ["unsure", "merged"])
def test_what_is_kept_of_reported_deletions_may_be_strange(part: str, strange: Any) -> None:
    at = rfc3339(UNTIL)
    whole = {"unsure": {"persons": [[7, at, at, True, None]]}, "merged": {"persons": [[7, 8]]}}
    for path in [*places(whole[part], (part,))]:
        saved = edited(whole, path, strange)
        firm = Firm(persons=range(1, 11))
        context = ReadContext(client=firm, company=ACME, lower=LOWER, until=UNTIL)
        try:
            audit = Audit(context, AuditSettings(), {}, row)
            made = partial(row, merged_into=None, seen_time=at)
            reported = Reported(context, audit, made, saved)
            rows = [*reported.of_page([], UNTIL), *reported.ended()]
            json.dumps(reported.dump())
        except SyncError as error:
            if "cannot be read" in str(error):
                continue
            raise
        except Exception as error:
            raise AssertionError(path) from error
        assert deleted(rows) == set()
