"""Imports go one way, without cycles, and no module or class is too large to read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {
    "run": {"cli", "tools", "arguments", "importing", "termination"},
    "tools": {"cli", "source", "access", "sync", "reading", "fields", "http", "config", "streams"}
    | {"stream", "stream_sets", "stdout", "arguments", "version", "privacy"},
    "cli": {"source", "sync", "http", "config", "stdout", "terminal"} | {"termination"},
    "stdout": {"sync"},
    "terminal": set(),
    "arguments": {"__version__", "stream_sets"},
    "stream_sets": set(),
    "termination": set(),
    "importing": set(),
    "version": set(),
    "source": {"sync", "reading", "http", "config", "streams", "stream", "access", "fields"}
    | {"privacy"},
    "access": {"http", "stream", "version"},
    "sync": {"reading", "privacy", "http", "stream", "version"},
    "reading": {"privacy", "http", "stream", "fields", "version"},
    "privacy": {"fields", "http", "stream", "config"},
    "fields": {"http", "stream", "version"},
    "http": {"config", "version"},
    "streams": {"stream"},
    "stream": {"http"},
    "config": {"version"},
}
MOST = 13  # attributes of a class
# Python has no method that sets these.
STANDARD_LIBRARY = {"sys.stdout", "logging.getLogger().handlers", "quiet.disabled"} | {
    "record.exc_info",
    "record.exc_text",
    "pool.ConnectionCls",  # urllib3's, made for this
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
def test_imports_go_one_way(path: Path) -> None:
    package, *inside = path.relative_to(ROOT).with_suffix("").parts
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("source_pipedrive.")}
    if package == "pipedrive_sandbox":
        assert not ours, "the sandbox imports nothing from the source"
    elif inside[0] != "__init__":
        assert ours <= LAYERS[inside[0]] | {inside[0]}
    assert not any(name.startswith("pipedrive_sandbox") for name in imported(path)) or (
        package == "pipedrive_sandbox"
    )


def modules(package: str) -> dict[str, Path]:
    """{dotted name: its file}; a package has its own name, without `__init__`."""
    files = [path for path in OURS if path.relative_to(ROOT).parts[0] == package]
    names = [path.relative_to(ROOT).with_suffix("").parts for path in files]
    return {
        ".".join(parts).removesuffix(".__init__"): path
        for parts, path in zip(names, files, strict=True)
    }


def neighbours(name: str, known: dict[str, Path]) -> set[str]:
    """The modules of `known` that the module `name` imports, even if only for types."""
    package = name.split(".") if known[name].stem == "__init__" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(known[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            inside = [f"{source}.{alias.name}" for alias in node.names]
            found |= {each if each in known else source for each in inside}
    return {each for each in found if each in known}


def cycle(arrows: dict[str, set[str]]) -> list[str]:
    """The path from a module back to itself, or an empty list."""
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        for each in sorted(arrows[name] - done):
            if found := walk(each, [*trail, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := walk(name, []))), [])


@pytest.mark.parametrize(
    ("package", "module", "imports"),
    [
        ("source_pipedrive", "sync.stream_run", "reading.reader"),
        ("pipedrive_sandbox", "routes.crm", "route"),
    ],
)
def test_no_module_imports_itself_through_others(package: str, module: str, imports: str) -> None:
    """Not even for types: to understand one module of a cycle, you have to read them all."""
    known = modules(package)
    arrows = {name: neighbours(name, known) for name in known}
    assert f"{package}.{imports}" in arrows[f"{package}.{module}"]
    assert " > ".join(cycle(arrows)) == ""


def attributes(tree: ast.ClassDef) -> set[str]:
    """What a class declares, and what its methods set on `self`."""
    declared = {
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assigned = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    return declared | assigned


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_class_has_more_than_a_dozen_attributes_without_a_reason(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and len(attributes(node)) > MOST:
            reason = "attributes because" in " ".join((ast.get_docstring(node) or "").split())
            assert reason, f"{node.name} has {len(attributes(node))} attributes"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_sets_attributes_of_another_object(path: Path) -> None:
    others = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]
    if path.is_relative_to(ROOT / "source_pipedrive"):
        assert set(others) <= STANDARD_LIBRARY


def test_a_cycle_of_type_imports_alone_is_found(tmp_path: Path) -> None:
    """Three ways to import a module, two of them for types alone."""
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
    texts = {
        "p": "from .a import A",
        "p.a": f"{hidden}from .below import b",
        "p.below": "",
        "p.below.b": f"{hidden}from ..c import C",
        "p.c": "import p.a",
        "p.d": "from . import A",
    }
    known = {name: tmp_path / name / "module.py" for name in texts}
    known |= {name: tmp_path / name / "__init__.py" for name in ("p", "p.below")}
    for name, text in texts.items():
        known[name].parent.mkdir()
        known[name].write_text(text)
    arrows = {name: neighbours(name, known) for name in known}
    assert cycle(arrows) == ["p.a", "p.below.b", "p.c", "p.a"]
    assert cycle({**arrows, "p.c": set()}) == []
    assert cycle({**arrows, "p": {"p.d"}}) == ["p", "p.d", "p"]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_enough_to_keep_in_mind(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 300, f"{path.name} has {lines} lines; the limit is 300: split it by subject"
    assert path.stem not in ("utils", "helpers", "common", "base")


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, "the module has no docstring"
    kinds = (ast.FunctionDef, ast.ClassDef)
    public = [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    if path.parts[len(ROOT.parts)] == "source_pipedrive":
        assert [n.name for n in public if not ast.get_docstring(n)] == []
