"""What a sync may still spend: the reserve for other integrations, and the sync's own budget."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from airbyte_cdk.models import FailureType

from source_pipedrive.http.errors import BudgetError, SyncError
from source_pipedrive.http.usage import Usage

LIMIT, LEFT = "x-daily-ratelimit-token-limit", "x-daily-ratelimit-token-remaining"


def told(left: int, limit: int = 1_000) -> dict[str, str]:
    return {LIMIT: str(limit), LEFT: str(left)}


def spend(usage: Usage, cost: int, headers: dict[str, str]) -> None:
    turn = usage.admit(cost)
    usage.charge("deals", cost, headers, turn)
    usage.settle(turn)


@dataclass
class Account:
    """The company's daily budget. told: whether an answer reports what was left "before" its own
    request, as Pipedrive does, or "after" it."""

    left: int
    told: str

    def answer(self, cost: int) -> dict[str, str]:
        before, self.left = self.left, self.left - cost
        return told(before if self.told == "before" else self.left)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("what", ["before", "after"])
def test_the_reserve_is_kept_whatever_an_answer_counts(what: str, workers: int, seed: int) -> None:
    """Otherwise the company's other integrations lose the cost of a request from their share."""
    chance, account, usage = random.Random(seed), Account(1_000, what), Usage(reserve=10)
    coming: list[tuple[int, int]] = []  # turn and cost of requests on their way to Pipedrive
    going: list[tuple[int, int, dict[str, str]]] = []  # and of those on their way back
    over, most = False, 40
    while not over or coming or going:
        step = chance.choice(("leave", "arrive", "answer"))
        if step == "leave" and not over and len(coming) + len(going) < workers:
            cost = chance.choice((2, 10, 20, most))
            try:
                coming.append((usage.admit(cost), cost))
            except SyncError:
                over = not (coming or going)  # those under way may cost less
        elif step == "arrive" and coming:
            turn, cost = coming.pop(chance.randrange(len(coming)))
            going.append((turn, cost, account.answer(cost)))
        elif step == "answer" and going:
            turn, cost, headers = going.pop(chance.randrange(len(going)))
            usage.charge("deals", cost, headers, turn)
            usage.settle(turn)
        assert account.left >= 100
    assert account.left < 100 + most * (1 if what == "before" else 2)


def test_an_answered_request_is_no_longer_counted_as_under_way() -> None:
    """Its body may take long. Counted twice, the budget would end one request per worker early."""
    usage = Usage(reserve=10)
    turn = usage.admit(20)
    usage.charge("deals", 20, told(140), turn)
    usage.admit(20)  # the first body is still arriving
    with pytest.raises(SyncError):
        usage.admit(1)


def test_the_reserve_is_never_touched() -> None:
    usage = Usage(reserve=10)
    spend(usage, 10, told(130))
    spend(usage, 20, told(120))
    with pytest.raises(SyncError) as caught:
        usage.admit(1)
    assert caught.value.failure_type is FailureType.transient_error
    sentence = str(caught.value)
    for part in ("100 of", "1,000 API tokens a day", "10 % (100)", "used 30", "midnight"):
        assert part in sentence, sentence


def test_requests_under_way_count_as_spent() -> None:
    usage = Usage(reserve=10)
    spend(usage, 10, told(150))
    usage.admit(20)
    turn = usage.admit(20)
    with pytest.raises(SyncError):
        usage.admit(1)
    usage.settle(turn)
    usage.admit(20)


def test_an_overtaken_answer_does_not_bring_tokens_back() -> None:
    usage = Usage(reserve=10)
    spend(usage, 10, told(150))
    first, *others = [usage.admit(4) for _ in range(10)]
    usage.charge("deals", 4, told(104), turn=others[-1])
    for turn in others:
        usage.settle(turn)
    usage.charge("deals", 4, told(140), turn=first)
    assert usage.daily_left == 100
    with pytest.raises(SyncError):
        usage.admit(4)


def test_an_answer_that_does_not_report_the_budget_still_costs() -> None:
    usage = Usage(reserve=10)
    spend(usage, 10, told(150))
    spend(usage, 20, {})
    assert usage.daily_left == 120
    spend(usage, 20, {})
    with pytest.raises(SyncError):
        usage.admit(20)


def test_a_new_day_is_a_new_budget() -> None:
    usage = Usage(reserve=10)
    spend(usage, 10, told(110))
    usage.charge("deals", 10, told(990))
    usage.admit(20)


def test_without_a_reserve_the_last_token_may_be_spent() -> None:
    usage = Usage(reserve=0)
    spend(usage, 10, told(5))
    usage.admit(20)  # Pipedrive decides whether that is too much


def test_without_headers_only_the_budget_of_the_sync_counts() -> None:
    usage = Usage(reserve=90, most=100)
    for _ in range(5):
        spend(usage, 20, {})
    with pytest.raises(SyncError, match="used 100 API tokens, and daily_token_budget allows 100"):
        usage.admit(1)


def test_all_workers_hit_the_limit_for_the_same_reason() -> None:
    """The figures change with each answer, and the end of the log would list every version."""
    usage = Usage(most=100)
    reasons = set()
    for _ in range(3):
        with pytest.raises(BudgetError) as caught:
            usage.admit(200)
        reasons.add(str(caught.value))
        usage.charge("deals", 10, {})
    assert len(reasons) == 1


def test_the_share_of_the_day() -> None:
    usage = Usage()
    assert usage.share(100) == ""
    usage.charge("deals", 10, told(1, limit=150_000))
    assert usage.share(1_500) == "1.0 %"


def test_the_sentence_about_a_spent_budget_names_what_the_sync_spent() -> None:
    usage = Usage()
    usage.charge("deals", 40, told(0))
    error = usage.day_spent()
    assert "1,000 API tokens, 40 of them in this sync" in str(error)
    assert error.failure_type is FailureType.transient_error
