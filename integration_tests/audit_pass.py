"""Passes over a company of any size while people work and syncs are killed: what they find, what
they cost and how large their state is.

test_audit_pass.py does this with 6,000 records. The full size takes minutes and is run by hand:

    python -m integration_tests.audit_pass --records 200000

It exits with 1 if a pass missed a deletion, reported a record that exists, cost more than the log
announced, or had too large a state.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from integration_tests import program
from integration_tests.audit_figures import Measured, audit_of, closed, judge, wrong
from integration_tests.conftest import Box, Sandboxes, Start
from integration_tests.people import DAY, MERGEABLE, OBJECTS, at_work
from integration_tests.program import Message
from integration_tests.test_audit import (
    CLOCK,
    a_week_later,
    audit,
    change,
    config,
    existing,
)
from integration_tests.test_kills import killed_fork, latest

OF_SCALE_1 = 10_000  # records in a sandbox of scale 1, in round numbers
# What people do in an hour. A small company would notice if they deleted as much as in a large one:
# an audit reports no more than a tenth.
HARMLESS = {"edits": 30, "adds": 6, "objects": OBJECTS, "edit_kinds": ["title", "stage", "status"]}
BUSY = (
    {"edits": 6, "adds": 2, "archives": 1, "objects": OBJECTS},
    {"edits": 1, "objects": ["deals"], "edit_kinds": ["products"]},
    {"deletes": 1, "objects": [*MERGEABLE, "activities"]},
)


class Size(NamedTuple):
    """records: of all objects, without the children of deals; the others: what happens to how many
    before the pass that is measured."""

    records: int
    deleted: int
    merged: int
    purged: int
    restored: int

    @classmethod
    def of(cls, records: int) -> Size:
        """1,000 of 200,000 deleted, 200 merged, 50 purged and 30 restored."""
        return cls(records, *(records * each // 20_000 for each in (100, 20, 5, 3)))


class KillWithin(NamedTuple):
    """When a sync is killed: at random within so many bytes of its output, and then seconds."""

    size: int
    seconds: float = 0


# -- the company


def company(start: Start, seed: int, size: Size) -> tuple[Box, Any]:
    """A sandbox after its first audit, and the state."""
    limits = {"rate_limit": 1_000_000, "daily_tokens": 10**8}
    box = start(scale=size.records / OF_SCALE_1, seed=seed, clock=CLOCK, **limits)
    box.control("clock", {"advance_seconds": 90})
    first = audit(box)
    assert first.code == 0, first.sentence()
    assert len(of_objects(existing(box))) > 0.9 * size.records
    return box, first.state


def of_objects(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The records of all objects, without the children of deals."""
    return sorted(each for each in found if each[0] in OBJECTS)


def shrink(box: Box, chance: Random, size: Size) -> None:
    """Deletes, merges and purges records of all objects. Half of the merged ones leave no trace."""
    there = of_objects(existing(box))
    chance.shuffle(there)
    for action, count in (("delete", size.deleted), ("purge", size.purged)):
        for name, id_ in (there.pop() for _ in range(count)):
            change(box, action, name, [id_ if name == "leads" else int(id_)])
    for name in MERGEABLE:
        ids = (int(id_) for each, id_ in there if each == name)
        for number in range(size.merged // len(MERGEABLE)):
            pair = [next(ids), next(ids)]
            change(box, "merge", name, pair)
            if number % 2:
                change(box, "purge", name, pair[1:])


# -- the passes


@contextmanager
def sync_of(box: Box, seed: int, *wanted: Message) -> Iterator[None]:
    """People who make these changes during a sync, whose requests are counted."""
    box.control("reset-ledger", {})
    with at_work(box, seed, *wanted):
        yield


def killed_pass(
    box: Box, state: Any, chance: Random, size: Size, kill: KillWithin, *wanted: Message
) -> tuple[Measured, Any]:
    """A pass in which syncs are killed at random, while people make the changes in `wanted`. state:
    that of a complete pass; before the pass that is measured, something happens to `size` of the
    records. Returns what it measured, and the last state."""
    people = sorted(int(id_) for name, id_ in existing(box) if name == "persons")
    back = chance.sample(people, size.restored)
    change(box, "delete", "persons", back)
    earlier = a_week_later(box, state, share_of_day=100)
    assert earlier.code == 0, earlier.sentence()
    before = existing(box)
    box.control("clock", {"advance_seconds": 7 * DAY})
    change(box, "restore", "persons", back)
    shrink(box, chance, size)
    measured = Measured(expected=before - existing(box), closed=closed(earlier.state[0]))
    catalog = box.file(program.catalog_of(box.streams(), "deleted_records"))
    kept = {"deleted_records": earlier.state[0]}
    for _ in range(10):
        files = {"config": config(box, share_of_day=100), "state": [*kept.values()]}
        arguments = [part for name, each in files.items() for part in (f"--{name}", box.file(each))]
        with sync_of(box, chance.randrange(10**6), *wanted):
            outcome, killed = killed_fork(
                ["read", *arguments, "--catalog", catalog],
                after=chance.randrange(2_000, kill.size),
                pause=kill.seconds * chance.random(),
            )
        measured.kills += killed
        measured.add(outcome, box.control("requests"))
        kept = latest(kept, outcome)
        box.control("mutate", {**HARMLESS, "seed": chance.randrange(10**6)})
        box.control("clock", {"advance_seconds": 90})
    with sync_of(box, chance.randrange(10**6), *wanted):
        last = audit(box, [*kept.values()], share_of_day=100)
    assert last.code == 0, last.sentence()
    measured.add(last, box.control("requests"))
    judge(box, measured, before, earlier.state[0])
    there = existing(box)
    returned = {("persons", str(id_)) for id_ in back}
    measured.missed |= (returned & there) - measured.restored
    measured.false |= measured.restored - returned
    return measured, last.state


def calm_pass(box: Box, state: Any, chance: Random, size: Size) -> tuple[Measured, Any]:
    """A pass in one sync, a week after the last one, with nobody at work meanwhile."""
    before = existing(box)
    shrink(box, chance, size)
    measured = Measured(expected=before - existing(box))
    box.control("clock", {"advance_seconds": 7 * DAY})
    box.control("reset-ledger", {})
    later = audit(box, state, share_of_day=100)
    assert later.code == 0, later.sentence()
    measured.add(later, box.control("requests"))
    judge(box, measured, before, state[0])
    assert audit_of(later.state[0])["spent"]["tokens"] == measured.tokens
    return measured, later.state


# -- by hand


def main(argv: list[str]) -> int:
    """Run all passes, write what they measured, and return the exit code."""
    parser = ArgumentParser("audit_pass", description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    chance, size, sandboxes = Random(options.seed), Size.of(options.records), Sandboxes()
    try:
        box, state = company(sandboxes, options.seed, size)
        calm, state = calm_pass(box, state, chance, size)
        write("in one sync", calm)
        killed, _ = killed_pass(box, state, chance, size, KillWithin(calm.output // 3, 2), *BUSY)
        write("killed", killed)
    finally:
        sandboxes.end()
    return int(bool(wrong(calm) or wrong(killed)))


def write(title: str, measured: Measured) -> None:
    found = len(measured.expected & measured.reported)
    lines = [
        f"{title}: {found:,} of {len(measured.expected):,} found, {len(measured.missed)} missed, "
        f"{len(measured.false)} false, {len(measured.unknown)} unknown; "
        f"{len(measured.restored)} restored",
        f"{measured.kills} kills",
        f"{measured.tokens:,} tokens ({measured.questions:,} for questions), "
        f"{sum(measured.announced.values()):,} announced",
        "read: " + ", ".join(f"{name} {tokens:,}" for name, tokens in measured.read.most_common()),
        f"state in mid-pass: {measured.state_in_pass}",
        f"state at the end: {measured.state}",
        *wrong(measured),
    ]
    sys.stdout.write("\n    ".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
