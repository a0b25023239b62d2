"""One pass over a company of 6,000 records: it finds whatever is gone, and nothing else, for the
tokens that the log announced."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from integration_tests import program
from integration_tests.conftest import Box, Start
from integration_tests.people import OBJECTS
from integration_tests.program import Outcome
from integration_tests.test_audit import (
    CHILDREN,
    CLOCK,
    DAY,
    Found,
    a_week_later,
    audit,
    change,
    config,
    existing,
    found,
    restored,
)
from integration_tests.test_kills import killed_fork, latest

SCALE = 0.65
DELETED, MERGED, PURGED, RESTORED = 60, 12, 3, 2  # 1, 0.2, 0.05 and 0.03 % of 6,000
SINGLE, VIEWER = ("notes", "files", "leads", "projects", "tasks"), ("users_me", "user_permissions")
REPORTED = ("audit", "flag", "recents")
HARMLESS = {"edits": 30, "adds": 6, "objects": OBJECTS, "edit_kinds": ["title", "stage", "status"]}


def company(start: Start, seed: int) -> tuple[Box, Any]:
    """A sandbox after its first audit, and the state."""
    box = start(scale=SCALE, seed=seed, clock=CLOCK, rate_limit=1_000_000, daily_tokens=10**7)
    box.control("clock", {"advance_seconds": 90})
    first = audit(box)
    assert len(of_objects(box)) > 5_500
    return box, first.state


def of_objects(box: Box) -> list[tuple[str, str]]:
    """The records of all objects, without the children of deals."""
    return sorted(each for each in existing(box) if each[0] in OBJECTS)


def shrink(box: Box, chance: Random) -> None:
    """Delete, merge and purge records of all objects."""
    for action, count in (("delete", DELETED), ("purge", PURGED)):
        for name, id_ in chance.sample(of_objects(box), count):
            change(box, action, name, [id_ if name == "leads" else int(id_)])
    for name in ("persons", "organizations", "deals") * (MERGED // 3):
        ids = [int(id_) for each, id_ in of_objects(box) if each == name]
        change(box, "merge", name, chance.sample(ids, 2))


def all_found(outcome: Outcome) -> Found:
    return {each for evidence in REPORTED for each in found(outcome, evidence)}


@pytest.mark.parametrize("seed", [1, 2])
def test_one_pass_that_is_killed_finds_what_is_gone_and_nothing_else(
    start: Start, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("source_pipedrive.reading.audit.unsaved.EVERY", 0)
    chance = Random(seed)
    box, state = company(start, seed)
    people = [int(id_) for name, id_ in of_objects(box) if name == "persons"]
    back = chance.sample(people, RESTORED)
    change(box, "delete", "persons", back)
    earlier = a_week_later(box, state)
    box.control("clock", {"advance_seconds": 7 * DAY})
    before = existing(box)
    change(box, "restore", "persons", back)
    shrink(box, chance)
    catalog = box.file(program.catalog_of(box.streams(), "deleted_records"))
    kept = {"deleted_records": earlier.state[0]}
    rows, returned, kills = set[Any](), set[Any](), 0
    passes = closed(kept["deleted_records"])
    for _ in range(10):
        files = {"config": config(box, share_of_day=100), "state": [*kept.values()]}
        arguments = [part for name, each in files.items() for part in (f"--{name}", box.file(each))]
        outcome, killed = killed_fork(
            ["read", *arguments, "--catalog", catalog], chance.randrange(2_000, 60_000)
        )
        kills += killed
        rows, returned = rows | all_found(outcome), returned | restored(outcome)
        kept = latest(kept, outcome)
        passes |= closed(kept["deleted_records"])
        box.control("mutate", {**HARMLESS, "seed": chance.randrange(10**6)})
        box.control("clock", {"advance_seconds": 90})
    last = audit(box, [*kept.values()], share_of_day=100)
    assert last.code == 0, last.sentence()
    assert kills > 2
    assert rows | all_found(last) == before - existing(box)
    assert returned | restored(last) == {("persons", str(id_)) for id_ in back}
    assert "pass" not in str(last.state[0])
    passes |= closed(last.state[0])
    assert {name for name, _ in passes} == {*OBJECTS, *CHILDREN}
    assert len(passes) == 2 * len({*OBJECTS, *CHILDREN}), "one more each, though it was killed"


def closed(state: Any) -> set[tuple[str, str]]:
    """When the last complete pass over each object began."""
    objects = state["stream"]["stream_state"]["audit"]["objects"]
    return {(name, kept["closed"]) for name, kept in objects.items()}


def test_a_pass_costs_what_the_log_announced(start: Start) -> None:
    """The log cannot know how many records there will be questions about. At this size these cost
    as much as a third of the pass."""
    chance = Random(1)
    box, state = company(start, 1)
    shrink(box, chance)
    box.control("clock", {"advance_seconds": 7 * DAY})
    box.control("reset-ledger", {})
    later = audit(box, state)
    (announced,) = [log for log in later.logs if "the audit reads" in log]
    tokens = int(announced.split("about ")[1].split(" tokens")[0].replace(",", ""))
    requests = box.control("requests")
    begun = next(n for n, each in enumerate(requests) if each["object"] == "user_permissions")
    # The user is asked about first, again before each declaration.
    audited = requests[begun - 1 :]
    spent = later.state[0]["stream"]["stream_state"]["audit"]["spent"]["tokens"]
    assert spent == sum(each["tokens"] for each in audited)
    read = 12 + sum(each["tokens"] for each in audited if not is_question(each))
    assert abs(read - tokens) <= 0.05 * tokens
    assert spent <= 1.5 * tokens


def is_question(request: Any) -> bool:
    """Whether it verifies what was not found, and is not the price of reading the lists."""
    params, path = dict(request["params"]), request["path"].rstrip("/").split("/")
    single = path[-2] in SINGLE and path[-1] != "archived"
    again = params.get("updated_since", "") > CLOCK  # deals that have changed since
    return bool("ids" in params or single or again or request["object"] in VIEWER)
