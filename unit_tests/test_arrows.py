"""Which module may import which: the arrows go one way, and no module outgrows a reader."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {
    "run": {"program", "command_line", "termination"},
    "program": {"source", "reading", "http", "complaints", "termination"},
    "command_line": {"__version__"},
    "termination": set(),
    "source": {
        *("reading", "http", "config", "migration", "streams", "stream", "complaints"),
        *("sight", "fields", "misspellings"),
    },
    "sight": {"http", "stream"},
    "reading": {"http", "stream", "fields", "child", "absences"},
    "fields": {"http", "stream", "absences"},
    "absences": {"http", "stream"},
    "http": {"config"},
    "streams": {"child_rows", "field_lists", "rows", "stream"},
    "field_lists": {"rows"},
    "child_rows": {"child", "rows", "stream"},
    "rows": {"child", "stream"},
    "stream": {"child"},
    "child": {"stream"},  # for its types alone
    "config": {"spec", "migration", "complaints"},
    "misspellings": {"config", "migration"},
    "complaints": {"migration"},
    "spec": set(),
    "migration": set(),
}
OURS = [
    p for name in ("source_pipedrive", "pipedrive_sandbox") for p in (ROOT / name).rglob("*.py")
]


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_go_one_way(path: Path) -> None:
    package, *inside = path.relative_to(ROOT).with_suffix("").parts
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("source_pipedrive.")}
    if package == "pipedrive_sandbox":
        assert not ours, "the sandbox imports nothing of the source"
    elif inside[0] != "__init__":
        assert ours <= LAYERS[inside[0]] | {inside[0]}
    assert not any(name.startswith("pipedrive_sandbox") for name in imported(path)) or (
        package == "pipedrive_sandbox"
    )


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_a_readers_head(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 300, f"{path.name} has {lines} lines, 300 are allowed: split it by its subjects"
    assert path.stem not in ("utils", "helpers", "common", "base")


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_says_what_it_does(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, "the module has no docstring"
    kinds = (ast.FunctionDef, ast.ClassDef)
    public = [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    if path.parts[len(ROOT.parts)] == "source_pipedrive":
        assert [n.name for n in public if not ast.get_docstring(n)] == []
