"""Tables that clean themselves: after each sync they have what exists in Pipedrive, and no more."""

from __future__ import annotations

import random

import pytest

from integration_tests.conftest import Start
from integration_tests.replay import Replay

CLOCK = "2026-11-23T10:00:00Z"
FIRST_LISTS = ("deals", "leads", "projects")
MARKED = ("deals", "projects")  # Pipedrive lists what was deleted of them
STREAMS = (*FIRST_LISTS, *(f"{name}_archived" for name in FIRST_LISTS), "deleted_records")
HOUR = 3600


def work(replay: Replay, chance: random.Random) -> None:
    """An hour or so in which people edit, add, delete, restore, archive and unarchive."""
    for kind, objects in (
        ("edits", FIRST_LISTS),
        ("adds", FIRST_LISTS),
        ("deletes", MARKED),
        ("restores", MARKED),
        ("archives", FIRST_LISTS),
        ("unarchives", FIRST_LISTS),
    ):
        for seed in (chance.randrange(10**6) for _ in range(2)):
            wanted = {kind: chance.randrange(8), "objects": objects, "seed": seed}
            replay.box.control("mutate", wanted)
            replay.box.control("clock", {"advance_seconds": chance.choice((1, 7, 90, HOUR))})


@pytest.mark.parametrize("careless", [False, True], ids=["commits_all", "commits_by_stream"])
@pytest.mark.parametrize("hard", [True, False], ids=["hard", "soft"])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_table_equals_the_truth_after_each_sync(
    start: Start, seed: int, hard: bool, careless: bool
) -> None:
    chance = random.Random(seed)
    box = start(scale=0.3, seed=seed, clock=CLOCK, rate_limit=1_000_000, daily_tokens=10**9)
    replay = Replay(box, STREAMS, hard, careless)
    size = len(replay.sync().output)
    replay.assert_exact()
    for number in range(8):
        work(replay, chance)
        if number == 3:
            replay.reset(chance.choice(FIRST_LISTS))
        for _ in range(chance.randrange(3)):
            replay.sync(kill_after=chance.randrange(500, size // (20 if number != 3 else 2)))
            work(replay, chance)
        outcome = replay.sync()
        assert outcome.code == 0, outcome.sentence()
        replay.assert_exact()
