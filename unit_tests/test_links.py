"""No link in the docs is broken: the file exists, and so does the heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = FENCE.sub("", page.read_text("utf-8"))
    return {
        re.sub(r"[^a-z0-9_ -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures in this repository."""
    found = [one or other for one, other in LINK.findall(FENCE.sub("", page.read_text("utf-8")))]
    return [target for target in found if not target.startswith(("https:", "http:"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_broken(page: Path) -> None:
    for target in links(page):
        path, _, heading = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not heading or heading in headings(file), target


def test_links_are_found() -> None:
    """Or the test above would pass on any page."""
    assert {"docs/images/core.svg", "docs/setup.md#configuration"} <= set(links(ROOT / "README.md"))
    assert "how-to-be-sure" in headings(ROOT / "docs" / "how-to-be-sure.md")


def test_the_pages_that_logs_name_exist() -> None:
    """Each address is built from HOME, and so points into this repository."""
    source = "".join(path.read_text("utf-8") for path in ROOT.glob("source_pipedrive/**/*.py"))
    named = re.findall(r"\{HOME\}/blob/main/([^\s\"']+)", source)
    assert {"docs/setup.md", "docs/budget.md", "docs/which-streams.md"} <= set(named)
    assert [page for page in named if not (ROOT / page).exists()] == []


def test_every_page_can_be_reached_from_readme() -> None:
    """A page that nothing leads to is not read."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for target in links(page):
            file = (page.parent / target.partition("#")[0]).resolve()
            waiting += file.glob("*.md") if file.is_dir() else [file]
        waiting = [file for file in waiting if file.exists()]
    missing = {page for page in PAGES if page not in reached and page.parent.name != "adr"}
    assert {page.name for page in missing} <= {"SECURITY.md"}
