"""Children read parent by parent: unreadable parents are skipped, but never hide a failure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import CONFIG, SYSTEM, StreamError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.reading.refusals import HOPELESS
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.selection import Selection
from source_pipedrive.sync.sync import Options, SyncRun
from unit_tests import turns
from unit_tests.deals import Deals, deals
from unit_tests.fakes import ACME, NOW, FakeApi

PERMISSION = '{"success":false,"error":"You do not have permissions to do this."}'
SCOPE = '{"success":false,"error":"Scope and URL mismatch"}'


class Company(FakeApi):
    """A Pipedrive with so many roles, each held by two users. refused: (status, body) of a role
    whose assignments are refused, or None."""

    def __init__(self, roles: int, refused: Callable[[int], tuple[int, str] | None]) -> None:
        super().__init__()
        self.roles = roles
        self.refused = refused
        self.asked: list[str] = []
        self.logged: list[int] = []  # log lines before each request
        self.when_asked: Callable[[], None] = lambda: None

    def get(self, request: Request) -> Answer:
        self.asked.append(request.path)
        self.when_asked()
        self.usage.charge(request.stream, request.cost, {})
        if request.path == "roles":
            return self.page([{"id": n} for n in range(1, self.roles + 1)])
        role = int(re.fullmatch(r"roles/(\d+)/assignments", request.path)[1])  # type: ignore[index]
        if refused := self.refused(role):
            status = refused[0]
            raise StreamError(f"refused {status}", CONFIG if status == 403 else SYSTEM, *refused)
        return self.page([{"user_id": 10 * role + n, "name": "x"} for n in (1, 2)])

    def page(self, rows: list[dict[str, Any]]) -> Answer:
        return Answer({"data": rows, "additional_data": {"pagination": {}}}, NOW)


def read(company: Company) -> list[dict[str, Any]]:
    """The assignments. Raises the error that ended their stream."""
    selected = [Selection(STREAMS["role_assignments"], {}, full_refresh=True)]
    run = SyncRun(company, ACME, selected, AsMessages(), Options(workers=1), StopSignal())
    records, error = [], None
    messages = iter(run)
    while True:
        try:
            message = next(messages)
        except StopIteration:
            return records
        except AirbyteTracedException:
            assert error is not None
            raise error from None
        if message.record:
            records.append(message.record.data)
        if message.trace and message.trace.error:
            error = StreamError(message.trace.error.message, SYSTEM)


def test_every_child_record_has_its_parents_id() -> None:
    company = Company(3, lambda role: None)
    records = read(company)
    assert [(r["role_id"], r["user_id"]) for r in records] == [
        (role, 10 * role + n) for role in (1, 2, 3) for n in (1, 2)
    ]
    assert len(company.asked) == 4


@pytest.mark.parametrize(
    ("status", "body"), [(404, "{}"), (410, "{}"), (403, PERMISSION)], ids=["404", "410", "403"]
)
def test_a_parent_that_is_gone_or_hidden_is_skipped_and_counted(
    status: int, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    records = read(Company(30, lambda role: (status, body) if role % 3 == 2 else None))
    assert {r["role_id"] for r in records} == {n for n in range(1, 31) if n % 3 != 2}
    assert f"10 of the roles skipped: {status}" in caplog.text


@pytest.mark.parametrize(
    ("status", "body", "asked"),
    [(404, "{}", 2 * HOPELESS), (403, PERMISSION, HOPELESS)],
    ids=["404", "403"],
)
@pytest.mark.parametrize("roles", [1, 5, 400])
def test_if_every_parent_is_refused_the_stream_fails_without_requesting_them_all(
    status: int, body: str, asked: int, roles: int
) -> None:
    company = Company(roles, lambda role: (status, body))
    with pytest.raises(StreamError, match=f"refused {status}"):
        read(company)
    assert len(company.asked) == 1 + min(roles, asked)


def test_if_the_oldest_parents_were_deleted_in_bulk_the_others_are_read() -> None:
    records = read(Company(400, lambda role: (404, "{}") if role <= 2 * HOPELESS else None))
    assert len({r["role_id"] for r in records}) == 400 - 2 * HOPELESS


def test_refusals_that_differ_only_in_the_parents_id_are_counted_together(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = "Role {} does not exist"
    read(
        Company(30, lambda role: (404, f'{{"error":"{gone.format(role)}"}}') if role > 5 else None)
    )
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == [
        'role_assignments: 25 of the roles skipped: 404 "Role # does not exist".'
    ]


def test_a_missing_scope_ends_the_stream_at_once() -> None:
    company = Company(5, lambda role: (403, SCOPE) if role == 2 else None)
    with pytest.raises(StreamError, match="refused 403"):
        read(company)
    assert len(company.asked) == 3


@pytest.mark.parametrize("status", [400, 500])
def test_one_unreadable_parent_does_not_hide_the_others(status: int) -> None:
    company = Company(5, lambda role: (status, "{}") if role == 2 else None)
    with pytest.raises(StreamError, match=f"1 of the roles could not be read.*refused {status}"):
        read(company)
    assert len(company.asked) == 6


@pytest.mark.parametrize("status", [400, 500])
def test_after_many_failures_in_a_row_no_more_parents_are_requested(status: int) -> None:
    company = Company(400, lambda role: (status, "{}"))
    with pytest.raises(StreamError, match=f"refused {status}"):
        read(company)
    assert len(company.asked) == 1 + HOPELESS


def test_without_parents_there_are_no_children() -> None:
    company = Company(0, lambda role: None)
    assert read(company) == []
    assert company.asked == ["roles"]


def test_the_cost_of_many_parents_is_logged_before_it_is_spent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    company = Company(450, lambda role: None)
    company.usage.charge("users_me", 2, {"x-daily-ratelimit-token-limit": "30000"})
    company.when_asked = lambda: company.logged.append(len(caplog.records))
    read(company)
    sentence = "role_assignments: 450 roles x 10 tokens = 4,500, about 15 % of this company's daily"
    lines = [n for n, record in enumerate(caplog.records) if sentence in record.message]
    assert len(lines) == 1
    assert lines[0] < company.logged[1], "the cost is logged before it is spent"


@pytest.mark.parametrize("payments", [1, 40, 499])
def test_answers_that_do_not_say_whether_more_follow_lose_no_child(payments: int) -> None:
    """The schema of installments has no word about the next page, and may ignore the limit."""

    def of(deal: int) -> list[dict[str, Any]]:
        return [{"id": 1_000 * deal + n, "deal_id": deal} for n in range(payments)]

    times = [seconds_of(NOW) - 86_400 + 60 * n for n in range(30)]
    company = Deals({"deals": deals(times), "deals/archived": []}, bulk={"deals/installments": of})
    company.most = 500
    messages = turns.read(company, "deal_installments")
    assert turns.status_of(messages, "deal_installments") == "COMPLETE"
    found = {record["id"] for record in turns.records_of(messages, "deal_installments")}
    assert found == {child["id"] for deal in range(1, 31) for child in of(deal)}
