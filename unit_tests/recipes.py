"""The pages of docs/recipes: their code blocks, and the files that they quote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from unit_tests.test_setup_docs import DOCS, Block, blocks

RECIPES = DOCS / "recipes"
PAGES = sorted(RECIPES.glob("*.md"))
RUN = "run by integration_tests/test_recipes.py"
FILE = "file: "


def by_page() -> Iterable[Any]:
    """Each page, as the parameter of a test."""
    return [pytest.param(page, id=page.name) for page in PAGES]


def files(found: Iterable[Block]) -> dict[str, str]:
    """The files that blocks have a user write or that they quote, by path in the checkout."""
    marked = [block for block in found if block.mark.startswith(FILE)]
    return {block.mark.removeprefix(FILE): block.text for block in marked}


def section(page: Path, heading: str) -> list[Block]:
    """The blocks from one heading of a page to the next."""
    text = page.read_text()
    (body,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    return blocks(str(body))
