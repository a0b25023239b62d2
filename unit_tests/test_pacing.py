"""Pacing on a fake clock: as fast as the account allows, never faster."""

from __future__ import annotations

from source_pipedrive.http.pacing import LOWEST_BURST, MARGIN, WINDOW, Pacing


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def pacing() -> tuple[Pacing, Clock]:
    clock = Clock()
    return Pacing(clock, clock.sleep), clock


def test_it_starts_at_the_lowest_documented_burst() -> None:
    paced, clock = pacing()
    for _ in range(LOWEST_BURST):
        paced.acquire()
    assert clock.now == 0
    paced.acquire()
    assert clock.now >= WINDOW


def test_it_uses_what_the_account_really_has() -> None:
    paced, clock = pacing()
    paced.learn({"x-ratelimit-limit": "480", "x-ratelimit-remaining": "480"})
    for _ in range(4_800):
        paced.acquire()
    assert clock.now <= 10 * (WINDOW + MARGIN)


def test_no_window_holds_more_requests_than_the_limit() -> None:
    paced, clock = pacing()
    sent = []
    for number in range(200):
        paced.acquire()
        sent.append(clock.now)
        clock.now += 0.01 * (number % 7)
    for at in sent:
        assert sum(at <= other < at + WINDOW for other in sent) <= LOWEST_BURST


def test_it_leaves_room_for_what_others_have_taken() -> None:
    paced, clock = pacing()
    paced.acquire()
    paced.learn({"x-ratelimit-limit": "80", "x-ratelimit-remaining": "9"})
    for _ in range(9):
        paced.acquire()
    assert clock.now == 0
    paced.acquire()
    assert clock.now > 0


def test_a_spent_window_holds_everybody_until_it_is_reset() -> None:
    paced, clock = pacing()
    paced.learn({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"})
    paced.acquire()
    assert clock.now >= 2


def test_after_a_429_everybody_waits() -> None:
    paced, clock = pacing()
    paced.close(1.5)
    paced.acquire()
    assert clock.now >= 1.5


def test_headers_that_make_no_sense_change_nothing() -> None:
    paced, clock = pacing()
    paced.learn({"x-ratelimit-limit": "many", "x-ratelimit-remaining": ""})
    for _ in range(LOWEST_BURST):
        paced.acquire()
    assert clock.now == 0
