"""Pacing in virtual time: as fast as the account allows, never faster, with room for others."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from source_pipedrive.http.pacing import LOWEST_BURST, WINDOW, Pacing, Slot, whole_number
from unit_tests.account import Account, Takes, share, work

MINUTE = 60.0
TAKES: dict[str, Takes] = {
    "next door": lambda chance: (0.001 + chance.random() * 0.002, 0.002 + chance.random() * 0.003),
    "50 ms": lambda chance: (0.02 + chance.random() * 0.01, 0.02 + chance.random() * 0.02),
    "200 ms": lambda chance: (0.05 + chance.random() * 0.02, 0.1 + chance.random() * 0.1),
    "a late one now and then": lambda chance: (0.02 if chance.random() < 0.97 else 0.2, 0.05),
}


class Clock:
    """Time that passes only while someone sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def pacing() -> tuple[Pacing, Clock]:
    clock = Clock()
    return Pacing(clock), clock


def records_of(times: list[float]) -> list[int]:
    """The lengths of the series of refusals that are less than a second apart."""
    rows = [1] if times else []
    for earlier, later in pairwise(times):
        if later - earlier < 1:
            rows[-1] += 1
        else:
            rows.append(1)
    return rows


@pytest.mark.parametrize("told", ["in", "out"])
@pytest.mark.parametrize("limit", [20, 80, 160, 480])
@pytest.mark.parametrize("kind", TAKES)
def test_nine_tenths_of_the_limit_are_used_and_nothing_is_refused(
    kind: str, limit: int, told: str
) -> None:
    """Whether `remaining` is counted before or after the work is not documented."""
    account = Account(limit, told=told)
    work(account, MINUTE, TAKES[kind])
    assert account.served >= 0.9 * limit * MINUTE / WINDOW
    assert [at for at in account.refused if at > 1] == [] or kind.startswith("a late one")
    assert len(account.refused) <= 1


@pytest.mark.parametrize("told", ["in", "out"])
@pytest.mark.parametrize("limit", [20, 80, 160, 480])
@pytest.mark.parametrize("kind", TAKES)
def test_it_slows_down_when_others_take_their_share(kind: str, limit: int, told: str) -> None:
    """What others take changes twice a second. A change may cost requests under way, no more."""

    def others(now: float) -> int:
        return random.Random(int(now * 2)).randint(0, limit // 2)

    account = Account(limit, others=others, told=told)
    paced = work(account, MINUTE, TAKES[kind])
    rest = sum(limit - others(n / 2) for n in range(120)) / 120 * MINUTE / WINDOW
    assert account.served >= 0.5 * rest
    rows = records_of(account.refused)
    assert len(rows) <= 30
    assert max(rows, default=0) <= 2 * paced.parallel + 4


@pytest.mark.parametrize("begins", [(0.0, 0.0), (0.0, 20.3), (0.0, 0.7, 1.1)], ids=str)
@pytest.mark.parametrize("told", ["in", "out"])
@pytest.mark.parametrize("limit", [20, 80, 480])
@pytest.mark.parametrize("kind", ["next door", "200 ms", "a late one now and then"])
def test_syncs_with_one_token_share_it_and_are_hardly_ever_refused(
    kind: str, limit: int, told: str, begins: tuple[float, ...]
) -> None:
    """Steady refusals lead to a block by the edge, and a sync without a share never ends."""
    account, settled = Account(limit, told=told), begins[-1] + 10
    senders = share(account, settled + MINUTE, TAKES[kind], begins)
    assert len([at for at in account.refused if at > settled]) <= (3 if len(begins) == 2 else 8)
    assert max(records_of(account.refused), default=0) <= 40
    most = limit * MINUTE / WINDOW
    parts = [sum(at > settled for at in sender.served) / most for sender in senders]
    assert sum(parts) >= (0.8 if len(begins) == 2 else 0.7)
    assert min(parts) >= 0.05


def test_it_is_fast_again_once_it_is_alone() -> None:
    account = Account(80, others=lambda now: 70 if now < 20 else 0)
    work(account, 20, TAKES["50 ms"])
    busy = account.served
    account = Account(80, others=lambda now: 70 if now < 20 else 0)
    work(account, 50, TAKES["50 ms"])
    assert busy <= 1.1 * 10 * 20 / WINDOW
    assert account.served - busy >= 0.8 * 80 * 30 / WINDOW


def test_without_headers_it_keeps_to_the_lowest_documented_burst() -> None:
    account = Account(LOWEST_BURST, headers=False)
    work(account, MINUTE, TAKES["50 ms"])
    assert account.refused == []
    assert account.served >= 0.9 * LOWEST_BURST * MINUTE / WINDOW


def test_it_starts_at_the_lowest_documented_burst() -> None:
    paced, clock = pacing()
    for _ in range(LOWEST_BURST):
        paced.acquire(clock.sleep)
    assert clock.now == 0
    paced.acquire(clock.sleep)
    assert clock.now >= WINDOW


def test_a_slow_request_keeps_its_slot_for_longer() -> None:
    """It may have arrived at Pipedrive just before its answer left."""
    paced, clock = pacing()
    first = paced.acquire(clock.sleep)
    clock.now = 0.01
    paced.answered(first, 200, {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"})
    second = paced.acquire(clock.sleep)
    assert clock.now < WINDOW + 0.05
    clock.now = second.sent + 0.2
    paced.answered(second, 200, {})
    paced.acquire(clock.sleep)
    assert clock.now >= second.sent + WINDOW + 0.15


def refuse(paced: Pacing, clock: Clock, **headers: str) -> float | None:
    slot = paced.acquire(clock.sleep)
    return paced.answered(slot, 429, {k.replace("_", "-"): v for k, v in headers.items()})


def test_a_refusal_holds_all_requests_back_for_as_long_as_pipedrive_says() -> None:
    paced, clock = pacing()
    slots = [paced.acquire(clock.sleep) for _ in range(3)]
    assert paced.answered(slots[0], 429, {"x-ratelimit-reset": "2"}) == 2.0
    assert [paced.answered(slot, 429, {"x-ratelimit-reset": "2"}) for slot in slots[1:]] == [
        None,
        None,
    ]
    paced.acquire(clock.sleep)
    assert clock.now >= 2


def test_after_a_refusal_one_request_goes_ahead_and_the_others_wait_for_its_answer() -> None:
    paced, clock = pacing()
    for _ in range(10):
        paced.acquire(clock.sleep)
    refuse(paced, clock, x_ratelimit_reset="1")
    ahead = paced.acquire(clock.sleep)
    assert not isinstance(paced.ask(), Slot)
    paced.answered(ahead, 200, {})
    assert isinstance(paced.ask(), Slot)


def test_a_lost_probe_does_not_hold_the_others_back_forever() -> None:
    paced, clock = pacing()
    refuse(paced, clock, x_ratelimit_reset="1")
    clock.now += 1
    assert isinstance(paced.ask(), Slot)
    paced.acquire(clock.sleep)
    assert clock.now < MINUTE


def test_without_a_header_the_waits_grow_and_stay_under_a_minute() -> None:
    paced, clock = pacing()
    waits = [refuse(paced, clock) or 0.0 for _ in range(12)]
    assert 0.25 <= waits[0] <= 0.5
    assert waits[6] > waits[0] * 8
    assert max(waits) <= 60


def test_after_repeated_refusals_it_asks_less_and_less_often() -> None:
    """Keeping the pace that the header asks for would lead to a block by the edge."""
    paced, clock = pacing()
    waits = [refuse(paced, clock, x_ratelimit_reset="1") or 0.0 for _ in range(10)]
    assert waits[:3] == [1.0, 1.0, 1.0]
    assert waits[-1] > 60 / 2


def test_a_header_that_asks_for_a_day_is_capped() -> None:
    paced, clock = pacing()
    assert refuse(paced, clock, x_ratelimit_reset="86400") == 60.0


@pytest.mark.parametrize("limit", ["many", "", "-5", "²"])
def test_invalid_headers_change_nothing(limit: str) -> None:
    paced, clock = pacing()
    slot = paced.acquire(clock.sleep)
    paced.answered(slot, 200, {"x-ratelimit-limit": limit, "x-ratelimit-remaining": limit})
    for _ in range(LOWEST_BURST - 1):
        paced.acquire(clock.sleep)
    assert clock.now == 0


def test_the_workers_follow_the_pace_and_the_latency() -> None:
    """Little's law: 40 requests a second that take a fifth of a second each are eight under way."""
    paced, clock = pacing()
    assert paced.parallel == 1
    for _ in range(10):
        slot = Slot(clock.now, clock.now + WINDOW, 1)
        clock.now += 0.2
        paced.answered(slot, 200, {"x-ratelimit-limit": "80", "x-ratelimit-remaining": "79"})
        paced.finished(slot)
    assert 8 <= paced.parallel <= 16
    assert paced.limit == 80


def test_an_answer_that_was_under_way_does_not_end_the_hold() -> None:
    paced, clock = pacing()
    early = [paced.acquire(clock.sleep) for _ in range(6)]
    paced.answered(early[0], 429, {"x-ratelimit-reset": "1"})
    paced.answered(early[1], 200, {})
    clock.now = 5
    assert isinstance(paced.ask(), Slot)
    assert not isinstance(paced.ask(), Slot)


def test_header_numbers_are_parsed_or_none() -> None:
    assert whole_number("12") == 12
    for text in ("9" * 5_000, "-1", "1.5", "", None):
        assert whole_number(text) is None
