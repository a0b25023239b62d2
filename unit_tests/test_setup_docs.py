"""docs/setup.md: its tables match the streams, and each command runs in a test or says why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from docs.generators.access import permissions, scopes
from docs.generators.blocks import updated
from source_pipedrive.config.form import DOCUMENTATION_URL
from source_pipedrive.config.model import Config, specification
from source_pipedrive.streams import STREAMS

DOCS = Path(__file__).parent.parent / "docs"
GUIDE = DOCS / "setup.md"
GENERATED = {"scopes": scopes, "permissions": permissions}

RUN = "run by integration_tests/test_docs.py"
RUN_IN_CHECKOUT = "run in the checkout by integration_tests/test_docs.py"
FENCE = re.compile(
    r"^(?P<before>.*)\n *```(?P<language>\w*)\n(?P<text>(?:.*\n)*?) *```$", re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced code block of the guide. `mark` is the comment above it, or ""."""

    mark: str
    language: str
    text: str

    @property
    def title(self) -> str:
        """Its first line, as the id of a test."""
        return self.text.split("\n")[0][:60]


def blocks(text: str | None = None) -> list[Block]:
    """All fenced code blocks of a page's text, by default of the guide, in order."""
    return [
        Block(
            mark=found[1] if (found := re.fullmatch(r" *<!-- (.*) -->", match["before"])) else "",
            language=match["language"],
            text=dedent(match["text"]),
        )
        for match in FENCE.finditer(GUIDE.read_text() if text is None else text)
    ]


def block_ids() -> Iterable[Any]:
    return [pytest.param(block, id=block.title) for block in blocks()]


@pytest.mark.parametrize("name", GENERATED)
def test_the_golden_tables_match_the_streams(name: str) -> None:
    """An app with the wrong scopes lacks streams, or may read more than it needs."""
    wanted = GENERATED[name]()
    assert updated(GUIDE, name, wanted) == wanted, "run `make golden`"


def test_no_code_block_is_overlooked() -> None:
    assert 2 * len(blocks()) == len(re.findall(r"^ *```", GUIDE.read_text(), re.MULTILINE))


@pytest.mark.parametrize("block", block_ids())
def test_each_block_runs_in_a_test_or_says_why_not(block: Block) -> None:
    """A command that no test runs will soon be wrong."""
    why = re.fullmatch(r"needs (an account|a cluster): .+", block.mark)
    file = re.fullmatch(r"file: [a-z]+/[a-z]+\.json", block.mark)
    assert block.mark in (RUN, RUN_IN_CHECKOUT) or why or file, block.text
    commands = set(re.findall(r"^(docker|python3|make)\b", block.text, re.MULTILINE))
    assert not (why and commands - {"make"}), "a test could run this block"


def test_the_guides_configuration_is_valid() -> None:
    (block,) = [block for block in blocks() if block.mark == "file: config/config.json"]
    Config.model_validate(json.loads(block.text))


def headings(text: str) -> set[str]:
    """The anchors of a page's headings."""
    return {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


def test_the_forms_links_lead_to_headings_of_the_guide() -> None:
    """Each field that OAuth needs has one: its values take several steps to get."""
    spec = specification().connectionSpecification["properties"]["credentials"]
    (oauth,) = [each for each in spec["oneOf"] if each["title"] == "OAuth"]
    for name in oauth["required"]:
        links = re.findall('<a href="([^"]*)"', oauth["properties"][name]["description"])
        assert len(links) == (name != "auth_type"), name
        for link in links:
            page, _, heading = link.partition("#")
            assert page == DOCUMENTATION_URL
            assert page.endswith(str(GUIDE.relative_to(DOCS.parent)))
            assert heading in headings(GUIDE.read_text())


def test_the_table_of_the_configuration_has_every_field_of_the_form() -> None:
    """Or whoever writes a configuration by hand never learns of it."""
    fields = specification().connectionSpecification["properties"]
    shown = {name for name, field in fields.items() if not field.get("airbyte_hidden")}
    table = GUIDE.read_text().partition("## Configuration\n")[2].partition("\n## ")[0]
    assert {*re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)} == shown


def test_the_stated_costs_match_the_benchmarks() -> None:
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
    sentence = f"200,000 deals take {pages} requests and {pages * deals.cost:,} tokens"
    assert sentence in text
    assert sentence in (DOCS.parent / "README.md").read_text()
