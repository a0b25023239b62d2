"""Limits that are shared with other clients, or that the headers do not report."""

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
REMAINING, REMAINING_TODAY = "x-ratelimit-remaining", "x-daily-ratelimit-token-remaining"


class ManualClock(Clock):
    """A clock whose burst window moves only when a test moves it."""

    at = 0.0

    def elapsed(self) -> float:
        """Seconds, as set by the test."""
        return self.at


def remaining(limits: Limits, switches: Switches, status: int = 200) -> int:
    headers = dict(limits.headers(API_TOKEN, switches, status))
    return int(headers[REMAINING.encode()])


def passing(limits: Limits, switches: Switches) -> int:
    """The number of requests that pass before the first 429."""
    for passed in range(1000):
        try:
            limits.enter(API_TOKEN, switches)
        except Refusal:
            return passed
    raise AssertionError("there is no limit")


def test_a_client_that_counts_only_its_own_requests_gets_a_429() -> None:
    """Exactly as many requests pass as the header reports."""
    switches = Switches(rate_limit=20, other_requests=15)
    found = []
    for half_second in range(0, 60, 5):  # each time in an empty window
        clock = ManualClock(NOW)
        clock.at = half_second / 2
        limits = Limits(clock)
        reported = remaining(limits, switches)
        assert passing(limits, switches) == reported
        assert remaining(limits, switches) == remaining(limits, switches, 429) == 0
        found.append(reported)
    assert min(found) >= 5
    assert max(found) <= 20
    assert len(set(found)) > 4


def test_other_clients_may_use_the_remaining_requests() -> None:
    switches, clock = Switches(rate_limit=20, other_requests=20), ManualClock(NOW)
    limits = Limits(clock)
    reported = []
    for half_second in range(40):
        clock.at = half_second / 2
        reported.append(remaining(limits, switches))
        clock.at += 0.4
        assert remaining(limits, switches) == reported[-1], "the same within half a second"
    assert len(set(reported)) > 8
    quiet = next(at for at in range(39) if reported[at] > reported[at + 1])
    clock.at = quiet / 2
    for _ in range(reported[quiet]):
        limits.enter(API_TOKEN, switches)
    clock.at += 0.5
    assert remaining(limits, switches) == 0, "never below 0"
    with pytest.raises(Refusal):
        limits.enter(API_TOKEN, switches)


def test_without_other_clients_the_whole_window_is_free() -> None:
    assert passing(Limits(ManualClock(NOW)), Switches(rate_limit=20)) == 20


def test_the_burst_headers_may_be_missing(box: Sandbox, api: Caller) -> None:
    box.set(rate_headers=False)
    answer = api.ask("v2/deals")
    assert not set(BURST) & {name.lower() for name in answer.headers}
    assert answer.headers[REMAINING_TODAY] == "150000"
    box.set(rate_headers=True, daily_headers=False)
    answer = api.ask("v2/deals")
    assert all(name in answer.headers for name in BURST)
    assert REMAINING_TODAY not in answer.headers


@pytest.mark.parametrize(
    ("what", "reported"), [("before", ["100", "90", "90"]), ("after", ["90", "90", "80"])]
)
def test_the_daily_header_may_exclude_the_current_request(
    box: Sandbox, api: Caller, what: str, reported: list[str]
) -> None:
    """Pipedrive reports what remained before the current request; a refused request is free."""
    box.set(daily_tokens=100, daily_remaining=what)
    answers = [api.ask("v2/deals")]
    box.set(rate_limit=1)
    answers.append(api.ask("v2/deals"))
    box.set(rate_limit=80)
    answers.append(api.ask("v2/deals"))
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert [answer.headers[REMAINING_TODAY] for answer in answers] == reported


@pytest.mark.parametrize("how", ["ordered", "ordered html", "ordered empty", "burst", "day"])
def test_a_429_may_have_no_headers(box: Sandbox, api: Caller, how: str) -> None:
    box.set(rate_headers=False, daily_headers=False)
    if how == "burst":
        box.set(rate_limit=0)
    elif how == "day":
        box.set(daily_tokens=5)
    else:
        box.fail_next({"status": 429, "body": how.partition(" ")[2] or "json"})
    answer = api.ask("v2/deals")
    assert answer.status_code == 429
    # The name stays in access-control-expose-headers, which only concerns browsers.
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_an_injected_429_has_headers_by_default(box: Sandbox, api: Caller) -> None:
    """Otherwise a client that waits as the header says would not be tested."""
    box.fail_next({"status": 429})
    answer = api.ask("v2/deals")
    assert (answer.status_code, answer.headers[REMAINING]) == (429, "0")
    assert int(answer.headers["x-ratelimit-reset"]) in (1, 2)


def test_the_daily_header_may_never_reach_zero(box: Sandbox, api: Caller) -> None:
    """The remaining budget is too small for this request, but no header says 0."""
    box.set(daily_tokens=25, daily_remainder="kept")
    assert [api.ask("v2/deals").headers[REMAINING_TODAY] for _ in range(2)] == ["25", "15"]
    for _ in range(2):
        refused = api.ask("v2/deals")
        assert refused.status_code == 429
        assert refused.headers[REMAINING_TODAY] == "5"
        assert int(refused.headers[REMAINING]) > 0
    cheap = api.ask("v1/users/me")
    assert (cheap.status_code, cheap.headers[REMAINING_TODAY]) == (200, "5")
    box.set(rate_limit=1)
    burst = api.ask("v1/users/me")
    assert (burst.status_code, burst.headers[REMAINING], burst.headers[REMAINING_TODAY]) == (
        429,
        "0",
        "3",
    )


@pytest.mark.parametrize(("path", "limit"), [("v2/deals", 500), ("v2/persons", None)])
def test_v2_pages_may_be_shorter_than_their_limit(
    box: Sandbox, api: Caller, path: str, limit: int | None
) -> None:
    name = path.partition("/")[2]
    everything = [record["id"] for record in box.records(name)]
    box.set(page_limit=7)
    asked: dict[str, Any] = {"limit": limit} if limit else {}
    pages = list(api.pages(path, **asked))
    assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)
    assert [record["id"] for page in pages for record in page] == everything
    assert len(api.data(path, limit=3)) == 3, "fewer, as requested"
    assert [record["id"] for record in box.records(name)] == everything, "records() has no pages"


@pytest.mark.parametrize("path", ["notes", "files", "leads"])
def test_v1_pages_may_be_shorter_than_their_limit(box: Sandbox, api: Caller, path: str) -> None:
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


def test_short_pages_of_the_fault_and_the_switch_do_not_add_up(box: Sandbox, api: Caller) -> None:
    """A test that uses both would otherwise get an empty page."""
    box.set(page_limit=4)
    for limit, rows in ((9, 3), (30, 4)):
        box.fail_next({"body": "short"})
        answer = api.ask("v2/deals", limit=limit).json()
        assert len(answer["data"]) == rows
        assert answer["additional_data"]["next_cursor"]
