"""The tables in CONTRIBUTING.md that say where things are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "source_pipedrive"
PAGE = ROOT / "CONTRIBUTING.md"


def section() -> str:
    """The text from the heading "Where things are" to the next heading."""
    (found,) = re.findall(
        r"^#+ Where things are\n(.*?)(?=^#|\Z)", PAGE.read_text("utf-8"), re.M | re.S
    )
    return str(found)


def places() -> Iterator[tuple[str, list[Path]]]:
    """Each name in the tables, and the paths that it may mean.

    A path starts at the repository, at `source_pipedrive/` or beside the first name of its row. A
    bare word is a module in the folder of its row.
    """
    for row in re.findall(r"^\| .* \|$", section(), re.M):
        names = re.findall(r"`([\w./-]+)`", row)  # commands contain a blank
        for name in names:
            first = PACKAGE / names[0]
            folder = first if names[0].endswith("/") else first.parent
            is_path = "/" in name or "." in name
            yield (
                name,
                [start / name for start in (PACKAGE, ROOT, folder)]
                if is_path
                else [folder / f"{name}.py"],
            )


def test_no_row_names_a_place_that_does_not_exist() -> None:
    """Or a newcomer searches in vain."""
    found = list(places())
    assert len(found) > 10
    assert [name for name, paths in found if not any(path.exists() for path in paths)] == []


def test_no_part_of_the_connector_is_left_out() -> None:
    packages = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert packages
    assert [name for name in packages if f"`{name}/" not in section()] == []
