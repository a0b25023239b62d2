"""Limits that others share or that the headers keep quiet about: who guesses, meets a 429."""

from __future__ import annotations

from typing import Any

import pytest

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.auth import API_TOKEN
from pipedrive_sandbox.clock import Clock
from pipedrive_sandbox.errors import Refusal
from pipedrive_sandbox.limits import Limits
from pipedrive_sandbox.switches import Switches

from .caller import NOW, Caller

OPTIONS = Options(scale=0.02, clock=NOW)
BURST = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
LEFT, LEFT_TODAY = "x-ratelimit-remaining", "x-daily-ratelimit-token-remaining"


class Standing(Clock):
    """A clock whose burst window moves only when a test moves it."""

    at = 0.0

    def elapsed(self) -> float:
        """Seconds as the test has set them."""
        return self.at


def left(limits: Limits, switches: Switches, status: int = 200) -> int:
    headers = dict(limits.headers(API_TOKEN, switches, status))
    return int(headers[LEFT.encode()])


def in_a_row(limits: Limits, switches: Switches) -> int:
    """How many requests pass before the first 429."""
    for passed in range(1000):
        try:
            limits.enter(API_TOKEN, switches)
        except Refusal:
            return passed
    raise AssertionError("there is no limit")


def test_who_counts_only_its_own_requests_meets_a_429() -> None:
    """What is left by the header passes, and not one request more."""
    switches = Switches(rate_limit=20, other_requests=15)
    found = []
    for half_second in range(0, 60, 5):  # each time in an empty window
        clock = Standing(NOW)
        clock.at = half_second / 2
        limits = Limits(clock)
        told = left(limits, switches)
        assert in_a_row(limits, switches) == told
        assert left(limits, switches) == left(limits, switches, 429) == 0
        found.append(told)
    assert min(found) >= 5
    assert max(found) <= 20
    assert len(set(found)) > 4


def test_what_was_free_half_a_second_ago_may_be_taken_now() -> None:
    switches, clock = Switches(rate_limit=20, other_requests=20), Standing(NOW)
    limits = Limits(clock)
    told = []
    for half_second in range(40):
        clock.at = half_second / 2
        told.append(left(limits, switches))
        clock.at += 0.4
        assert left(limits, switches) == told[-1], "the same half second, the same others"
    assert len(set(told)) > 8
    quiet = next(at for at in range(39) if told[at] > told[at + 1])
    clock.at = quiet / 2
    for _ in range(told[quiet]):
        limits.enter(API_TOKEN, switches)
    clock.at += 0.5
    assert left(limits, switches) == 0, "never below 0"
    with pytest.raises(Refusal):
        limits.enter(API_TOKEN, switches)


def test_without_others_the_whole_window_is_ours() -> None:
    assert in_a_row(Limits(Standing(NOW)), Switches(rate_limit=20)) == 20


def test_a_client_that_needs_the_burst_headers_would_not_know_its_limit(
    box: Sandbox, api: Caller
) -> None:
    box.set(rate_headers=False)
    answer = api.ask("v2/deals")
    assert not set(BURST) & {name.lower() for name in answer.headers}
    assert answer.headers[LEFT_TODAY] == "150000"
    box.set(rate_headers=True, daily_headers=False)
    answer = api.ask("v2/deals")
    assert all(name in answer.headers for name in BURST)
    assert LEFT_TODAY not in answer.headers


@pytest.mark.parametrize(
    ("what", "told"), [("before", ["100", "90", "90"]), ("after", ["90", "90", "80"])]
)
def test_a_client_that_takes_what_was_left_for_what_is_left_spends_too_much(
    box: Sandbox, api: Caller, what: str, told: list[str]
) -> None:
    """Pipedrive tells what was left before the request that it answers; a refused one is free."""
    box.set(daily_tokens=100, daily_remaining=what)
    answers = [api.ask("v2/deals")]
    box.set(rate_limit=1)
    answers.append(api.ask("v2/deals"))
    box.set(rate_limit=80)
    answers.append(api.ask("v2/deals"))
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert [answer.headers[LEFT_TODAY] for answer in answers] == told


@pytest.mark.parametrize("how", ["ordered", "ordered html", "ordered empty", "burst", "day"])
def test_a_429_without_headers_leaves_a_client_to_its_own_patience(
    box: Sandbox, api: Caller, how: str
) -> None:
    box.set(rate_headers=False, daily_headers=False)
    if how == "burst":
        box.set(rate_limit=0)
    elif how == "day":
        box.set(daily_tokens=5)
    else:
        box.fail_next({"status": 429, "body": how.partition(" ")[2] or "json"})
    answer = api.ask("v2/deals")
    assert answer.status_code == 429
    # The name stays in access-control-expose-headers, which is about browsers.
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_an_ordered_429_keeps_its_headers_by_default(box: Sandbox, api: Caller) -> None:
    """A client that waits as it is told would be tested against no wait at all."""
    box.fail_next({"status": 429})
    answer = api.ask("v2/deals")
    assert (answer.status_code, answer.headers[LEFT]) == (429, "0")
    assert int(answer.headers["x-ratelimit-reset"]) in (1, 2)


def test_a_client_that_waits_for_a_zero_would_wait_for_ever(box: Sandbox, api: Caller) -> None:
    """The rest of the day is too small for this request, and no header says 0."""
    box.set(daily_tokens=25, daily_remainder="kept")
    assert [api.ask("v2/deals").headers[LEFT_TODAY] for _ in range(2)] == ["25", "15"]
    for _ in range(2):
        refused = api.ask("v2/deals")
        assert refused.status_code == 429
        assert refused.headers[LEFT_TODAY] == "5"
        assert int(refused.headers[LEFT]) > 0
    cheap = api.ask("v1/users/me")
    assert (cheap.status_code, cheap.headers[LEFT_TODAY]) == (200, "5")
    box.set(rate_limit=1)
    burst = api.ask("v1/users/me")
    assert (burst.status_code, burst.headers[LEFT], burst.headers[LEFT_TODAY]) == (429, "0", "3")


@pytest.mark.parametrize(("path", "limit"), [("v2/deals", 500), ("v2/persons", None)])
def test_short_pages_of_v2_hide_what_follows_from_who_counts_rows(
    box: Sandbox, api: Caller, path: str, limit: int | None
) -> None:
    name = path.partition("/")[2]
    everything = [record["id"] for record in box.records(name)]
    box.set(page_limit=7)
    asked: dict[str, Any] = {"limit": limit} if limit else {}
    pages = list(api.pages(path, **asked))
    assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)
    assert [record["id"] for page in pages for record in page] == everything
    assert len(api.data(path, limit=3)) == 3, "fewer, as asked"
    assert [record["id"] for record in box.records(name)] == everything, "records() has no pages"


@pytest.mark.parametrize("path", ["notes", "files", "leads"])
def test_short_pages_of_v1_hide_what_follows_from_who_counts_rows(
    box: Sandbox, api: Caller, path: str
) -> None:
    everything = [record["id"] for record in box.records(path)]
    box.set(page_limit=3)
    found: list[Any] = []
    more: dict[str, Any] = {"next_start": 0}
    while "next_start" in more:
        assert more["next_start"] == len(found)
        answer = api.ask(f"v1/{path}", limit=100, start=len(found)).json()
        found += [record["id"] for record in answer["data"]]
        more = answer["additional_data"]["pagination"]
        assert more["more_items_in_collection"] is (len(found) < len(everything))
        assert more["limit"] == 3
    assert found == everything
    assert [record["id"] for record in box.records(path)] == everything


def test_short_pages_of_a_fault_and_of_the_switch_do_not_add_up(box: Sandbox, api: Caller) -> None:
    """A test that orders both would otherwise read a page of nothing."""
    box.set(page_limit=4)
    for limit, rows in ((9, 3), (30, 4)):
        box.fail_next({"body": "short"})
        answer = api.ask("v2/deals", limit=limit).json()
        assert len(answer["data"]) == rows
        assert answer["additional_data"]["next_cursor"]
