"""What was measured in a pass, and what is wrong with it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from integration_tests.conftest import Box
from integration_tests.program import Message, Outcome
from integration_tests.test_audit import CHILDREN, Found, existing, found, restored
from source_pipedrive.reading.audit import unsaved
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.verification import SAMPLE

REPORTED = ("audit", "flag", "recents")
SINGLE, VIEWER = ("notes", "files", "leads", "projects", "tasks"), ("users_me", "user_permissions")
ANNOUNCED = re.compile(r"the audit (reads|of \w+ asks) .* about ([0-9,]+) tokens")
Requests = list[dict[str, Any]]
# What the design allows: 112 kB for 2 million ids that were there, and 333 kB for those that a pass
# has seen; 16 bytes for a lead, in base64, and a bit in mid-pass; up to three bytes for a child's
# deal. What was found comes on top, and so do the names, times and empty sets of twelve objects.
BYTES_OF_A_NUMBER, BYTES_OF_A_LEAD, BYTES_OF_A_CHILD = 0.2225, 22, 3
BYTES_OF_A_FINDING, BYTES_OF_A_LOST_LEAD, FIXED_BYTES = 5, 44, 6_000
# Requests that are under way when a sync is killed, and questions that cannot be resumed.
TOKENS_OF_A_KILL = 300
TOLERANCE = 0.05  # of what the log announced: for the lists, and then for the questions


class Bytes(NamedTuple):
    """The size of an audit's state: leads, their UUIDs; deals, those of products and installments;
    numbers, all else."""

    numbers: int = 0
    leads: int = 0
    deals: int = 0

    @classmethod
    def of(cls, objects: Message) -> Bytes:
        leads = len(json.dumps(objects.get("leads", {})))
        deals = sum(len(each.get("parents", "")) for each in objects.values())
        return cls(len(json.dumps(objects)) - leads - deals, leads, deals)

    @classmethod
    def most(cls, there: Found, reported: Found) -> Bytes:
        """What the design allows for these records, and for what passes have reported."""
        leads, lost = (sum(name == "leads" for name, _ in each) for each in (there, reported))
        children = sum(name in CHILDREN for name, _ in there)
        numbers, found = len(there) - leads, len(reported) - lost
        return cls(
            int(BYTES_OF_A_NUMBER * numbers + BYTES_OF_A_FINDING * found) + FIXED_BYTES,
            int(BYTES_OF_A_LEAD * leads + BYTES_OF_A_LOST_LEAD * lost) + FIXED_BYTES,
            BYTES_OF_A_CHILD * children + FIXED_BYTES,
        )

    def __str__(self) -> str:
        parts = zip(("ids", "leads", "deals of children"), self, strict=True)
        return ", ".join(f"{name} {size / 1e3:,.1f} kB" for name, size in parts)


NOTHING = Bytes()


@dataclass
class Measured:
    """One pass, in several syncs. expected: what was gone when it began; missed: what it did not
    report of that; false: what it reported though it exists; unknown: what it reported though it
    never existed; announced: tokens for the lists, and for the questions about each
    object; tokens: of all its requests; questions: of those about single records.
    """

    expected: Found
    missed: Found = field(default_factory=set)
    false: Found = field(default_factory=set)
    unknown: Found = field(default_factory=set)
    reported: Found = field(default_factory=set)
    restored: Found = field(default_factory=set)
    output: int = 0
    kills: int = 0
    announced: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    questions: int = 0
    read: Counter[str] = field(default_factory=Counter)
    complete: bool = False
    closed: set[tuple[str, str]] = field(default_factory=set)
    state: Bytes = NOTHING
    state_in_pass: Bytes = NOTHING  # the largest
    most: Bytes = NOTHING

    def add(self, outcome: Outcome, requests: Requests) -> None:
        """Counts one sync."""
        self.output += len(outcome.output)
        self.reported |= {each for evidence in REPORTED for each in found(outcome, evidence)}
        self.restored |= restored(outcome)
        for announced in filter(None, map(ANNOUNCED.search, outcome.logs)):
            self.announced.setdefault(announced[1], int(announced[2].replace(",", "")))
        for message in outcome.of("STATE"):
            self.state = Bytes.of(objects := audit_of(message)["objects"])
            self.complete = not any("pass" in each for each in objects.values())
            if not self.complete:
                self.state_in_pass = Bytes(*map(max, self.state_in_pass, self.state))
            self.closed |= closed(message)
        requests = of_audit(requests)
        for each in requests:
            if not is_question(each):
                self.read[each["object"]] += each["tokens"]
        self.tokens += sum(each["tokens"] for each in requests)
        self.questions += sum(each["tokens"] for each in requests if is_question(each))


def audit_of(state: Message) -> dict[str, Any]:
    """What a state of deleted_records has of the audit."""
    return {"objects": {}, **state["stream"]["stream_state"].get("audit", {})}


def closed(state: Message) -> set[tuple[str, str]]:
    """When the last complete pass over each object began."""
    objects = audit_of(state)["objects"]
    return {(name, kept["closed"]) for name, kept in objects.items() if "closed" in kept}


def of_audit(requests: Requests) -> Requests:
    """The audit's requests of one sync. It begins after all others, and asks who the user is."""
    begun = (n for n, each in enumerate(requests) if each["object"] == "user_permissions")
    return requests[max(0, next(begun, len(requests) + 1) - 1) :]


def is_question(request: dict[str, Any]) -> bool:
    """Whether it verifies what was not found, and is not the price of reading the lists."""
    params, path = dict(request["params"]), request["path"].rstrip("/").split("/")
    single = path[-2] in SINGLE and path[-1] != "archived"
    # Deals that have changed since: a list that is read has an upper bound.
    again = "updated_since" in params and "updated_until" not in params and "deals" in path
    # Some records that an archive has, to be asked about with the others.
    sample = path[-1] == "archived" and (
        params.get("limit") == str(SAMPLE) or (path[-2] == "deals" and "sort_by" not in params)
    )
    return bool("ids" in params or single or again or sample or request["object"] in VIEWER)


def judge(box: Box, measured: Measured, before: Found, state: Message) -> None:
    """Compares what a pass reported with what is gone by now. before: what existed at the end of
    the pass before it; state: that pass's. Of ids above its highest nothing was known yet, what it
    has reported may be reported once more, and leads may have been added since."""
    there = existing(box)
    measured.most = Bytes.most(there, (before | measured.reported) - there)
    measured.missed = measured.expected - measured.reported
    measured.false = measured.reported & there
    objects = audit_of(state)["objects"]
    known = {
        name: Numbers.load(of.get("reported", ""))
        for name, of in objects.items()
        if name != "leads"
    }
    measured.unknown = {
        (name, id_)
        for name, id_ in measured.reported - before
        if name != "leads" and int(id_) <= objects[name]["highest"] and int(id_) not in known[name]
    }


def wrong(measured: Measured) -> list[str]:
    """What a pass should not have done."""
    sets = {name: getattr(measured, name) for name in ("missed", "false", "unknown")}
    found = [f"WRONG: {name}: {sorted(each)[:20]}" for name, each in sets.items() if each]
    announced = sum(measured.announced.values())
    part = max(unsaved.LEAST, announced // unsaved.PARTS) + TOKENS_OF_A_KILL
    most = int((1 + TOLERANCE) * announced) + measured.kills * part
    if measured.tokens > most:
        found.append(f"WRONG: {most:,} tokens are enough")
    times = Counter(name for name, _ in measured.closed)
    if not measured.complete or max(times.values()) > 2:
        found.append("WRONG: each pass should be closed once")
    states = (measured.state, measured.state_in_pass)
    if any(
        size > most for state in states for size, most in zip(state, measured.most, strict=True)
    ):
        found.append(f"WRONG: the state may have {measured.most}")
    return found
