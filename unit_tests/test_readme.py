"""The README's table of streams is current and complete, and its links work."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generators.blocks import updated
from docs.generators.listing import groups
from source_pipedrive.config.model import specification
from source_pipedrive.streams import GROUPS, STREAMS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def test_the_golden_table_matches_the_streams() -> None:
    assert updated(README, "streams", groups()) == groups(), "run `make golden`"


def test_every_stream_is_in_one_group() -> None:
    """Otherwise readers cannot find it."""
    listed = [stream.name for group in GROUPS.values() for stream in group]
    assert sorted(listed) == list(STREAMS)
    assert README.read_text().count(f"{len(STREAMS)} streams") == 1, "run `make golden`"


def test_no_link_to_a_file_is_broken() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", README.read_text())
    files = [target for target in targets if not target.startswith("https:")]
    assert files
    assert [target for target in files if not (ROOT / target).exists()] == []


def test_the_table_of_the_configuration_has_every_field_of_the_form() -> None:
    """Or whoever writes a configuration by hand never learns of it."""
    fields = specification().connectionSpecification["properties"]
    shown = {name for name, field in fields.items() if not field.get("airbyte_hidden")}
    table = README.read_text().partition("### Configuration\n")[2].partition("\n#")[0]
    assert {*re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)} == shown
