"""docs/setup.md: its tables say what the rows say, and its commands are run or say why
not."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from docs.generators.blocks import updated
from source_pipedrive.config.model import Config
from source_pipedrive.stream import Kind, Stream
from source_pipedrive.streams import STREAMS

DOCS = Path(__file__).parent.parent / "docs"
GUIDE = DOCS / "setup.md"

RUN = "run by integration_tests/test_docs.py"
RUN_IN_CHECKOUT = "run in the checkout by integration_tests/test_docs.py"
FENCE = re.compile(
    r"^(?P<before>.*)\n *```(?P<language>\w*)\n(?P<text>(?:.*\n)*?) *```$", re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced block of the guide. `mark` is the comment above it, or ""."""

    mark: str
    language: str
    text: str

    @property
    def title(self) -> str:
        """Its first line, to name a test by."""
        return self.text.split("\n")[0][:60]


def blocks() -> list[Block]:
    """All fenced blocks of the guide, in order."""
    return [
        Block(
            mark=found[1] if (found := re.fullmatch(r" *<!-- (.*) -->", match["before"])) else "",
            language=match["language"],
            text=dedent(match["text"]),
        )
        for match in FENCE.finditer(GUIDE.read_text())
    ]


def block_ids() -> Iterable[Any]:
    return [pytest.param(block, id=block.title) for block in blocks()]


def wanted_scope(row: Stream) -> str:
    return "-" if row.kind is Kind.REMOVED else row.access.read_scope


def listed(rows: Iterable[Stream]) -> str:
    return ", ".join(f"`{row.name}`" for row in rows)


def scopes() -> str:
    """The table of scopes, the one of the most streams first, and what else will do."""
    by_scope: dict[str, list[Stream]] = defaultdict(list)
    for row in STREAMS.values():
        by_scope[wanted_scope(row)].append(row)
    by_scope.pop("-")
    lines = ["| scope | streams |", "|---|---|"]
    for scope in sorted(by_scope, key=lambda scope: (-len(by_scope[scope]), scope)):
        more = ", which every app has" if scope == "base" else ""
        lines.append(f"| `{scope}`{more} | {listed(by_scope[scope])} |")
    older = [
        f"`{row.name}` can also be read with `{row.v1_fallback.access.read_scope}`, from an older "
        f"list at {row.v1_fallback.endpoint.cost} tokens instead of {row.endpoint.cost}."
        for row in STREAMS.values()
        if row.v1_fallback and row.v1_fallback.access.read_scope not in row.access.scopes
    ]
    everything = " ".join(sorted(by_scope))
    return "\n".join([*lines, "", *older, f"All of them: `{everything}`.", ""])


def permissions() -> str:
    """What the token's user has to be, and the streams that are of this user alone."""
    by_words: dict[str, list[Stream]] = defaultdict(list)
    for row in STREAMS.values():
        if row.kind is not Kind.REMOVED:
            by_words[row.access.needs.words].append(row)
    lines = ["| streams | need the permission |", "|---|---|"]
    for words in sorted(by_words, key=lambda words: (-len(by_words[words]), words)):
        lines.append(f"| {listed(by_words[words])} | {words} |")
    own = listed(row for row in STREAMS.values() if row.access.only_own_data)
    return "\n".join(
        [*lines, "", f"Only for the token's own user, whatever their rights: {own}. "
         "Pipedrive offers no way to request those of others.", ""]
    )  # fmt: skip


@pytest.mark.parametrize("name", ["scopes", "permissions"])
def test_the_golden_tables_are_what_the_rows_say(name: str) -> None:
    """An app made by the wrong list of scopes lacks streams, or has rights it has no use for."""
    wanted = globals()[name]()
    assert updated(GUIDE, name, wanted) == wanted, "run `make golden`"


def test_every_block_is_found() -> None:
    assert 2 * len(blocks()) == len(re.findall(r"^ *```", GUIDE.read_text(), re.MULTILINE))


@pytest.mark.parametrize("block", block_ids())
def test_each_block_is_run_or_says_why_not(block: Block) -> None:
    """A command that nobody runs is wrong before long."""
    why = re.fullmatch(r"needs (an account|a cluster): .+", block.mark)
    file = re.fullmatch(r"file: [a-z]+/[a-z]+\.json", block.mark)
    assert block.mark in (RUN, RUN_IN_CHECKOUT) or why or file, block.text
    commands = set(re.findall(r"^(docker|python3|make)\b", block.text, re.MULTILINE))
    assert not (why and commands - {"make"}), "this block could be run"


def test_the_configuration_in_the_guide_is_accepted() -> None:
    (block,) = [block for block in blocks() if block.mark == "file: config/config.json"]
    Config.model_validate(json.loads(block.text))


def test_links_lead_somewhere() -> None:
    text = GUIDE.read_text()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets
    for target in targets:
        path, _, heading = target.partition("#")
        if target.startswith("https:"):
            continue
        assert not path or (DOCS / path).exists(), target
        assert path or heading in headings, target


def test_the_costs_are_those_that_were_measured() -> None:
    results = (DOCS.parent / "benchmarks" / "README.md").read_text()
    (tokens,) = re.findall(r"^\| nothing changed +\| (\d+) tokens", results, re.MULTILINE)
    (memory,) = re.findall(r"^\| memory +\| (\d+) MB", results, re.MULTILINE)
    text = " ".join(GUIDE.read_text().split())
    assert f"nothing has changed costs {tokens} tokens" in text
    (most,) = re.findall(r"\*\*Memory\.\*\* At most (\d+) MB", text)
    assert int(memory) <= int(most)
    deals = STREAMS["deals"].endpoint
    assert deals.limit is not None
    pages = 200_000 // deals.limit
    sentence = f"200,000 deals are {pages} requests, {pages * deals.cost:,} tokens"
    assert sentence in text
    assert sentence in (DOCS.parent / "README.md").read_text()
