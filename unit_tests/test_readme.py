"""The README's table of streams says what the rows say."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generators.blocks import updated
from docs.generators.listing import groups
from source_pipedrive.streams import GROUPS, STREAMS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def test_the_golden_stream_table_is_what_the_rows_say() -> None:
    assert updated(README, "streams", groups()) == groups(), "run `make golden`"


def test_every_stream_is_in_one_group() -> None:
    """Otherwise a reader looks for it in vain."""
    listed = [row.name for rows in GROUPS.values() for row in rows]
    assert sorted(listed) == list(STREAMS)
    assert README.read_text().count(f"{len(STREAMS)} streams") == 1, "run `make golden`"


def test_links_to_files_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", README.read_text())
    files = [target for target in targets if not target.startswith("https:")]
    assert files
    assert [target for target in files if not (ROOT / target).exists()] == []
