"""The table of streams: a wrong definition never gets as far as a sync."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.stream import Changes, Paging, Stream, table
from source_pipedrive.stream.field_lists import DEAL_EXTRAS
from source_pipedrive.stream.lists import whole
from source_pipedrive.streams import STREAMS
from unit_tests.altered import altered
from unit_tests.contract import operation
from unit_tests.kinds import CHANGED, READ_WHOLE, is_asked, mistakes

DEALS = STREAMS["deals"]
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
        ({"param_sets": ({"a": "1"}, {"a": "2"})}, "several param_sets"),
    ],
)
def test_a_wrong_row_fails_and_says_what_is_wrong(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        altered(DEALS, **wrong)


def test_a_name_that_is_no_column_name_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "schema", DEALS.schema)  # looked up by name otherwise
    with pytest.raises(ValueError, match="snake_case"):
        altered(DEALS, name="Deals")


def test_an_unknown_keyword_fails_and_names_the_stream() -> None:
    with pytest.raises(TypeError, match='stream "currencies": unknown keyword cursor_feild'):
        whole("currencies", "currencies", 20, "base", about="X", cursor_feild="update_time")


def test_a_row_without_a_schema_file_fails() -> None:
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


def test_an_unknown_scope_says_where_it_has_to_be_known() -> None:
    with pytest.raises(ValueError, match='scope "deal:read" is not in NEEDS'):
        whole("currencies", "currencies", 20, "deal:read", about="X")


def test_two_rows_of_one_name_fail() -> None:
    with pytest.raises(ValueError, match="deals"):
        table(DEALS, DEALS)


def test_a_row_after_no_row_fails() -> None:
    with pytest.raises(ValueError, match="deals"):
        table(STREAMS["deals_archived"])


def test_every_opt_in_field_is_asked_for() -> None:
    """include_fields costs no tokens; a field that is not asked for is a column of nulls."""
    assert set(DEAL_EXTRAS.split(",")) <= set(DEALS.schema["properties"])
    for name in ("deals", "deals_archived", "persons", "organizations", "activities"):
        asked = STREAMS[name].endpoint.params["include_fields"].split(",")
        assert len(asked) == len(set(asked))
        assert set(asked) <= set(STREAMS[name].schema["properties"])


@pytest.mark.parametrize(
    "row", [row for row in STREAMS.values() if is_asked(row)], ids=lambda row: row.name
)
def test_a_row_is_of_the_kind_that_its_endpoint_needs(row: Stream) -> None:
    """Another paging repeats a page or loses the rest; another kind of changes costs more."""
    found = list(mistakes(row, operation(f"v{row.endpoint.version}", f"/{row.endpoint.path}")))
    assert not found, "; ".join(found)


def test_the_lists_that_are_read_whole_although_their_records_have_a_time() -> None:
    """Those that are named there without a need would hide a wrong kind."""
    assert {name for name in READ_WHOLE if STREAMS[name].cursor_field} == set()
    for name in READ_WHOLE:
        assert set(CHANGED) & STREAMS[name].schema["properties"].keys()


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("users", {"paging": Paging.OFFSET, "limit": 500}, "comes in one answer.* with whole"),
        ("notes", {"paging": Paging.WHOLE, "limit": None, "changes": Changes.ON_CLIENT},
         "by offset.* with paged"),
        ("pipelines", {"paging": Paging.WHOLE, "limit": None}, "cursor.* with core"),
        ("users", {"changes": None, "cursor_field": None}, r"time of change.*ON_CLIENT"),
        ("notes", {"changes": Changes.NEWEST_FIRST}, r"updated_since.*changed\(Changes.RESTARTING"),
        ("files", {"changes": Changes.ON_CLIENT}, r"sorts by.*changed\(Changes.NEWEST_FIRST"),
        ("deals", {"changes": Changes.ON_CLIENT}, r"updated_since.*core"),
        ("pipelines", {"changes": Changes.ASCENDING}, r"changed\(Changes.ON_CLIENT"),
        ("currencies", {"cost": 10}, "costs 20 tokens, not 10"),
    ],
)  # fmt: skip
def test_the_wrong_kind_of_row_gets_a_sentence(
    name: str, wrong: dict[str, Any], sentence: str
) -> None:
    row = altered(STREAMS[name], **wrong)
    (found,) = mistakes(row, operation(f"v{row.endpoint.version}", f"/{row.endpoint.path}"))
    assert re.search(sentence, found)


def test_the_lists_that_the_history_cuts() -> None:
    assert {name for name, row in STREAMS.items() if row.incremental.history_field} == set(CUT)


def test_the_scope_that_an_error_names_is_the_narrowest() -> None:
    assert DEALS.access.read_scope == "deals:read"
    assert STREAMS["pipelines"].access.read_scope == "deals:read"
    assert STREAMS["roles"].access.read_scope == "admin"
    assert STREAMS["users"].access.scopes == ("users:read",)
