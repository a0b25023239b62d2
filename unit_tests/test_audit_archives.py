"""Questions about records that may be in an archive, while its answers mean nothing; and answers
about a part of what was asked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading.audit.verdicts import Verdicts
from source_pipedrive.reading.audit.verification import MOST_IDS, verify
from unit_tests.auditing import BY_NAME, Firm, Record, deleted, is_question, kept, record, sync
from unit_tests.fakes import v2_list
from unit_tests.single import UNTIL
from unit_tests.test_audit_children import Shop, names

DEALS, PROJECTS = BY_NAME["deals"], BY_NAME["projects"]
GONE = 5_000


def said(firm: Firm, audited: Any, ids: Collection[int], known: Collection[int]) -> Verdicts:
    """What Pipedrive says about these ids."""
    found = Verdicts()
    for verdicts in verify(firm, audited, ids, known):
        found.add(verdicts)
    assert sorted(found.ids) == sorted(ids)
    return found


class Archive(Shop):
    """Deals, some of which are archived. deaf: what the archive answers to a request that names
    ids: nothing, or this status."""

    def __init__(self, deals: Collection[int], archived: Collection[int]) -> None:
        super().__init__(deals, {})
        self.archived = {*archived}
        self.deaf: int | None = None

    def _answer(self, request: Request) -> Record:
        if request.path == "deals/archived" and is_question(request) and self.deaf is not None:
            if self.deaf != 200:
                raise StreamError("no", SYSTEM, self.deaf, "{}")
            return {"data": []}
        return super()._answer(request)


@pytest.mark.parametrize("deaf", [200, 400, 404])
def test_a_deal_is_not_gone_because_the_archive_does_not_answer_about_it(deaf: int) -> None:
    firm = Archive(range(1, 41), range(20, 41))
    assert said(firm, DEALS, [30, GONE], [1, 2, 3]).absent == [GONE]
    firm.deaf = deaf
    assert said(firm, DEALS, [30, GONE], [1, 2, 3]).absent == []


def test_a_deal_is_gone_if_the_archive_is_empty() -> None:
    firm = Archive(range(1, 41), [])
    assert said(firm, DEALS, [30, GONE], [1, 2, 3]).absent == [GONE]


def test_a_deal_is_not_gone_if_the_archive_is_empty_and_one_that_was_there_is_not_found() -> None:
    """Deal 2 was archived when the lists were read, and the archive is empty for a while."""
    firm = Archive(set(range(1, 41)) - {2, 30}, [])
    assert said(firm, DEALS, [30, GONE], [1, 2, 3]).absent == []
    assert said(firm, BY_NAME["deals"], [30, GONE], [1, 3, 4]).absent == [30, GONE]


def test_no_archive_is_asked_about_what_the_first_list_has() -> None:
    firm = Archive(range(1, 41), range(20, 41))
    assert said(firm, DEALS, [10, 11], [1, 2, 3]).alive == [10, 11]
    assert {each.path for each in firm.asked} == {"deals"}


def test_a_request_to_the_archive_names_no_more_than_pipedrive_takes() -> None:
    firm = Archive(range(1, 41), range(20, 41))
    said(firm, DEALS, range(GONE, GONE + 300), [1, 2, 3])
    asked = [len(each.params["ids"].split(",")) for each in firm.questions]
    assert max(asked) <= MOST_IDS
    samples = [each for each in firm.asked if "ids" not in each.params]
    assert [each.path for each in samples] == ["deals/archived"], "once"


def test_a_deal_that_is_archived_during_a_pass_is_not_deleted() -> None:
    """The walk over both lists misses it, and the archive's answers about ids mean nothing."""
    firm = Archive(range(1, 41), range(20, 41))
    state = sync(firm, {})[1]

    def before(request: Request) -> None:
        if is_question(request):
            firm.ids["deals"] |= {7}
            firm.archived |= {7}
        else:
            firm.ids["deals"] -= {7}

    firm.before, firm.deaf = before, 200
    rows, state = sync(firm, state, 7)
    assert names(rows) == set()
    assert 7 in kept(state, "deals").present


@pytest.mark.parametrize("deaf", [200, 404])
def test_the_products_of_an_archived_deal_are_not_deleted(deaf: int) -> None:
    """No list has them, and the archive says nothing about their deal."""
    firm = Archive(range(1, 41), range(20, 41))
    firm.products = {n: 1 + n // 3 for n in range(1, 120)}
    firm.hides = True
    state = sync(firm, {})[1]
    firm.archived |= {7}
    firm.deaf = deaf
    rows, state = sync(firm, state, 7)
    assert names(rows) == set()
    assert kept(state, "deal_products").closed > UNTIL


@pytest.mark.parametrize("gone", [{7}, set()])
def test_products_are_not_deleted_because_their_list_is_empty_for_a_while(gone: set[int]) -> None:
    """It was read, with gaps, and is empty when Pipedrive is asked about what is missing."""
    firm = Shop(range(1, 41), {n: 1 + n // 3 for n in range(1, 120)})
    state = sync(firm, {})[1]
    firm.ids["deals"] -= gone
    firm.products |= {125: 39}  # a gap below the highest number
    there, products = firm.ids["deals"] - {12}, dict(firm.products)
    walked = False

    def before(request: Request) -> None:
        nonlocal walked
        if request.path == "deals/products":
            firm.products = {} if walked else {n: d for n, d in products.items() if d in there}
            walked = True

    firm.before = before
    rows, state = sync(firm, state, 7)
    assert {each for each in names(rows) if each[0] == "deal_products"} == set()
    firm.before, firm.products = lambda request: None, products
    rows, _ = sync(firm, state, 15)
    assert {id_ for name, id_ in names(rows) if name == "deal_products"} >= (
        {18, 19, 20} if gone else set()
    )


class Office(Firm):
    """Projects, some of which are archived. single: whether these can be requested alone."""

    def __init__(self, projects: Collection[int], archived: Collection[int]) -> None:
        super().__init__()
        self.ids["projects"] = {*projects}
        self.archived, self.single = {*archived}, True

    def _answer(self, request: Request) -> Record:
        name, _, id_ = request.path.partition("/")
        if name != "projects":
            return super()._answer(request)
        there = self.ids["projects"]
        if id_.isdigit():
            if int(id_) not in there - (set() if self.single else self.archived):
                raise StreamError("not found", SYSTEM, 404, "{}")
            return {"data": record(int(id_))}
        there = there & self.archived if id_ else there - self.archived
        return v2_list([record(each) for each in sorted(there)])(request.params)


@pytest.mark.parametrize("single", [True, False])
def test_a_project_is_not_gone_because_it_was_archived(single: bool) -> None:
    firm = Office(range(1, 41), range(20, 41))
    firm.single = single
    found = said(firm, PROJECTS, [30, GONE], [1, 2, 3])
    assert found.absent == ([GONE] if single else [])
    assert found.alive == ([30] if single else [])


def test_a_project_without_an_archive_may_be_gone() -> None:
    firm = Office(range(1, 41), [])
    assert said(firm, PROJECTS, [30, GONE], [1, 2, 3]).absent == [GONE]


class Short(Firm):
    """Takes only so many of the ids that a request names, and says nothing about the others."""

    def __init__(self, most: int) -> None:
        super().__init__(persons=range(1, 1_501))
        self.most = most

    def _answer(self, request: Request) -> Record:
        if "ids" in request.params:
            ids = request.params["ids"].split(",")[: self.most]
            request = replace(request, params={**request.params, "ids": ",".join(ids)})
        return super()._answer(request)


@pytest.mark.parametrize("most", [50, 97, 100])
def test_a_person_is_not_gone_because_a_request_named_too_many(most: int) -> None:
    firm = Short(most)
    state = sync(firm, {})[1]
    gone = {*range(101, 161)}

    def before(request: Request) -> None:
        # The walk sees only some of those that are there.
        firm.ids["persons"] = {*range(1, 1_501)} - gone
        if not is_question(request):
            firm.ids["persons"] -= {*range(401, 461)}

    firm.before = before
    rows, _ = sync(firm, state, 7)
    assert deleted(rows) == (gone if most == 100 else set())


@pytest.mark.parametrize("number", [4, 10])
def test_a_note_is_not_gone_because_no_note_is_found_from_some_moment_on(number: int) -> None:
    """Before that, one that is known to exist was found."""
    firm = Firm(notes=range(1, 41))

    def before(request: Request) -> None:
        if len(firm.questions) == number:
            firm.ids["notes"] = set()

    firm.before = before
    found = said(firm, BY_NAME["notes"], [GONE, *range(20, 34)], [1, 2, 3])
    assert found.absent == []
    assert found.alive == [*range(20, 20 + number - 2)]
