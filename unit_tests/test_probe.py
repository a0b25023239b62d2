"""The probe: what it asks, what it concludes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from source_pipedrive.http.client import RawAnswer
from source_pipedrive.http.errors import SyncError, UnansweredError
from source_pipedrive.http.request import Request
from source_pipedrive.tools.probe import document
from source_pipedrive.tools.probe.asks import ASKS
from source_pipedrive.tools.probe.findings import Why
from source_pipedrive.tools.probe.probe import MOST, PRICE, announcement, probe
from source_pipedrive.tools.probe.questions import QUESTIONS
from unit_tests.probing import (
    BY_NAME,
    Alter,
    alter,
    answers,
    api_token,
    ask,
    edit,
    oauth,
    respond,
    sandbox,
    verdict,
)
from unit_tests.test_probe_switches import CASES, NO, OPEN, WITH_WEBHOOKS, YES
from unit_tests.test_real_pipedrive import FACTS

ROOT = Path(__file__).parents[1]
Body = dict[str, Any]


def records(change: Callable[[list[Body]], object]) -> Callable[[Body], Body]:
    """Changes the records of a body, or replaces them."""

    def changed(body: Body) -> Body:
        found = change(body["data"]) if isinstance(body.get("data"), list) else None
        return body if found is None else {**body, "data": found}

    return changed


def each(**fields: Any) -> Callable[[Body], Body]:
    """Sets these fields of every record."""
    return records(lambda data: [{**record, **fields} for record in data])


def reverse(data: list[Body]) -> object:
    return data[::-1]


def last_marked(field: str, value: object) -> Callable[[Body], Body]:
    return records(lambda data: data[-1].__setitem__(field, value))


def with_header(name: str) -> Alter:
    return lambda request, answer: replace(answer, headers={**answer.headers, name: "1"})


def rested(remaining: int) -> Alter:
    """As if nothing had been asked for seconds."""

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        limits = {"x-ratelimit-limit": "80", "x-ratelimit-remaining": str(remaining)}
        return replace(answer, headers={**answer.headers, **limits})

    return altered


def a_phone(value: object) -> Alter:
    """A custom field of the type phone, and its value in each deal."""
    field = {"field_code": "f" * 40, "field_type": "phone", "is_custom_field": True}

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        answer = edit("dealFields", records(lambda data: [*data, field]))(request, answer)
        return edit("deals", each(custom_fields={"f" * 40: value}))(request, answer)

    return altered


CURSOR = "persons, page 2"
NEW = {"a_new_key": 1}
KEYS = {
    "deals": "deals", "persons": "persons", "organizations": "organizations",
    "activities": "activities", "products": "products", "leads": "leads", "notes": "notes",
    "files": "files", "users": "users", "deal_products": "deals/products",
}  # fmt: skip


def later_page(status: int) -> Alter:
    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        late = request.path == "persons" and "cursor" in request.params
        return replace(answer, status=status, raw=b"{}") if late else answer

    return altered


def since_excluded(request: Request, answer: RawAnswer) -> RawAnswer:
    """As if updated_since excluded its own second."""
    since = request.params.get("updated_since")
    later = records(lambda data: [each for each in data if each["update_time"] != since])
    return edit("deals", later)(request, answer)


def same_page(request: Request, answer: RawAnswer) -> RawAnswer:
    """The second page of persons repeats one of the first."""
    if request.path == "persons" and "cursor" in request.params:
        body = json.loads(answer.raw)
        body["data"][0]["id"] = same_page.first  # type: ignore[attr-defined]
        return replace(answer, raw=json.dumps(body).encode())
    if request.path == "persons" and "sort_by" in request.params:
        same_page.first = json.loads(answer.raw)["data"][0]["id"]  # type: ignore[attr-defined]
    return answer


def one_refusal(*names: str) -> Alter:
    """The first request exceeds a limit, and only these headers of the answer say which one."""
    refused: list[str] = []

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        if refused:
            return answer
        refused.append(request.path)
        told = {name: "0" if name.endswith("remaining") else "80" for name in names}
        return replace(answer, status=429, headers=told, raw=b'{"success":false}')

    return altered


# What no switch of the sandbox changes: the question, how its answers change, and the verdict.
ALTERED: tuple[tuple[str, Alter, str], ...] = (
    ("products_sorted", edit("products", records(reverse)), NO),
    ("since_inclusive", since_excluded, NO),
    ("until_exclusive", edit("deals", each(update_time="2026-11-22T10:00:00Z")), NO),
    ("fractions_refused", respond("organizations", 200, {"data": []}, limit="1"), NO),
    ("ids_follow_creation", edit("notes", records(
        lambda data: [{**n, "add_time": f"{2030 - i}"} for i, n in enumerate(data)])), NO),
    ("cursor_lives", later_page(400), NO),
    ("cursor_lives", same_page, NO),
    ("next_start_missing", edit("notes", lambda body: {
        **body, "additional_data": {"pagination": {
            "more_items_in_collection": False, "next_start": None}}}), NO),
    ("users_unpaged", edit("users", lambda body: {
        **body, "additional_data": {"pagination": {"more_items_in_collection": False}}}), NO),
    *((f"{stream}_keys", edit(path, each(**NEW)), NO) for stream, path in KEYS.items()),
    ("leads_archive_time", edit("leads", records(
        lambda data: [{k: v for k, v in lead.items() if k != "archive_time"} for lead in data])),
     NO),
    ("creator_follows", edit("deals", each(followers_count=0)), NO),
    ("option_ids", edit("dealFields", each(options=[{"id": 1.5}])), NO),
    ("phones_are_text", a_phone("+372 5555555"), YES),
    ("phones_are_text", a_phone({"value": "+372 5555555"}), NO),
    ("goals_of_forecasts", edit("goals/find", lambda body: {**body, "data": {"goals": [
        {"type": {"name": "deals_won"}}]}}), OPEN),
    ("changelog_newest_first", edit("deals/*/changelog", records(reverse)), NO),
    ("deleted_deals_marked", edit("deals", each(is_deleted=False), status="deleted"), NO),
    ("archived_apart", edit("deals", each(is_archived=True), status="deleted"), NO),
    ("deleted_archived", edit("deals/archived", last_marked("is_deleted", True)), YES),
    ("deleted_archived", edit("deals", each(is_archived=True), status="deleted"), NO),
    ("short_lists_hide_deleted", edit("stages", last_marked("is_deleted", True)), NO),
    ("users_stay", edit("users", each(active_flag=True)), OPEN),
    ("recent_items", edit("recents", last_marked("item", "wombat")), NO),
    ("recents_ascend", edit("recents", records(reverse)), NO),
    ("deletions_have_time", edit("recents", records(
        lambda data: [{"item": "person", "id": 1, "data": {"active_flag": False}}])), NO),
    ("deletions_have_time", edit("recents", records(
        lambda data: [{"item": "person", "id": 1, "data": {
            "active_flag": False, "delete_time": "2026-11-20 10:00:00"}}])), YES),
    ("addons", respond("billing/subscriptions/addons", 403), NO),
    ("burst_counts_itself", rested(79), YES),
    ("burst_counts_itself", rested(80), NO),
    ("limits_told", one_refusal("x-ratelimit-limit", "x-ratelimit-remaining"), YES),
    ("limits_told", one_refusal(), NO),
    ("no_retry_after", with_header("Retry-After"), NO),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    ALTERED,
    ids=[f"{name}-{expected}" for name, _, expected in ALTERED],
)
def test_the_rest_is_concluded_from_the_answers(
    monkeypatch: pytest.MonkeyPatch, name: str, change: Alter, expected: str
) -> None:
    with sandbox() as box:
        alter(monkeypatch, change)
        assert verdict(box, name) == expected


def test_every_question_has_been_answered_in_two_ways() -> None:
    """Otherwise a question could always give the same answer."""
    with sandbox() as box:
        usual = {name: found["verdict"] for name, found in answers(ask(box)).items()}
    ways = {name: {usual[name]} for name in BY_NAME}
    for case in CASES:
        ways[case.question].update(case.verdicts.values())
    for name, _, expected in ALTERED:
        ways[name].add(expected)
    assert [name for name, verdicts in ways.items() if len(verdicts) < 2] == []


# The facts that unit_tests/test_real_pipedrive.py numbers, and the questions that ask for them.
ROWS: dict[int, tuple[str, ...]] = {
    1: ("app_fields", "refusal_names_field", "fields_accepted"),
    2: ("no_installments",),
    3: ("no_projects",),
    4: ("no_installments", "no_projects", "no_teams"),  # with the status, if it is 402
    5: ("goals_of_forecasts",),
    6: ("leads_archive_time",),
    7: ("activities_keys", "users_keys", "notes_keys", "files_keys", "deals_keys"),
    8: ("creator_follows",),
    9: ("two_sort_keys", "second_sort_key", "notes_sorted", "leads_sorted", "files_sorted"),
    10: ("deal_ids_skip_missing",),
    11: ("webhooks_by_scope",),
    12: ("deletions_have_time",),
    13: ("daily_before", "burst_counts_itself"),
    14: ("no_mailbox",),
    15: ("products_move_time", "archiving_moves_time"),  # for the others, something has to change
    16: ("fractions_refused",),
    17: ("custom_fields_null", "phones_are_text", "option_ids"),
    18: ("users_unpaged", "next_start_missing", "empty_list_null"),
    19: ("scopes_told",),
    20: ("company_host",),
    22: ("limits_told",),  # if a limit happens to be exceeded
}


def test_every_known_unknown_is_asked_for() -> None:
    assert ROWS.keys() == FACTS.keys()
    assert {name for names in ROWS.values() for name in names} <= BY_NAME.keys()


def test_a_scope_that_does_not_suffice_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox(scopes=WITH_WEBHOOKS) as box:
        alter(monkeypatch, respond("webhooks", 403, {"error": "Scope and URL mismatch"}))
        found = answers(ask(box, oauth(box)))["webhooks_by_scope"]
    assert (found["verdict"], found["facts"]["mentions"]) == (NO, ["a scope"])


def test_it_costs_what_it_says_and_only_reads() -> None:
    with sandbox() as box:
        box.reset_ledger()
        report = ask(box)
        requests_ = box.requests
    assert {request.method for request in requests_} == {"GET"}
    assert report["tokens"] == sum(request.tokens for request in requests_) <= PRICE <= MOST
    assert len(requests_) <= len(ASKS) + 1
    assert f"{PRICE} API tokens" in announcement()
    assert all(each.path in announcement() for each in ASKS)


def test_with_no_tokens_left_it_says_so() -> None:
    with sandbox() as box:
        box.set(daily_tokens=150)
        report = ask(box)
        assert box.service.limits._spent <= 150
    whys = {answer["why"] for answer in report["questions"] if answer["verdict"] == OPEN}
    assert {Why.BUDGET.value} <= whys
    assert answers(report)["deals_sorted"]["verdict"] == YES


def test_every_row_names_a_module_and_requests_that_are_sent() -> None:
    package = ROOT / "source_pipedrive"
    assert [q.name for q in QUESTIONS if not (package / q.module).exists()] == []
    assert {each.name for q in QUESTIONS for each in q.asks} == {each.name for each in ASKS}
    assert len({each.name for each in ASKS}) == len(ASKS)
    assert len(BY_NAME) == len(QUESTIONS)
    assert all(ASKS.index(first) < ASKS.index(each) for each in ASKS for first in each.after)


def test_the_second_page_is_asked_for_a_minute_later() -> None:
    with sandbox() as box:
        start = box.clock.now()
        ask(box)
        assert box.clock.now() - start == 60


# -- how it ends


def drops(monkeypatch: pytest.MonkeyPatch, after: int, status: int = 0) -> list[str]:
    """After so many answers none comes, or only this status. Returns the paths asked for."""
    sent: list[str] = []

    def altered(request: Request, answer: RawAnswer) -> RawAnswer:
        sent.append(request.path)
        if len(sent) <= after:
            return answer
        if status:
            return replace(answer, status=status, raw=b"<html>", headers={})
        raise UnansweredError(requests.exceptions.ReadTimeout())

    alter(monkeypatch, altered)
    return sent


@pytest.mark.parametrize("after", [0, 5])
def test_if_pipedrive_stops_answering_the_report_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with sandbox() as box:
        sent = drops(monkeypatch, after)
        report = ask(box)
    assert len(sent) == after + 4  # two requests, each twice
    whys = {each["why"] for each in report["requests"] if each["status"] is None}
    assert whys == {Why.UNANSWERED.value, Why.STOPPED.value}
    expected = {YES, OPEN} if after else {OPEN}
    assert {answer["verdict"] for answer in report["questions"]} == expected
    assert len(report["questions"]) == len(QUESTIONS)


@pytest.mark.parametrize(
    ("status", "most"), [(401, 1), (403, 1), (429, 4), (503, 2 * len(ASKS)), (402, len(ASKS))]
)
def test_if_pipedrive_refuses_in_the_middle_the_report_still_comes(
    monkeypatch: pytest.MonkeyPatch, status: int, most: int
) -> None:
    with sandbox() as box:
        sent = drops(monkeypatch, 5, status)
        report = ask(box)
    assert len(sent) <= 5 + most
    assert answers(report)["files_sorted"]["verdict"] == OPEN
    assert answers(report)["deals_sorted"]["verdict"] == YES
    assert document.markdown(report)


def test_without_a_first_answer_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox() as box:
        box.fail_next({"path_contains": "users/me", "body": "drop", "times": 9})
        report = ask(box)
    assert {answer["why"] for answer in report["questions"]} >= {Why.UNANSWERED.value}
    assert {answer["verdict"] for answer in report["questions"]} == {OPEN}


@pytest.mark.parametrize("app", [False, True])
def test_a_spent_day_is_not_called_silence(app: bool) -> None:
    """Pipedrive has answered. And nothing is known about a token that was not asked for."""
    said: list[str] = []
    with sandbox(daily_tokens=1) as box:
        config = oauth(box) if app else api_token(box)
        report = probe(config, said.append, lambda _: None).data
    whys = {answer["why"] for answer in report["questions"]}
    assert whys == {Why.BUDGET.value, *(() if app else (Why.NOT_OAUTH.value,))}
    assert {answer["verdict"] for answer in report["questions"]} == {OPEN}
    assert "spent its daily budget" in said[0]
    assert "sync" not in said[0]


@pytest.mark.parametrize("path", ["oauth/token", "users/me"])
def test_a_token_that_was_not_renewed_tells_nothing(path: str) -> None:
    with sandbox() as box:
        box.fail_next({"path_contains": path, "body": "drop", "times": 99})
        found = answers(ask(box, oauth(box)))
    for name in ("scopes_told", "refresh_token_stays", "webhooks_by_scope"):
        assert (found[name]["verdict"], found[name]["why"]) == (OPEN, Why.UNANSWERED.value)


def test_archived_deals_are_compared_with_others_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the other list has no answer, or ends above all archived deals, nothing is shown."""
    newest = {"sort_by": "id"}
    with sandbox() as box:
        assert verdict(box, "archived_apart") == YES
        with monkeypatch.context() as patch:
            alter(patch, respond("deals", 403, {}, **newest))
            assert verdict(box, "archived_apart") == OPEN

        def above(body: Any) -> Any:
            top = [{**deal, "id": deal["id"] + 10**6} for deal in body["data"]]
            return {**body, "data": top, "additional_data": {"next_cursor": "more"}}

        with monkeypatch.context() as patch:
            alter(patch, edit("deals", above, **newest))
            assert verdict(box, "archived_apart") == OPEN


def test_wrong_credentials_are_an_error() -> None:
    with sandbox() as box:
        config = api_token(box)
        config["credentials"]["api_token"] = "0" * 40
        with pytest.raises(SyncError):
            ask(box, config)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b'{"success":true}',
        b'{"data":{"goals":[1,null,{}]}}',
        b'{"data":[[],1,null,{}]}',
        b'{"data":[{"id":"x","update_time":5,"custom_fields":7,"options":[3],"data":[]}]}',
        b'{"data":[{"id":{},"item":[],"type":7}],"additional_data":[]}',
        b'{"data":[{"id":[1]}],"additional_data":{"next_cursor":5,"pagination":7}}',
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_no_form_of_an_answer_ends_it(
    monkeypatch: pytest.MonkeyPatch, raw: bytes, status: int
) -> None:
    with sandbox() as box:
        alter(monkeypatch, lambda request, answer: replace(answer, status=status, raw=raw))
        report = ask(box)
    assert len(report["questions"]) == len(QUESTIONS)
    assert document.markdown(report)


def test_an_app_that_must_renew_its_token_is_asked_all_the_same() -> None:
    with sandbox() as box:
        box.expire_tokens()
        report = ask(box, oauth(box))
    assert report["credentials"] == "OAuth"
    assert answers(report)["deals_sorted"]["verdict"] == YES


def test_ctrl_c_still_gives_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered has been paid for; the longest wait is before the last request."""

    def interrupt(self: object, ask: object) -> None:
        raise KeyboardInterrupt

    with sandbox() as box:
        waiting = next(each for each in ASKS if each.seconds)
        monkeypatch.setattr(
            "source_pipedrive.tools.probe.interview.Interview._wait",
            lambda self, ask: interrupt(self, ask) if ask is waiting else None,
        )
        report = ask(box)
    found = answers(report)
    assert found["cursor_lives"]["why"] == Why.ENDED.value
    assert {each["verdict"] for each in found.values()} >= {"confirmed", "undecided"}


def test_a_terminal_that_is_closed_costs_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """It interrupts the probe, and takes no more notes."""
    ended: list[object] = []

    def interrupt(self: object, ask: object, request: object) -> None:
        ended.append(ask)
        raise KeyboardInterrupt

    def say(_: str) -> None:
        if ended:
            raise OSError(5, "Input/output error")

    with sandbox() as box:
        monkeypatch.setattr("source_pipedrive.tools.probe.interview.Interview._send", interrupt)
        report = probe(api_token(box), say)
    assert len(ended) == 1
    assert {each["why"] for each in report.data["questions"]} >= {Why.ENDED.value}
