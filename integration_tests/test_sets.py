"""docs/which-streams.md states what each set of streams costs. Here all of them are read once."""

from __future__ import annotations

import re

import pytest

from docs.generators.blocks import updated
from docs.generators.sets import sets, table
from integration_tests.conftest import Start
from integration_tests.engine import ROOT
from integration_tests.program import Outcome
from source_pipedrive.stream_sets import CORE
from source_pipedrive.streams import STREAMS

PAGE = ROOT / "docs" / "which-streams.md"
README = ROOT / "README.md"
PRICE = re.compile(r"^\| (.+ \| .+) \| ([\d,]+) \|$", re.MULTILINE)


def bill(outcome: Outcome) -> dict[str, int]:
    """The tokens that each stream has cost, and the rest of the sync."""
    rows = outcome.records("sync_reports")
    return {row["stream"]: row["tokens"] for row in rows if row["stream"]}


@pytest.fixture(scope="module")
def everything(start: Start) -> dict[str, int]:
    """The bill of a first sync of all streams."""
    box = start(scale=1, rate_limit=100_000, daily_tokens=10_000_000)
    box.control("clock", {"advance_seconds": 5})
    outcome = box.read(*STREAMS)
    assert outcome.code == 0, outcome.logs
    counts = {name: len(outcome.records(name)) for name in STREAMS}
    assert counts["deals"] + counts["deals_archived"] == 2_172
    assert (counts["persons"], counts["organizations"]) == (1_500, 600)
    assert counts["activities"] == 4_000
    return bill(outcome)


def test_the_golden_prices_are_those_of_a_sync(everything: dict[str, int]) -> None:
    """Within a tenth: how workers share a list changes the number of its pages."""
    wanted = table(everything)
    stated, found = PRICE.findall(updated(PAGE, "sets", wanted)), PRICE.findall(wanted)
    assert [title for title, _ in stated] == [title for title, _ in found], "run `make golden`"
    for (title, price), (_, measured) in zip(stated, found, strict=True):
        assert number(price) == pytest.approx(number(measured), rel=0.1), title


def test_readme_states_these_prices(everything: dict[str, int]) -> None:
    text = " ".join(README.read_text().split())
    stated = re.findall(
        r"first sync of the core set costs about ([\d,]+) API tokens, \"select all\" ([\d,]+)", text
    )
    assert len(stated) == 1
    spent = [sum(everything.get(name, 0) for name in CORE), sum(everything.values())]
    for price, measured in zip(stated[0], spent, strict=True):
        assert number(price) == pytest.approx(measured, rel=0.1)


def test_every_stream_is_in_one_set() -> None:
    found = [stream.name for streams in sets().values() for stream in streams]
    assert len(found) == len(set(found))
    free = {"deal_stage_history", "subscriptions", "sync_reports", "global_messages"}
    assert STREAMS.keys() - set(found) == free


def number(text: str) -> int:
    return int(text.replace(",", ""))
