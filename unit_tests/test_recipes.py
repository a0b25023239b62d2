"""docs/recipes: the pages quote files as they are, say of each block whether a test runs it, and
link to places that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from source_pipedrive.config.model import Config
from source_pipedrive.streams import STREAMS
from unit_tests.recipes import FILE, PAGES, RECIPES, RUN, by_page, files
from unit_tests.test_setup_docs import DOCS, blocks

ROOT = DOCS.parent
WRITTEN = {"config.json"}  # by the user


@pytest.mark.parametrize("page", by_page())
def test_a_page_quotes_the_files_as_they_are(page: Path) -> None:
    """Users type what the page shows; the tests run the file."""
    for name, text in files(blocks(page.read_text())).items():
        if name in WRITTEN:
            Config.model_validate(json.loads(text))
        else:
            assert (ROOT / name).read_text() == text, name


@pytest.mark.parametrize("page", by_page())
def test_each_block_runs_in_a_test_or_says_why_not(page: Path) -> None:
    text = page.read_text()
    found = blocks(text)
    assert 2 * len(found) == len(re.findall(r"^ *```", text, re.MULTILINE))
    for block in found:
        known = (RUN, FILE, "needs an account: ", "needs a cluster: ", "needs Meltano: ")
        assert block.mark.startswith(known), block.text


@pytest.mark.parametrize("page", by_page())
def test_no_link_is_broken(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, heading = target.partition("#")
        if target.startswith("https:"):
            continue
        to = (page.parent / path) if path else page
        assert to.exists(), target
        if heading:
            lines = re.findall(r"^#+ (.*)$", to.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9_ -]", "", x.lower()).replace(" ", "-") for x in lines}
            assert heading in anchors, target


def test_every_page_is_in_the_list_of_recipes() -> None:
    listed = re.findall(r"\]\(([a-z-]+\.md)\)", (RECIPES / "README.md").read_text())
    assert sorted(listed) == [page.name for page in PAGES if page.name != "README.md"]


@pytest.mark.parametrize("program", sorted(RECIPES.glob("to_*.py")), ids=lambda path: path.name)
def test_a_program_selects_streams_that_exist(program: Path) -> None:
    """PyAirbyte would stop with an error at a name that is misspelt."""
    (chosen,) = re.findall(r"streams=\[(.*?)\n    \]", program.read_text(), re.DOTALL)
    names = re.findall(r'"(\w+)"', chosen)
    assert len(names) > 5
    assert set(names) <= STREAMS.keys()
