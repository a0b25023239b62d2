"""The table of streams: a wrong definition never gets as far as a sync."""

from __future__ import annotations

import ast
import re
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.stream import Changes, Paging, Part, Stream, table
from source_pipedrive.stream.field_lists import DEAL_EXTRAS
from source_pipedrive.stream.lists import whole
from source_pipedrive.streams import STREAMS
from unit_tests.altered import altered
from unit_tests.contract import operation
from unit_tests.kinds import CHANGED, READ_WHOLE, is_asked, mistakes

DEALS = STREAMS["deals"]
PACKAGE = Path(__file__).parent.parent / "source_pipedrive" / "stream"
CUT = [
    *("activities", "call_logs", "deals", "deals_archived", "files", "leads", "leads_archived"),
    *("mail_threads", "notes"),
]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"version": 3}, "version"),
        ({"path": "/deals"}, "slash"),
        ({"path": ""}, "path is empty"),
        ({"cost": 0}, "costs nothing"),
        ({"scopes": ()}, "scope"),
        ({"about": ""}, "description"),
        ({"key": ()}, "primary key"),
        ({"key": ("uuid",)}, "lacks the key"),
        ({"cursor_field": "updated"}, "lacks a time field"),
        ({"history_field": "updated"}, "lacks a time field"),
        ({"cursor_field": None}, "cursor_field and changes"),
        ({"limit": None}, "needs a limit"),
        ({"paging": Paging.OFFSET}, "no offset paging"),
        ({"paging": Paging.WHOLE, "limit": None}, "needs pages"),
        ({"version": 1}, "ASCENDING needs v2"),
        ({"changes": Changes.RESTARTING}, "RESTARTING needs v1"),
        ({"parts": {"amount": Part("value", "amount")}}, "a column in parts"),
        ({"parts": {"title": Part("values", "amount")}}, "a column in parts"),
        ({"param_sets": ({"a": "1"}, {"a": "2"})}, "several param_sets"),
    ],
)
def test_a_wrong_stream_fails_and_says_what_is_wrong(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        altered(DEALS, **wrong)


def test_a_name_that_is_not_snake_case_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "schema", DEALS.schema)  # looked up by name otherwise
    with pytest.raises(ValueError, match="snake_case"):
        altered(DEALS, name="Deals")


def test_an_unknown_keyword_fails_and_names_the_stream() -> None:
    with pytest.raises(TypeError, match='stream "currencies": unknown keyword cursor_feild'):
        whole("currencies", "currencies", 20, "base", about="X", cursor_feild="update_time")


def test_a_stream_without_a_schema_file_fails() -> None:
    with pytest.raises(ValueError, match=r"write source_pipedrive/schemas/dealz\.json"):
        altered(DEALS, name="dealz")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"properties": {', r"schemas/x\.json is not JSON: .*line 1"),
        ('{"properties": {"id": {}}}', r"give \['id'\] in source_pipedrive/schemas/x\.json a type"),
    ],
)
def test_a_schema_that_cannot_be_read_says_where_and_why(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "x.json").write_text(text)
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=why):
        whole("x", "x", 20, "base", about="X")


def test_an_unknown_scope_says_where_to_add_it() -> None:
    with pytest.raises(ValueError, match='scope "deal:read" is not in NEEDS'):
        whole("currencies", "currencies", 20, "deal:read", about="X")


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_every_field_of_a_definition_is_documented(path: Path) -> None:
    """Contributors look up there what the keywords of the builders mean."""
    for class_ in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(class_, ast.ClassDef):
            continue
        fields = [
            (node, after)
            for node, after in pairwise([*class_.body, ast.Pass()])
            if isinstance(node, ast.AnnAssign)
        ]
        assert len(fields) <= 13, f"{class_.name} has {len(fields)} fields: split it"
        for field, after in fields:
            text = after.value if isinstance(after, ast.Expr) else None
            assert isinstance(text, ast.Constant), f"{class_.name}.{ast.unparse(field.target)}"


def test_two_streams_with_one_name_fail() -> None:
    with pytest.raises(ValueError, match="deals"):
        table(DEALS, DEALS)


def test_reading_after_an_unknown_stream_fails() -> None:
    with pytest.raises(ValueError, match="deals"):
        table(STREAMS["deals_archived"])


def test_every_opt_in_field_is_requested() -> None:
    """include_fields costs no tokens; a field that is not requested is a column of nulls."""
    assert set(DEAL_EXTRAS.split(",")) <= set(DEALS.schema["properties"])
    for name in ("deals", "deals_archived", "persons", "organizations", "activities"):
        asked = STREAMS[name].endpoint.params["include_fields"].split(",")
        assert len(asked) == len(set(asked))
        assert set(asked) <= set(STREAMS[name].schema["properties"])


@pytest.mark.parametrize(
    "stream",
    [stream for stream in STREAMS.values() if is_asked(stream)],
    ids=lambda stream: stream.name,
)
def test_a_stream_fits_its_endpoint(stream: Stream) -> None:
    """The wrong paging repeats or loses pages; the wrong kind of changes costs more tokens."""
    found = list(
        mistakes(stream, operation(f"v{stream.endpoint.version}", f"/{stream.endpoint.path}"))
    )
    assert not found, "; ".join(found)


def test_the_lists_that_are_read_completely_although_their_records_have_a_time() -> None:
    """An unnecessary exception would hide a wrong kind."""
    assert {name for name in READ_WHOLE if STREAMS[name].cursor_field} == set()
    for name in READ_WHOLE:
        assert set(CHANGED) & STREAMS[name].schema["properties"].keys()


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("users", {"paging": Paging.OFFSET, "limit": 500}, "is a single response.* with whole"),
        ("notes", {"paging": Paging.WHOLE, "limit": None, "changes": Changes.ON_CLIENT},
         "paged by offset.* with paged"),
        ("pipelines", {"paging": Paging.WHOLE, "limit": None}, "cursor.* with core"),
        ("users", {"changes": None, "cursor_field": None}, r"say when they changed.*ON_CLIENT"),
        ("notes", {"changes": Changes.NEWEST_FIRST}, r"updated_since.*changed\(Changes.RESTARTING"),
        ("files", {"changes": Changes.ON_CLIENT}, r"sorts by.*changed\(Changes.NEWEST_FIRST"),
        ("deals", {"changes": Changes.ON_CLIENT}, r"updated_since.*core"),
        ("pipelines", {"changes": Changes.ASCENDING}, r"changed\(Changes.ON_CLIENT"),
        ("currencies", {"cost": 10}, "costs 20 tokens, not 10"),
    ],
)  # fmt: skip
def test_the_wrong_kind_of_stream_gets_a_sentence(
    name: str, wrong: dict[str, Any], sentence: str
) -> None:
    stream = altered(STREAMS[name], **wrong)
    (found,) = mistakes(
        stream, operation(f"v{stream.endpoint.version}", f"/{stream.endpoint.path}")
    )
    assert re.search(sentence, found)


def test_the_lists_that_the_configured_history_limits() -> None:
    limited = {name for name, stream in STREAMS.items() if stream.incremental.history_field}
    assert limited == set(CUT)


def test_the_scope_that_an_error_names_is_the_narrowest() -> None:
    assert DEALS.access.read_scope == "deals:read"
    assert STREAMS["pipelines"].access.read_scope == "deals:read"
    assert STREAMS["roles"].access.read_scope == "admin"
    assert STREAMS["users"].access.scopes == ("users:read",)
