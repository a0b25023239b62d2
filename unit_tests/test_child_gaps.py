"""Child streams when two things go wrong at once: no record is lost, and no sync hangs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.batch import Batch, Handover
from source_pipedrive.reading.instants import rfc3339
from unit_tests.deals import Deals, Record, deals
from unit_tests.test_child_states import (
    CHANGELOG,
    NOW,
    PERMISSION,
    START,
    changes_of,
    company_of,
    last_state,
    parents_in,
    refusing,
    status_of,
)
from unit_tests.turns import Turns, read, records_of, run_of

COMPLETE = {"version": 1, "company_id": 42, "since": rfc3339(START - 60)}


def answering(company: Deals, statuses: dict[int, int]) -> Deals:
    """The same company. statuses: what it answers for the changelog of a deal, by deal id."""

    def refuse(request: Request) -> None:
        match = re.fullmatch(r"deals/(\d+)/changelog", request.path)
        status = statuses.get(int(match[1]), 0) if match else 0
        if status:
            raise StreamError("no", CONFIG if status < 500 else TRANSIENT, status, PERMISSION)

    company.refuse = refuse
    return company


def test_a_hidden_deal_is_not_forgotten_while_another_list_is_still_unread() -> None:
    """Its update time is still unread in the archived list, but that list does not contain it."""
    time = START + 60 * 4
    state: Record = {
        "deal_update_time": rfc3339(START),
        **COMPLETE,
        "parents": {"deals": [[rfc3339(START - 60), rfc3339(NOW - 60)]], "deals_archived": []},
        "refused": {CHANGELOG: {"ids": [5], "times": [[rfc3339(time), rfc3339(time + 1)]]}},
    }
    messages = read(company_of(), CHANGELOG, states={CHANGELOG: state}, lower=START - 60)
    assert parents_in(messages) == {5}


def test_a_deal_that_becomes_visible_is_read_even_if_others_hidden_with_it_are_gone() -> None:
    company = answering(company_of(), dict.fromkeys((1, 2, 3, 5, 30, 31, 32), 403))
    states = {CHANGELOG: last_state(read(company, CHANGELOG), CHANGELOG)}
    found: set[int] = set()
    for _ in range(2):
        later = answering(company_of(), dict.fromkeys((1, 2, 3, 30, 31, 32), 404))
        messages = read(later, CHANGELOG, states=states)
        states = {CHANGELOG: last_state(messages, CHANGELOG)}
        found |= parents_in(messages)
    assert 5 in found


@pytest.mark.parametrize("statuses", [{1: 403, 2: 500}, {1: 500, 2: 403}, {1: 404, 2: 500}])
def test_a_sync_ends_if_one_deal_is_hidden_or_gone_and_another_fails(
    statuses: dict[int, int],
) -> None:
    company = answering(company_of(2), statuses)
    messages = read(company, CHANGELOG)
    assert status_of(messages, CHANGELOG) == "INCOMPLETE"
    later = read(company_of(2), CHANGELOG, states={CHANGELOG: last_state(messages, CHANGELOG)})
    assert parents_in(later) == {1, 2}


class Reversed(Deals):
    """Returns deals newest first when asked for changes from long ago."""

    def _list(self, rows: list[Record], params: Any) -> Record:
        found = super()._list(rows, params)
        if params.get("updated_since", "") < rfc3339(NOW - 7200):
            found["data"].reverse()
        return found


@pytest.mark.parametrize("seed", range(20))
def test_an_unsorted_list_retracts_only_what_its_own_reader_reported(seed: int) -> None:
    """The selected list's reader found the new deals. Nobody reads them again, so a sync that
    retracts them would wait forever."""
    times = [*(START + 60 * n for n in range(15)), *(NOW - 600 + n for n in range(15))]
    lists = {"deals": deals(times), "deals/archived": []}
    company = Reversed(lists, {"deals/{id}/changelog": changes_of}, page=7)
    states = {"deals": {"update_time": rfc3339(NOW - 3600), **COMPLETE}}
    run = run_of(company, "deals", CHANGELOG, states=states, lower=START - 60, workers=3)
    messages = Turns(run, company, seed, 3).messages()
    assert parents_in(messages) == {*range(1, 31)}
    assert status_of(messages, CHANGELOG) == "COMPLETE"


@pytest.mark.parametrize("status", [403, 500])
def test_an_unreadable_deal_without_an_update_time_is_read_later(status: int) -> None:
    def company() -> Deals:
        lists = {"deals": deals([None, START, START + 60]), "deals/archived": []}
        return Deals(lists, {"deals/{id}/changelog": changes_of}, page=7)

    first = read(refusing(company(), status, 1), CHANGELOG, lower=START - 60)
    states = {CHANGELOG: last_state(first, CHANGELOG)}
    later = read(company(), CHANGELOG, states=states, lower=START - 60)
    assert 1 in parents_in(later)


def test_a_child_stream_selected_later_gets_deals_without_an_update_time() -> None:
    lists = {"deals": deals([None, START]), "deals/archived": []}
    company = Deals(lists, {"deals/{id}/changelog": changes_of}, page=7)
    states = {"deals": {"update_time": rfc3339(NOW - 60), **COMPLETE}}
    messages = read(company, "deals", CHANGELOG, states=states, lower=START - 60)
    assert parents_in(messages) == {1, 2}
    assert len(records_of(messages, CHANGELOG)) == 2


def test_a_record_that_changes_again_within_the_same_second_is_requested_again() -> None:
    """After a sync has begun, a record may change again within a second that was already read."""
    lists = {"filters": deals([NOW - 5, NOW + 1])}
    company = Deals(lists, {"filters/{id}": lambda number: [{"id": number}]})
    name = "filter_conditions"
    state = last_state(read(company, name), name)
    assert [id_ for id_, _ in state["recent"]["filters"]] == [1]
    company.asked.clear()
    read(company, name, states={name: state})
    assert company.ids("filters/{id}") == ["2"]


def test_pages_reach_dependents_in_the_order_they_were_read() -> None:
    """A page that overtakes the previous one counts as read before the previous deals' children
    are requested. A kill then loses the deals that share its first second."""
    company = company_of()
    run = run_of(company, "deals")
    Turns(run, company)
    (deals_run,) = run.runs
    seen: list[int] = []

    class SlowDependent:
        exhausted = is_full = False

        def receive(self, source: Any, handover: Handover) -> Iterator[bool]:
            if handover.records[0]["id"] == 1:  # meanwhile another worker has read the next page
                yield from deals_run.carry_out(Batch(deals([START], first=2)))
            seen.append(handover.records[0]["id"])

    deals_run.dependents.append(SlowDependent())
    list(deals_run.carry_out(Batch(deals([START]))))
    assert seen == [1, 2]


def test_a_released_child_stream_resumes_once_the_others_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("source_pipedrive.reading.pending.ENOUGH", 5)
    other = "deal_followers"
    for seed in range(12):
        lists = {"deals": [], "deals/archived": deals([START + 60 * n for n in range(60)])}
        children = {"deals/{id}/changelog": changes_of, "deals/{id}/followers": lambda deal: []}
        company = Deals(lists, children, page=7)

        def refuse(request: Request) -> None:
            if request.path.endswith("followers"):
                raise StreamError("no", CONFIG, 401, "")

        company.refuse = refuse
        run = run_of(company, CHANGELOG, other, workers=4)
        messages = Turns(run, company, seed, 4).messages()
        assert status_of(messages, CHANGELOG) == "COMPLETE", seed
        assert parents_in(messages) == {*range(1, 61)}, seed
