"""Pipedrive's pages have one name each, in the form, the docs, the log and the errors."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from airbyte_cdk.models import ConnectorSpecificationSerializer

from source_pipedrive.config.model import specification
from source_pipedrive.config.places import API_PAGE, APP_PAGE, PLACES

ROOT = Path(__file__).parent.parent
NAMES = ["Personal preferences", "Developer Hub", "OAuth & access scopes", "Manage users"]
# Other names for these pages, and what one clicks to get to them.
WRONG = ["Marketplace manager", "Tools and apps", "Company settings", "your picture"]


def mistakes(text: str) -> list[str]:
    """The names in a text that no page of Pipedrive's has, or that lead nowhere."""
    text = " ".join(text.replace("*", "").split())
    found = [name for name in WRONG if name.lower() in text.lower()]
    for name in NAMES:
        found += [match for match in re.findall(name, text, re.IGNORECASE) if match != name]
    for place in PLACES:
        text = text.replace(place, "PLACE")
    names = "|".join(["PLACE", *map(re.escape, NAMES)])
    return found + re.findall(rf"\w+ > (?:{names})|(?:{names}) > \w+", text)


def texts() -> Iterator[tuple[str, str]]:
    """Everything that a person may read, with the file it is in."""
    yield "spec", json.dumps(ConnectorSpecificationSerializer.dump(specification()))
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        yield str(page.relative_to(ROOT)), page.read_text("utf-8")
    for path in [*(ROOT / "source_pipedrive").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield str(path.relative_to(ROOT)), node.value


def test_nobody_is_sent_to_a_page_that_does_not_exist() -> None:
    """Or a person looks for it in Pipedrive's menus in vain."""
    assert [(place, wrong) for place, text in texts() for wrong in mistakes(text)] == []


def test_the_form_and_the_guide_name_the_pages_with_the_keys() -> None:
    found = dict(texts())
    for page in ("spec", "docs/setup.md"):
        text = found[page].replace("*", "")
        assert API_PAGE in text
        assert APP_PAGE in text


@pytest.mark.parametrize(
    "text",
    [
        "Open Tools and apps > Marketplace manager",
        "the developer hub",
        "**Personal Preferences** > **API**",
        "Settings > Personal preferences > API",
        "Personal preferences > Your token",
        "Click your picture.",
    ],
)
def test_another_name_is_found(text: str) -> None:
    assert mistakes(text)
