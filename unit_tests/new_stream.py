"""An invented list of Pipedrive's, and the changes that make it a stream.

docs/adding-a-stream.md shows them as a diff, and a test applies them to a copy of the repository.
"""

from __future__ import annotations

import json
import shutil
from difflib import unified_diff
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NAME, PATH = "deal_tags", "dealTags"
ROW = """    whole("deal_tags", "dealTags", 20, "deals:read", **changed(Changes.ON_CLIENT),
          about="Tags that deals can have, with their colours"),
"""
ROUTE = '    v1("deal_tags", "/dealTags", 20, "deals", app="sales"),\n'
# Each is inserted before the only line of its package that begins like this.
BEFORE = {
    "source_pipedrive": ('    whole("currencies", ', ROW),
    "pipedrive_sandbox": ('    v1("currencies", ', ROUTE),
}
SCHEMA_FILE = f"source_pipedrive/schemas/{NAME}.json"
TIME = (
    '{"type": ["null", "string"], "format": "date-time", '
    '"airbyte_type": "timestamp_with_timezone", "description": "%s"}'
)
SCHEMA = f"""{{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", \
"additionalProperties": true, "properties": {{
  "id": {{"type": "integer", "description": "Tag id"}},
  "name": {{"type": ["null", "string"], "description": "What people call it"}},
  "color": {{"type": ["null", "string"], "description": "Colour, e.g. green"}},
  "is_active": {{"type": ["null", "boolean"], "description": "False when it was switched off"}},
  "add_time": {TIME % "When it was created"},
  "update_time": {TIME % "When it was last changed"}
}}}}
"""
# Not copied: large files, generated files, and files of one machine.
NOT_COPIED = shutil.ignore_patterns(
    *(
        ".git",
        ".venv",
        ".demo",
        ".*_cache",
        ".hypothesis",
        "__pycache__",
        "node_modules",
        "build",
        "dist",
    ),
    "*.egg-info",
)


def edits(root: Path = ROOT) -> dict[Path, tuple[str, str]]:
    """The changed files, relative to `root`: {path: (text before, text after)}."""
    found = {}
    for package, (line, new) in BEFORE.items():
        files = [p for p in (root / package).rglob("*.py") if f"\n{line}" in p.read_text("utf-8")]
        assert len(files) == 1, f"{len(files)} files of {package} have a line that begins {line!r}"
        before = files[0].read_text("utf-8")
        after = before.replace(f"\n{line}", f"\n{new}{line}")
        found[files[0].relative_to(root)] = (before, after)
    row, route = found.items()
    return dict((row, (Path(SCHEMA_FILE), ("", SCHEMA)), route))


def diff() -> str:
    """The diff in docs/adding-a-stream.md, without line numbers, which would soon be outdated."""
    lines: list[str] = []
    for path, (before, after) in edits().items():
        old, new = (text.splitlines(keepends=True) for text in (before, after))
        source = f"a/{path.as_posix()}" if before else "/dev/null"
        changed = unified_diff(old, new, source, f"b/{path.as_posix()}", n=1)
        lines += ["@@\n" if line.startswith("@@") else line for line in changed]
    return "".join(lines)


def declared() -> dict[str, Any]:
    """What `make contract` would extract from Pipedrive's OpenAPI files if the list existed."""
    types = {"id": "integer", "is_active": "boolean"}
    names = json.loads(SCHEMA)["properties"]
    properties = {name: {"type": types.get(name, "string")} for name in names}
    time = "2021-01-01 00:00:00"
    sample = {"id": 1, "name": "text", "color": "text", "is_active": True}
    return {
        "operation": "getDealTags",
        "tag": "DealTags",
        "cost": 20,
        "scopes": ["deals:full", "deals:read"],
        "parameters": {},
        "answer": {
            "properties": {
                "data": {"items": {"properties": properties, "type": "object"}, "type": "array"},
                "success": {"type": "boolean"},
            },
            "type": "object",
        },
        "sample": {
            "data": [{**sample, "add_time": time, "update_time": time}],
            "success": True,
        },
    }
